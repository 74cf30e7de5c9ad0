"""Where the labels of crowded points go: beside their points if there is room, else further off."""

import numpy as np

ANGLES = np.radians([*range(45, 360, 90), *range(0, 360, 90), *(angle for angle in range(0, 360, 15) if angle % 45)])
DISTANCES = (7, 9, 12, 16, 21, 27, 34, 42, 52, 64, 78, 94)  # of a label's middle from its point, in the unit of all places
AROUND = [r * np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]) for r in DISTANCES]  # diagonals first
GAP = 0.8  # between labels


def places(
    points: np.ndarray, sizes: np.ndarray, taken: np.ndarray, within: tuple[float, float, float, float], apart: float = 3.0
) -> np.ndarray:
    """The middles of labels [N, 2], so that none overlaps another, or comes closer than `apart` to what is `taken`.

    `points` are the places [N, 2] that are labelled, `sizes` [N, 2] the labels' widths and heights, `taken` [M, 2] the places of
    all points and of what else is drawn; `within` is (left, bottom, right, top). A label for which there is no room is put upon
    others, at the nearest place inside.
    """
    lower, upper = np.array(within[:2]), np.array(within[2:])
    middles = np.empty((0, 2))
    for point, size in zip(points, sizes, strict=True):
        half, nearest = size / 2, None
        for ring in AROUND:
            tried = point + ring
            inside = ((tried >= lower + half) & (tried <= upper - half)).all(axis=1)
            crossing = (np.abs(tried[:, None] - taken) < half + apart).all(axis=2).any(axis=1)
            upon = (np.abs(tried[:, None] - middles) < half + sizes[: len(middles)] / 2 + GAP).all(axis=2).any(axis=1)
            free = inside & ~crossing & ~upon
            if nearest is None and inside.any():
                nearest = tried[np.argmax(inside)]  # the first
            if free.any():
                nearest = tried[np.argmax(free)]
                break
        middles = np.vstack([middles, point if nearest is None else nearest])
    return middles
