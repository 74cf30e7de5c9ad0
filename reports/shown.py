"""Which columns of scores each table shows.

A quality has two columns (metrics/scores.py): of the estimate as handed in, and with the observed values pasted in. The main
table shows the second, so that rows compare by what they infer, and the details the first. Where the protocol scores one mosaic,
as the original did, it is the other way round. Tables from before there were two have the first alone.
"""

from collections.abc import Iterable

import pandas as pd

import protocols
from metrics import declared
from metrics.declared import PASTED, Metric

METRICS = {name: metric for name, metric in declared.of_estimates().items() if not name.endswith(PASTED)}


def with_unit(metric: Metric) -> str:
    return f"{metric.title} {metric.unit}".rstrip()


def protocol_of(values: pd.DataFrame) -> str:
    """The protocol of a table.csv; those made before there was another than the sound one do not state it."""
    return values["protocol"].iloc[0] if "protocol" in values else "sound"


def twin(column: str) -> str:
    """The column of the same quality, scored the other way."""
    return column.removesuffix(PASTED) if column.endswith(PASTED) else column + PASTED


def column_of(metric: str, columns: Iterable[str], protocol: str) -> str:
    """The column of a metric that comes first under a protocol, among those that there are."""
    pastes = "mosaic" not in protocols.parse(protocol)
    return metric + PASTED if pastes and metric + PASTED in columns else metric


def main(values: pd.DataFrame, places: tuple[str, ...] = ("headline", "main")) -> dict[str, Metric]:
    """{column: its metric} of the main table, or those of some places alone; `values` is table.csv."""
    found, protocol = set(values["metric"]), protocol_of(values)
    return {column_of(name, found, protocol): metric for name, metric in METRICS.items() if metric.shown in places}


def headline(values: pd.DataFrame) -> dict[str, Metric]:
    """What the original states, and what a terminal shows."""
    return main(values, ("headline",))


def second(values: pd.DataFrame) -> dict[str, Metric]:
    """The other columns of the qualities in the main table, titled by what sets them apart."""
    found, first = set(values["metric"]), main(values)
    both = {name: metric for name, metric in METRICS.items() if {name, name + PASTED} <= found}
    return {
        column: metric._replace(title=f"{with_unit(metric)}, {'pasted' if column.endswith(PASTED) else 'as handed in'}", unit="")
        for name, metric in both.items()
        for column in (name, name + PASTED)
        if metric.shown in ("headline", "main") and column not in first
    }


def where_both_differ(values: pd.DataFrame) -> pd.DataFrame:
    """`values` without the second columns of measurements that tell no value of an image, where both ways are one."""
    kept = []
    for _, here in values.groupby("measurement", sort=False):
        means = here.pivot(index="method", columns="metric", values="mean")
        pairs = [(name, twin(name)) for name in second(values) if name in means]
        kept.append(here[~here["metric"].isin([name for name, other in pairs if means[name].equals(means[other])])])
    return pd.concat(kept)


def details(values: pd.DataFrame) -> dict[str, Metric]:
    return second(values) | {name: metric for name, metric in METRICS.items() if metric.shown == "details"}
