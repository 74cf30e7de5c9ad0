"""Do single posterior samples pass for images that could have been measured? A classifier two-sample test without clean images.

Samples are measured afresh, each with the side information of another test image and new noise. A classifier then tells these
measurements from the real ones of test images of which no samples were drawn (Lopez-Paz and Oquab, ICLR 2017). Samples of an
exact posterior, one of each image, are distributed like clean images, and no classifier gets more than half of them right.
It sees statistics of texture, of brightness and of coarse shape, and is tested on images that it was not trained on. One row per
image.
"""

import sys

import numpy as np

import store
from measurements import files
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics import samples as of_samples
from metrics import scores as scores_file
from metrics.declared import Metric
from metrics.texture import DIRECTIONS, LAGS, pairs

PER_IMAGE = 4  # samples of each image, at most, and as many real measurements
FOLDS, TREES = 5, 100
GRID = 4  # coarse shape: means of GRID × GRID parts of the image
FEWEST = 2 * FOLDS  # images
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

NEEDS = ("y", "side_info", "samples")
METRICS = {
    "told_apart": Metric(
        "told apart",
        "",
        "near 0.5",
        "Share of fresh measurements of samples and of held-out real measurements that a classifier tells apart; 0.5 is chance.",
        decimals=3,
        shown="posterior details",
    )
}


def fresh(images: np.ndarray, s: np.ndarray, forward: ForwardModel, rng: np.random.Generator) -> np.ndarray:
    """Measurements of images [N, H, W, C] with given side information: predict(x, s) + σ n where y informs.

    >>> from measurements.add_noise import AddNoise
    >>> y = fresh(np.full((1, 100, 100, 1), 0.5), np.full((1, 1, 1, 1), 0.2), AddNoise(0.2), np.random.default_rng(0))
    >>> float(y.mean().round(2)), float(y.std().round(2))
    (0.5, 0.2)
    """
    noise = forward.sigma * rng.standard_normal(images.shape)
    return forward.predict(images, s) + noise * forward.informs(s, images.shape)


def features(y: np.ndarray, informs: np.ndarray) -> np.ndarray:
    """What the classifier sees of measurements [N, H, W, C], where they inform: [N, features]; 0 where there is nothing."""

    def mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
        axes = tuple(range(1, values.ndim))
        return (values * where).sum(axes) / np.maximum(where.sum(axes), 1)

    found = [mean(y, informs), mean(y**2, informs)]
    found += list(np.nan_to_num(np.nanquantile(np.where(informs, y, np.nan).reshape(len(y), -1), QUANTILES, axis=1)))
    for lag in LAGS:
        for direction in DIRECTIONS:
            a, b = pairs(y, lag, direction)
            both = np.logical_and(*pairs(informs, lag, direction))
            found += [mean(np.abs(a - b), both), mean((a - b) ** 2, both)]
    for rows in np.array_split(np.arange(y.shape[1]), GRID):
        for columns in np.array_split(np.arange(y.shape[2]), GRID):
            part = np.s_[:, rows[:, None], columns]
            found += [mean(y[part][..., channel], informs[part][..., channel]) for channel in range(y.shape[3])]
    return np.stack(found, 1)


def told_apart(real: np.ndarray, made: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The share of each group that is told apart, [G]: features [M, F] of real and of made ones, the group 0 … G - 1 of each.

    Cross-validated over groups, both kinds of a group in one fold, with a random forest.
    """
    from sklearn.ensemble import RandomForestClassifier  # slow to import, and Snakemake lists this file at every start

    count, right = groups.max() + 1, np.empty((2, len(groups)))
    fold = np.random.default_rng(0).permutation(count)[groups] % FOLDS
    for number in range(FOLDS):
        training, held_out = fold != number, fold == number
        forest = RandomForestClassifier(TREES, min_samples_leaf=2, random_state=0)
        forest.fit(np.concatenate([real[training], made[training]]), np.repeat([0, 1], training.sum()))
        for kind, those in enumerate((real, made)):
            right[kind, held_out] = forest.predict(those[held_out]) == kind
    return np.array([right[:, groups == group].mean() for group in range(count)])


def scores(y: np.ndarray, drawn: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per sampled image, of all measurements [N, H, W, C] and samples [K, n, H, W, C] of the first n.

    The other N - n are the real ones; an image for which there is none has nan, as have all where there are too few.
    """
    import pandas as pd  # slow to import, as above

    count, others = drawn.shape[1], len(y) - drawn.shape[1]
    images, each = min(count, others), min(PER_IMAGE, len(drawn), others // count or 1)
    found = np.full(count, np.nan)
    if images >= FEWEST:
        rng = np.random.default_rng(0)
        chosen = count + rng.permutation(others)[: images * each]
        groups = np.tile(np.arange(images), each)
        real, s = y[chosen].astype(np.float64), from_disk(side_info[chosen], y.shape)
        rounded = np.rint(of_samples.LEVELS * drawn[:each, :images].astype(np.float64)) / of_samples.LEVELS  # as the truth is
        again = fresh(rounded.reshape(-1, *y.shape[1:]), s, forward, rng).astype(y.dtype).astype(np.float64)
        informs = forward.informs(s, real.shape)
        found[:images] = told_apart(features(real, informs), features(again, informs), groups)
    return pd.DataFrame({"image": np.arange(count), "told_apart": found})


def main(arguments: list[str] | None = None) -> None:
    args = scores_file.parser_of("two_sample", __doc__, NEEDS).parse_args(arguments)
    with store.clear_errors():
        facts, measured = scores_file.facts_of(args.samples), store.describe(args.y)
        scores_file.same_measurements(args.samples, facts, measured)
        y, side_info = files.load(args.y), files.load(args.side_info)
        drawn = scores_file.load_restored(args.samples, (None, None, *y.shape[1:]))
        if not 0 < drawn.shape[1] <= len(y) == len(side_info):
            sys.exit(f"{args.samples}: holds {drawn.shape}, not samples of the images {y.shape}; delete it and run again")
        table = scores(y, drawn, side_info, from_facts(measured))
        scores_file.write(args.output, table.assign(samples=len(drawn)), facts)


if __name__ == "__main__":
    main()
