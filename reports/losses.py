"""Losses of trainings, train.csv in each model's folder → a figure: a row for each learned method, a column for each measurement.

Written as OUTPUT.png, OUTPUT.pdf and OUTPUT.json.
"""

import matplotlib
import pandas as pd

import store
from options import command_parser
from reports import files, found

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

NOT_LOSSES = ["step", "seconds"]


def draw_panel(ax, curves: list[pd.DataFrame], colours: dict[str, str]) -> None:
    """`curves` are the losses of each seed, at each `step`."""
    for number, curve in enumerate(curves):
        look = {"linewidth": 0.5, "alpha": 0.5} if number else {"linewidth": 1.3, "marker": "o" if len(curve) == 1 else None}
        for loss in curve.columns.difference(NOT_LOSSES, sort=False):
            ax.plot(curve["step"], curve[loss], color=colours[loss], label=None if number else loss, **look)
    ax.set_yscale("symlog", linthresh=1)
    files.plain_numbers(ax.yaxis)
    ax.grid(color="0.9", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def draw(curves: dict[tuple[str, str], list[pd.DataFrame]], measurements: list[str], titles: dict[str, str]) -> plt.Figure:
    """{(measurement, method): the losses of each seed} → a figure."""
    methods = list(dict.fromkeys(method for _, method in curves))
    size = 3.4 * len(measurements) + 2, 1.9 * max(1, len(methods)) + 0.3
    figure, axes = plt.subplots(max(1, len(methods)), len(measurements), figsize=size, squeeze=False, layout="constrained")
    for row, method in enumerate(methods):
        of_method = [curve for (_, name), each in curves.items() if name == method for curve in each]
        losses = list(dict.fromkeys(loss for curve in of_method for loss in curve if loss not in NOT_LOSSES))
        colours = {loss: f"C{number}" for number, loss in enumerate(losses)}
        for ax, measurement in zip(axes[row], measurements, strict=True):
            draw_panel(ax, curves.get((measurement, method), []), colours)
            ax.tick_params(labelsize=8)
        handles = [plt.Line2D([], [], color=colours[loss]) for loss in losses]
        axes[row, -1].legend(handles, losses, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
        title = files.title(method, titles)
        axes[row, 0].set_title(title, loc="left", fontsize=9, fontweight="bold", parse_math=False)
    for ax, measurement in zip(axes[-1], measurements, strict=True):
        ax.set_xlabel(f"{files.title(measurement, {})}: step", fontsize=9)
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.losses", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set")
    found.add_flags(parser)
    add("--order", type=files.names, required=True, help="the methods in the order of the rows, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in the order of the columns")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--output", type=files.Path, required=True, metavar="STEM", help="path of the figure without .png")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        folder = given.results / "models" / given.dataset
        curves: dict[tuple[str, str], list[pd.DataFrame]] = {}
        for method in given.order:
            for run in (run for run in given.runs if run.split("/")[1] == method):
                for path in found.existing(folder / run / "train.csv"):
                    curves.setdefault((run.split("/")[0], method), []).append(files.read_csv(path, ["step"]))
        files.save_figure(draw(curves, given.measurements, given.titles), given.output)
        store.save_json(given.output.with_name(f"{given.output.name}.json"), {"dataset": given.dataset})


if __name__ == "__main__":
    main()
