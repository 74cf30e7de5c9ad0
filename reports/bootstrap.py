"""Intervals of a mean over seeds and images, and of the difference between two such means: a hierarchical bootstrap.

A score x[s, i] of seed s on image i is one of those that other trainings and other images of the same kind would have given.
Every seed restores the same images, so seeds and images are crossed, not nested: a replicate draws seeds with replacement and,
independently of them, images with replacement, the same images for every seed (Owen 2007, "The pigeonhole bootstrap"; the
intervals are a little too wide rather than too narrow). All methods of a measurement get the same images too, so that their
differences are paired; seeds of different methods have nothing in common and are drawn independently.

With few seeds the plain bootstrap underestimates the spread: the deviations of n draws are too small by √((n - 1) / n), and
percentiles stand for normal quantiles where n values call for Student's t (Hesterberg 2015, "What teachers should know about
the bootstrap"). Three seeds give ten different draws, none beyond the seeds themselves, so other percentiles would not help;
instead the weights of the seeds are stretched about 1 / n by √(n / (n - 1)) t(n - 1) / z. Simulated coverage of the 95 %
interval where nothing but normal seeds varies: n = 2, 3, 5 plain 51, 75, 84 %; with the root alone 61, 81, 87 %; as here 93,
95, 94 %. Where images vary more than seeds, the interval is too wide rather than too narrow. A single seed carries no
information on others: its interval covers images alone.

A method may be scored on fewer images than others. Its mean and interval are of these, and whatever compares it to another
method (a difference, a rank) is of the images that both have, drawn as often as the replicate draws them.
"""

import functools
import itertools
import zlib

import numpy as np
from scipy import stats

REPLICATES = 2000
LEVEL = 0.95
ENDS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
SEED = 0  # of every draw: the same scores, the same intervals


@functools.lru_cache(maxsize=1)
def image_counts(images: int) -> np.ndarray:
    """How often each replicate draws each image: [REPLICATES, images], each row adds up to `images`."""
    rng = np.random.default_rng(SEED)
    return np.array([np.bincount(rng.integers(images, size=images), minlength=images) for _ in range(REPLICATES)], float)


def seed_weights(method: str, seeds: int) -> np.ndarray:
    """The stretched weight of each seed in each replicate: [REPLICATES, seeds], each row adds up to 1.

    Drawn from the method's name, so that no other row of a table has an effect on it.
    """
    if seeds == 1:
        return np.ones((REPLICATES, 1))
    rng = np.random.default_rng([SEED, zlib.crc32(method.encode())])
    shares = rng.multinomial(seeds, np.full(seeds, 1 / seeds), REPLICATES) / seeds
    stretch = np.sqrt(seeds / (seeds - 1)) * stats.t.ppf(ENDS[1], seeds - 1) / stats.norm.ppf(ENDS[1])
    return 1 / seeds + stretch * (shares - 1 / seeds)


def interval(draws: np.ndarray) -> tuple[float, float]:
    """The percentile interval of the replicates [R] that are not nan."""
    known = draws[~np.isnan(draws)]
    return tuple(np.percentile(known, np.multiply(ENDS, 100))) if len(known) else (np.nan, np.nan)


def separated(low: float, high: float) -> bool:
    """Whether an interval excludes zero; one that is not known (nan) does not."""
    return bool(low > 0 or high < 0)


class Bootstrap:
    """The mean of every method and metric on one measurement, and its replicates.

    `scores` are {method: [S, N, M]}: seeds (one where there are none), images, metrics; nan where a metric does not apply to
    an image or a method is not scored on it. An image counts where all seeds have a value. `counts` is how often each replicate
    draws each image, [REPLICATES, N].
    """

    def __init__(self, scores: dict[str, np.ndarray], counts: np.ndarray | None = None):
        self.scores, self.counts, self.parts = scores, counts, {}
        self.images, self.mean, self.draws = {}, {}, {}  # [N, M], which of them count; [M]; [REPLICATES, M]
        for method, cell in scores.items():
            count = ~np.isnan(cell).any(axis=0)
            kept = np.where(count, cell, 0)
            drawn = image_counts(len(count)) if counts is None else counts
            *sums, sizes = np.split(drawn @ np.hstack([*kept, count]), len(cell) + 1, axis=1)
            weights = seed_weights(method, len(cell))
            with np.errstate(invalid="ignore"):  # 0 / 0 where there is no image
                self.mean[method] = kept.mean(axis=0).sum(axis=0) / count.sum(axis=0)
                draws = sum(weights[:, [seed]] * total for seed, total in enumerate(sums)) / sizes
            self.draws[method] = np.where(count.sum(axis=0) > 1, draws, np.nan)  # one image says nothing of others
            self.images[method] = count

    def minus(self, method: str, other: str, metric: int) -> tuple[float, float, float]:
        """The mean paired difference between two methods, over the images on which both are scored, and its interval."""
        shared = self.on_shared(method, other, metric)
        mean, draws = (of[method][..., metric] - of[other][..., metric] for of in (shared.mean, shared.draws))
        return (mean, *interval(draws))

    def on_shared(self, method: str, other: str, metric: int) -> "Bootstrap":
        """The same replicates over the images on which both methods are scored."""
        one, two = (self.images[name][:, metric] for name in (method, other))
        if (one == two).all():
            return self
        both = one & two
        if (key := both.tobytes()) not in self.parts:
            drawn = image_counts(len(both)) if self.counts is None else self.counts
            self.parts[key] = Bootstrap({name: cell[:, both] for name, cell in self.scores.items()}, drawn[:, both])
        return self.parts[key]

    def ranks(self, methods: list[str], metric: int, better: str) -> np.ndarray:
        """The interval of the rank of each of `methods` among them: [K, 2]; 1 is the best, equals share the upper rank.

        The rank in a replicate is 1 and one more for each method that is better there, on the images that both have.
        """
        ahead = np.empty((len(methods), len(methods), REPLICATES))  # of the second method before the first
        for (i, one), (j, two) in itertools.combinations_with_replacement(enumerate(methods), 2):
            shared = self.on_shared(one, two, metric)
            ahead[i, j] = (shared.draws[two] - shared.draws[one])[:, metric] * (1 if better == "higher" else -1)
            ahead[j, i] = -ahead[i, j]
        ahead = ahead[..., ~np.isnan(ahead).any(axis=(0, 1))]
        if not ahead.size:
            return np.full((len(methods), 2), np.nan)
        ranks = 1 + (ahead > 0).sum(axis=1)  # [K, R]
        return np.quantile(ranks, ENDS, axis=1, method="inverted_cdf").T
