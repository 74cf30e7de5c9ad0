"""Restored tiles → the pictures that they were cut from: a PNG of each by every method, and a figure of the first few.

For pictures that were corrupted elsewhere (measurements/given.py). Writes OUTPUT/restored/MEASUREMENT/METHOD/NAME.png,
OUTPUT/restorations.png, .pdf and .json (facts for the caption), and OUTPUT/summary.txt.
"""

import argparse
import shutil
import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import store
from measurements import tiles
from reports import files

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

SIDE = 2.2  # inches: a picture in the figure


def whole(path: Path, pictures: list[dict]) -> list[np.ndarray]:
    """The pictures, uint8 [H, W, C], whose tiles a `.npy` file holds. Raises SystemExit where it holds others."""
    held = store.load_array(path)
    counts = [tiles.count(each["height"], each["width"]) for each in pictures]
    if held.ndim != 4 or len(held) != sum(counts):
        sys.exit(f"{path}: holds {held.shape}, not the {sum(counts)} tiles of the pictures; delete it and run again")
    parts = np.split(held, np.cumsum(counts)[:-1])
    joined = [tiles.joined(part, each["height"], each["width"]) for part, each in zip(parts, pictures, strict=True)]
    return [(255 * picture.clip(0, 1)).round().astype(np.uint8) for picture in joined]


def save(pictures: list[np.ndarray], names: list[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for picture, name in zip(pictures, names, strict=True):
        with store.replacing(folder / name) as partial:
            Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture).save(partial, "PNG")


def png_names(pictures: list[dict]) -> list[str]:
    """The name of each picture's PNG: its own with another ending, or, where two would be the same, behind its own."""
    stems = [Path(each["name"]).stem for each in pictures]
    return [f"{stem if stems.count(stem) == 1 else each['name']}.png" for stem, each in zip(stems, pictures, strict=True)]


def draw(panels: dict[str, list[tuple[str, list[np.ndarray]]]]) -> plt.Figure:
    """{measurement: [(row label, pictures)]} → a figure with a column for each label and a row for each picture."""
    across = max(len(columns) for columns in panels.values())
    shapes = [picture.shape for columns in panels.values() for picture in columns[0][1]]
    heights = [SIDE * height / width for height, width, _ in shapes]
    figure, axes = plt.subplots(
        len(shapes), across, squeeze=False, layout="constrained", gridspec_kw={"height_ratios": heights},
        figsize=(across * SIDE, sum(heights) + 0.35 * len(panels)),
    )  # fmt: skip
    for ax in axes.flat:
        ax.axis("off")
    row = 0
    for measurement, columns in panels.items():
        for column, (label, pictures) in enumerate(columns):
            for number, picture in enumerate(pictures):
                axes[row + number, column].imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            heading = f"{measurement}\n{label}" if column == 0 else label
            axes[row, column].set_title(heading, fontsize=8, loc="left")
        row += len(columns[0][1])
    return figure


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reports.pictures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dataset", required=True, help="the data set, for the facts beside the figure")
    add("--measured", nargs="+", type=files.pair, required=True, metavar="NAME=NPY", help="measurement=path of its tiles")
    add("--restored", nargs="+", type=files.pair, required=True, metavar="NAME=NPY",
        help="measurement/method=path of the restored tiles; of a method with seeds, one of them")  # fmt: skip
    add("--order", type=files.names, required=True, help="the methods in the order of the columns, between spaces")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--images", type=int, default=4, help="how many pictures the figure shows, from the first on (default: %(default)s)")
    add("--output", type=Path, required=True, metavar="DIR", help="folder of all of it")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        restored, panels, says = dict(given.restored), {}, []
        shutil.rmtree(given.output / "restored", ignore_errors=True)
        for measurement, path in given.measured:
            facts = store.describe(path)
            pictures = facts["pictures"]
            says.append(f"{files.title(measurement, {})}: {facts['says']}")
            columns = [("measured", whole(path, pictures)[: given.images])]
            for method in given.order:
                if (name := f"{measurement}/{method}") in restored:
                    made = whole(restored[name], pictures)
                    save(made, png_names(pictures), given.output / "restored" / name)
                    columns.append((files.title(method, given.titles), made[: given.images]))
            panels[files.title(measurement, {})] = columns
        files.save_figure(draw(panels), given.output / "restorations")
        facts = {"dataset": given.dataset, "protocol": "sound", "pictures": len(pictures), "says": " ".join(says)}
        store.save_json(given.output / "restorations.json", facts | {"shown": min(given.images, len(pictures))})
        folders = [f"  {given.output / 'restored' / name}" for name in restored]
        lines = [*says, f"{len(pictures)} pictures restored, by each method in a folder:", *folders]
        files.write(given.output / "summary.txt", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
