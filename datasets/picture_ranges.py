"""Which values of a picture are black and white, so that a measurement is on a scale from 0 to 1.

8 bits run from 0 to 255. Where a file of more bits does not state its own white, one range is found for all pictures of that type
in the folder, as all were corrupted in the same way and one σ describes all: from 0 to the largest value of the fewest bits that
hold them (12-bit data in 16 bits: 4095); of numbers that may be negative or have fractions, from 0 to the white of 1, 255, 4095
or 65535 that they suit, or from the least to the largest.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

BITS = (10, 12, 14, 16, 32)
LARGEST = 1e30  # beyond it float32, in which all is computed, ends soon; often it stands for missing values
WHITES = (1.0, 255.0, 4095.0, 65535.0)


class Extent(NamedTuple):
    """What the values of a page span."""

    kind: str  # the type of its numbers, as NumPy calls it
    least: float
    most: float
    white: float | None = None  # that the file states


def extent(path: Path, values: np.ndarray, seen: np.ndarray | None, white: float | None) -> Extent:
    """Of the values [H, W, C] of a page that were seen, bool [H, W, 1]. Row by row, so that no copy of it is in memory.

    Raises SystemExit, naming the file, where they lie beyond LARGEST.
    """
    least, most = np.inf, -np.inf
    for row in range(len(values)):
        shown = values[row] if seen is None else values[row][seen[row, :, 0]]
        if shown.size:
            least, most = min(least, float(shown.min())), max(most, float(shown.max()))
    if LARGEST < (farthest := max(most, -least)) < np.inf:
        sys.exit(f"{path}: holds values as far out as {farthest:.3g}; write NaN where they stand for missing ones, or divide all")
    return Extent(values.dtype.name, least, most, white)


def of_all(extents: Iterable[Extent]) -> list[tuple[float, float]]:
    """Black and white for each of the pages, in their order."""
    extents = list(extents)
    found = {}
    for kind in {each.kind for each in extents}:
        same = [each for each in extents if each.kind == kind and each.white is None]
        if same:
            found[kind] = chosen(np.dtype(kind), min(each.least for each in same), max(each.most for each in same))
    return [(0.0, each.white) if each.white is not None else found[each.kind] for each in extents]


def chosen(kind: np.dtype, least: float, most: float) -> tuple[float, float]:
    """Black and white of numbers of a type that span `least` to `most`.

    >>> chosen(np.dtype("uint8"), 3, 90), chosen(np.dtype("uint16"), 0, 4095), chosen(np.dtype("uint16"), 0, 4096)
    ((0.0, 255.0), (0.0, 4095.0), (0.0, 16383.0))
    >>> chosen(np.dtype("float32"), -0.3, 1.4), chosen(np.dtype("float32"), 2, 230), chosen(np.dtype("float32"), -700, 900)
    ((0.0, 1.0), (0.0, 255.0), (-700.0, 900.0))
    """
    if kind.name == "uint8":
        return 0.0, 255.0
    if kind.kind == "u":
        return 0.0, next(float(2**bits - 1) for bits in BITS if most < 2**bits)
    suits = [white for white in WHITES if white / 4 < most <= 2 * white and least >= -white]  # noise may leave [0, white]
    return (0.0, suits[0]) if suits else (float(least), float(most) if most > least else float(least) + 1)


def scaled(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Values as float32, black as 0 and white as 1."""
    black, white = span
    return (values.astype(np.float32) - np.float32(black)) / np.float32(white - black)


def restored(values: np.ndarray, strips: Iterable[np.ndarray], span: tuple[float, float]) -> np.ndarray:
    """Strips [h, W, C] on the scale from 0 to 1, from top to bottom, as an array like `values`, the picture as it came.

    A value that was left as it was measured is the one that came, to its last bit; measurements are float16 and would round it.
    """
    black, white = span
    made, top = np.empty_like(values), 0
    for strip in strips:
        came = values[top : top + len(strip)]
        new = black + strip.astype(np.float64 if came.dtype.itemsize > 2 else np.float32) * (white - black)
        if came.dtype.kind in "ui":
            held = np.iinfo(came.dtype)
            new = np.rint(new).clip(held.min, held.max)
        with np.errstate(invalid="ignore"):  # what is missing is not a number
            same = np.abs(strip - scaled(came, span).astype(np.float16)) < 1e-6
        made[top : top + len(strip)] = np.where(same, came, new.astype(came.dtype))
        top += len(strip)
    return made


def said(kind: str, black: float, white: float) -> str:
    """A range in words.

    >>> said("uint16", 0.0, 4095.0)
    'uint16, 0 to 4095'
    """
    return f"{kind}, {black:.6g} to {white:.6g}"
