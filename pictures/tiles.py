"""Pictures of any size as square tiles that overlap by half, and back, a row of tiles at a time. NumPy alone."""

from collections.abc import Iterable, Iterator

import numpy as np

from datasets.pictures import SHAPE

TILE = SHAPE[0]  # pixels a side


def starts(length: int, side: int = TILE) -> list[int]:
    """Where the tiles along a side of `length` begin; the last one ends with it.

    >>> starts(64), starts(100)
    ([0], [0, 32, 36])
    """
    last = length - side
    return [*range(0, last, side // 2), last]


def count(height: int, width: int, side: int = TILE) -> int:
    """How many tiles a picture makes."""
    return len(starts(height, side)) * len(starts(width, side))


def rows(picture: np.ndarray, side: int = TILE) -> Iterator[np.ndarray]:
    """[H, W, C] -> the tiles of one row after the other, each [n, side, side, C]."""
    height, width, _ = picture.shape
    for i in starts(height, side):
        yield np.stack([picture[i : i + side, j : j + side] for j in starts(width, side)])


def joined(tile_rows: Iterable[np.ndarray], height: int, width: int, side: int = TILE) -> Iterator[np.ndarray]:
    """Rows of tiles as `rows` gives them -> the picture from top to bottom, a strip float32 [h, W, C] at a time.

    Where tiles overlap, their mean, in which each counts less towards its edges, so that no edge shows. No more than the rows of
    the picture that a row of tiles covers are in memory.
    """
    ramp = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)).astype(np.float32)
    window = (ramp[:, None] * ramp)[:, :, None]  # [side, side, 1]
    across, down = starts(width, side), [*starts(height, side), height]
    total = weight = None
    for (top, next_top), row in zip(zip(down, down[1:], strict=False), tile_rows, strict=True):
        if total is None:
            total = np.zeros((side, width, row.shape[3]), np.float32)
            weight = np.zeros((side, width, 1), np.float32)
        for j, tile in zip(across, row, strict=True):
            total[:, j : j + side] += window * tile
            weight[:, j : j + side] += window
        done = next_top - top  # rows to which no further row of tiles adds
        yield total[:done] / weight[:done]
        for sums in (total, weight):
            sums[: side - done] = sums[done:].copy()
            sums[side - done :] = 0


def nearest(tile_rows: Iterable[np.ndarray], height: int, width: int, side: int = TILE) -> Iterator[np.ndarray]:
    """As `joined`, but each pixel from the one tile in which it is farthest from an edge: for random samples.

    A mean of two independent samples would vary less than either.
    """
    across, down = edges(width, side), edges(height, side)
    columns, lines = starts(width, side), starts(height, side)
    for i, (top, bottom), row in zip(lines, zip(down, down[1:], strict=False), tile_rows, strict=True):
        spans = zip(columns, zip(across, across[1:], strict=False), row, strict=True)
        parts = [tile[top - i : bottom - i, left - j : right - j] for j, (left, right), tile in spans]
        yield np.concatenate(parts, axis=1).astype(np.float32)


def edges(length: int, side: int) -> list[int]:
    """Where one tile takes over from the last: halfway through their overlap.

    >>> edges(100, 64)
    [0, 48, 66, 100]
    """
    begins = starts(length, side)
    return [0, *((first + side + second) // 2 for first, second in zip(begins, begins[1:], strict=False)), length]
