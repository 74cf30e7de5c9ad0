"""How tables are written: as Markdown, as LaTeX, and as plain text for a terminal. As HTML page.html writes them."""

import re
import unicodedata

from reports.layout import Grid

# At the start of a row, [ and * would belong to the \\ before it.
LATEX = {"–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'", "„": ",,", "<": "$<$", ">": "$>$", "−": "$-$",
         "²": "$^2$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "°": r"$^\circ$", "½": r"$\frac12$", "¼": r"$\frac14$",
         "¾": r"$\frac34$", "[": "{[}", "]": "{]}", "*": "{*}"}  # fmt: skip
LATEX |= {character: "\\" + character for character in "&%$#_{}"}
NAMES = "textbackslash textasciicircum textasciitilde textbar ldots ss ae AE oe OE o O l L i"
LATEX |= {letter: rf"\{name}{{}}" for letter, name in zip("\\^~|…ßæÆœŒøØłŁı", NAMES.split(), strict=True)}
SIGNS = "pm times div cdot leq geq approx neq equiv sim propto infty surd in partial nabla int sum prod odot otimes Vert mu"
SIGNS += " leftarrow rightarrow leftrightarrow Rightarrow uparrow downarrow lfloor rfloor"
SIGNS += " alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
SIGNS += " Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
SIGNED = "±×÷·≤≥≈≠≡∼∝∞√∈∂∇∫∑∏⊙⊗‖µ←→↔⇒↑↓⌊⌋αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
LATEX |= {sign: rf"$\{name}$" for sign, name in zip(SIGNED, SIGNS.split(), strict=True)}
LATEX |= {sign: f"$^{{{plain}}}$" for sign, plain in zip("⁰¹³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ", "013456789+-T", strict=True)}
LATEX |= {sign: f"$_{{{plain}}}$" for sign, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)}
MARKS = [*"\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"]  # which combine with the letter before
ACCENTS = dict(zip(MARKS, [*"`'^~=.u", *'"rHvc'], strict=True))
LINE = 345  # pt: a line of LaTeX's article
SCRIPT, TINY, APART = 3.7, 2.9, 3  # pt: about a letter of \scriptsize and of \tiny, and \tabcolsep


def md(text: str) -> str:
    r"""Text as Markdown shows it letter by letter: what would begin a mark, a formula or a tag is escaped.

    >>> print(md("a_b *c* <script> [x](y) $z_$ & d"))
    a_b \*c\* \<script\> \[x\](y) \$z\_\$ &amp; d
    """
    return re.sub(r"[\\`*\[\]<>~$]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text.replace("&", "&amp;"))


def markdown(grid: Grid, below: str) -> str:
    """A table as GitHub shows it, with the caption under it."""

    def line(cells):
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    def shown(cell):
        return (f"**{cell.text}**" if cell.bold else cell.text) + cell.marks + (f" {cell.spread}" if cell.spread else "")

    heads = [f"{column.group}<br>{column.title}" if column.group else column.title for column in grid.columns]
    sides = ["--:" if column.numeric else ":--" for column in grid.columns]
    lines = [line([grid.corner, *heads]), line([":--", *sides])]
    for section in grid.sections:
        if section.title:
            lines.append(line([f"*{section.title}*", *[""] * len(grid.columns)]))
        lines += [line([md(label), *map(shown, cells)]) for label, cells in section.rows]
    return "\n".join([*lines, "", md(below), ""])


def tex(text: str) -> str:
    r"""Text as LaTeX sets it letter by letter, in any of its encodings; a letter that it may lack becomes “?”.

    >>> print(tex("ẑ ≤ 50 % of ☃"))
    \^{z} $\leq$ 50 \% of ?
    """

    def letter(found):
        base, mark = found.groups()
        shown = LATEX.get(base, " " if base.isspace() else base if base.isascii() and base.isprintable() else "?")
        return rf"\{ACCENTS[mark]}{{{shown}}}" if mark else shown

    decomposed = "".join(each if each in LATEX else unicodedata.normalize("NFD", each) for each in text)
    return re.sub(f"(.)([{''.join(MARKS)}]?)", letter, decomposed, flags=re.DOTALL)


def column_points(grid: Grid, at: int) -> float:
    """About how wide a column is in LaTeX, in pt, with what keeps it apart from the next."""
    cells = [cells[at] for section in grid.sections for _, cells in section.rows]
    widths = [SCRIPT * len(cell.text + cell.marks) + TINY * len(cell.spread) for cell in cells]
    return max([SCRIPT * len(grid.columns[at].title), *widths]) + 2 * APART


def parts(grid: Grid) -> list[Grid]:
    """The table cut between groups of columns, so that each part fits in a line of LINE pt; too wide a group stands alone."""
    label = SCRIPT * max(map(len, [grid.corner, *(name for section in grid.sections for name, _ in section.rows)]))
    places, at = [], 0
    for group, width in grid.groups:
        own = range(at, at + width)
        wide = max(sum(column_points(grid, column) for column in own), SCRIPT * len(group))
        at += width
        if places and places[-1][0] + wide <= LINE:
            places[-1] = places[-1][0] + wide, [*places[-1][1], *own]
        else:
            places.append((label + wide, [*own]))
    return [
        grid._replace(
            columns=[grid.columns[at] for at in kept],
            sections=[
                section._replace(rows=[(name, [cells[at] for at in kept]) for name, cells in section.rows])
                for section in grid.sections
            ],
        )
        for _, kept in places
    ]


def latex(grid: Grid, below: str, label: str) -> str:
    r"""A `table` for a document that uses booktabs and graphicx, as wide as a line at most: columns that do not fit side by side
    stand below each other, and what is too wide even then is scaled down."""
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        r"\begin{table}",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{tex(below)}}}\label{{{label}}}",
    ]
    for number, part in enumerate(parts(grid)):
        lines += [r"\par\medskip"] * (number > 0) + [r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"]
        lines += [*tabular(part), "}"]
    return "\n".join([*lines, r"\end{table}", ""])


def tabular(grid: Grid) -> list[str]:
    """The lines of a LaTeX `tabular`."""

    def shown(cell):
        text = rf"\textbf{{{tex(cell.text)}}}" if cell.bold else tex(cell.text)
        return text + tex(cell.marks) + (rf"\,{{\tiny {tex(cell.spread)}}}" if cell.spread else "")

    def row(cells):
        return " & ".join(cells) + r" \\"

    upper, rules, at = [""], [], 2
    for group, width in grid.groups:
        upper.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}" if group else "")
        at += width
    lines = [
        rf"\begin{{tabular}}{{l{''.join('r' if column.numeric else 'l' for column in grid.columns)}}}",
        r"\toprule",
        row(upper),
        "".join(rules),
        row([tex(grid.corner), *(tex(column.title) for column in grid.columns)]),
    ]
    for section in grid.sections:
        lines += [r"\midrule", rf"\multicolumn{{{1 + len(grid.columns)}}}{{l}}{{\textit{{{tex(section.title)}}}}} \\"]
        lines += [row([tex(label), *map(shown, cells)]) for label, cells in section.rows]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def plain(grid: Grid, heading: str, below: list[str], pair: int, width: int = 78) -> str:
    """A table for a terminal: the `pair` columns of a group are joined by " / ", as many groups side by side as fit.

    A group's marks, * for the best, † for ties and ‡ for seeds that lie apart, are those of its first column.
    """
    first = 2 + max(len(label) for section in grid.sections for label, _ in section.rows)
    places = list(range(0, len(grid.columns), pair))  # of each group's first column
    widths = {at: 2 + max(len("99.99 / 0.999 *"), len(grid.columns[at].group)) for at in places}
    lines = [heading]
    while places:
        block = [places.pop(0)]
        while places and first + sum(widths[at] for at in [*block, places[0]]) <= width:
            block.append(places.pop(0))
        lines += ["", (" " * first + "".join(grid.columns[at].group.ljust(widths[at]) for at in block)).rstrip()]
        for section in grid.sections:
            lines.append(section.title)
            for label, row in section.rows:
                line = label.ljust(first)
                for at in block:
                    cells = row[at : at + pair]
                    mark = "*" * cells[0].bold + cells[0].marks
                    joined = " / ".join([f"{cells[0].text:>5}", *(cell.text for cell in cells[1:])])
                    line += (f"{joined} {mark}" if cells[0].text != "–" else "    –").ljust(widths[at])
                lines.append(line.rstrip())
    return "\n".join([*lines, "", *below, ""])
