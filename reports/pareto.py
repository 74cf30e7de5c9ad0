"""Timing → error against time of every row, the Pareto front, and how long a search takes to the error of each row.

A panel for each measurement, once for a whole batch at a time and once for one image at a time, on logarithmic axes. A method
that answers at once is a point; one that improves step by step is a curve, and so is each further setting that was timed. The
front is that of the rows without clean images (reports/front.py). The error is that of the main table.

Written as OUTPUT.png, OUTPUT.pdf, OUTPUT.json (what the search takes, as sentences), and as a table: OUTPUT.csv, .md and .tex.
"""

import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

import store
from options import command_parser
from reports import captions, files, found, front, labels, timing, writers
from reports.facts import device

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

# Okabe and Ito's colours, told apart with any colour vision
KINDS = {
    "search": ("#D55E00", "the search whose time is asked for"),
    "learned": ("#0072B2", "trained without clean images"),
    "classical": ("#000000", "not trained"),
    "control": ("#009E73", "control, not on the front"),
}
LETTERS = 8  # points
WIDTH, HEIGHT = 4.4, 3.7  # inches of a panel


def kind_of(point: pd.Series, search: str) -> str:
    if not point["competes"]:
        return "control"
    return "search" if point["method"] == search else "learned" if point["learned"] else "classical"


def draw_front(ax, here: pd.DataFrame) -> None:
    """What can be had in a time, as a staircase through the points of the front and on to the right."""
    steps = here[here["front"]].sort_values(["ms", "mse"])
    if len(steps):
        end = here["ms"].max() * 1.5
        ax.plot(
            [*steps["ms"], end],
            [*steps["mse"], steps["mse"].iloc[-1]],
            drawstyle="steps-post",
            color="0.8",
            linewidth=4,
            zorder=1,
        )


def draw_panel(ax, here: pd.DataFrame, numbers: dict[tuple[str, str], int], search: str) -> list[tuple]:
    """The curves of one panel; (number, colour, its place) of each, for `draw_numbers`."""
    draw_front(ax, here)
    ends = []
    for cell, curve in here.groupby(["method", "setting"], sort=False):
        last = curve.iloc[-1]
        kind = kind_of(last, search)
        colour, face = KINDS[kind][0], "white" if kind == "control" else KINDS[kind][0]
        style = {"color": colour, "marker": "o", "markersize": 5, "markerfacecolor": face, "markevery": [-1], "linewidth": 1.2}
        ax.plot(curve["ms"], curve["mse"], **style, linestyle="--" if cell[1] else "-")
        ends.append((numbers[cell], colour, (last["ms"], last["mse"])))
    ax.set(xscale="log", yscale="log")
    ax.margins(0.09)
    ax.xaxis.set_major_locator(ticker.LogLocator(numticks=5))
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=12))
    files.plain_numbers(ax.xaxis, ax.yaxis)
    ax.grid(color="0.93", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    return ends


def drawn(line: np.ndarray) -> np.ndarray:
    """Places all along a line [N, 2], of which its corners are given."""
    if len(line) == 1:
        return line
    along = np.linspace(0, len(line) - 1, 100)
    return np.column_stack([np.interp(along, range(len(line)), axis) for axis in line.T])


def draw_numbers(ax, ends: list[tuple]) -> None:
    """The number of each curve at its end, none upon another. The figure has its final layout."""
    points_of = 72 / ax.figure.dpi

    def at(xy) -> np.ndarray:
        return points_of * ax.transData.transform(xy)

    taken = np.vstack([drawn(at(line.get_xydata())) for line in ax.lines if line.get_drawstyle() == "default"])
    places = np.array([at(xy) for *_, xy in ends])
    sizes = np.array([(0.62 * LETTERS * len(str(number)), 0.8 * LETTERS) for number, *_ in ends])
    box = points_of * ax.bbox.extents
    for (number, colour, xy), place, middle in zip(ends, places, labels.places(places, sizes, taken, box), strict=True):
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0.6 * LETTERS, "shrinkB": 0, "patchA": None}
        far = np.hypot(*(middle - place)) > labels.DISTANCES[0] + 0.1
        ax.annotate(str(number), xy, middle - place, textcoords="offset points", color=colour, fontsize=LETTERS, ha="center",
                    va="center_baseline", arrowprops=line if far else None, annotation_clip=False)  # fmt: skip


def draw(
    points: pd.DataFrame, measurements: list[str], said: dict[str, str], note: str, search: str = front.SEARCH
) -> plt.Figure:
    """`points` as from `front.points`, `said` as from `front.says`."""
    rows = points.drop_duplicates(["method", "setting"])
    numbers = {cell: 1 + k for k, cell in enumerate(rows[["method", "setting"]].itertuples(index=False, name=None))}
    batches = sorted(points["batch"].unique(), reverse=True)
    size = WIDTH * max(2, len(measurements)), HEIGHT * len(batches) + 0.5 + 0.17 * (len(rows) // max(2, len(measurements)) + 2)
    figure, axes = plt.subplots(len(batches), len(measurements), figsize=size, squeeze=False, sharey="col", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    ends = []
    for down, batch in enumerate(batches):
        images = "one image at a time" if batch == 1 else f"{batch} images at once"
        for ax, measurement in zip(axes[down], measurements, strict=True):
            here = points[(points["measurement"] == measurement) & (points["batch"] == batch)]
            ends.append((ax, draw_panel(ax, here, numbers, search)))
            ax.set_xlabel(f"ms per image, {images}")
            if down == 0:
                wrapped = textwrap.wrap(said.get(measurement, ""), 50, break_on_hyphens=False)
                ax.set_title(files.title(measurement, {}), loc="left", fontsize=11, fontweight="bold", pad=6 + 11 * len(wrapped))
                ax.text(
                    0, 1.02, "\n".join(wrapped), transform=ax.transAxes, fontsize=8, color="0.25", va="bottom", parse_math=False
                )
        axes[down, 0].set_ylabel("MSE")
    legend(figure, rows, numbers, search, "\n".join(textwrap.wrap(note, int(15 * size[0]))), max(2, len(measurements)))
    figure.draw_without_rendering()  # which settles where the panels are
    figure.set_layout_engine("none")
    for ax, those in ends:
        if those:
            draw_numbers(ax, those)
    return figure


def legend(figure: plt.Figure, rows: pd.DataFrame, numbers: dict, search: str, note: str, columns: int) -> None:
    """Below a note, the title of each number, letter by letter, as one may hold $; then what the colours mean."""
    kinds = [kind_of(row, search) for _, row in rows.iterrows()]
    handles, texts = [], []
    for (_, row), kind in zip(rows.iterrows(), kinds, strict=True):
        style = {"color": KINDS[kind][0], "linestyle": "--" if row["setting"] else "-", "linewidth": 1.2}
        handles.append(plt.Line2D([], [], **style) if row["iterative"] else plt.Line2D([], [], linestyle="none"))
        texts.append(f"{numbers[row['method'], row['setting']]}  {front.label(row)}")
    colours = [KINDS[kind][0] for kind in kinds]
    for kind in (kind for kind in KINDS if kind in kinds):
        colour, meaning = KINDS[kind]
        handles.append(plt.Line2D([], [], color=colour, marker="o", markersize=5, linestyle="none",
                                  markerfacecolor="white" if kind == "control" else colour))  # fmt: skip
        texts.append(meaning)
        colours.append("0.25")
    handles.append(plt.Line2D([], [], color="0.8", linewidth=4))
    style = {"ncols": columns, "frameon": False, "fontsize": LETTERS, "title_fontsize": LETTERS}
    box = figure.legend(handles, [*texts, "Pareto front"], loc="outside lower center", title=note, **style)
    for text, colour in zip(box.get_texts(), [*colours, "0.25"], strict=True):
        text.set(parse_math=False, color=colour)


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.pareto", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    found.add_flags(parser)
    add("--timing", nargs="*", type=Path, default=[], metavar="CSV", help="every timing.csv, one row an estimate")
    add("--methods", type=Path, required=True, metavar="CSV", help="the methods.csv of reports.table: titles, and who competes")
    add("--order", type=files.names, required=True, help="the methods of the timings, between spaces")
    add(
        "--measurements",
        type=files.names,
        required=True,
        help="the measurements in the order of the panels; those without timings have none",
    )
    add(
        "--search",
        default=front.SEARCH,
        help="the method whose time to the error of each other one is told (default: %(default)s)",
    )
    add("--output", type=Path, required=True, metavar="STEM", help="path of the figure without .png")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        paths = found.of_runs(given, "scores", "timing.csv") if given.results else given.timing
        timings = timing.read(paths, given.dataset, given.measurements, given.order)
        protocol = files.one_protocol(timings["protocol"])
        methods = files.read_csv(given.methods, ["measurement", "method", "title", "clean", "learned"])
        points = front.points(timings, methods)
        table = front.rows(points, given.search)
        said = front.says(points, table, given.search)
        devices = "; ".join(dict.fromkeys(map(device, table.to_dict("records"))))
        facts = {"dataset": given.dataset, "protocol": protocol, "device": devices, "says": said}
        facts["search"] = dict(zip(methods["method"], methods["title"], strict=True)).get(given.search, given.search)
        note = f"MSE on [0, 1]. Timed on {devices}."
        panels = [measurement for measurement in given.measurements if (points["measurement"] == measurement).any()]
        figure = draw(points, panels, said, note if protocol == "sound" else f"Protocol: {protocol}. {note}", given.search)
        files.save_figure(figure, given.output)
        plt.close(figure)
        grid, below = front.grid(table, facts["search"]), captions.pareto_table_caption(facts, front.searched_for(table))
        texts = {"csv": files.csv(table.assign(dataset=given.dataset)), "md": writers.markdown(grid, below)}
        texts |= {"tex": writers.latex(grid, below, f"tab:{given.dataset}-pareto")}
        for end, text in texts.items():
            files.write(given.output.with_name(f"{given.output.name}.{end}"), text)
        store.save_json(given.output.with_name(f"{given.output.name}.json"), facts)


if __name__ == "__main__":
    main()
