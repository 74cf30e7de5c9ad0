"""The table of measured rates, benchmarks/rates.csv, and what it says of a method. `python -m benchmarks.rates` measures it."""

import csv
import functools
from pathlib import Path
from typing import NamedTuple

from bench import method_facts

TABLE = Path(__file__).parent.parent / "benchmarks" / "rates.csv"
BUDGET = ("steps", "batch_size")  # options of a training that say how often and how many, not how
ITERATIONS = ("steps", "restarts")  # options of a search that its time is proportional to


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
    schemas = getattr(method_facts.read(Path(method["folder"])), part)
    left = BUDGET if part == "train" else ITERATIONS if method["learned"] else ()
    changed = {name for name, value in options.items() if name in schemas and value != schemas[name]["default"]}
    return " ".join(f"{name}={options[name]}" for name in sorted(changed.difference(left)))


@functools.cache
def table(path: Path = TABLE) -> dict[tuple[str, str, str], list[tuple[str, str, Rate]]]:
    """(part, method's folder, shape) -> (options, measurement, rate) of each row."""
    rows: dict = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rate = Rate(*(float(row[name]) for name in Rate._fields))
            rows.setdefault((row["part"], row["method"], row["shape"]), []).append((row["options"], row["measurement"], rate))
    return rows
