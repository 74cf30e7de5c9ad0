"""The noise of a picture, as far as it can be read off it: its standard deviation, and signs that it is not white and Gaussian.

Everything rests on the finest diagonal Haar coefficient d of blocks of 2×2 pixels, in which what is smooth or a straight edge has
no part (Donoho and Johnstone, Biometrika 1994).
"""

import math

import numpy as np
from scipy.ndimage import median_filter

LOOKED_AT = 2048  # pixels a side, in the middle of a picture
GAUSSIAN = 0.6745  # median of |n|, n ~ N(0, 1)
SIGNS = {
    "clipped": "it is cut off at black or white, so that the true σ is larger",
    "correlated": "neighbouring values go together, as after enlarging or compression, and the estimate is for white noise",
    "flat borders": "there are flat borders, left out here; cut them off",
    "impulses": "single values are black or white (salt and pepper); state them as lost pixels, or try a median filter",
    "signal dependent": "it grows with the brightness (as where light is counted, Poisson), and the model has one σ for all",
}


def sigma(values: np.ndarray, seen: np.ndarray | None = None) -> float:
    """Standard deviation of white noise in [H, W, C], in the units of the values: median |d| / 0.6745.

    Of the blocks those count of which every pixel was seen; NaN where there is none.
    """
    detail = diagonal(values, seen)
    return float(np.median(np.abs(detail)) / GAUSSIAN) if detail.size else math.nan


def looked_at(values: np.ndarray, seen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """The middle of a picture without flat borders, as float32, what of it was seen, and whether there are such borders."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=0, neginf=0)  # of pixels that are lost
    rows, columns = inside(values), inside(values.swapaxes(0, 1))
    height, width, _ = values.shape
    flat = (rows.stop - rows.start) * (columns.stop - columns.start) < 0.98 * height * width
    rows, columns = middle(rows), middle(columns)
    return values[rows, columns].astype(np.float32), None if seen is None else seen[rows, columns], flat


def inside(values: np.ndarray) -> slice:
    """The rows of [H, W, C] between borders in which each row has one colour, to 1 %; all rows where that would leave few."""
    tolerance = 0.01 * (float(values.max()) - float(values.min()))

    def is_flat(row: int) -> bool:
        return bool((values[row].max(axis=0).astype(float) - values[row].min(axis=0) <= tolerance).all())

    first, last = 0, len(values)
    while first < last and is_flat(first):
        first += 1
    while last > first and is_flat(last - 1):
        last -= 1
    return slice(first, last) if last - first >= 16 else slice(0, len(values))


def middle(span: slice) -> slice:
    spare = max(0, span.stop - span.start - LOOKED_AT) // 2
    return slice(span.start + spare, min(span.stop, span.start + spare + LOOKED_AT))


def blocks(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The upper left, lower left, upper right and lower right pixel of every block of 2×2: each [H // 2, W // 2, C]."""
    height, width = (length // 2 * 2 for length in x.shape[:2])
    return tuple(x[i:height:2, j:width:2] for j in (0, 1) for i in (0, 1))


def diagonal(values: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """d of every block, all channels, [H // 2, W // 2, C]; with a mask, [n, C] of those blocks that were seen."""
    x00, x10, x01, x11 = blocks(values)
    detail = (x00 - x10 - x01 + x11) / 2
    return detail if seen is None else detail[np.logical_and.reduce(blocks(seen))[:, :, 0]]


def signs(values: np.ndarray, seen: np.ndarray | None) -> list[str]:
    """Which of SIGNS show in a picture [H, W, C], but its borders. Without enough pixels, none."""
    found = []
    seen = np.ones((*values.shape[:2], 1), bool) if seen is None else seen
    whole = np.logical_and.reduce(blocks(seen))[:, :, 0]
    if whole.sum() < 500:
        return found
    ends = (values == values[seen[:, :, 0]].min()) | (values == values[seen[:, :, 0]].max())
    if impulses(values, ends, seen, whole):
        found.append("impulses")
    else:
        found += ["clipped"] * clipped(ends, whole) + ["signal dependent"] * signal_dependent(values, ends, whole)
    if correlated(values, seen):
        found.append("correlated")
    return found


def clipped(ends: np.ndarray, whole: np.ndarray) -> bool:
    """Whether more than 10 % of the blocks hold values at black or white and others: noise that is cut off scatters them."""
    at_end = sum(part.astype(np.uint8) for part in blocks(ends))[whole]
    return bool(((at_end > 0) & (at_end < 4)).mean() > 0.1)


def impulses(values: np.ndarray, ends: np.ndarray, seen: np.ndarray, whole: np.ndarray) -> bool:
    """Whether more than 0.2 % of the values are black or white and stand out from the median of their 3×3 neighbours.

    To stand out is to differ by more than 5 σ, where σ is that of blocks without such values, and by 15 % of the range.
    """
    inner = whole & ~np.logical_or.reduce(blocks(ends)).any(axis=2)
    x00, x10, x01, x11 = (part[inner] for part in blocks(values))
    if inner.sum() < 100:
        return False
    spread = float(np.median(np.abs(x00 - x10 - x01 + x11)) / 2 / GAUSSIAN)
    far = np.abs(values - median_filter(values, size=(3, 3, 1))) > max(5 * spread, 0.15 * float(np.ptp(values[seen[:, :, 0]])))
    return bool((far & ends)[seen[:, :, 0]].mean() > 0.002)


def signal_dependent(values: np.ndarray, ends: np.ndarray, whole: np.ndarray) -> bool:
    """Whether σ rises with the mean of the blocks: over eight equally full classes, in rank and by more than 1.3 from end to end.

    Of blocks that are 2 σ away from black and white where values are cut off there.
    """
    x00, x10, x01, x11 = (part[whole].ravel() for part in blocks(values))
    mean, detail = (x00 + x10 + x01 + x11) / 4, np.abs(x00 - x10 - x01 + x11) / 2
    if clipped(ends, whole):
        margin = 2 * np.median(detail) / GAUSSIAN
        away = (mean > x00.min() + margin) & (mean < x00.max() - margin)
        mean, detail = mean[away], detail[away]
    if len(mean) < 500:
        return False
    classes = np.array_split(np.argsort(mean, kind="stable"), 8)
    spread = np.array([np.median(detail[each]) for each in classes])
    level = np.array([mean[each].mean() for each in classes])
    rank = np.corrcoef(np.argsort(np.argsort(spread)), np.arange(8))[0, 1]
    return bool(level[-1] - level[0] > 0.1 * np.ptp(values) and rank > 0.9 and spread[-1] > 1.3 * spread[0] > 0)


def correlated(values: np.ndarray, seen: np.ndarray) -> bool:
    """Whether d of all blocks, overlapping ones too, is not as that of white noise: its correlation is -1/2 to the next, 0 to the
    one after, 0 to another channel.

    Looked at in the smoother half of the picture, with d cut at 3 σ, so that what is depicted counts little.
    """
    d = values[1:, 1:] - values[1:, :-1] - values[:-1, 1:] + values[:-1, :-1]
    known = (seen[1:, 1:] & seen[1:, :-1] & seen[:-1, 1:] & seen[:-1, :-1])[:, :, 0]
    side = 16
    height, width = (length // side * side for length in d.shape[:2])
    cells = np.abs(d[:height, :width]).reshape(height // side, side, width // side, side, -1).mean(axis=(1, 3, 4))
    smooth = np.kron(cells <= np.median(cells), np.ones((side, side), bool))
    d, known = d[:height, :width], known[:height, :width] & smooth
    spread = float(np.median(np.abs(d[known]))) / GAUSSIAN if known.any() else 0.0
    if spread == 0:
        return bool(known.any())
    d = d.clip(-3 * spread, 3 * spread)
    pairs = [(d[known][:, 0], d[known][:, channel], 0.0, 0.3) for channel in range(1, d.shape[2])]
    for lag, expected in ((1, -0.5), (2, 0.0)):
        for axis in (0, 1):
            a, both = np.moveaxis(d, axis, 0), np.moveaxis(known, axis, 0)
            both = both[lag:] & both[:-lag]
            pairs.append((a[lag:][both], a[:-lag][both], expected, 0.12))
    return any(len(a) >= 200 and abs(correlation(a, b) - expected) > allowed for a, b, expected, allowed in pairs)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays of mean zero."""
    return float((a * b).mean()) / max(math.sqrt(float((a**2).mean()) * float((b**2).mean())), 1e-30)
