"""Scores of posterior samples → a figure of their calibration, a column of panels for each measurement.

From above: the PIT histogram of single values, that of the means of windows, and the error of the mean of the samples against
their standard deviation.
"""

import matplotlib
import numpy as np
import pandas as pd

from metrics.samples import BINS
from metrics.spread_skill import PARTS
from reports import files
from reports.mse_time import legend, looks

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

HISTOGRAMS = {"pit": "values", "pit_windows": "means of windows"}


def histogram(means: pd.Series, name: str) -> np.ndarray:
    """Density of a PIT histogram, [BINS]: 1 everywhere is calibrated. `means` is {metric: mean} of one method."""
    return BINS * np.array([means[f"{name}_{number}"] for number in range(1, BINS + 1)])


def spread_and_error(means: pd.Series) -> np.ndarray:
    """Root mean variance and root mean squared error of each part, [parts, 2], without the parts that hold nothing."""
    both = [np.sqrt([means.get(f"variance_{part}", np.nan), means.get(f"error_{part}", np.nan)]) for part in PARTS]
    return np.array([pair for pair in both if not np.isnan(pair).any()]).reshape(-1, 2)


def draw(values: pd.DataFrame, titles: dict[str, str]) -> plt.Figure:
    """`values` is posterior.csv; `titles` {method: its title}, in order."""
    measurements, methods = list(values["measurement"].unique()), [name for name in titles if name in set(values["method"])]
    styles = looks(methods, [])
    size = (4 * max(2, len(measurements)), 7.6)
    figure, axes = plt.subplots(3, len(measurements), figsize=size, squeeze=False, layout="constrained")
    middles = (np.arange(BINS) + 0.5) / BINS
    for column, measurement in zip(axes.T, measurements, strict=True):
        means = values[values["measurement"] == measurement].pivot(index="method", columns="metric", values="mean")
        for method in [name for name in methods if name in means.index]:
            look = styles[method] | {"markersize": 4, "linewidth": 1.2}
            for ax, name in zip(column, HISTOGRAMS, strict=False):
                ax.plot(middles, histogram(means.loc[method], name), **look)
            column[2].plot(*spread_and_error(means.loc[method]).T, **look)
        for ax, what in zip(column, HISTOGRAMS.values(), strict=False):
            ax.axhline(1, color="0.35", linestyle=":", linewidth=1, zorder=1)
            ax.set(xlim=(0, 1), ylim=(0, None), xlabel=f"PIT of {what}")
        ends = [0, max(0.05, *column[2].dataLim.max)]
        column[2].plot(ends, ends, color="0.35", linestyle=":", linewidth=1, zorder=1)
        column[2].set(xlim=(0, None), ylim=(0, None), xlabel="s.d. of samples")
        column[0].set_title(files.title(measurement, {}), loc="left", fontsize=11, fontweight="bold")
    for ax, label in zip(axes[:, 0], ["density", "density", "root mean squared error"], strict=True):
        ax.set_ylabel(label)
    for ax in axes.flat:
        ax.grid(color="0.9", linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    handles = [plt.Line2D([], [], **styles[method]) for method in methods]
    legend(figure, handles, [titles[method] for method in methods])
    return figure
