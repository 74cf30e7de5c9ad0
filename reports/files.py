"""The files that report programs read and write: checked when they are read, complete when they are written."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

import store
from metrics import declared

TEXT = {"dataset", "measurement", "method", "device", "title", "clean"}  # the columns that hold no numbers
KEYS = ["dataset", "measurement", "method", "seed", "image"]  # of a row of scores
TIMING = ["dataset", "measurement", "method", "seed", "step", "seconds", "mse", "mse_pasted", "images", "device", "threads"]


def read_csv(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of a `.csv` file. Raises SystemExit in one line where it is absent, broken or lacks a column."""
    try:
        rows = pd.read_csv(path, dtype={"digest": str})  # hexadecimal: 12e456789012 is no number
    except FileNotFoundError:
        sys.exit(f"{path}: no such file; run the step that makes it (`{store.making(path)}`)")
    except ValueError as error:  # all that pandas raises for a broken file, an empty one included
        sys.exit(f"{path}: not a complete .csv file ({error}); delete it and run again")
    if lacking := [column for column in columns if column not in rows]:
        sys.exit(f"{path}: lacks the column {', '.join(lacking)}; delete it and run again")
    for column in set(columns) - TEXT:
        given = rows[column]
        numbers = given if pd.api.types.is_numeric_dtype(given) else pd.to_numeric(given, errors="coerce")
        if len(wrong := given[np.isinf(numbers) if numbers is given else numbers.isna() & given.notna() | np.isinf(numbers)]):
            sys.exit(f"{path}: {column} is {wrong.iloc[0]}, not a finite number; delete it and run again")
    return rows


def read_cells(
    paths: list[Path], columns: list[str], dataset: str, measurements, methods, whole: Iterable[str] = ()
) -> pd.DataFrame:
    """The rows of many `.csv` files, all of one data set and all of listed measurements and methods.

    The columns `whole` must hold a number in every row of a file that has them: a mean would pass over one that is lacking.
    """
    if not paths:
        return pd.DataFrame(columns=columns)
    parts, digests = [], {}
    for path in paths:
        part = read_csv(path, columns)
        if part.empty:
            sys.exit(f"{path}: holds no rows; delete it and run again")
        if gaps := [column for column in whole if column in part and part[column].isna().any()]:
            sys.exit(f"{path}: lacks a number in {', '.join(gaps)}; delete it and run again")
        for column, known in {"dataset": [dataset], "measurement": measurements, "method": methods}.items():
            if strangers := set(part[column]) - set(known):
                sys.exit(f"{path}: {column} {', '.join(map(str, strangers))} is not among {', '.join(known)}")
        if "digest" in part:  # it is not kept: pandas is slow to join columns of text without values
            for measurement, digest in part.pop("digest").groupby(part["measurement"]):
                digests.setdefault(measurement, set()).update(digest.dropna().unique())
        # scores made before there was another protocol, or a digest, say nothing
        parts.append(part.assign(protocol=part.get("protocol", "sound")))
    if several := [measurement for measurement, found in digests.items() if len(found) > 1]:
        sys.exit(f"{several[0]}: scores of images that were restored from different measurements; restore and score them again")
    return pd.concat(parts, ignore_index=True)


def program_of(path: Path) -> declared.Program:
    """The program metrics/NAME.py that wrote a scores file NAME.csv. Raises SystemExit where there is none of that name."""
    name = path.name.partition(".")[0]  # of NAME.csv or NAME.csv.xz
    if name not in declared.programs():
        sys.exit(f"{path}: is not called after a program that writes scores ({', '.join(declared.programs())})")
    return declared.programs()[name]


def read_scores(
    paths: list[Path], of_samples: bool, dataset: str, measurements, methods, more: Iterable[str] = ()
) -> pd.DataFrame:
    """One row for each scored image, with the metrics of all scores files: joined by data set, measurement, method, seed, image.

    Each file is called NAME.csv after the program metrics/NAME.py that wrote it, one of those `of_samples` or of estimates, and
    has a column for each of its metrics but those that only the mosaic has. `more` are further columns that each must have.
    """
    given: dict[str, list[Path]] = {}
    for path in paths:
        program = program_of(path)
        given.setdefault(program.name, []).append(path)
        if program.of_samples != of_samples:
            sys.exit(f"{path}: holds scores of posterior samples" if not of_samples else f"{path}: holds scores of estimates")
    joined, on = None, [*KEYS, "protocol", *more]
    for name, those in given.items():
        columns = declared.programs()[name].columns
        wanted = [column for column, metric in columns.items() if not metric.mosaic_alone]
        whole = [column for column, metric in columns.items() if metric.pasted and not column.endswith(declared.PASTED)]
        rows = read_cells(those, [*KEYS, *more, *wanted], dataset, measurements, methods, whole)
        if (twice := rows.duplicated(KEYS)).any():
            sys.exit(f"{cell(rows[twice])}: an image is scored twice in {name}.csv; give each scores file once")
        rows = rows[[*on, *(column for column in columns if column in rows)]]
        if joined is None:
            joined = rows
            continue
        joined = joined.merge(rows, how="outer", on=on, indicator="found_in")
        if len(alone := joined[joined["found_in"] != "both"]):
            sys.exit(
                f"{cell(alone)}: {name}.csv does not score the same images of it as {next(iter(given))}.csv; score them again"
            )
        joined = joined.drop(columns="found_in")
    return joined


def cell(rows: pd.DataFrame) -> str:
    """The data set, measurement and method of the first row."""
    return "/".join(rows.iloc[0][KEYS[:3]])


def write(path: Path, text: str) -> None:
    with store.replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def csv(frame: pd.DataFrame) -> str:
    """A table as text, with ten digits: those beyond differ from processor to processor."""
    return frame.to_csv(index=False, float_format="%.10g")


def save_figure(figure, stem: Path) -> None:
    """`stem`.png for the page and `stem`.pdf for a paper."""
    for kind, facts in {"png": {}, "pdf": {"CreationDate": None}}.items():  # no date: the same figure, the same bytes
        with store.replacing(stem.with_name(f"{stem.name}.{kind}")) as partial:
            figure.savefig(partial, format=kind, dpi=180, metadata=facts)


def plain_numbers(*axes) -> None:
    """Numbers of logarithmic axes written out: exponents of powers of ten would be smaller than all other letters."""

    def plain(value: float, _) -> str:
        return np.format_float_positional(value, 6, fractional=False, trim="-").replace("-", "−")

    for axis in axes:
        axis.set_major_formatter(plain)
        axis.set_minor_formatter("")


def one_protocol(protocols: Iterable[str]) -> str:
    """The protocol that all results of a report are of. Raises SystemExit where there are several."""
    found = sorted(set(protocols))
    if len(found) > 1:
        sys.exit(f"results of the protocols {' and '.join(found)} together; they do not compare, give those of one")
    return found[0]


def restored_from(measured: Path, restored: Iterable[Path]) -> list[dict]:
    """The facts of restored images. Raises SystemExit where some were restored from other measurements than those of a file."""
    digest, found = store.describe(measured).get("digests", {}).get("y"), []
    for path in restored:
        found.append(store.load_json(path.with_suffix(".json")))
        if len({digest, found[-1].get("digest")} - {None}) > 1:
            sys.exit(f"{path}: restored from other measurements than {measured}; delete it and run again")
    return found


def title(name: str, titles: dict[str, str]) -> str:
    return titles.get(name, name.replace("_", " "))


def listed(names: Iterable[str]) -> str:
    """Titles one after another; one that holds a comma itself stands in quotes.

    >>> listed(["ACSG", "Ambient VAE, evidence bound", "UNSURE"])
    'ACSG, “Ambient VAE, evidence bound”, UNSURE'
    """
    return ", ".join(f"“{name}”" if "," in name else name for name in names)


def short(value: float) -> str:
    """Three significant digits without an exponent: 0.0123, 4.56, 1,230."""
    if pd.isna(value):
        return "–"
    decimals = 2 if value == 0 else 2 - int(f"{abs(value):.2e}".partition("e")[2])
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def by_measurement(flag: str, files: list[tuple[str, Path]], measurements: list[str], methods: list[str], listed: str) -> dict:
    """{measurement: {method: path}}, each in the order given, of files that `flag` gave as measurement/method=path.

    Raises SystemExit where one is of none of the methods, which `listed` gave, or measurements.
    """
    found = dict(files)
    if strangers := set(found) - {f"{measurement}/{method}" for measurement in measurements for method in methods}:
        sys.exit(f"{flag} {', '.join(sorted(strangers))}: not in --measured and {listed}")
    return {at: {method: found[f"{at}/{method}"] for method in methods if f"{at}/{method}" in found} for at in measurements}


# Types for argparse


def names(text: str) -> list[str]:
    return text.split()


def pair(text: str) -> tuple[str, Path]:
    """`name=path`"""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form name=path")
    return name, Path(path)


def mapping(text: str) -> dict:
    """JSON itself, or the name of a file that holds it."""
    if not text.lstrip().startswith("{"):
        return store.load_json(Path(text))
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON ({error}): {text}") from error
