"""What the tables hold: cells made from what `reports.table` saves.

`values` is table.csv (a row for each measurement, method and metric), `methods` is methods.csv (a row for each method and
measurement), `compared` is differences.csv, `seeds` is seeds.csv and `training` is training.csv (a row for each model). Which
columns of scores a table shows says reports/shown.py.
"""

import pandas as pd

from metrics import declared
from reports import shown
from reports.facts import SECTIONS, device
from reports.files import short, title
from reports.layout import Cell, Column, Grid, Section
from reports.shown import with_unit

ARROWS = {"higher": " ↑", "lower": " ↓"}


def heading(metric: declared.Metric) -> str:
    """The heading of a column, with an arrow where higher or lower is better."""
    return with_unit(metric) + ARROWS.get(metric.better, "")


def value_cells(values: pd.DataFrame, methods: pd.DataFrame, metrics: dict, with_original: bool = False):
    """(columns, {method: cells}) with a group of columns for each measurement; `metrics` are {column of scores: its metric}."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    for measurement, here in values.groupby("measurement", sort=False):
        group = title(measurement, {})
        for column, metric in metrics.items():
            of_metric = here[here["metric"] == column].dropna(subset="mean").set_index("method")
            if of_metric.empty:
                continue
            columns.append(Column(group, heading(metric)))
            decimals = metric.decimals
            for method in order:
                if method not in of_metric.index:
                    cells[method].append(Cell("–"))
                    continue
                row = of_metric.loc[method]
                half = f"± {(row['high'] - row['low']) / 2:.{decimals}f}" if pd.notna(row["high"]) else ""
                marks = row["best"] == "best", row["best"] == "tied", bool(row.get("seeds_apart", False))
                cells[method].append(Cell(f"{row['mean']:.{decimals}f}", half, *marks))
        if with_original and here["original"].notna().any():
            columns.append(Column(group, "original"))
            published = here.pivot(index="method", columns="metric", values="original")
            for method in order:
                row = published.loc[method, ["psnr", "ssim"]].dropna() if method in published.index else ()
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
                fewer = f" (first {images:,} images)" if images < usual else ""
                rows.append((facts["title"].iloc[0] + fewer, cells[method]))
        if rows:
            made.append(Section(title_of_section, rows))
    return made


def main_table(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """The main metrics of every method on every measurement, what it may see, its size and its time."""
    columns, cells = value_cells(values, methods, shown.main(values), with_original=True)
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
    """The qualities scored the other way where that differs, errors over observed and missing values, data consistency."""
    columns, cells = value_cells(shown.where_both_differ(values), methods, shown.details(values))
    return Grid("method", columns, sections(values, methods, cells))


def differences(values: pd.DataFrame, methods: pd.DataFrame, compared: pd.DataFrame) -> Grid:
    """The paired difference of every method to the reference in each main metric, and its rank."""
    order = list(methods["method"].unique())
    columns, cells = [], {method: [] for method in order}
    of = compared.set_index(["measurement", "metric", "method"])
    metrics = shown.main(values)
    for (measurement, metric), rows in values[values["metric"].isin(metrics)].groupby(["measurement", "metric"], sort=False):
        group = title(measurement, {})
        columns += [Column(group, f"Δ {with_unit(metrics[metric])}"), Column(group, "rank")]
        here = rows.set_index("method")
        for method in order:
            if method not in here.index:
                cells[method] += [Cell("–"), Cell("–")]
                continue
            ends = here.loc[method, ["rank_low", "rank_high"]].dropna()
            cell = Cell("reference")
            if (measurement, metric, method) in of.index:
                row, decimals = of.loc[measurement, metric, method], metrics[metric].decimals
                mean, low, high = (f"{row[name]:+z.{decimals}f}" for name in ("difference", "low", "high"))
                spread = f"[{low}, {high}]" if pd.notna(row["low"]) else ""
                cell = Cell(mean.replace("-", "−"), spread.replace("-", "−"), tied=not row["separated"])
            cells[method] += [cell, Cell("–".join(dict.fromkeys(f"{int(end)}" for end in ends)) or "–")]
    return Grid("method", columns, sections(values, methods, cells))


def seeds_table(values: pd.DataFrame, methods: pd.DataFrame, seeds: pd.DataFrame) -> Grid:
    """The mean over images of each seed in each main metric, and their standard deviation; a section for each method."""
    metrics, titles = shown.main(values), dict(zip(methods["method"], methods["title"], strict=True))
    seeds = seeds[seeds["metric"].isin(metrics)]
    apart = values.set_index(["measurement", "method", "metric"])["seeds_apart"]
    places = list(dict.fromkeys(zip(seeds["measurement"], seeds["metric"], strict=True)))
    columns, made = [Column(title(measurement, {}), heading(metrics[metric])) for measurement, metric in places], []
    for method, own in seeds.groupby("method", sort=False):
        rows = []
        for seed, found in own.groupby("seed"):
            cells, found = [], found.set_index(["measurement", "metric"])
            for measurement, metric in places:
                if (measurement, metric) not in found.index:
                    cells.append(Cell("–"))
                    continue
                mean, sd = (f"{found.loc[(measurement, metric), name]:.{metrics[metric].decimals}f}" for name in ("mean", "sd"))
                cells.append(Cell(mean, f"({sd})", apart=bool(apart[measurement, method, metric])))
            rows.append((f"seed {int(seed)}", cells))
        made.append(Section(titles[method], rows))
    return Grid("method", columns, made)


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
    columns, cells = value_cells(values, methods, shown.headline(values))
    return Grid("method", columns, sections(values, methods, cells))
