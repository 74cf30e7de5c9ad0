"""From the scores of single images to what the tables say: means with intervals, ranks, the best, and differences."""

import sys

import numpy as np
import pandas as pd

from metrics import declared
from reports.bootstrap import Bootstrap, interval, separated

METRICS = declared.of_estimates()
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

    A single image, the mosaic of the protocol's switch of that name, has no interval.
    """
    seeds = scores.groupby(["measurement", "method"])["seed"].nunique()
    rows = [
        (scores["dataset"].iloc[0], measurement, method, metric, here.mean[method][at])
        + (*(interval(here.draws[method][:, at]) if images > 1 else (np.nan, np.nan)), images, seeds[measurement, method])
        for measurement, here in replicates.items()
        for method in here.mean
        for at, metric in enumerate(metrics)
        if (images := here.images[method][:, at].sum())
    ]
    columns = ["dataset", "measurement", "method", "metric", "mean", "low", "high", "images", "seeds"]
    values = pd.DataFrame(rows, columns=columns)
    for column, names in {"measurement": list(replicates), "method": methods}.items():
        if lacking := [name for name in names if name not in set(values[column])]:
            sys.exit(f"no scores for the {column} {', '.join(lacking)}; give its files after --scores")
    return values


def leader(rows: pd.DataFrame, metrics=METRICS) -> str:
    """The method with the best mean; `rows` are of one measurement and metric."""
    means = rows.set_index("method")["mean"]
    return means.idxmax() if metrics[rows["metric"].iloc[0]].better == "higher" else means.idxmin()


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
                first = leader(rows, metrics)
                ties = [m for m in rows["method"] if m != first and not separated(*here.minus(first, m, at)[1:])]
                values.loc[rows.index[rows["method"].isin([first, *ties])], "best"] = "tied" if ties else "best"
    return values.astype({"rank_low": "Int64", "rank_high": "Int64"})


def compare(values, replicates: dict[str, Bootstrap], unsupervised: set[str], reference: str | None) -> pd.DataFrame:
    """The mean paired difference of every row to the reference of its measurement and metric: a row each but for the reference.

    Without `reference`, and where it does not apply, that is the best row that sees no clean image.
    """
    made = []
    for (measurement, metric), rows in values.groupby(["measurement", "metric"], sort=False):
        known = reference in set(rows["method"])
        if not known and METRICS[metric].better not in ("higher", "lower"):
            continue
        competitors = rows[rows["method"].isin(unsupervised)]
        to = reference if known else leader(rows if competitors.empty else competitors)
        for _, row in rows[rows["method"] != to].iterrows():
            difference, low, high = replicates[measurement].minus(row["method"], to, PLACE[metric])
            identity = (row["dataset"], measurement, metric, row["method"], to)
            made.append((*identity, difference, low, high, separated(low, high)))
    columns = ["dataset", "measurement", "metric", "method", "reference", "difference", "low", "high", "separated"]
    return pd.DataFrame(made, columns=columns)
