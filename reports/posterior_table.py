"""The tables of posterior samples: how well their spread fits their error, and what single samples are like."""

import pandas as pd

from metrics import declared
from reports import files, statistics
from reports.bootstrap import Bootstrap
from reports.layout import Cell, Column, Grid, Section
from reports.tables import heading, sections, with_unit

METRICS = declared.of_samples()
SHOWN = [name for name, metric in METRICS.items() if metric.shown == "posterior"]
DETAILS = [name for name, metric in METRICS.items() if metric.shown == "posterior details"]


def summarise(scores: pd.DataFrame, measurements: list[str], methods: pd.DataFrame) -> pd.DataFrame:
    """A row for each measurement, method and metric, in order: mean, 95 % interval, rank and the best, as in table.csv.

    `methods` is methods.csv of `reports.table`.
    """
    order = [name for name in methods["method"].unique() if name in set(scores["method"])]
    here = [name for name in measurements if name in set(scores["measurement"])]
    replicates = {name: Bootstrap(statistics.by_image(scores, name, order, METRICS)) for name in here}
    values = statistics.summarise(scores, replicates, order, METRICS)
    samples = scores.groupby(["measurement", "method"])["samples"].max()
    values = values.join(samples, on=["measurement", "method"])
    return statistics.placed(values, replicates, set(methods["method"][methods["clean"] != "train"]), METRICS)


def cell(rows: pd.DataFrame, method: str, metric: str) -> Cell:
    """The mean ± half of its interval; `rows` are of one measurement and metric, by method."""
    if method not in rows.index:
        return Cell("–")
    row, decimals = rows.loc[method], METRICS[metric].decimals
    half = f"± {(row['high'] - row['low']) / 2:.{decimals}f}" if pd.notna(row["high"]) else ""
    return Cell(f"{row['mean']:z.{decimals}f}", half, row["best"] == "best", row["best"] == "tied")


def posterior_table(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """The main scores of every method with a posterior; `methods` is methods.csv of `reports.table`."""
    methods = methods[methods["method"].isin(values["method"])]
    columns, cells = [], {method: [] for method in methods["method"]}
    for (measurement, metric), rows in in_order(values, SHOWN):
        columns.append(Column(files.title(measurement, {}), heading(METRICS[metric])))
        for method, row in cells.items():
            row.append(cell(rows, method, metric))
    return Grid("method", columns, sections(values, methods, cells))


def details(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """The other scores: a row for each, below one another for each measurement, a column for each method."""
    titles = methods[methods["method"].isin(values["method"])].drop_duplicates("method").set_index("method")["title"]
    below: dict[str, list] = {}  # measurement → its rows
    for (measurement, metric), rows in in_order(values, DETAILS):
        label = with_unit(METRICS[metric]) + (f" ({METRICS[metric].better})" if METRICS[metric].better else "")
        below.setdefault(files.title(measurement, {}), []).append(
            (label, [cell(rows, method, metric) for method in titles.index])
        )
    columns = [Column("", title) for title in titles]
    return Grid("score", columns, [Section(measurement, rows) for measurement, rows in below.items()])


def in_order(values: pd.DataFrame, metrics: list[str]):
    """((measurement, metric), its rows by method) of those of `metrics` that are there, in their order."""
    for measurement, here in values.groupby("measurement", sort=False):
        for metric in metrics:
            if len(rows := here[here["metric"] == metric].set_index("method")):
                yield (measurement, metric), rows
