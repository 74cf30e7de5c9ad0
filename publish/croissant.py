"""A kit as Croissant describes data sets: croissant.json, schema.org's vocabulary with that of MLCommons (croissant/1.0).

`distribution` has every file with its size and SHA-256, and a set of files for each program of scores (metrics/); `recordSet` has
the columns of these with their types and meanings. Paths are relative to the file itself.
"""

import sys
from pathlib import Path, PurePath

import pandas as pd

import store
from metrics import declared
from metrics.declared import PASTED
from publish.kit import Kit, sha256
from reports.files import TEXT

HEAD = Path(__file__).with_name("texts") / "croissant.json"  # the context that the specification gives, and the version
FORMATS = {  # ending of a file's name: its media type
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".pt": "application/octet-stream",
    ".tex": "application/x-tex",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
}
WHOLE = {"seed", "image", "images", "step", "images_seen", "samples", "label", "predicted", "threads", "seeds"}
MEANS = {  # columns that are no metric's
    "dataset": "The data set.",
    "measurement": "The forward model that corrupted its images, by its key in config.yaml.",
    "method": "The method, a row of the tables, by its key in config.yaml.",
    "seed": "The seed of the training or of the method's random numbers; empty where it has none.",
    "protocol": "Which switches of the original's protocol were on; sound is none.",
    "digest": "Names the measurements that were restored: twelve digits of the SHA-256 of y.",
    "image": "The index of the image in the test split.",
    "metric": "The score, a column of the scores of images.",
    "mean": "The mean of the score.",
    "low": "The lower end of its 95 % interval.",
    "high": "The upper end of its 95 % interval.",
    "images": "How many images the mean is over.",
    "seeds": "How many trainings it is over; 0 where the method has no randomness.",
    "seeds_apart": "Whether the trainings lie so far apart that the interval is not to be trusted.",
    "original": "What the original states.",
    "ceiling": "The score of the clean test images themselves.",
    "rank_low": "The lower end of the 95 % interval of its rank among the rows that see as much.",
    "rank_high": "The upper end of it.",
    "best": "best of those that see no clean image, or tied with it.",
    "label": "The class of the clean image.",
    "predicted": "The class that a classifier sees in the restored image.",
    "probability": "The probability that it gives the true class.",
    "samples": "How many posterior samples were drawn.",
}


def describe(kit: Kit, about: dict) -> dict:
    """The description of all files that have been written; `about` is what it says of the whole, by schema.org's names."""
    files, sets = kit.files(), {name: patterns_of(name) for name in declared.programs()} | {"table": ["tables/*/table.csv"]}
    of_set = {name: [path for each, path in files.items() if matches(each, patterns)] for name, patterns in sets.items()}
    sets = {name: patterns for name, patterns in sets.items() if of_set[name]}
    distribution = [file_object(name, path) for name, path in files.items()]
    distribution += [file_set(name, patterns) for name, patterns in sets.items()]
    records = [record_set(name, columns_of(of_set[name])) for name in sets]
    return store.load_json(HEAD) | about | {"distribution": distribution, "recordSet": records}


def patterns_of(program: str) -> list[str]:
    """The scores files of every run, without and with a seed, compressed or not."""
    return [f"scores/*/*/{run}/{program}.csv{end}" for run in ("*", "*/*") for end in ("", ".xz")]


def matches(name: str, patterns: list[str]) -> bool:
    return any(PurePath(name).match(pattern) for pattern in patterns)


def columns_of(paths: list[Path]) -> list[str]:
    """Those of .csv files, in order."""
    return list(dict.fromkeys(column for path in paths for column in pd.read_csv(path, nrows=0).columns))


def file_object(name: str, path: Path) -> dict:
    facts = {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name}
    facts |= {"contentSize": f"{path.stat().st_size} B", "encodingFormat": FORMATS.get(path.suffix, "text/plain")}
    return facts | {"sha256": sha256(path)}


def file_set(name: str, patterns: list[str]) -> dict:
    facts = {"@type": "cr:FileSet", "@id": f"{name}-files", "name": f"{name}-files", "encodingFormat": "text/csv"}
    return facts | {"includes": patterns}


def record_set(name: str, columns: list[str]) -> dict:
    says = "A row for each measurement, method and score." if name == "table" else f"A row for each image: {name}.csv."
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": says,
        "field": [field(name, column) for column in columns],
    }


def field(name: str, column: str) -> dict:
    metrics, base = declared.of_estimates() | declared.of_samples(), column.removesuffix(PASTED)
    says = MEANS.get(base) or (metrics[base].says if base in metrics else f"The column {column} of {name}.csv.")
    says += " Of the estimate with the values that the measurement tells exactly in their places." * (base != column)
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{column}",
        "name": column,
        "description": says,
        "dataType": kind(column),
        "source": {"fileSet": {"@id": f"{name}-files"}, "extract": {"column": column}},
    }


def kind(column: str) -> str:
    """The type of a column."""
    if column in TEXT | {"protocol", "digest", "metric", "best", "seeds_apart"}:
        return "sc:Text"
    return "sc:Integer" if column in WHOLE else "sc:Float"


def check(path: Path) -> bool:
    """Whether mlcroissant, the reader of MLCommons, is installed and reads it. Raises SystemExit where it finds a mistake."""
    try:
        import mlcroissant
    except ImportError:
        return False
    try:
        found = mlcroissant.Dataset(jsonld=path).metadata.issues
    except mlcroissant.ValidationError as error:
        sys.exit(f"{path}: mlcroissant refuses it: {' '.join(str(error).split())}")
    if said := sorted(found.warnings):
        sys.exit(f"{path}: mlcroissant warns: {' '.join(' '.join(said).split())}")
    return True
