"""Tables, laid out once: a grid of cells, written as Markdown, LaTeX and plain text here and as HTML by page.html.

The grids are made from what `reports.table` saves: `values` (table.csv, a row for each measurement, method and metric),
`methods` (methods.csv, a row for each method and measurement), `compared` (differences.csv) and `training` (training.csv, a row
for each model).
"""

import itertools
from typing import NamedTuple

import pandas as pd

from metrics.metrics import PAPER_METRICS as METRICS  # all that any protocol scores
from reports.bootstrap import REPLICATES
from reports.files import caption, short, text, title

HEADLINE = ["psnr", "ssim"]  # what the paper has, and the terminal
MAIN = [*HEADLINE, "ssim_range_2", "accuracy"]  # SSIM with range 2 under the paper's protocol alone
DETAILS = ["mse_observed", "mse_unobserved", "consistency"]
DECIMALS = {"psnr": 2, "ssim": 3, "ssim_range_2": 3, "accuracy": 3}  # of all others 4
ARROWS = {"higher": " ↑", "lower": " ↓", "near 1": ""}
SECTIONS = {  # by what a method sees of clean images
    "no": "sees no clean image",
    "measured afresh": "sees clean images measured afresh at every step",
    "train": "sees clean images: an upper bound, not a competitor",
}
LATEX = {"\\": r"\textbackslash{}", "–": "--", "±": r"$\pm$", "×": r"$\times$", "θ": r"$\theta$", "σ": r"$\sigma$",
         "²": r"$^2$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "“": "``", "”": "''", "<": "$<$", ">": "$>$",
         "†": r"$^\dagger$", "−": "$-$", "Δ": r"$\Delta$", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}  # fmt: skip
LATEX |= {character: "\\" + character for character in "&%$#_{}"}


class Cell(NamedTuple):
    text: str
    spread: str = ""  # ± half of the interval, or [its ends]
    bold: bool = False
    tied: bool = False  # not separated from what it is compared to: the best, or the reference


class Column(NamedTuple):
    group: str  # neighbours with the same group share a heading
    title: str
    numeric: bool = True


class Section(NamedTuple):
    title: str
    rows: list[tuple[str, list[Cell]]]  # label of the row, a cell for each column


class Grid(NamedTuple):
    corner: str
    columns: list[Column]
    sections: list[Section]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The upper heading: (title, number of columns)."""
        return [(group, len(list(run))) for group, run in itertools.groupby(self.columns, lambda column: column.group)]


# What the tables hold


def value_cells(values: pd.DataFrame, methods: pd.DataFrame, metrics: list[str], with_paper: bool = False):
    """(columns, {method: cells}) with a group of columns for each measurement."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    for measurement, here in values.groupby("measurement", sort=False):
        group = title(measurement, {})
        for metric in metrics:
            of_metric = here[here["metric"] == metric].dropna(subset="mean").set_index("method")
            if of_metric.empty:
                continue
            unit = f" {METRICS[metric].unit}" if METRICS[metric].unit else ""
            columns.append(Column(group, METRICS[metric].title + unit + ARROWS[METRICS[metric].better]))
            decimals = DECIMALS.get(metric, 4)
            for method in order:
                if method not in of_metric.index:
                    cells[method].append(Cell("–"))
                    continue
                row = of_metric.loc[method]
                half = f"± {(row['high'] - row['low']) / 2:.{decimals}f}" if pd.notna(row["high"]) else ""
                cells[method].append(Cell(f"{row['mean']:.{decimals}f}", half, row["best"] == "best", row["best"] == "tied"))
        if with_paper and here["paper"].notna().any():
            columns.append(Column(group, "paper"))
            published = here.pivot(index="method", columns="metric", values="paper")
            for method in order:
                row = published.loc[method, HEADLINE].dropna() if method in published.index else ()
                cells[method].append(Cell(f"{row['psnr']:.2f} / {row['ssim']:.2f}" if len(row) else ""))
    return columns, cells


def sections(values: pd.DataFrame, methods: pd.DataFrame, cells: dict[str, list[Cell]]) -> list[Section]:
    """The rows in the order of `methods`, those that see clean images apart."""
    usual = values["images"].max()
    made = []
    for seen, heading in SECTIONS.items():
        rows = []
        for method, facts in methods.groupby("method", sort=False):
            if facts["clean"].iloc[0] == seen:
                images = values["images"][values["method"] == method].max()
                fewer = f" ({images:,} images)" if images < usual else ""
                rows.append((facts["title"].iloc[0] + fewer, cells[method]))
        if rows:
            made.append(Section(heading, rows))
    return made


def table_1(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """PSNR, SSIM and accuracy of every method on every measurement, what it may see, its size and its time."""
    columns, cells = value_cells(values, methods, MAIN, with_paper=True)
    for method, facts in methods.groupby("method", sort=False):
        seen = [Cell(facts["clean"].iloc[0]), Cell(facts["theta"].iloc[0])]
        size, time = facts["parameters"].max(), facts["ms_per_image"].astype(float).quantile(0.5)
        costs = [Cell("–" if pd.isna(size) else f"{int(size):,}"), Cell("< 0.001" if time < 0.001 else short(time))]
        cells[method] += [*seen, *costs]
    columns += [
        Column("sees", "clean images", numeric=False),
        Column("sees", "θ", numeric=False),
        Column("costs", "parameters"),
        Column("costs", "ms / image"),
    ]
    return Grid("method", columns, sections(values, methods, cells))


def details(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """The error where values were seen and where they were lost, and the distance to the measurement."""
    columns, cells = value_cells(values, methods, DETAILS)
    return Grid("method", columns, sections(values, methods, cells))


def differences(values: pd.DataFrame, methods: pd.DataFrame, compared: pd.DataFrame) -> Grid:
    """The paired difference of every method's PSNR and SSIM to the reference, and its rank."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    of = compared.set_index(["measurement", "metric", "method"])
    for (measurement, metric), rows in values[values["metric"].isin(MAIN)].groupby(["measurement", "metric"], sort=False):
        unit = f" {METRICS[metric].unit}" if METRICS[metric].unit else ""
        group = title(measurement, {})
        columns += [Column(group, f"Δ {METRICS[metric].title}{unit}"), Column(group, "rank")]
        here = rows.set_index("method")
        for method in order:
            if method not in here.index:
                cells[method] += [Cell("–"), Cell("–")]
                continue
            ends = here.loc[method, ["rank_low", "rank_high"]].dropna()
            cell = Cell("reference")
            if (measurement, metric, method) in of.index:
                row, decimals = of.loc[measurement, metric, method], DECIMALS[metric]
                mean, low, high = (f"{row[name]:+z.{decimals}f}" for name in ("difference", "low", "high"))
                spread = f"[{low}, {high}]" if pd.notna(row["low"]) else ""
                cell = Cell(mean.replace("-", "−"), spread.replace("-", "−"), tied=not row["separated"])
            cells[method] += [cell, Cell("–".join(dict.fromkeys(f"{int(end)}" for end in ends)) or "–")]
    return Grid("method", columns, sections(values, methods, cells))


def training_table(training: pd.DataFrame) -> Grid:
    """What training each model took."""
    columns = [Column("", name, numeric) for name, numeric in
               {"measurement": False, "seed": True, "steps": True, "seconds": True, "images / s": True,
                "parameters": False, "precision": False, "device": False}.items()]  # fmt: skip
    rows = [
        (
            model["title"],
            [
                Cell(title(model["measurement"], {})),
                Cell(str(model["seed"])),
                Cell("–" if pd.isna(model["steps"]) else f"{int(model['steps']):,}"),
                Cell(short(model["seconds"])),
                Cell(short(model["images_per_second"])),
                Cell(model["parameters"]),
                Cell(model["precision"]),
                Cell(hardware(model)),
            ],
        )
        for _, model in training.iterrows()
    ]
    return Grid("method", columns, [Section("", rows)])


# What stands below them


def hardware(row) -> str:
    """The device, with its threads where it is a processor."""
    plural = "s" if row["threads"] != 1 else ""
    return f"{row['device']}, {int(row['threads'])} thread{plural}"


def span(numbers: pd.Series) -> str:
    """`64`, or `64 to 10,000` where they differ."""
    return " to ".join(f"{int(number):,}" for number in sorted({numbers.min(), numbers.max()}))


def protocol(values: pd.DataFrame) -> str:
    """The protocol of a table.csv; those made before there was another than the sound one say nothing."""
    return values["protocol"].iloc[0] if "protocol" in values else "sound"


def test_images(values: pd.DataFrame) -> str:
    return span(values["images"][values["metric"] == "psnr"])


def table_caption(values: pd.DataFrame, methods: pd.DataFrame) -> str:
    seeds, timed = values["seeds"][values["seeds"] > 0], methods.dropna(subset="ms_per_image")
    facts = {
        "images": test_images(values),
        "replicates": f"{REPLICATES:,}",
        "seeds": span(seeds) if len(seeds) else "none has any",
        "batch": span(timed["batch"]) if len(timed) else "64",
        "device": "; ".join(dict.fromkeys(map(hardware, timed.to_dict("records")))) or "not timed",
    }
    paper = f" {text('paper', protocol(values))}" if values["paper"].notna().any() else ""
    ceiling = values["ceiling"].dropna()
    accuracy = f" {caption('accuracy', ceiling=ceiling.iloc[0])}" if len(ceiling) else ""
    return caption("table", protocol(values), **facts) + accuracy + paper


def details_caption(values: pd.DataFrame) -> str:
    shown = [metric for metric in DETAILS if values["mean"][values["metric"] == metric].notna().any()]
    titles = {metric: METRICS[metric].title[0].upper() + METRICS[metric].title[1:] for metric in shown}
    return caption("details", protocol(values), metrics=" ".join(f"{titles[metric]}: {METRICS[metric].says}" for metric in shown))


# How they are written


def markdown(grid: Grid, below: str) -> str:
    """A table as GitHub shows it, with the caption under it."""

    def line(cells):
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    def shown(cell):
        return (f"**{cell.text}**" if cell.bold else cell.text) + "†" * cell.tied + (f" {cell.spread}" if cell.spread else "")

    heads = [f"{column.group}<br>{column.title}" if column.group else column.title for column in grid.columns]
    sides = ["--:" if column.numeric else ":--" for column in grid.columns]
    lines = [line([grid.corner, *heads]), line([":--", *sides])]
    for section in grid.sections:
        if section.title:
            lines.append(line([f"*{section.title}*", *[""] * len(grid.columns)]))
        lines += [line([label, *map(shown, cells)]) for label, cells in section.rows]
    return "\n".join([*lines, "", below, ""])


def tex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def latex(grid: Grid, below: str, label: str) -> str:
    r"""A `table` for a document that uses booktabs; the widest of them want `table*` or a landscape page."""

    def shown(cell):
        text = rf"\textbf{{{tex(cell.text)}}}" if cell.bold else tex(cell.text)
        return text + tex("†" * cell.tied) + (rf"\,{{\tiny {tex(cell.spread)}}}" if cell.spread else "")

    def row(cells):
        return " & ".join(cells) + r" \\"

    upper, rules, at = [""], [], 2
    for group, width in grid.groups:
        upper.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}" if group else "")
        at += width
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{tex(below)}}}\label{{{label}}}",
        rf"\begin{{tabular}}{{l{''.join('r' if column.numeric else 'l' for column in grid.columns)}}}",
        r"\toprule",
        row(upper),
        "".join(rules),
        row([tex(grid.corner), *(tex(column.title) for column in grid.columns)]),
    ]
    for section in grid.sections:
        lines += [r"\midrule", rf"\multicolumn{{{1 + len(grid.columns)}}}{{l}}{{\textit{{{tex(section.title)}}}}} \\"]
        lines += [row([tex(label), *map(shown, cells)]) for label, cells in section.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def summary(values: pd.DataFrame, methods: pd.DataFrame, heading: str, width: int = 78) -> str:
    """PSNR / SSIM for a terminal: as many measurements side by side as fit, the others below."""
    columns, cells = value_cells(values, methods, HEADLINE)
    made = sections(values, methods, cells)
    first = 2 + max(len(label) for section in made for label, _ in section.rows)
    places = list(range(0, len(columns), len(HEADLINE)))  # of each measurement's PSNR; its SSIM is the next
    widths = {at: 2 + max(len("99.99 / 0.999 *"), len(columns[at].group)) for at in places}
    lines = [heading]
    while places:
        block = [places.pop(0)]
        while places and first + sum(widths[at] for at in [*block, places[0]]) <= width:
            block.append(places.pop(0))
        lines += ["", (" " * first + "".join(columns[at].group.ljust(widths[at]) for at in block)).rstrip()]
        for section in made:
            lines.append(section.title)
            for label, row in section.rows:
                line = label.ljust(first)
                for at in block:
                    psnr, ssim = row[at : at + 2]
                    mark = "*" * psnr.bold + "†" * psnr.tied
                    both = f"{psnr.text:>5} / {ssim.text} {mark}" if psnr.text != "–" else "    –"
                    line += both.ljust(widths[at])
                lines.append(line.rstrip())
    seen = {"sound": "without clean images", "paper": "without clean images as targets"}[protocol(values)]
    star = f"* best PSNR {seen}, separated from every other"
    dagger = "† tied for it: the interval of the paired difference contains zero"
    return "\n".join([*lines, "", star, dagger, ""])
