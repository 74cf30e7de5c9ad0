"""What the tables hold: cells made from what `reports.table` saves.

`values` is table.csv (a row for each measurement, method and metric), `methods` is methods.csv (a row for each method and
measurement), `compared` is differences.csv and `training` is training.csv (a row for each model).
"""

import pandas as pd

from metrics import declared
from reports.facts import SECTIONS, device
from reports.files import short, title
from reports.layout import Cell, Column, Grid, Section

METRICS = declared.of_estimates()
HEADLINE = [
    name for name, metric in METRICS.items() if metric.shown == "headline"
]  # what the original states, and what a terminal shows
MAIN = [*HEADLINE, *(name for name, metric in METRICS.items() if metric.shown == "main")]
DETAILS = [name for name, metric in METRICS.items() if metric.shown == "details"]
ARROWS = {"higher": " ↑", "lower": " ↓"}


def with_unit(metric: declared.Metric) -> str:
    return f"{metric.title} {metric.unit}".rstrip()


def heading(metric: declared.Metric) -> str:
    """The heading of a column, with an arrow where higher or lower is better."""
    return with_unit(metric) + ARROWS.get(metric.better, "")


def value_cells(values: pd.DataFrame, methods: pd.DataFrame, metrics: list[str], with_original: bool = False):
    """(columns, {method: cells}) with a group of columns for each measurement."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    for measurement, here in values.groupby("measurement", sort=False):
        group = title(measurement, {})
        for metric in metrics:
            of_metric = here[here["metric"] == metric].dropna(subset="mean").set_index("method")
            if of_metric.empty:
                continue
            columns.append(Column(group, heading(METRICS[metric])))
            decimals = METRICS[metric].decimals
            for method in order:
                if method not in of_metric.index:
                    cells[method].append(Cell("–"))
                    continue
                row = of_metric.loc[method]
                half = f"± {(row['high'] - row['low']) / 2:.{decimals}f}" if pd.notna(row["high"]) else ""
                cells[method].append(Cell(f"{row['mean']:.{decimals}f}", half, row["best"] == "best", row["best"] == "tied"))
        if with_original and here["original"].notna().any():
            columns.append(Column(group, "original"))
            published = here.pivot(index="method", columns="metric", values="original")
            for method in order:
                row = published.loc[method, HEADLINE].dropna() if method in published.index else ()
                cells[method].append(Cell(f"{row['psnr']:.2f} / {row['ssim']:.2f}" if len(row) else ""))
    return columns, cells


def sections(values: pd.DataFrame, methods: pd.DataFrame, cells: dict[str, list[Cell]]) -> list[Section]:
    """The rows in the order of `methods`, in a section for each way to see clean images."""
    usual = values["images"].max()
    made = []
    for seen, title_of_section in SECTIONS.items():
        rows = []
        for method, facts in methods.groupby("method", sort=False):
            if facts["clean"].iloc[0] == seen:
                images = values["images"][values["method"] == method].max()
                fewer = f" ({images:,} images)" if images < usual else ""
                rows.append((facts["title"].iloc[0] + fewer, cells[method]))
        if rows:
            made.append(Section(title_of_section, rows))
    return made


def main_table(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """The main metrics of every method on every measurement, what it may see, its size and its time."""
    columns, cells = value_cells(values, methods, MAIN, with_original=True)
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
    """The error over the observed and over the missing values, and the distance to the measurement."""
    columns, cells = value_cells(values, methods, DETAILS)
    return Grid("method", columns, sections(values, methods, cells))


def differences(values: pd.DataFrame, methods: pd.DataFrame, compared: pd.DataFrame) -> Grid:
    """The paired difference of every method to the reference in each main metric, and its rank."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    of = compared.set_index(["measurement", "metric", "method"])
    for (measurement, metric), rows in values[values["metric"].isin(MAIN)].groupby(["measurement", "metric"], sort=False):
        group = title(measurement, {})
        columns += [Column(group, f"Δ {with_unit(METRICS[metric])}"), Column(group, "rank")]
        here = rows.set_index("method")
        for method in order:
            if method not in here.index:
                cells[method] += [Cell("–"), Cell("–")]
                continue
            ends = here.loc[method, ["rank_low", "rank_high"]].dropna()
            cell = Cell("reference")
            if (measurement, metric, method) in of.index:
                row, decimals = of.loc[measurement, metric, method], METRICS[metric].decimals
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
                Cell(device(model)),
            ],
        )
        for _, model in training.iterrows()
    ]
    return Grid("method", columns, [Section("", rows)])


def headline(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """PSNR and SSIM alone, as a terminal shows them."""
    columns, cells = value_cells(values, methods, HEADLINE)
    return Grid("method", columns, sections(values, methods, cells))
