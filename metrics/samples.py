"""What the programs share that score posterior samples: one image with its samples, its ranks, its windows, and the jackknife.

Clean images are stored in 8 bits, and samples are compared with them as if they were too: rounded in the same way, an exact
posterior's samples and the truth are exchangeable, ties included.
Legend: H W C image, K samples, N images.
"""

import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

import store
from measurements import files
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics import scores as scores_file

LEVELS = 255  # steps of an 8-bit image
WINDOW = 7  # pixels, the side of a window, as of SSIM's
BINS = 10  # of a PIT histogram


class Place(NamedTuple):
    """Where the truth stands among its K samples, in [0, 1]: anywhere between `first` and `last`, two arrays of one shape.

    r samples below it and t equal to it leave it anywhere in [r, r + t + 1] / (K + 1) (the nonrandomised PIT of Czado, Gneiting
    and Held, Biometrics 2009). For an exact posterior it is uniform, for every K, and also where values are certain.
    """

    first: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, samples: np.ndarray) -> "Place":
        """Of arrays [...] and [K, ...] that are rounded, so that equal is equal."""
        below, equal = (samples < x).sum(0), (samples == x).sum(0)
        return cls(below / (len(samples) + 1), (below + equal + 1) / (len(samples) + 1))

    def inside(self, low: float, high: float) -> np.ndarray:
        """The share of [first, last] that lies in [low, high], of each value."""
        shared = np.minimum(self.last, high) - np.maximum(self.first, low)
        return np.maximum(shared, 0) / (self.last - self.first)

    def coverage(self, level: float, of: np.ndarray | None = None) -> float:
        """The share of values, or of those that `of` marks, inside the central interval of probability `level`; nan of none."""
        return mean(self.inside((1 - level) / 2, (1 + level) / 2)[... if of is None else of])

    def share_of_bin(self, number: int) -> float:
        """The share of values in bin `number`, from 1 on, of BINS equal ones: an exact posterior has 1 / BINS in each."""
        return mean(self.inside((number - 1) / BINS, number / BINS))


class Sampled:
    """One image x, float64 [H, W, C] in [0, 1], its samples [K, H, W, C] and `free`, a bool mask [H, W, C] of the open values.

    Open are the values that the measurement does not show exactly.
    """

    def __init__(self, x: np.ndarray, samples: np.ndarray, free: np.ndarray):
        self.x, self.samples, self.free = x, samples, free

    @cached_property
    def x8(self) -> np.ndarray:
        return np.rint(LEVELS * self.x)

    @cached_property
    def samples8(self) -> np.ndarray:
        return np.rint(LEVELS * self.samples)

    @cached_property
    def place(self) -> Place:
        """Of the open values, [V]."""
        return Place.of(self.x8[self.free], self.samples8[:, self.free])


def mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def tiles(images: np.ndarray) -> np.ndarray:
    """[..., H, W, C] → [..., windows, WINDOW · WINDOW · C]: side by side from the upper left corner on; a rest is left out."""
    *before, height, width, colours = images.shape
    down, across = height // WINDOW, width // WINDOW
    cut = images[..., : down * WINDOW, : across * WINDOW, :].reshape(*before, down, WINDOW, across, WINDOW, colours)
    return np.moveaxis(cut, -4, -3).reshape(*before, down * across, WINDOW * WINDOW * colours)


def each(clean: np.ndarray, samples: np.ndarray, side_info: np.ndarray, forward: ForwardModel) -> Iterator[Sampled]:
    """Every image, from uint8 [N, H, W, C], float16 [K, N, H, W, C] and side information as its file holds it."""
    for i, (image, known) in enumerate(zip(clean, side_info, strict=True)):
        free = ~forward.observed(from_disk(known, image.shape), image.shape)
        yield Sampled(image / LEVELS, samples[:, i].astype(np.float64), free)


def pseudo_values(parts: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Jackknife pseudo-values [N] of a statistic of the mean over images of `parts`, [N, D]; nan where an image has a nan.

    p_i = n T - (n - 1) T_{-i},   T = statistic(mean of all),   T_{-i} = statistic(mean of all but i)

    For what is no mean over images, as a ratio or a distance of distributions: the mean of p is T without its bias of order
    1 / n, and the spread of p is that of a mean with the same standard error, so that tables treat p like any score of images
    (Tukey 1958; Efron and Tibshirani 1993, chapter 11). `statistic` takes [..., D] and returns [...].
    """
    counts = ~np.isnan(parts).any(1)
    n, found = counts.sum(), np.full(len(parts), np.nan)
    if n > 1:
        total = parts[counts].sum(0)
        found[counts] = n * statistic(total / n) - (n - 1) * statistic((total - parts[counts]) / (n - 1))
    return found


def main(program: str, description: str, needs: tuple[str, ...], scores: Callable, arguments: list[str] | None = None) -> None:
    """The command of a program whose `scores(clean, samples, side_info, forward)` gives a DataFrame with a row per image."""
    args = scores_file.parser_of(program, description, needs).parse_args(arguments)
    with store.clear_errors():
        measured, facts = store.describe(args.side_info), scores_file.facts_of(args.samples)
        scores_file.same_measurements(args.samples, facts, measured)
        clean, side_info = scores_file.load_clean(args.clean), files.load(args.side_info)
        files.check_clean(args.clean, clean, measured)
        samples = scores_file.load_restored(args.samples, (None, None, *clean.shape[1:]))
        if not 0 < (count := samples.shape[1]) <= len(clean) == len(side_info):
            sys.exit(f"{args.samples}: holds {samples.shape}, not samples of the images {clean.shape}; delete it and run again")
        table = scores(clean[:count], samples, side_info[:count], from_facts(measured))
        scores_file.write(args.output, table.assign(samples=len(samples)), facts)
