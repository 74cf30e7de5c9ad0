"""Published results, as pages quote them: every look-up ends at one row of one file, or at a LookupError that names the file.

A run is a folder of reports/published: "mnist" with its tables, options and losses side by side, or "default/mnist", whose tables
are made from merged scores (reports/merge.py) and whose options and losses lie in ../models and ../measured. A table that stands
alone is a run too: "mnist/ablation" is the file mnist/ablation.csv, with a column for each metric.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

import store
from measurements import forward
from metrics import declared
from reports import files

HOME = Path(__file__).parent.parent.parent
PUBLISHED = HOME / "reports" / "published"


class Score(NamedTuple):
    mean: float
    half: float  # of its interval; nan where there is none
    best: bool  # of the rows that see no clean image, its difference to every other separated from zero


def named(path: Path) -> str:
    """A path as messages name it."""
    return path.relative_to(HOME).as_posix() if path.is_relative_to(HOME) else str(path)


@functools.cache
def read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise LookupError(f"{named(path)}: no such file")
    return files.read_csv(path)


def rows(path: Path, **wanted) -> pd.DataFrame:
    """The rows of a file that hold the values named; at least one."""
    found = read(path)
    if lacking := [column for column in wanted if column not in found]:
        raise LookupError(f"{named(path)}: has no column {', '.join(lacking)}")
    for column, value in wanted.items():
        found = found[found[column] == value]
    if found.empty:
        raise LookupError(f"{named(path)}: no row has {described(wanted)}")
    return found


def one(path: Path, column: str, **wanted) -> Any:
    """What the only row that holds the values named has in a column; not empty."""
    found = rows(path, **wanted)
    if len(found) > 1:
        raise LookupError(f"{named(path)}: {len(found)} rows have {described(wanted)}")
    return common(path, column, **wanted)


def common(path: Path, column: str, **wanted) -> Any:
    """What all rows that hold the values named have in a column; not empty."""
    found = rows(path, **wanted)
    if column not in found:
        raise LookupError(f"{named(path)}: has no column {column}")
    if found[column].isna().any() or len(values := found[column].unique()) > 1:
        raise LookupError(f"{named(path)}: rows with {described(wanted)} have no {column}, or not the same")
    return values[0]


def described(wanted: dict) -> str:
    return ", ".join(f"{column} {value}" for column, value in wanted.items()) or "anything"


# --- scores --------------------------------------------------------------------------------------------------------------------


def table_of(run: str, metric: str = "psnr") -> Path:
    """The file that holds a run's scores of a metric."""
    if (PUBLISHED / run).is_dir():
        return PUBLISHED / run / ("posterior.csv" if metric in declared.of_samples() else "table.csv")
    return PUBLISHED / f"{run}.csv"


def measurements(run: str) -> list[str]:
    return list(read(table_of(run))["measurement"].unique())


def metrics() -> dict[str, declared.Metric]:
    return declared.of_estimates() | declared.of_samples()


def score(run: str, measurement: str, method: str, metric: str, column: str = "mean") -> Score:
    path, cell = table_of(run, metric), {"measurement": measurement, "method": method}
    if path.stem not in ("table", "posterior"):  # one column for each metric
        return Score(one(path, metric, **cell), one(path, f"{metric}_half_interval", **cell), False)
    mean, row = one(path, column, **cell, metric=metric), rows(path, **cell, metric=metric).iloc[0]
    of_mean = column == "mean" and path.stem == "table"
    half = (row["high"] - row["low"]) / 2 if of_mean else np.nan
    return Score(mean, half, of_mean and row["best"] == "best")


def paired(run: str, measurement: str, method: str, other: str, metric: str) -> tuple[float, float, float]:
    """The paired difference of a method to another and its interval, whichever of the two the file calls the reference."""
    path, cell = PUBLISHED / run / "differences.csv", {"measurement": measurement, "metric": metric}
    told = rows(path, **cell)[["method", "reference"]].eq([other, method]).all(axis=1).any()
    there = cell | ({"method": other, "reference": method} if told else {"method": method, "reference": other})
    found = tuple(one(path, column, **there) for column in ("difference", "low", "high"))
    return (-found[0], -found[2], -found[1]) if told else found


def classical(run: str, measurement: str, metric: str) -> str:
    """The best of the methods that neither learn nor leave the measurement as it is, of those that restored every image."""
    scored = rows(table_of(run, metric), measurement=measurement, metric=metric)
    complete = set(scored["method"][scored["images"] == scored["images"].max()]) - {"as_measured"}
    names = complete & set(rows(PUBLISHED / run / "methods.csv", measurement=measurement, learned=False)["method"])
    found = {name: score(run, measurement, name, metric).mean for name in names}
    return (max if metrics()[metric].better == "higher" else min)(found, key=found.get)


# --- trainings and options -----------------------------------------------------------------------------------------------------


def merged(run: str) -> Path | None:
    """The folder of merged scores that a run's tables are made from; None for one with files of its own."""
    above = (PUBLISHED / run).parent
    return above if (above / "models").is_dir() else None


def losses(run: str, measurement: str, method: str, seed: int) -> Path:
    """The file with the losses of a training."""
    if above := merged(run):
        return above / "models" / Path(run).name / measurement / method / str(seed) / "train.csv.xz"
    if seed:
        raise LookupError(f"{named(PUBLISHED / run / 'training')}: holds the first seed alone, not {seed}")
    return PUBLISHED / run / "training" / f"{measurement}.{method}.csv"


def options(run: str, method: str, part: str = "train") -> dict:
    """The options that a method was trained or restored with."""
    if above := merged(run):
        found = [store.load_json(path)["options"] for path in above.glob(f"models/{Path(run).name}/*/{method}/*/{part}.json")]
        if not found or found != found[:1] * len(found):
            raise LookupError(f"{named(above / 'models')}: no {part}.json of {method} on {Path(run).name}, or not all the same")
        return found[0]
    return configured(PUBLISHED / run / "config.yaml", "methods", method, part)


def corruption(run: str, measurement: str) -> dict:
    """The options of a forward model."""
    if above := merged(run):
        return store.load_json(above / "measured" / Path(run).name / measurement / "test.json")["options"]
    return configured(PUBLISHED / run / "config.yaml", "datasets", common(table_of(run), "dataset"), measurement)


def strength(run: str, measurement: str) -> Any:
    """The first option of a forward model: p, size, sigma."""
    return corruption(run, measurement)[dataclasses.fields(forward.find(measurement))[0].name]


def configured(path: Path, *keys: str) -> Any:
    """What a configuration says below some keys."""
    if not path.is_file():
        raise LookupError(f"{named(path)}: no such file")
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    for at, key in enumerate(keys):
        if not isinstance(found, dict) or key not in found:
            raise LookupError(f"{named(path)}: says nothing of {'/'.join(keys[: at + 1])}")
        found = found[key]
    return found
