"""The scores of each training of a method, and whether they lie so far apart that the interval of their mean means little."""

import numpy as np
import pandas as pd

from metrics import declared

APART = 0.5  # standard deviations over images; more between trainings is marked


def over_images(scores: np.ndarray) -> np.ndarray:
    """The variance over the images of a seed, divided by N - 1, its mean over seeds: [...] of scores [S, N, ...].

    An image counts where all seeds have a score; nan where fewer than two do.
    """
    known = ~np.isnan(scores).any(axis=0)
    count = np.where(known.sum(axis=0) > 1, known.sum(axis=0), np.nan)
    kept = np.where(known, scores, 0)
    centred = np.where(known, scores - (kept.sum(axis=1) / count)[:, None], 0)
    return ((centred**2).sum(axis=1) / (count - 1)).mean(axis=0)


def apart(scores: np.ndarray, typical: float = 0.0) -> bool:
    """Whether the seeds of scores [S, N] lie further apart than trainings that went alike, and N images, explain.

    s²  the variance of the S means over images, divided by S - 1
    w   the variance over images (`over_images`)
    v   the larger of w and `typical`, the median of w over the methods of a table: a method whose estimates are all grey has
        next to no spread over images, and a difference that nobody would call large is large against that
    apart where  s² > APART² v + w / N

    The intervals of reports/bootstrap.py take trainings to be normal draws about one mean. A training that collapses is none: the
    mean is then of two kinds of training, and no interval from few seeds is one of it. Whether a spread is large is told by the
    spread over images: the means of trainings that are all alike differ by w / N at most on account of the images, and normal
    trainings with a standard deviation of r √v, where w = v, are marked with the probability
    P(χ²(S-1) > (S - 1) (APART² + 1/N) / (r² + 1/N)) at most. For three seeds and many images that is 2·10⁻³ at r = 0.2 and 0.018
    at r = 0.25. One of three seeds that is δ √v off the other two gives s² = δ² v / 3 and is marked from δ = 0.87 on.

    The mark shows what was seen. Three seeds of a training that collapses once in three are all sound with probability
    (2/3)³ = 0.30; their interval is narrow, wrong and not marked. More seeds are the only remedy.
    """
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    seeds, images = scores.shape
    if seeds < 2 or images < 2:
        return False
    between, within = scores.mean(axis=1).var(ddof=1), over_images(scores)
    return bool(between > APART**2 * max(within, typical) + within / images)


def by_seed(scores: pd.DataFrame, methods: list[str], measurements: list[str]) -> pd.DataFrame:
    """A row for each measurement, method with several seeds, seed and metric: its mean and standard deviation over images."""
    keys = ["dataset", "measurement", "method", "seed"]
    several = scores.groupby(keys[:3])["seed"].transform("nunique") > 1
    columns = [column for column in declared.of_estimates() if column in scores]
    of_seed = scores[several].groupby(keys)[columns].agg(["mean", "std", "count"]).rename_axis(columns=["metric", None])
    rows = of_seed.stack("metric", future_stack=True).rename(columns={"std": "sd", "count": "images"}).reset_index()
    order = {"measurement": measurements, "method": methods, "metric": columns}
    rows = rows.sort_values([*order, "seed"], key=lambda found: found.map(order.get(found.name, list(found)).index))
    return rows[rows["images"] > 0]
