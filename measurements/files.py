"""The files of a measured split, read as they were written or not at all.

The facts beside them hold a digest of each, and that of the clean images they were made of. Every job that trains, restores or
scores compares them once for each file, and a method's job again when the method is done: reading a file from memory takes longer
than its digest. What a method alters is thus found in the job that altered it, however it was done (bench/guard.py stops what
goes through Python before it happens), and nothing that came of it is kept.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import protocols
import store
from measurements.forward import from_facts

PARTS = {"y", "side_info", "shown"}
KEYS = ("dataset", "measurement", "family", "options")  # which all facts of measurements have
REMEDY = "delete it and run again"


def load(path: Path, mode: str = "r") -> np.ndarray:
    """An array of SPLIT.y.npy, SPLIT.side_info.npy or SPLIT.shown.npy, memory-mapped as `store.load_array` says.

    Raises SystemExit, in one line, where it is not what the facts beside it describe: y float16 [N, H, W, C] of N images, side
    information of as many, and their digests; or where the facts are of no forward model or protocol. Facts that lack a digest,
    as those of other commits do, are taken at their word.
    """
    array, part = store.load_array(path, mode), part_of(path)
    if part == "shown" and not store.facts_beside(path).exists():
        return array  # a command by hand may be given it alone
    facts = store.describe(path, KEYS)
    try:
        from_facts(facts), protocols.parse(facts.get("protocol", "sound"))
    except (TypeError, ValueError) as error:
        sys.exit(f"{store.facts_beside(path)}: {error}; {REMEDY}")
    if part == "y" and (array.dtype != np.float16 or array.ndim != 4):
        sys.exit(f"{path}: holds {array.dtype} {array.shape}, not measurements float16 [N, H, W, C]; {REMEDY}")
    if part != "shown" and len(array) != facts.get("images", len(array)):
        sys.exit(f"{path}: holds {array.shape}, where {facts['images']} images were measured; {REMEDY}")
    if part == "y" and list(array.shape[1:]) != facts.get("shape", list(array.shape[1:])):
        sys.exit(f"{path}: holds {array.shape}, where images of {tuple(facts['shape'])} were measured; {REMEDY}")
    if facts.get("digests", {}).get(part) not in (None, store.digest(array)):
        sys.exit(f"{path}: was altered after it was measured; {REMEDY}")
    return array


def part_of(path: Path) -> str | None:
    """y, side_info or shown of SPLIT.PART.npy; None of another file."""
    words = path.name.split(".")
    return words[1] if len(words) == 3 and words[1] in PARTS and words[2] == "npy" else None


def with_facts(paths: Iterable[Path]) -> list[Path]:
    """These paths and, of those that are files of measurements, the facts beside them, which `check` reads."""
    return [*paths, *{store.facts_beside(path) for path in paths if part_of(path)}]


def check_clean(path: Path, clean: np.ndarray, facts: dict) -> None:
    """Raise SystemExit where clean images are others than those that the measurements with these facts were made of."""
    if facts.get("digests", {}).get("clean") not in (None, store.digest(clean)):
        sys.exit(f"{path}: holds other images than those that were measured; {REMEDY}")


def check(paths: Iterable[Path]) -> None:
    """Read the files of measurements among `paths`, and raise SystemExit as `load` does; of other files nothing is asked."""
    for path in paths:
        if part_of(path):
            load(path)
