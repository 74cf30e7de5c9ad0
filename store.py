"""The files between the stages: plain `.npy`, `.json` and `.csv`, complete or absent.

Images are [N, H, W, C] in [0, 1]: uint8 where clean (255 is 1), float16 where measured or restored.
A file appears under its name only when all of it is on the disk, so whatever has a name can be trusted.
"""

import contextlib
import hashlib
import json
import math
import mmap
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

DIGITS = 12  # of a digest
# Of facts, by name
TYPES = dict.fromkeys(("data", "digests", "options"), dict) | dict.fromkeys(("first_images", "seed"), int) | {"shape": list}
TYPES |= dict.fromkeys(("dataset", "digest", "family", "measurement", "method", "protocol"), str)
KINDS = {dict: "facts by their names", int: "a whole number from 0 on", list: "a list", str: "text"}
SNAKEMAKE = "BENCH_SNAKEMAKE"  # environment variable: the command of the run that a job belongs to, with its configuration


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write under beside `path`; it becomes `path` if the block ends well and vanishes if not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    host = digest(platform.node())
    for left in path.parent.iterdir():
        if (number := _process_of(left.name, f".{path.name}.{host}.")) and not _runs(number):
            left.unlink(missing_ok=True)  # of a process of this machine that was killed
    partial = path.with_name(f".{path.name}.{host}.{os.getpid()}.partial")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a full disk does not say which file it was
        raise
    finally:
        partial.unlink(missing_ok=True)


def _process_of(name: str, start: str) -> int:
    """The process that writes under a name `{start}{process}.partial`; 0 where it is another name."""
    middle = name.removeprefix(start).removesuffix(".partial")
    return int(middle) if name == f"{start}{middle}.partial" and middle.isdecimal() else 0


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True


def making(target: Path | str) -> str:
    """The command that makes a file or runs another target, with the configuration of the run that this job belongs to.

    `--` ends the words before the target, as Snakemake's --configfile takes several files.
    """
    return f"{os.environ.get(SNAKEMAKE, 'snakemake --cores 1')} -- {shlex.quote(str(target))}"


def save_array(path: Path, array: np.ndarray) -> None:
    with writing_array(path, len(array), array) as rows:
        rows.append(array)


class Rows:
    """A `.npy` file that is written part by part."""

    def __init__(self, file: BinaryIO, path: Path):
        self._file, self._path, self._hash = file, path, hashlib.sha256()

    def append(self, rows: np.ndarray) -> None:
        rows = np.ascontiguousarray(rows)
        try:
            self._file.write(rows.data)
        except OSError as error:
            error.filename = str(self._path)  # of several files that are written at once
            raise
        self._hash.update(rows.data)

    @property
    def digest(self) -> str:
        """That of all rows so far, as `digest` would name them in one array."""
        return self._hash.hexdigest()[:DIGITS]


@contextlib.contextmanager
def writing_array(path: Path, count: int, like: np.ndarray) -> Iterator[Rows]:
    """A `.npy` file to write `count` rows to, of the shape and type of those of `like`; a part at a time is in memory.

    Plain writes, not a memory map: where the disk is full they raise OSError, and a map ends the process with a signal.
    """
    header = {"descr": np.lib.format.dtype_to_descr(like.dtype), "fortran_order": False, "shape": (count, *like.shape[1:])}
    with replacing(path) as partial, open(partial, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        begin = file.tell()
        yield Rows(file, path)
        if (written := file.tell() - begin) != (wanted := count * math.prod(like.shape[1:]) * like.itemsize):
            raise ValueError(f"{path}: {written} bytes were written, {count} rows take {wanted}")


def load_array(path: Path, mode: str = "r") -> np.ndarray:
    """The array of a `.npy` file, memory-mapped: read-only, or with mode "c" with changes that stay in this process.

    Raises SystemExit where there is none, or a single value.
    """
    try:
        array = np.load(path, mmap_mode=mode)
    except FileNotFoundError:
        sys.exit(f"{path}: no such file; run the step that makes it (`{making(path)}`)")
    except OSError as error:
        sys.exit(f"{path}: {error.strerror or error}")
    except (ValueError, EOFError) as error:
        sys.exit(f"{path}: not a complete .npy file ({error}); delete it and run again")
    if not isinstance(array, np.ndarray):
        sys.exit(f"{path}: holds several arrays as .npz files do, not one as a .npy file; delete it and run again")
    if not array.ndim:
        sys.exit(f"{path}: holds a single value, not an array; delete it and run again")
    return array


def let_go(array: np.ndarray) -> None:
    """Free the memory that a file mapped by `load_array` has taken so far; it is read again where it is asked for."""
    if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.base.madvise(mmap.MADV_DONTNEED)


def save_json(path: Path, facts: dict) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def load_json(path: Path, keys: Iterable[str] = ()) -> dict:
    """The facts of a `.json` file. Raises SystemExit where there is none, a key is lacking, or a fact is of another type."""
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.exit(f"{path}: no such file; run the step that makes it (`{making(path)}`)")
    except ValueError as error:
        sys.exit(f"{path}: not valid JSON ({error}); delete it and run again")
    if not isinstance(facts, dict):
        sys.exit(f"{path}: holds a {type(facts).__name__}, not facts by their names; delete it and run again")
    if lacking := [key for key in keys if key not in facts]:
        sys.exit(f"{path}: lacks {', '.join(lacking)}; delete it and run again")
    for key in TYPES.keys() & facts.keys():
        kind, fact = TYPES[key], facts[key]
        if not isinstance(fact, kind | None) or kind is int and (isinstance(fact, bool) or fact is not None and fact < 0):
            sys.exit(f"{path}: {key} is {fact!r:.40}, not {KINDS[kind]}; delete it and run again")
    return facts


def describe(measured: Path, keys: Iterable[str] = ()) -> dict:
    """The facts that travel with SPLIT.y.npy, SPLIT.side_info.npy: data set, split, forward model, seed, digests.

    Raises SystemExit as `load_json` does.
    """
    return load_json(facts_beside(measured), keys)


def facts_beside(measured: Path) -> Path:
    return measured.with_name(measured.name.split(".")[0] + ".json")


def digest(value) -> str:
    """Twelve hexadecimal digits that name an array or a JSON-like value."""
    data = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def why(error: Exception) -> str:
    """The first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Say what the system refused (no permission, no space, …) in one line that names the file."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{where}{error.strerror or error}; free the space or the permission, then run again")
