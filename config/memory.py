"""The table of measured memory, benchmarks/memory.csv, and what it says of a method: `python -m benchmarks.memory`."""

import csv
import functools
import math
from pathlib import Path

TABLE = Path(__file__).parent.parent / "benchmarks" / "memory.csv"
METHODS = Path(__file__).parent.parent / "methods"
COLUMNS = ("part", "method", "options", "shape", "fixed", "each")

LARGER = 2  # three methods that were measured on 28×28×1 and 64×64×3 grew by 0.7 to 2.0 times as much as the number of values

Row = tuple[str, str, int, float, float]  # method's folder, options, values of an image, fixed and each in MiB


@functools.cache
def table(path: Path = TABLE) -> dict[str, list[Row]]:
    """The rows of each part: train, restore, sample."""
    rows: dict = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = math.prod(map(int, row["shape"].split("x")))
            rows.setdefault(row["part"], []).append(
                (row["method"], row["options"], values, float(row["fixed"]), float(row["each"]))
            )
    return rows


def mib_of(part: str, folder: Path, options: str, values: int, count: int = 0) -> float:
    """MiB of a job of a method on images of H·W·C values: `part` is train, of batches of `count` images, restore or sample.

    What was measured on the shape that is next in size counts; for larger images, what grows with the batch does so in
    proportion, LARGER times. Other options count as the defaults, and a method that was not measured as the one that needs most.
    """
    rows = table()[part]
    own = [row for row in rows if row[0] == folder.name] if folder.parent == METHODS else []
    alike = [row for row in own if row[1] == options] or [row for row in own if not row[1]] or rows
    sizes = sorted({row[2] for row in alike})
    size = next((size for size in sizes if size >= values), sizes[-1])
    times = LARGER * values / size if values > size else 1.0
    return max(fixed + times * each * count for *_, of, fixed, each in alike if of == size)
