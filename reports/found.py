"""The files of results, or of merged scores, found by the names of runs: a command that lists all is too long for a shell."""

import argparse
import sys
from pathlib import Path

from metrics import declared


def add_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--results", type=Path, metavar="DIR", help="find all files in this folder of results, or of merged scores")
    add("--runs", nargs="*", default=[], metavar="RUN", help="there, the runs to take: measurement/method, or …/method/seed")
    add("--partial", action="store_true", help="there, leave out runs that have no scores yet, and say so below the table")


def existing(path: Path) -> list[Path]:
    """The file, plain or compressed, if there is one."""
    return [found for found in (path, path.with_name(f"{path.name}.xz")) if found.is_file()][:1]


def of_runs(given: argparse.Namespace, stop: str, name: str) -> list[Path]:
    """That file of every run that has one, at a stop (scores, models)."""
    folder = given.results / stop / given.dataset
    return [path for run in given.runs for path in existing(folder / run / name)]


def scores(given: argparse.Namespace) -> list[Path]:
    """The scores files of the estimates of every run. Raises SystemExit where a run has none, unless some may be left out."""
    if not given.partial and (lacking := without_scores(given)):
        place = given.results / "scores" / given.dataset / lacking[0]
        sys.exit(f"{place / 'quality.csv'}: no such file; run the step that makes it, or give --partial")
    return of_programs(given, of_samples=False)


def of_programs(given: argparse.Namespace, of_samples: bool) -> list[Path]:
    """The scores files that there are of every run: of its posterior samples, or of its estimates."""
    names = [name for name, program in declared.programs().items() if program.of_samples == of_samples]
    return [path for name in names for path in of_runs(given, "scores", f"{name}.csv")]


def without_scores(given: argparse.Namespace) -> list[str]:
    """The runs that lack quality.csv, or another file of scores of estimates that some run has."""
    folder = given.results / "scores" / given.dataset
    programs = [name for name, program in declared.programs().items() if not program.of_samples]
    scored = {run: {name for name in programs if existing(folder / run / f"{name}.csv")} for run in given.runs}
    wanted = {"quality"}.union(*scored.values())
    return [run for run, names in scored.items() if names < wanted]


def models(given: argparse.Namespace) -> list[tuple[str, Path]]:
    """(dataset/measurement/method/seed, train.json) of every trained run."""
    folder = given.results / "models"
    return [(path.parent.relative_to(folder).as_posix(), path) for path in of_runs(given, "models", "train.json")]


def ceilings(given: argparse.Namespace) -> list[Path]:
    """Scores of the clean test images themselves."""
    folder = given.results / "scores" / given.dataset
    return [path for name in declared.programs() for path in existing(folder / f"{name}.csv")]


def measured(given: argparse.Namespace) -> list[tuple[str, Path]]:
    """(measurement, the facts of its training split)."""
    folder = given.results / "measured" / given.dataset
    return [(name, path) for name in given.measurements for path in existing(folder / name / "train.json")]
