"""From the scores of single images to what the tables say: means with intervals, ranks, the best, and differences."""

import sys

import numpy as np
import pandas as pd

from metrics import declared
from reports.bootstrap import Bootstrap, interval, separated
from reports.seeds import apart, over_images

METRICS = declared.of_estimates()  # by column
PLACE = {metric: place for place, metric in enumerate(METRICS)}  # of a metric in arrays


def by_image(scores: pd.DataFrame, measurement: str, methods: list[str], metrics=METRICS) -> dict[str, np.ndarray]:
    """{method: [S, N, M]}, seeds, images and metrics in order; S is 1 for a method without seeds, nan where there is no score."""
    here = scores[scores["measurement"] == measurement]
    images, found = np.unique(here["image"]), {}
    for method, cell in here.groupby("method"):
        name = f"{cell['dataset'].iloc[0]}/{measurement}/{method}"
        if cell.groupby("seed", dropna=False)["image"].agg(frozenset).nunique() > 1:
            sys.exit(f"{name}: its seeds are not scored on the same images; score them again")
        seeds = [rows.set_index("image").reindex(columns=list(metrics)) for _, rows in cell.groupby("seed", dropna=False)]
        found[method] = np.stack([rows.reindex(images).to_numpy(float) for rows in seeds])
    return {method: found[method] for method in methods if method in found}


def summarise(scores: pd.DataFrame, replicates: dict[str, Bootstrap], methods: list[str], metrics=METRICS) -> pd.DataFrame:
    """A row for each measurement, method and metric that applies. `seeds` is 0 for a method without seeds.

    A single image, the mosaic of the protocol's switch of that name, has no interval. `seeds_apart` as in reports/seeds.py.
    """
    seeds = scores.groupby(["measurement", "method"])["seed"].nunique()
    spread = {
        name: pd.DataFrame([over_images(cell) for cell in here.scores.values()]).median() for name, here in replicates.items()
    }
    rows = [
        (scores["dataset"].iloc[0], measurement, method, metric, here.mean[method][at])
        + (*(interval(here.draws[method][:, at]) if images > 1 else (np.nan, np.nan)), images, seeds[measurement, method])
        + (apart(here.scores[method][..., at], spread[measurement][at]),)
        for measurement, here in replicates.items()
        for method in here.mean
        for at, metric in enumerate(metrics)
        if (images := here.images[method][:, at].sum())
    ]
    columns = ["dataset", "measurement", "method", "metric", "mean", "low", "high", "images", "seeds", "seeds_apart"]
    values = pd.DataFrame(rows, columns=columns)
    for column, names in {"measurement": list(replicates), "method": methods}.items():
        if lacking := [name for name in names if name not in set(values[column])]:
            sys.exit(f"no scores for the {column} {', '.join(lacking)}; give its files after --scores")
    return values


def leader(rows: pd.DataFrame, replicates: Bootstrap, metrics=METRICS) -> str:
    """The method with the best mean; `rows` are of one measurement and metric.

    Means over fewer images than others have do not compare. So the best of those with most images comes first, unless a method
    is better than it on the images that both have; of several such, the one that is better by most.
    """
    metric = rows["metric"].iloc[0]
    sign, at = 1 if metrics[metric].better == "higher" else -1, list(metrics).index(metric)
    most = rows[rows["images"] == rows["images"].max()].set_index("method")["mean"]
    best = (sign * most).idxmax()
    return max(rows["method"], key=lambda method: sign * replicates.minus(method, best, at)[0])


def placed(values: pd.DataFrame, replicates: dict[str, Bootstrap], unsupervised: set[str], metrics=METRICS) -> pd.DataFrame:
    """`values` with the interval of each row's rank and with `best`; empty for a metric without a better direction.

    A rank is among the rows of the same group, those that see no clean image (`unsupervised`) or the others. `best` is for
    the former: "best" if its paired difference to every other is separated from zero; if not, "tied" for it and those that it
    is not separated from.
    """
    values = values.assign(rank_low=pd.NA, rank_high=pd.NA, best="")
    for (measurement, metric), column in values.groupby(["measurement", "metric"], sort=False):
        if metrics[metric].better not in ("higher", "lower"):
            continue
        here, at = replicates[measurement], list(metrics).index(metric)
        for competes, rows in column.groupby(column["method"].isin(unsupervised)):
            ranks = here.ranks(list(rows["method"]), at, metrics[metric].better)
            values.loc[rows.index, ["rank_low", "rank_high"]] = ranks
            if competes:
                first = leader(rows, here, metrics)
                ties = [m for m in rows["method"] if m != first and not separated(*here.minus(first, m, at)[1:])]
                values.loc[rows.index[rows["method"].isin([first, *ties])], "best"] = "tied" if ties else "best"
    return values.astype({"rank_low": "Int64", "rank_high": "Int64"})


def compare(values, replicates: dict[str, Bootstrap], unsupervised: set[str], reference: str | None) -> pd.DataFrame:
    """The mean paired difference of every row to the reference of its measurement and metric: a row each but for the reference.

    `images` is the number of those that both are scored on.
    Without `reference`, and where it does not apply, that is the best row that sees no clean image.
    """
    made = []
    for (measurement, metric), rows in values.groupby(["measurement", "metric"], sort=False):
        known = reference in set(rows["method"])
        if not known and METRICS[metric].better not in ("higher", "lower"):
            continue
        competitors = rows[rows["method"].isin(unsupervised)]
        here = replicates[measurement]
        to = reference if known else leader(rows if competitors.empty else competitors, here)
        for _, row in rows[rows["method"] != to].iterrows():
            difference, low, high = here.minus(row["method"], to, PLACE[metric])
            images = (here.images[row["method"]] & here.images[to])[:, PLACE[metric]].sum()
            identity = (row["dataset"], measurement, metric, row["method"], to)
            made.append((*identity, difference, low, high, separated(low, high), images))
    columns = ["dataset", "measurement", "metric", "method", "reference", "difference", "low", "high", "separated", "images"]
    return pd.DataFrame(made, columns=columns)
