"""The table of measured rates, benchmarks/rates.csv, and what it says of a method. `python -m benchmarks.rates` measures it."""

import csv
import functools
import math
import statistics
from pathlib import Path
from typing import NamedTuple

from bench import method_facts
from config.schema import family_of

TABLE = Path(__file__).parent.parent / "benchmarks" / "rates.csv"
METHODS = Path(__file__).parent.parent / "methods"
BUDGET = ("steps", "batch_size")  # options of a training that say how often and how many, not how
ITERATIONS = ("steps", "restarts")  # options of a search, from random starts, that its time is proportional to
NEIGHBOURS = "neighbours"  # of a restoration that goes through so many training measurements, or all that there are
LEARNED_FROM = ("images", "windows", NEIGHBOURS)  # so many training measurements, at most, are learned from without networks


class Rate(NamedTuple):
    """seconds = fixed + each · count, on one core where a calibration takes `networks` and `arrays` seconds."""

    fixed: float
    each: float
    bytes: float  # of the trained model's file; 0 for all but trainings
    networks: float
    arrays: float

    def seconds(self, count: float) -> float:
        return self.fixed + self.each * count


def differing(method: dict, part: str, options: dict) -> str:
    """Those options of a method that are not its defaults, `name=value` in alphabetical order, without how often and how many."""
    file = Path(method["folder"]) / "method.yaml"
    schemas = getattr(facts_of(file.parent, file.stat().st_mtime_ns if file.exists() else 0), part)
    left = BUDGET if part == "train" else (NEIGHBOURS, *iterations(method))
    changed = {name for name, value in options.items() if name in schemas and value != schemas[name]["default"]}
    return " ".join(f"{name}={options[name]}" for name in sorted(changed.difference(left)))


def iterations(method: dict) -> tuple[str, ...]:
    """The options that say how often a restoration of the method repeats what its rate is of."""
    return ITERATIONS if method["seeded"] else ()


def repeats(method: dict, restore: dict, training: int | None) -> int | None:
    """How often a restored image takes what the rate says, with `training` measurements; None where they are not known."""
    times = math.prod(restore.get(name, 1) for name in iterations(method))
    if NEIGHBOURS not in restore:
        return times
    return None if training is None else times * min(restore[NEIGHBOURS], training)


@functools.cache
def facts_of(folder: Path, stamp: int) -> method_facts.MethodFacts:
    """A method's facts, read once as long as its file has the same time: they are asked for thousands of times."""
    return method_facts.read(folder)


@functools.cache
def table(path: Path = TABLE) -> dict[tuple[str, str, str], list[tuple[str, str, Rate]]]:
    """(part, method's folder, shape) -> (options, measurement, rate) of each row."""
    rows: dict = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rate = Rate(*(float(row[name]) for name in Rate._fields))
            rows.setdefault((row["part"], row["method"], row["shape"]), []).append((row["options"], row["measurement"], rate))
    return rows


@functools.cache
def reference() -> dict[str, float]:
    """The calibration of the machine on which most rates were measured: the median over the rows of the table."""
    rates = [rate for rows in table().values() for *_, rate in rows]
    return {kind: statistics.median(getattr(rate, kind) for rate in rates) for kind in ("networks", "arrays")}


def rate_of(part: str, method: dict, shape: tuple[int, int, int], options: str, measurement: str) -> Rate | None:
    """The rate of a method on images of a shape; None where none was measured, as for a method from outside.

    Other options count as the defaults, another forward model as the slowest that was measured.
    """
    folder = Path(method["folder"])
    rows = table().get((part, folder.name, "x".join(map(str, shape))), []) if folder.parent == METHODS else []
    alike = [row for row in rows if row[0] == options] or [row for row in rows if not row[0]]
    same = [row for row in alike if row[1] and family_of(row[1]) == family_of(measurement)] or alike
    return max((rate for *_, rate in same), key=lambda rate: rate.fixed + rate.each, default=None)
