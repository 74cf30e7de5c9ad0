"""What a file of metrics declares, and how these files are found. Neither torch nor pandas is imported.

A metric is one file: a program `metrics/NAME.py` that writes one more scores file for each run, results/scores/…/NAME.csv, with
a row for each image. It is found by listing this folder and declares

    METRICS = {column: Metric(…)}    what it measures
    NEEDS = ("clean", "estimates")   the files it is given, each as a flag `--NAME PATH`: names in metrics/rules.smk
    MOSAIC = True                    only where it also scores the mosaic, one image made of 64 (protocols.py)

A metric with `pasted=True` is a quality that the program scores twice, in the columns NAME and NAME_pasted: of the estimate as it
was handed in, and of the same with the values that the measurement tells pasted in (metrics/scores.py).

Which runs it applies to follows from what it needs: one that needs `labels` is for data sets with classes, one that needs
`samples` for methods with a posterior, one that needs `weights` for configurations that name them.
"""

import functools
import importlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import protocols

FOLDER = Path(__file__).parent
IDENTITY = ["dataset", "measurement", "method", "seed", "protocol", "digest"]  # of a run, the first columns of every scores file;
# the digest is that of the measurements that its images were restored from
PASTED = "_pasted"  # ends the column of the estimate with the observed values pasted in
SHOWN = {  # where a metric stands, in the order of the columns
    "": "in the .csv file alone",
    "headline": "in the main table, first, and in the terminal",
    "main": "in the main table",
    "details": "in the table of details",
    "posterior": "in the table of posterior samples",
    "posterior details": "in the table of details of posterior samples",
}


class Metric(NamedTuple):
    title: str
    unit: str
    better: str  # "higher", "lower", "near 1" …; "" where neither is
    says: str  # one sentence for the reader of a table
    of: Callable[..., float] | None = None  # one value for one image; None where the program scores many images together
    decimals: int = 4
    shown: str = ""  # one of SHOWN
    note: str = ""  # what stands under the main table where it is scored; may hold {ceiling}, the mean of the clean test images
    absent: str = ""  # what stands there where it is not scored at all
    mosaic_alone: bool = False  # only with the protocol's switch `mosaic`
    pasted: bool = False  # scored twice, as handed in and with the observed values pasted in


class Program(NamedTuple):
    name: str
    metrics: dict[str, Metric]
    needs: tuple[str, ...]
    mosaic: bool

    def applies(self, weights: Collection[str], protocol: str) -> bool:
        """Whether it is run: not where its weights are lacking, nor on single images where a mosaic is scored in their place.

        Samples are of single images under every protocol; but no digit is read where those of estimates are not.
        """
        singly = self.of_samples and "classifier" not in self.needs
        scored = self.mosaic or singly or "mosaic" not in protocols.parse(protocol)
        return scored and ("weights" not in self.needs or self.name in weights)

    @property
    def columns(self) -> dict[str, Metric]:
        """Every column of scores, {column: its metric}: each metric's own and, next to it, that of the pasted estimate."""
        return {column: metric for name, metric in self.metrics.items() for column in (name, *[name + PASTED] * metric.pasted)}

    @property
    def of_samples(self) -> bool:
        """Whether it scores posterior samples, in tables of their own, and not estimates."""
        return "samples" in self.needs


@functools.cache
def programs() -> dict[str, Program]:
    """Every program of this folder, by name. A file without METRICS is none."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        if not declares(path):
            continue
        module = importlib.import_module(f"metrics.{path.stem}")
        found[path.stem] = Program(path.stem, module.METRICS, tuple(module.NEEDS), getattr(module, "MOSAIC", False))
    return found


def declares(path: Path) -> bool:
    """Whether a file has a table of metrics; it is read and not imported, as other files here import torch."""
    return any(line.startswith("METRICS = ") for line in path.read_text(encoding="utf-8").splitlines())


def of_estimates() -> dict[str, Metric]:
    """The columns of scores of estimates with their metrics, in the order of the tables."""
    tables = [program.columns for program in programs().values() if not program.of_samples]
    found = [(name, metric) for table in tables for name, metric in table.items()]
    return dict(sorted(found, key=lambda each: list(SHOWN).index(each[1].shown)))


def of_samples() -> dict[str, Metric]:
    """The metrics of posterior samples, in the order of their files."""
    tables = [program.metrics for program in programs().values() if program.of_samples]
    return {name: metric for table in tables for name, metric in table.items()}
