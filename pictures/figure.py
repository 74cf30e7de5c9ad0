"""The figure of own pictures: the first few as they came and as each method restored them."""

import matplotlib
import numpy as np

from datasets import picture_ranges as ranges
from measurements.forward import ForwardModel
from pictures.read import Picture

matplotlib.use("Agg")  # before pyplot: a cluster node has no screen
import matplotlib.pyplot as plt  # noqa: E402

PICTURE_WIDTH, HEADING = 2.2, 0.35  # inches
LONGEST = 2.0  # a picture is shown at most so many times as long as wide, its middle
PIXELS = 800  # of a longer side only every second, third, … is shown, as a figure has no room for more


def cut(x: np.ndarray) -> np.ndarray:
    """The middle of [H, W, C], no side more than LONGEST times the other, every k-th pixel of it."""
    height, width = x.shape[:2]
    h, w = min(height, int(LONGEST * width)), min(width, int(LONGEST * height))
    top, left, k = (height - h) // 2, (width - w) // 2, -(-max(h, w) // PIXELS)
    return x[top : top + h : k, left : left + w : k]


def small(x: np.ndarray) -> np.ndarray:
    """An image on the scale from 0 to 1 as uint8 [H, W, C], as it is shown."""
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8)


def measured(picture: Picture, forward: ForwardModel, span: tuple[float, float]) -> np.ndarray:
    """A picture as it came, lost pixels as the forward model fills them, uint8 [h, w, C]."""
    x = ranges.scaled(cut(picture.page.values), span)
    return small(x if picture.seen is None else np.where(cut(picture.seen), x, np.float32(forward.fill)))


def draw(panels: dict[str, list[tuple[str, list[np.ndarray]]]]) -> plt.Figure:
    """{measurement: [(row label, images uint8)]} → a figure with a column for each label and a row for each picture."""
    across = max(len(columns) for columns in panels.values())
    shapes = [image.shape for columns in panels.values() for image in columns[0][1]]
    heights = [PICTURE_WIDTH * height / width for height, width, _ in shapes]
    figure, axes = plt.subplots(
        len(shapes), across, squeeze=False, layout="constrained", gridspec_kw={"height_ratios": heights},
        figsize=(across * PICTURE_WIDTH, sum(heights) + HEADING * len(panels)),
    )  # fmt: skip
    for ax in axes.flat:
        ax.axis("off")
    row = 0
    for measurement, columns in panels.items():
        for column, (label, images) in enumerate(columns):
            for number, image in enumerate(images):
                axes[row + number, column].imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            heading = f"{measurement}\n{label}" if column == 0 else label
            axes[row, column].set_title(heading, fontsize=8, loc="left", parse_math=False)
        row += len(columns[0][1])
    return figure
