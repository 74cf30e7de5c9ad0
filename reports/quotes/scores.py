"""Fields of scores: rows of tables over the forward models of a run, and numbers in sentences (reports/quotes/field.py).

A run, a method and a metric are named as in the published files (reports/quotes/lookup.py). `at` names one forward model; without
it all are meant. `digits` are those behind the point; without it they are the metric's own.
"""

import numpy as np

from reports.quotes import lookup
from reports.quotes.field import Numbers, field, fixed, plain


def digits_of(metric: str, digits: int | None) -> int:
    return lookup.metrics()[metric].decimals if digits is None else digits


# --- rows of tables, over the forward models of a run --------------------------------------------------------------------------


@field
def heads(run: str) -> str:
    """The forward models with their first options: drop-independent 0.5 | …"""
    return " | ".join(f"{name.replace('_', '-')} {plain(lookup.strength(run, name))}" for name in lookup.measurements(run))


@field
def cells(run: str, method: str, *metrics: str, interval: bool = True, digits: int | None = None, absent: str = "") -> str:
    """A cell for each forward model: 21.01 ± 0.05 / 0.974 | … Of the first metric half of its interval is told, if there is one.

    Bold as in the published table. `absent` stands where the method has no score; without it that is an error.
    """
    here = lookup.measurements(run)
    scored = set(lookup.rows(lookup.table_of(run, metrics[0]), method=method)["measurement"])
    return " | ".join(absent if absent and at not in scored else cell(run, at, method, metrics, interval, digits) for at in here)


def cell(run: str, measurement: str, method: str, metrics: tuple[str, ...], interval: bool, digits: int | None = None) -> str:
    parts = []
    for metric in metrics:
        score, places = lookup.score(run, measurement, method, metric), digits_of(metric, digits)
        mean = f"**{fixed(score.mean, places)}**" if score.best else fixed(score.mean, places)
        half = f" ± {fixed(score.half, places)}" if interval and not parts and not np.isnan(score.half) else ""
        parts.append(mean + half)
    return " / ".join(parts)


@field
def classical(run: str, *metrics: str, interval: bool = True) -> str:
    """Cells of the best classical method by the first metric, with its name: 15.35 ± 0.03 / 0.308 (mean image) | …"""
    found = []
    for at in lookup.measurements(run):
        method = lookup.classical(run, at, metrics[0])
        title = lookup.one(lookup.PUBLISHED / run / "methods.csv", "title", method=method, measurement=at)
        found.append(f"{cell(run, at, method, metrics, interval)} ({title})")
    return " | ".join(found)


@field
def original(run: str, method: str, *metrics: str) -> str:
    """What the original states of a method, with two digits as there."""
    stated = [[lookup.score(run, at, method, metric, "original").mean for metric in metrics] for at in lookup.measurements(run)]
    return " | ".join(" / ".join(fixed(value, 2) for value in values) for values in stated)


@field
def title(run: str, method: str) -> str:
    """The name of a row."""
    table = lookup.table_of(run)
    return lookup.common(table if "title" in lookup.read(table) else table.with_name("methods.csv"), "title", method=method)


@field
def metric(name: str) -> str:
    """The name of a metric."""
    return lookup.metrics()[name].title


# --- numbers in sentences ------------------------------------------------------------------------------------------------------


@field
def means(run: str, method: str, metric: str, *, at: str = "", digits: int | None = None) -> Numbers:
    """The mean on each forward model, or on one alone (`at`)."""
    values = [lookup.score(run, each, method, metric).mean for each in places(run, at)]
    return Numbers(values, digits_of(metric, digits))


@field
def halves(run: str, method: str, metric: str, *, at: str = "", digits: int | None = None) -> Numbers:
    """Half of the interval of each mean."""
    values = [lookup.score(run, each, method, metric).half for each in places(run, at)]
    if np.isnan(values).any():
        raise LookupError(f"{lookup.named(lookup.table_of(run, metric))}: states no interval of {method}")
    return Numbers(values, digits_of(metric, digits))


@field
def widest(run: str, metric: str) -> str:
    """The largest of the half intervals of all methods."""
    methods = lookup.read(lookup.table_of(run))["method"].unique()
    found = [half for method in methods for half in halves(run, method, metric).values]
    return fixed(max(found), digits_of(metric, None))


@field
def gaps(
    run: str,
    method: str,
    other: str,
    metric: str,
    *,
    at: str = "",
    other_run: str = "",
    other_metric: str = "",
    other_column: str = "mean",
    digits: int | None = None,
    sign: bool = False,
) -> Numbers:
    """The mean of a method minus that of another, which may be of another run or metric, or of the column `original`."""
    there = (other, other_metric or metric, other_column)
    less = [lookup.score(other_run or run, each, *there).mean for each in places(run, at)]
    values = [lookup.score(run, each, method, metric).mean - mean for each, mean in zip(places(run, at), less, strict=True)]
    return Numbers(values, digits_of(metric, digits), sign)


@field
def paired(run: str, method: str, other: str, metric: str, *, at: str = "", sign: bool = False) -> Numbers:
    """The same from differences.csv: paired over images and seeds, each with its interval."""
    found = [lookup.paired(run, each, method, other, metric) for each in places(run, at)]
    return with_intervals(found, digits_of(metric, None), sign)


@field
def lead(run: str, metric: str) -> Numbers:
    """The difference between the best row that sees no clean image and the best classical one, paired, with its interval."""
    found, path = [], lookup.PUBLISHED / run / "differences.csv"
    for each in lookup.measurements(run):
        best = lookup.common(path, "reference", measurement=each, metric=metric)
        found.append(lookup.paired(run, each, best, lookup.classical(run, each, metric), metric))
    return with_intervals(found, digits_of(metric, None), sign=False)


def with_intervals(found: list[tuple[float, float, float]], digits: int, sign: bool) -> Numbers:
    intervals = tuple(f" [{fixed(low, digits)}, {fixed(high, digits)}]" for _, low, high in found)
    return Numbers([difference for difference, _, _ in found], digits, sign, intervals)


def places(run: str, at: str) -> list[str]:
    return [at] if at else lookup.measurements(run)


@field
def percent(numbers: Numbers) -> Numbers:
    return Numbers([100 * value for value in numbers.values], max(0, numbers.digits - 2))


@field
def span(*several: Numbers) -> str:
    """From the least to the largest of them: 0.1 to 0.3."""
    values, (digits, *_) = [value for numbers in several for value in numbers.values], [each.digits for each in several]
    ends = dict.fromkeys(fixed(value, digits, several[0].sign) for value in (min(values), max(values)))
    return " to ".join(ends)


@field
def largest(numbers: Numbers) -> str:
    return fixed(max(numbers.values), numbers.digits, numbers.sign)


@field
def ceiling(run: str) -> Numbers:
    """The accuracy with which the classifier reads the clean test images."""
    path = lookup.table_of(run)
    found = lookup.read(path)["ceiling"].dropna().unique()
    if len(found) != 1:
        raise LookupError(f"{lookup.named(path)}: states {len(found)} ceilings")
    return Numbers(list(found), digits_of("accuracy", None))
