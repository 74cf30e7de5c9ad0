"""Restored tiles → the pictures that they were cut from: a PNG of each by every method, and a figure of the first few.

For pictures without clean originals (pictures/measure.py). Writes OUTPUT/restored/MEASUREMENT/METHOD/NAME.png,
OUTPUT/restorations.png, .pdf and .json (its caption, and what lies beside it), and OUTPUT/summary.txt.
"""

import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import store
from measurements.forward import from_facts
from pictures import corruption, tiles
from reports import files
from reports.restorations import parser_of

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

CAPTION = Path(__file__).with_name("caption.md")
PICTURE_WIDTH, HEADING = 2.2, 0.35  # inches in the figure
LOWEST, HIGHEST = 0.4, 4.4  # inches: a row, however flat or tall its picture is


def whole(path: Path, pictures: list[dict]) -> Iterator[np.ndarray]:
    """The pictures, uint8 [H, W, C], whose tiles a `.npy` file holds. Raises SystemExit where it holds others."""
    held = store.load_array(path)
    counts = [tiles.count(each["height"], each["width"]) for each in pictures]
    if held.ndim != 4 or len(held) != sum(counts):
        sys.exit(f"{path}: holds {held.shape}, not the {sum(counts)} tiles of the pictures; delete it and run again")
    parts = zip(np.split(held, np.cumsum(counts)[:-1]), pictures, strict=True)
    joined = (tiles.joined(part, each["height"], each["width"]) for part, each in parts)
    return ((255 * picture.clip(0, 1)).round().astype(np.uint8) for picture in joined)


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.replacing(path) as partial:
        Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture).save(partial, "PNG")


def png_names(pictures: list[dict]) -> list[str]:
    """The name of each picture's PNG: its own with another ending, or, where two would be the same, behind its own."""
    stems = [Path(each["name"]).stem for each in pictures]
    return [f"{stem if stems.count(stem) == 1 else each['name']}.png" for stem, each in zip(stems, pictures, strict=True)]


def draw(panels: dict[str, list[tuple[str, list[np.ndarray]]]]) -> plt.Figure:
    """{measurement: [(row label, pictures)]} → a figure with a column for each label and a row for each picture."""
    across = max(len(columns) for columns in panels.values())
    shapes = [picture.shape for columns in panels.values() for picture in columns[0][1]]
    heights = [min(HIGHEST, max(LOWEST, PICTURE_WIDTH * height / width)) for height, width, _ in shapes]
    figure, axes = plt.subplots(
        len(shapes), across, squeeze=False, layout="constrained", gridspec_kw={"height_ratios": heights},
        figsize=(across * PICTURE_WIDTH, sum(heights) + HEADING * len(panels)),
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
    parser = parser_of("pictures.write", __doc__)
    add = parser.add_argument
    add("--images", type=int, default=4, help="how many pictures the figure shows, from the first on (default: %(default)s)")
    add("--output", type=Path, required=True, metavar="DIR", help="folder of all of it")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        restored = files.by_measurement("--restored", given.restored, [at for at, _ in given.measured], given.order, "--order")
        panels, described = {}, []
        shutil.rmtree(given.output / "restored", ignore_errors=True)
        for measurement, path in given.measured:
            facts = store.describe(path)
            pictures = facts["pictures"]
            heading, estimated = files.title(measurement, {}), corruption.described(facts["estimated"], from_facts(facts))
            described.append(f"{heading}: {estimated}")
            columns = [("measured", list(islice(whole(path, pictures), given.images)))]
            for method, estimates in restored[measurement].items():
                shown = []
                for picture, name in zip(whole(estimates, pictures), png_names(pictures), strict=True):
                    save(picture, given.output / "restored" / measurement / method / name)
                    if len(shown) < given.images:
                        shown.append(picture)
                columns.append((files.title(method, given.titles), shown))
            panels[heading] = columns
        files.save_figure(draw(panels), given.output / "restorations")
        counts = {"shown": min(given.images, len(pictures)), "pictures": len(pictures)}
        caption = " ".join(CAPTION.read_text().split()).format(**counts, corruption=" ".join(described))
        about = {"dataset": given.dataset, "protocol": facts["protocol"], **counts, "caption": caption, "files": ["restored"]}
        store.save_json(given.output / "restorations.json", about)
        folders = [f"  {given.output / 'restored' / name}" for name, _ in given.restored]
        lines = [*described, f"{len(pictures)} pictures restored, by each method in a folder:", *folders]
        files.write(given.output / "summary.txt", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
