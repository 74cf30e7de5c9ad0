"""Clean, measured and restored → what it looks like: the same test images down the rows of every method.

A panel for each measurement; rows are the original, the measurement and each method that applies; columns are the
first images of the test split, whatever came of them. Written as OUTPUT.png, OUTPUT.pdf and OUTPUT.json (facts for
the caption).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

import store
from options import COUNT, command_parser
from options import parser_of as value_of
from reports import files

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

CELL, TITLE, MARGIN, LETTER = 0.42, 0.32, 0.15, 0.062  # inches: an image with its gap, …, a letter at 8 points
SMALL = 28  # pixels: images up to here have a CELL, larger ones more, up to LARGE of it
LARGE = 1.6
HEADS = 0.17  # inches: the headings of columns
WIDTH, PANELS = 14, 3  # inches: a page on which 8 points can be read; and panels side by side on it at most


def load(path: Path, count: int) -> np.ndarray:
    """The first `count` images of a `.npy` file as float32 [count, H, W, C], clipped to [0, 1] for display."""
    images = store.load_array(path)
    if images.ndim != 4 or len(images) < count:
        sys.exit(f"{path}: holds {images.shape}, not at least {count} images [N, H, W, C]")
    scale = 255 if images.dtype == np.uint8 else 1
    return np.clip(images[:count].astype(np.float32) / scale, 0, 1)


def mosaic(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of [N, H, W, C] → one picture [R(H+g), N(W+g), 4], the gaps g between images transparent."""
    pictures = np.stack(rows)  # [R, N, H, W, C]
    r, n, h, w, c = pictures.shape
    gap = max(1, h // 16)
    canvas = np.zeros((r, n, h + gap, w + gap, 4), np.float32)
    canvas[:, :, :h, :w, :3] = pictures  # one channel fills all three
    canvas[:, :, :h, :w, 3] = 1
    return canvas.swapaxes(1, 2).reshape(r * (h + gap), n * (w + gap), 4)


def draw(panels: dict[str, list[tuple[str, np.ndarray]]], heads: Sequence[str] = ()) -> plt.Figure:
    """{panel title: [(row label, images [N, H, W, C])]} → a figure, at most PANELS panels side by side; `heads` name the columns.

    Placed by hand, in inches, so that an image is as large in a panel of few rows as in one of many.
    """
    labels = MARGIN + LETTER * max(len(label) for panel in panels.values() for label, _ in panel)
    images = next(iter(panels.values()))[0][1]
    count, cell = len(images), CELL * min(LARGE, max(1, images.shape[1] / SMALL))
    cell = max(cell, LETTER * max(map(len, heads), default=0) + 0.04)  # so that no heading runs into the next
    title = TITLE + (HEADS if heads else 0)
    across = max(1, min(PANELS, len(panels), int(WIDTH / (labels + count * cell + MARGIN))))
    shelves = [list(panels.items())[i : i + across] for i in range(0, len(panels), across)]
    heights = [title + cell * max(len(panel) for _, panel in shelf) for shelf in shelves]
    width, height = across * (labels + count * cell + MARGIN), sum(heights) + MARGIN
    figure = plt.figure(figsize=(width, height))
    for s, shelf in enumerate(shelves):
        for p, (heading, panel) in enumerate(shelf):
            left = labels + p * (labels + count * cell + MARGIN)
            bottom = height - sum(heights[:s]) - title - cell * len(panel)
            box = (left / width, bottom / height, count * cell / width, cell * len(panel) / height)
            ax = figure.add_axes(box)
            rows = len(panel)
            ax.imshow(mosaic([images for _, images in panel]), interpolation="nearest", aspect="auto", extent=(0, 1, rows, 0))
            ax.set_title(heading, fontsize=10, fontweight="bold", loc="left", parse_math=False)
            ax.set_xticks((np.arange(len(heads)) + 0.5) / count, heads, fontsize=8)
            ax.set_yticks(np.arange(rows) + 0.5, [label for label, _ in panel], fontsize=8, parse_math=False)
            ax.tick_params(length=0, bottom=False, labelbottom=False, labeltop=True, pad=2)
            ax.spines[:].set_visible(False)
    return figure


def parser_of(module: str, description: str) -> argparse.ArgumentParser:
    """A command that shows what methods made of measurements."""
    parser = command_parser(module, description)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set, for the facts beside the figure")
    add("--measured", nargs="+", type=files.pair, required=True, metavar="NAME=NPY",
        help="measurement=path for each panel, in order")  # fmt: skip
    add("--restored", nargs="*", type=files.pair, default=[], metavar="NAME=NPY",
        help="measurement/method=path for each row; of a method with seeds, one of them")  # fmt: skip
    add("--order", type=files.names, required=True, help="the methods in the order of the rows, between spaces")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    return parser


def main(arguments: list[str] | None = None) -> None:
    parser = parser_of("reports.restorations", __doc__)
    add = parser.add_argument
    add("--clean", type=Path, required=True, metavar="NPY", help="the clean test split")
    add(
        "--images",
        type=value_of("images", COUNT),
        default=8,
        help="how many of the test split, from its first on (default: %(default)s)",
    )
    add("--output", type=Path, required=True, metavar="STEM", help="path of the figure without .png")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        at = [measurement for measurement, _ in given.measured]
        restored = files.by_measurement("--restored", given.restored, at, given.order, "--order")
        made = [store.describe(path) for _, path in given.measured]
        made += [facts for name, path in given.measured for facts in files.restored_from(path, restored[name].values())]
        protocol = files.one_protocol(facts.get("protocol", "sound") for facts in made)
        clean = load(given.clean, given.images)
        panels = {}
        for measurement, path in given.measured:
            rows = [("original", clean), ("measured", load(path, given.images))]
            for method, estimates in restored[measurement].items():
                rows.append((files.title(method, given.titles), load(estimates, given.images)))
            panels[files.title(measurement, {}) + ("" if protocol == "sound" else f" (protocol: {protocol})")] = rows
        files.save_figure(draw(panels), given.output)
        facts = {
            "dataset": given.dataset,
            "protocol": protocol,
            "images": given.images,
            "measurements": at,
        }
        store.save_json(given.output.with_name(f"{given.output.name}.json"), facts)


if __name__ == "__main__":
    main()
