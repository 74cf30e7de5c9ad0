"""Pictures of any size as tiles of 64×64 that overlap by half, and back. NumPy alone."""

import numpy as np

from datasets.pictures import SHAPE

TILE = SHAPE[0]  # pixels a side
STEP = TILE // 2


def starts(length: int) -> list[int]:
    """Where the tiles along a side of `length` begin; the last one ends with it.

    >>> starts(64), starts(100)
    ([0], [0, 32, 36])
    """
    last = length - TILE
    return [*range(0, last, STEP), last]


def count(height: int, width: int) -> int:
    """How many tiles a picture makes."""
    return len(starts(height)) * len(starts(width))


def cut(picture: np.ndarray) -> np.ndarray:
    """[H, W, C] -> [n, 64, 64, C], row by row."""
    height, width, _ = picture.shape
    return np.stack([picture[i : i + TILE, j : j + TILE] for i in starts(height) for j in starts(width)])


def joined(tiles: np.ndarray, height: int, width: int) -> np.ndarray:
    """[n, 64, 64, C] as `cut` gives them -> float32 [H, W, C].

    Where tiles overlap, their mean, in which each counts less towards its edges, so that no edge shows.
    """
    ramp = np.minimum(np.arange(1, TILE + 1), np.arange(TILE, 0, -1)).astype(np.float32)
    window = (ramp[:, None] * ramp)[:, :, None]  # [64, 64, 1]
    total = np.zeros((height, width, tiles.shape[3]), np.float32)
    weight = np.zeros((height, width, 1), np.float32)
    corners = [(i, j) for i in starts(height) for j in starts(width)]
    for (i, j), tile in zip(corners, tiles, strict=True):
        total[i : i + TILE, j : j + TILE] += window * tile
        weight[i : i + TILE, j : j + TILE] += window
    return total / weight
