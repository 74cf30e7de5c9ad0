"""Scores of trainings under way → learning curves: what seeing more images is worth, for each learned method.

Two panels for each measurement, over the images seen on a logarithmic axis: the PSNR on held-out images, and the criterion on
held-out measurements, which needs no clean image, in the same unit (-10 log10 of its squared error). Lines are means over seeds.
Written as OUTPUT.png, OUTPUT.pdf, OUTPUT.json and OUTPUT.csv: every point, with what the last doubling of the images gained.
"""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

import store
from options import command_parser
from reports import files, found
from reports.mse_time import legend, looks

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

COLUMNS = ["dataset", "measurement", "method", "seed", "step", "images_seen", "held_out", "psnr", "images"]
ROWS = {"psnr": "PSNR of held-out images, dB", "criterion": "criterion on held-out\nmeasurements, dB"}


def gains(curve: pd.DataFrame) -> pd.Series:
    """What seeing twice as many images gained by the criterion, in dB, at each point of one training's curve; nan where the curve
    does not reach back so far. Between points it is a straight line over the logarithm of the images.
    """
    seen = np.log2(curve["images_seen"].to_numpy(float))
    before = np.interp(seen - 1, seen, curve["criterion"], left=np.nan)
    return pd.Series(curve["criterion"].to_numpy() - before, curve.index)


def with_gains(points: pd.DataFrame) -> pd.DataFrame:
    """The points with `criterion` in dB and `doubling_gain`, what the last doubling of the images gained by it."""
    points = points.assign(criterion=-10 * np.log10(points["held_out"].clip(lower=1e-6)))
    trainings = points.groupby(["measurement", "method", "seed"], sort=False, group_keys=False)
    parts = [curve.assign(doubling_gain=gains(curve.sort_values("images_seen"))) for _, curve in trainings]
    return pd.concat(parts) if parts else points.assign(doubling_gain=[])


def draw(points: pd.DataFrame, measurements: list[str], methods: list[str], titles: dict[str, str]) -> plt.Figure:
    shown = [method for method in methods if method in set(points["method"])]
    styles = looks(shown, [])
    size = (3.7 * len(measurements) + 2.2, 6.2)
    figure, axes = plt.subplots(len(ROWS), len(measurements), figsize=size, squeeze=False, sharex="col", layout="constrained")
    for column, measurement in enumerate(measurements):
        axes[0, column].set_title(files.title(measurement, {}), loc="left", fontsize=11, fontweight="bold")
        axes[-1, column].set_xlabel("training images seen")
        for row, value in enumerate(ROWS):
            ax = axes[row, column]
            for method in shown:
                here = points[(points["measurement"] == measurement) & (points["method"] == method)]
                mean = here.groupby("images_seen")[value].mean()
                ax.plot(mean.index, mean, **styles[method], markersize=4.5, linewidth=1.3, markeredgecolor="white",
                        markeredgewidth=0.5)  # fmt: skip
            ax.set_xscale("log")
            files.plain_numbers(ax.xaxis)
            ax.grid(color="0.9", linewidth=0.6)
            ax.spines[["top", "right"]].set_visible(False)
    for ax, says in zip(axes[:, 0], ROWS.values(), strict=True):
        ax.set_ylabel(says)
    handles = [plt.Line2D([], [], **styles[method]) for method in shown]
    labels = [files.title(method, titles) for method in shown]
    if shown:
        legend(figure, handles, labels)
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.learning", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    found.add_flags(parser)
    add("--curves", nargs="*", type=Path, default=[], metavar="CSV", help="every learning.csv, one row a look at a training")
    add("--order", type=files.names, required=True, help="the methods in the order of the legend, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in the order of the panels")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--output", type=Path, required=True, metavar="STEM", help="path of the figure without .png")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        paths = found.of_runs(given, "scores", "learning.csv") if given.results else given.curves
        paths = [path for path in paths if len(files.read_csv(path))]  # a method without estimates in training has no rows
        points = with_gains(files.read_cells(paths, COLUMNS, given.dataset, given.measurements, given.order))
        files.save_figure(draw(points, given.measurements, given.order, given.titles), given.output)
        files.write(given.output.with_name(f"{given.output.name}.csv"), files.csv(points))
        facts = {
            "dataset": given.dataset,
            "images": int(points["images"].max()) if len(points) else 0,
            "without": [files.title(each, given.titles) for each in given.order if each not in set(points["method"])],
        }
        store.save_json(given.output.with_name(f"{given.output.name}.json"), facts)


if __name__ == "__main__":
    main()
