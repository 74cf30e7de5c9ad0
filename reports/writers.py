"""How tables are written: as Markdown, as LaTeX, and as plain text for a terminal. As HTML page.html writes them."""

import itertools
import re
import unicodedata

from reports.layout import Grid, Section

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
LINE, PAGE = 345, 530  # pt: a line of LaTeX's article, and a little less than its page
SCRIPT, TINY, APART = 3.7, 2.9, 3  # pt: about a letter of \scriptsize and of \tiny, and \tabcolsep
ROW, RULE = 8, 4  # pt: a line of \scriptsize, and a rule of booktabs with what keeps it apart


def md(text: str) -> str:
    r"""Text as Markdown shows it letter by letter: what would begin a mark, a formula or a tag is escaped.

    >>> print(md("a_b *c* <script> [x](y) $z_$ & __d__"))
    a_b \*c\* \<script\> \[x\](y) \$z\_\$ &amp; \_\_d\_\_
    """
    return re.sub(r"[\\`*\[\]<>~$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text.replace("&", "&amp;"))


def markdown(grid: Grid, below: str) -> str:
    """A table as GitHub shows it, with the caption under it."""

    def line(cells):
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    def shown(cell):
        return (f"**{cell.text}**" if cell.bold else cell.text) + cell.marks + (f" {cell.spread}" if cell.spread else "")

    heads = ["<br>".join(filter(None, [md(column.group), md(column.title)])) for column in grid.columns]
    sides = ["--:" if column.numeric else ":--" for column in grid.columns]
    lines = [line([grid.corner, *heads]), line([":--", *sides])]
    for section in grid.sections:
        if section.title:
            lines.append(line([f"*{md(section.title)}*", *[""] * len(grid.columns)]))
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
    """The table cut between groups of columns, so that each part fits in a line of LINE pt; too wide a group stands alone.

    Columns without a heading of a group are cut one by one.
    """
    label = SCRIPT * max(map(len, [grid.corner, *(name for section in grid.sections for name, _ in section.rows)]))
    places, at = [], 0
    for group, width in (each for name, n in grid.groups for each in ([(name, n)] if name else [(name, 1)] * n)):
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


def high(grid: Grid) -> float:
    """About how high a table is in LaTeX, in pt, with what keeps it apart from the next."""
    return 3 * ROW + 4 * RULE + sum(ROW + RULE + ROW * len(section.rows) for section in grid.sections)


def shorter(grid: Grid) -> list[Grid]:
    """The table cut between rows, again and again by half, so that each part fits on a page."""
    rows = [(section.title, row) for section in grid.sections for row in section.rows]
    if high(grid) <= PAGE or len(rows) < 2:
        return [grid]
    made = []
    for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
        sections = [Section(title, [row for _, row in same]) for title, same in itertools.groupby(half, lambda each: each[0])]
        made += shorter(grid._replace(sections=sections))
    return made


def floats(grid: Grid, below: str) -> list[list[Grid]]:
    """The parts of a table that stand below each other on each page; on the first, below the caption if it leaves room."""
    made, room = [[]], PAGE - 2 * ROW - ROW * SCRIPT * len(below) / LINE
    for part in (short for wide in parts(grid) for short in shorter(wide)):
        if high(part) > room and room < PAGE:
            made, room = [*made, []], PAGE
        made[-1].append(part)
        room -= high(part)
    return made


def latex(grid: Grid, below: str, label: str) -> str:
    r"""`table`s for a document that uses booktabs and graphicx, as wide as a line and as high as a page at most.

    Columns that do not fit side by side stand below each other, what is too wide even then is scaled down, and what does not fit
    on a page goes on in the next `table`, rows of one part on several pages if they must.
    """
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for number, page in enumerate(floats(grid, below)):
        head = rf"Table~\ref{{{label}}}, continued" if number else rf"\caption{{\scriptsize {tex(below)}}}\label{{{label}}}"
        lines += [r"\begin{table}", r"\centering\scriptsize\setlength{\tabcolsep}{3pt}", head]
        for part in page:
            lines += [r"\par\medskip", r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%", *tabular(part), "}"]
        lines.append(r"\end{table}")
    return "\n".join([*lines, ""])


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
