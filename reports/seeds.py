"""The scores of each training of a method, and whether they lie so far apart that the interval of their mean means little."""

import numpy as np
import pandas as pd

from metrics import declared

APART = 0.5  # standard deviations over images; more between trainings is marked


def apart(scores: np.ndarray) -> bool:
    """Whether the seeds of scores [S, N] lie further apart than trainings that went alike, and N images, explain.

    s²  the variance of the S means over images, divided by S - 1
    v   the variance over the images of a seed, divided by N - 1, its mean over seeds
    apart where  s² > (APART² + 1 / N) v

    The intervals of reports/bootstrap.py take trainings to be normal draws about one mean. A training that collapses is none: the
    mean is then of two kinds of training, and no interval from few seeds is one of it. What a spread is large against is the
    spread over images, which the row itself tells: the means of S trainings that are all alike differ by v / N at most on account
    of the images, and trainings that are normal with a standard deviation of r √v are marked with the probability
    P(χ²(S-1) > (S - 1) (APART² + 1/N) / (r² + 1/N)). For three seeds and many images that is 2·10⁻³ at r = 0.2 and 0.018 at
    r = 0.25; the trainings of most published rows have r < 0.1. One of three seeds that is δ √v off the other two gives
    s² = δ² v / 3 and is marked from δ = 0.87 on.

    The mark shows what was seen. Three seeds of a training that collapses once in three are all sound with probability
    (2/3)³ = 0.30; their interval is narrow, wrong and not marked. More seeds are the only remedy.
    """
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    seeds, images = scores.shape
    if seeds < 2 or images < 2:
        return False
    between, within = scores.mean(axis=1).var(ddof=1), scores.var(axis=1, ddof=1).mean()
    return bool(between > (APART**2 + 1 / images) * within)


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
