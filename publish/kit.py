"""A kit that is being packed: what it is packed from, and what is found missing on the way."""

import functools
import hashlib
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import datasets
import store
from config.runs import Run, Runs
from reports import found, not_shown

SUMS = "SHA256SUMS"


class Kit(NamedTuple):
    folder: Path  # where its files are written
    config: dict
    runs: Runs  # that the configuration asks for
    sources: list[Path]  # folders of results, or of merged scores; the first that has a file is taken
    missing: list[str]  # a line for each thing that the configuration asks for and the sources lack

    @property
    def datasets(self) -> list[str]:
        """Those with scores in it, whole or in part."""
        return [name for name in self.config["datasets"] if any((self.folder / "scores" / name).glob("**/quality.csv.xz"))]

    @property
    def titles(self) -> dict[str, str]:
        return {name: method["title"] for name, method in self.config["methods"].items()}

    def find(self, name: str) -> Path | None:
        """A file by its name in a folder of results."""
        return next((path for path in (source / name for source in self.sources) if path.is_file()), None)

    def asked(self, dataset: str) -> list[str]:
        """The runs that the configuration asks for, as measurement/method/seed; none of a data set that cannot be scored."""
        return ["/".join(filter(None, run)) for run in self.runs.of[dataset] if datasets.has_clean(dataset)]

    def unscored(self, dataset: str) -> list[str]:
        """Those among them that have no scores, or not all."""
        return found.without_scores(Namespace(results=self.folder, dataset=dataset, runs=self.asked(dataset)))

    def scored(self, dataset: str) -> list[str]:
        lacking = set(self.unscored(dataset))
        return [run for run in self.asked(dataset) if run not in lacking]

    def lack(self, dataset: str, what: str, runs: list[str]) -> None:
        """Say which runs lack something, if any does."""
        if runs:
            those = " of any row" if runs == self.asked(dataset) else f": {not_shown.runs_named(runs, self.titles)}"
            self.missing.append(f"{dataset}: no {what}{those}")

    def first_seed(self, dataset: str, measurement: str, method: str) -> Run | None:
        """The first run of a method on a forward model; None where it does not apply."""
        fits = (run for run in self.runs.of[dataset] if run[:2] == (measurement, method) and self.runs.first(dataset, run))
        return next(fits, None)

    def write(self, name: str, content: bytes | str) -> None:
        with store.replacing(self.folder / name) as partial:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_arrays(self, name: str, **arrays: np.ndarray) -> None:
        """An `.npz` file; equal arrays give equal bytes, as NumPy writes no time into it."""
        with store.replacing(self.folder / name) as partial, open(partial, "wb") as file:
            np.savez_compressed(file, **arrays)

    def files(self) -> dict[str, Path]:
        """All that has been written, by name."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in paths}


@functools.cache
def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
