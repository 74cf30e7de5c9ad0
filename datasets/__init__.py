"""Clean images, once per split: results/clean/{dataset}/{split}.npy, uint8 [N, H, W, C].

A data set is one file here, found because it states a SHAPE:

    SHAPE = (28, 28, 1)                               height, width and channels of every image
    RANGE = (0, 1)                                    the interval that black and white have inside the networks
    SPLITS                                            the names "train", "validation" and "test", in this order
    load(split, data_dir) -> uint8 [N, *SHAPE]

and, where they apply,

    CLASSES = 10, labels(split, data_dir) -> uint8 [N]      the images belong to so many classes; the class of each
    IMAGES = {"train": 4000, …}                             how many images each split has when complete, where that is fixed
    OPTIONAL = True, present(data_dir), obtain(data_dir)    a run goes on without it where `present`, a quick look, says that its
                                                            files are absent; `python -m datasets.obtain` calls `obtain`
    instead(data_dir)                                       with OPTIONAL: what is there in place of the files and what to do with
                                                            it, as the rest of a sentence; "" where nothing is
    OWN = True                                              its files are the user's own and may change at any time
    CLEAN = False                                           no clean images exist: its files are measurements already, which are
                                                            restored and not scored; it has neither SPLITS nor load

These files import neither torch nor torchvision when they are imported, as the workflow reads them at every start.
"""

import functools
import importlib
import re
from pathlib import Path
from types import ModuleType


@functools.cache
def names() -> list[str]:
    """The data sets: the files of this folder that state a SHAPE."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [path.stem for path in files if re.search(r"^SHAPE\b", path.read_text(encoding="utf-8"), re.MULTILINE)]


def of(name: str) -> ModuleType:
    """The file of a data set."""
    return importlib.import_module(f"datasets.{name}")


def has_clean(name: str) -> bool:
    """Whether clean images exist, to measure, to compare with and to score against."""
    return getattr(of(name), "CLEAN", True)


def with_clean() -> list[str]:
    """The data sets with clean images."""
    return [name for name in names() if has_clean(name)]


def is_own(name: str) -> bool:
    """Whether the files are the user's own."""
    return getattr(of(name), "OWN", False)


def is_optional(name: str) -> bool:
    """Whether a run goes on without the data set where it is absent."""
    return getattr(of(name), "OPTIONAL", False)


def instead(name: str, data_dir: Path) -> str:
    """What is there in place of an optional data set's files and what to do with it; "" where nothing is."""
    return getattr(of(name), "instead", lambda _: "")(data_dir)


def classes(name: str) -> int:
    """How many classes the images belong to; 0 where they have none."""
    return getattr(of(name), "CLASSES", 0)


def images(name: str) -> dict[str, int]:
    """How many images each split has when it is complete; empty where that is not fixed."""
    return getattr(of(name), "IMAGES", {})


def value_range(name: str) -> tuple[float, float]:
    """The interval that black and white have inside the networks."""
    return of(name).RANGE if name in names() else (0, 1)
