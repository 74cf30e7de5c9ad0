"""Timing → error against time, and how many times as long as one method another one takes to reach the same error.

A panel for each measurement: iterative methods are curves, one-shot methods points, on a logarithmic time axis. The error is that
of the main table: with the observed values pasted into the estimate, or as handed in where the protocol scores one mosaic.
Written as OUTPUT.png, OUTPUT.pdf and OUTPUT.json (the speed-up of every measurement).
"""

import itertools
import textwrap
from pathlib import Path
from typing import NamedTuple

import matplotlib
import pandas as pd

import store
from options import command_parser
from reports import files, found, timing
from reports.facts import device

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

PANELS = 3  # side by side
LEGEND_LETTERS = 34  # of a line
LEGEND_WIDTH, LEGEND_LINE = 2.9, 0.19  # inches of a column and of a line
# Okabe and Ito's colours, told apart with any colour vision; less their yellow, which is faint on white
COMPARED = ["#D55E00", "#0072B2"]  # the two methods of the speed-up
OTHERS = ["#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000"]
MARKERS = "osD^vPX<>ph*"


class Speedup(NamedTuple):
    relation: str  # "equal", "more" (never reached: a lower bound) or "at most" (there at its first estimate)
    factor: float
    mse: float  # of the fast method, to be reached
    fast_seconds: float
    slow_seconds: float  # when the slow method reaches it, or where its curve ends

    def says(self, fast: str, slow: str) -> str:
        if self.relation == "more":
            ends = f"{files.short(self.slow_seconds)} s (> {files.short(self.factor)}×)"
            return f"{slow} does not reach the MSE of {fast} in {ends}"
        if self.relation == "at most":
            return f"{slow} is at or below the MSE of {fast} from its first estimate (≤ {files.short(self.factor)}×)"
        return f"{slow} takes {files.short(self.factor)}× as long for the MSE of {fast}"


def speedup(fast: pd.DataFrame, slow: pd.DataFrame) -> Speedup:
    """How many times the seconds of `fast`'s last estimate `slow` takes to reach its MSE.

    Both hold `seconds` and `mse`, one row an estimate, in order.
    """
    target, base = fast["mse"].iloc[-1], fast["seconds"].iloc[-1]
    relation, reached = timing.reach(slow["seconds"], slow["mse"], target)
    return Speedup(relation, reached / float(base), float(target), float(base), reached)


def curves(timings: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """{(measurement, method): one row a step, `seconds` and `mse` the medians over seeds}."""
    return {
        cell: rows.groupby("step", as_index=False)[["seconds", "mse"]].median()
        for cell, rows in timings.groupby(["measurement", "method"], sort=False)
    }


def draw_panel(ax, lines: dict[str, pd.DataFrame], styles: dict[str, dict], speed: Speedup | None, says: str) -> None:
    """`lines` are {method: its rows of `curves`}; `styles` {method: keywords of a line}."""
    for method, line in lines.items():
        width = {"markersize": 8.5} if len(line) == 1 else {"markersize": 5, "markevery": [0, -1], "linewidth": 1.6}
        ax.plot(line["seconds"], line["mse"], **styles[method], **width, markeredgecolor="white", markeredgewidth=0.6)
    if speed and speed.relation != "at most":
        ax.plot([speed.fast_seconds, speed.slow_seconds], [speed.mse] * 2, ":", color="0.35", linewidth=1, zorder=1)
    ax.set(xscale="log", yscale="log", xlabel="seconds")
    ax.margins(0.08)
    ax.text(
        0,
        1.03,
        "\n".join(textwrap.wrap(says, 48, break_on_hyphens=False)),
        transform=ax.transAxes,
        fontsize=8,
        color="0.25",
        va="bottom",
        parse_math=False,
    )
    ax.xaxis.set_major_locator(ticker.LogLocator(numticks=5))
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=12))
    files.plain_numbers(ax.xaxis, ax.yaxis)
    ax.grid(color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def looks(methods: list[str], compared: list[str]) -> dict[str, dict]:
    """{method: colour and marker}; no two share both, among up to 60. The two `compared` have colours of their own."""
    others = [method for method in methods if method not in compared]
    colours = dict(zip(compared, COMPARED, strict=False)) | dict(zip(others, itertools.cycle(OTHERS), strict=False))
    markers = dict(zip([*compared, *others], itertools.cycle(MARKERS), strict=False))
    return {method: {"color": colours[method], "marker": markers[method]} for method in methods}


def legend(figure: plt.Figure, handles: list[plt.Line2D], labels: list[str], note: str = "") -> None:
    """Below the panels, as high as it has to be: a note, and every title letter by letter, as one may hold $."""
    labels, width = [textwrap.fill(label, LEGEND_LETTERS) for label in labels], figure.get_figwidth()
    columns = max(1, int(width / LEGEND_WIDTH))
    note = "\n".join(textwrap.wrap(note, int(14 * width)))
    lines = -(-len(labels) // columns) + max(label.count("\n") for label in labels) + note.count("\n") + bool(note)
    figure.set_figheight(figure.get_figheight() + LEGEND_LINE * (lines + 1))
    style = {"ncols": columns, "frameon": False, "fontsize": 9, "title": note, "title_fontsize": 8}
    for text in figure.legend(handles, labels, loc="outside lower center", **style).get_texts():
        text.set_parse_math(False)


def draw(timings: pd.DataFrame, measurements, methods, titles, speedups: dict[str, Speedup], compared) -> plt.Figure:
    styles = looks(methods, compared)
    pair = [files.title(method, titles) for method in compared]
    of_cell = curves(timings)
    across = min(PANELS, len(measurements))
    down = -(-len(measurements) // across)
    size = (3.7 * max(2, across), 3.5 * down + 0.3)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    for ax in axes.flat[len(measurements) :]:
        ax.axis("off")
    for ax, measurement in zip(axes.flat, measurements, strict=False):
        lines = {method: of_cell[measurement, method] for method in methods if (measurement, method) in of_cell}
        speed = speedups.get(measurement)
        draw_panel(ax, lines, styles, speed, speed.says(*pair) if speed else "")
        ax.set_title(files.title(measurement, {}), loc="left", fontsize=11, fontweight="bold", pad=32 if speedups else 8)
    for ax in axes[:, 0]:
        ax.set_ylabel("MSE")
    drawn = [method for method in methods if method in set(timings["method"])]
    iterative = set(timings["method"][timings["step"] > 1])
    handles = [plt.Line2D([], [], **styles[m], linestyle="-" if m in iterative else "none") for m in drawn]
    labels = [files.title(method, titles) for method in drawn]
    devices = "; ".join(dict.fromkeys(map(device, timings.to_dict("records"))))
    images = " or ".join(f"{n:,}" for n in timings["images"].unique())
    protocol = files.one_protocol(timings["protocol"])
    note = "" if protocol == "sound" else f"Protocol: {protocol}. "
    note += f"Batch of {images} images. MSE on [0, 1]; ×4 for [-1, 1]. Timed on {devices}."
    legend(figure, handles, labels, note)
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.mse_time", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    found.add_flags(parser)
    add("--timing", nargs="*", type=Path, default=[], metavar="CSV", help="every timing.csv, one row an estimate")
    add("--order", type=files.names, required=True, help="the methods in the order of the legend, between spaces")
    add(
        "--measurements",
        type=files.names,
        required=True,
        help="the measurements in the order of the panels; those without timings have none",
    )
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--fast", default="ambient_vaegan", help="the method whose last MSE is to be reached (default: %(default)s)")
    add("--slow", default="acsg", help="the method whose curve is to reach it (default: %(default)s)")
    add("--output", type=Path, required=True, metavar="STEM", help="path of the figure without .png")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        paths = found.of_runs(given, "scores", "timing.csv") if given.results else given.timing
        timings = timing.own(timing.read(paths, given.dataset, given.measurements, given.order))
        protocol = files.one_protocol(timings["protocol"])
        of_cell = curves(timings)
        speedups = {
            measurement: speedup(of_cell[measurement, given.fast], of_cell[measurement, given.slow])
            for measurement in given.measurements
            if (measurement, given.fast) in of_cell and (measurement, given.slow) in of_cell
        }
        compared = [given.fast, given.slow]
        pair = [files.title(method, given.titles) for method in compared]
        panels = [measurement for measurement in given.measurements if (timings["measurement"] == measurement).any()]
        figure = draw(timings, panels, given.order, given.titles, speedups, compared)
        files.save_figure(figure, given.output)
        facts = {
            "dataset": given.dataset,
            "protocol": protocol,
            "images": int(timings["images"].max()),
            "fast": pair[0],
            "slow": pair[1],
            "speedups": {name: speed._asdict() | {"says": speed.says(*pair)} for name, speed in speedups.items()},
        }
        store.save_json(given.output.with_name(f"{given.output.name}.json"), facts)


if __name__ == "__main__":
    main()
