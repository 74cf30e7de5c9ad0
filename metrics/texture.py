"""Do single posterior samples have the texture of the truth? Differences at lags 1, 2 and 4, and the contrast of windows.

Neither coverage nor an energy score sees streaks or grain well: both are right where each value is. Here the distribution of
what neighbouring values have to do with each other, over all images, is compared with that of the truth, where at least one of
the values is open, so that seams at the edge of what was measured count too. One row per image.

    H = ∫ (F - G)² / ∫ [F (1 - G) + G (1 - F)]    F, G: distribution functions of the truth and of the samples

H is the energy distance E|a - b| - ½ E|a - a'| - ½ E|b - b'| over E|a - b|, of a from the truth and b from the samples: 0 where
the distributions agree, 1 where both are single, different numbers (the coefficient of inhomogeneity of Székely and Rizzo, WIREs
Computational Statistics 2013).
"""

import numpy as np

from measurements.forward import ForwardModel
from metrics import samples
from metrics.declared import Metric
from metrics.samples import LEVELS, WINDOW, Sampled

LAGS = (1, 2, 4)
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # down, across: streaks have one


def pairs(values: np.ndarray, lag: int, direction: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The two ends of all pairs of values that are `lag` steps apart: views of [..., H, W, C]."""
    down, across = (lag * step for step in direction)
    height, width = values.shape[-3:-1]
    first, second = slice(0, max(0, height - down)), slice(down, height)
    left, right = slice(max(0, -across), width - max(0, across)), slice(max(0, across), width + min(0, across))
    return values[..., first, left, :], values[..., second, right, :]


def differences(image: Sampled, lag: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each direction |a - b| of the truth, [V], and of the samples, [K, V], in 8-bit steps; one of a and b is open."""
    found = []
    for direction in DIRECTIONS:
        open_ = np.logical_or(*pairs(image.free, lag, direction))
        a, b = pairs(image.x8, lag, direction)
        c, d = pairs(image.samples8, lag, direction)
        found.append((np.abs(a - b)[open_], np.abs(c - d)[:, open_]))
    return found


def contrasts(image: Sampled) -> list[tuple[np.ndarray, np.ndarray]]:
    """The standard deviation of each window that is open somewhere, [V] and [K, V], in 8-bit steps; rounded."""
    some = samples.tiles(image.free).any(-1)
    truth, drawn = (np.rint(samples.tiles(values).std(-1)) for values in (image.x8, image.samples8))
    return [(truth[some], drawn[:, some])]


def distributions(found: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The distribution functions of truth and samples at 0, 1, … LEVELS - 1, of each direction: [directions · 2 · LEVELS]."""

    def function(values: np.ndarray) -> np.ndarray:
        if not values.size:
            return np.full(LEVELS, np.nan)
        return np.cumsum(np.bincount(values.astype(int).ravel(), minlength=LEVELS + 1))[:LEVELS] / values.size

    return np.array([[function(truth), function(drawn)] for truth, drawn in found]).ravel()


def distance(functions: np.ndarray) -> np.ndarray:
    """H of mean distribution functions [..., directions · 2 · LEVELS], summed over directions: [...]."""
    F, G = np.moveaxis(functions.reshape(*functions.shape[:-1], -1, 2, LEVELS), -2, 0)
    apart, between = ((F - G) ** 2).sum((-1, -2)), (F * (1 - G) + G * (1 - F)).sum((-1, -2))
    return np.divide(apart, between, out=np.zeros_like(apart), where=between > 0)


def sizes(found: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """The mean difference of the samples and of the truth."""
    return [float(np.mean([samples.mean(values[at]) for values in found])) for at in (1, 0)]


def ratio(means: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return means[..., 0] / means[..., 1]


def _distance(title: str, of: str) -> Metric:
    says = f"Distance H between the distributions of {of}, in the samples and in the truth: 0 is the same, 1 the most."
    return Metric(title, "", "lower", says, decimals=4, shown="posterior details")


NEEDS = ("clean", "side_info", "samples")
METRICS = {
    **{
        f"texture_{lag}": _distance(f"texture, lag {lag}", "differences of values that many pixels apart, in four directions")
        for lag in LAGS
    },
    "texture_windows": _distance("texture, windows", f"the standard deviation of windows of {WINDOW}×{WINDOW}"),
    "roughness": Metric(
        "roughness",
        "",
        "near 1",
        "Mean difference of neighbouring values in the samples, over that in the truth; below 1 is too smooth.",
        decimals=3,
        shown="posterior details",
    ),
}


def scores(clean: np.ndarray, drawn: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it.

    The values are jackknife pseudo-values (metrics/samples.py): those of a single image may be negative, as may be the mean
    where the distributions agree.
    """
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    parts = {name: [] for name in METRICS}
    for image in samples.each(clean, drawn, side_info, forward):
        for lag in LAGS:
            found = differences(image, lag)
            parts[f"texture_{lag}"].append(distributions(found))
            if lag == 1:
                parts["roughness"].append(sizes(found))
        parts["texture_windows"].append(distributions(contrasts(image)))
    statistics = {name: ratio if name == "roughness" else distance for name in METRICS}
    table = {name: samples.pseudo_values(np.array(parts[name]), statistic) for name, statistic in statistics.items()}
    return pd.DataFrame(table).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    samples.main("texture", __doc__, NEEDS, scores, arguments)


if __name__ == "__main__":
    main()
