"""The table of posterior samples: how well their spread fits their error, method by method."""

import numpy as np
import pandas as pd

from metrics import declared
from reports import files
from reports.layout import Cell, Column, Grid
from reports.tables import heading, sections

METRICS = declared.of_samples()
SHOWN = [name for name, metric in METRICS.items() if metric.shown == "posterior"]


def summarise(scores: pd.DataFrame, measurements: list[str]) -> pd.DataFrame:
    """A row for each measurement (in order), method and metric. Seeds are averaged within each image; images are the sample."""
    rows = []
    scores = scores.sort_values("measurement", key=lambda names: names.map(measurements.index), kind="stable")
    for (dataset, measurement, method), cell in scores.groupby(["dataset", "measurement", "method"], sort=False):
        per_image = cell.groupby("image")[[name for name in METRICS if name in cell]].mean()
        for metric, values in per_image.items():
            counts = values.count(), cell["seed"].nunique(), cell["samples"].max()
            rows.append((dataset, measurement, method, metric, values.mean(), values.sem(), *counts))
    return pd.DataFrame(rows, columns=[*files.KEYS[:3], "metric", "mean", "error", "images", "seeds", "samples"])


def posterior_table(values: pd.DataFrame, methods: pd.DataFrame) -> Grid:
    """Coverage and scores of every method with a posterior; `methods` is methods.csv of `reports.table`."""
    methods = methods[methods["method"].isin(values["method"])]
    columns, cells = [], {method: [] for method in methods["method"]}
    for measurement, here in values.groupby("measurement", sort=False):
        means = here.pivot(index="method", columns="metric", values="mean")
        for name in [name for name in SHOWN if name in means]:
            columns.append(Column(files.title(measurement, {}), heading(METRICS[name])))
            for method, row in cells.items():
                mean = means[name].get(method, np.nan)
                row.append(Cell("–" if pd.isna(mean) else f"{mean:.{METRICS[name].decimals}f}"))
    return Grid("method", columns, sections(values, methods, cells))
