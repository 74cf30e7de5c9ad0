"""A trained model as something that restores and samples rows of tiles: by `model.pt` and the `train.json` beside it."""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import protocols
import store
from bench import method_facts
from bench.measured import Measured
from bench.restoring import checked, images_at_a_time
from measurements.forward import ForwardModel, from_facts
from networks import saved
from pictures.read import KINDS

METHODS = Path(__file__).parent.parent / "methods"
Rows = Iterator[tuple[np.ndarray, np.ndarray]]  # y float16 [n, side, side, C] and side information, a row of tiles at a time


class Trained(NamedTuple):
    method: str
    facts: dict  # of the measurements that it was trained on
    forward: ForwardModel
    shape: tuple[int, int, int]  # of the tiles
    restore: Callable
    sample: Callable | None  # None where the method has no posterior, or none for this forward model

    @property
    def spans(self) -> dict[str, tuple[float, float]]:
        """Type of numbers → black and white in the pictures that it was trained on."""
        return {each["type"]: (each["black"], each["white"]) for each in self.facts.get("pictures", []) if "type" in each}

    def estimates(self, rows: Rows) -> Iterator[np.ndarray]:
        """The last estimate of each row of tiles, float32 [n, side, side, C]."""

        def last(part: Measured) -> np.ndarray:
            found = None
            for found in self.restore(part):  # noqa: B007 - only the last one counts
                pass
            return checked(found, part)

        for part in self.parts(rows, 1):
            yield np.concatenate([last(each) for each in part]).astype(np.float32)

    def samples(self, rows: Rows, count: int) -> Iterator[np.ndarray]:
        """Posterior samples of each row of tiles, float32 [n, side, side, K · C], those of a sample side by side."""
        for part in self.parts(rows, count):
            drawn = np.concatenate([checked(self.sample(each, count=count), each, count) for each in part], axis=1)
            k, n, height, width, c = drawn.shape
            yield np.moveaxis(drawn, 0, 3).reshape(n, height, width, k * c).astype(np.float32)

    def parts(self, rows: Rows, count: int) -> Iterator[list[Measured]]:
        """Each row of tiles, in parts of as many as are restored at a time, `count` times over."""
        protocol = protocols.parse(self.facts.get("protocol", "sound"))
        for y, stored in rows:
            row = Measured(y, self.forward, stored, protocol)
            step = max(1, images_at_a_time(row) // count)
            yield [row[start : start + step].loaded() for start in range(0, len(y), step)]


def load(model: Path, seed: int) -> Trained:
    """Raises SystemExit where there is no such model, or its method is none that restores with a model alone."""
    if not model.is_file():
        sys.exit(f"{model}: no such model; give the model.pt of a finished training")
    about = store.load_json(model.with_name("train.json"))
    folder = METHODS / about["method"]
    if not (folder / "restore.py").is_file():
        sys.exit(f"{model}: its method {about['method']} is not in {METHODS}; restore by hand with its own command")
    program, options = importlib.import_module(f"methods.{folder.name}.restore"), method_facts.read(folder)
    forward = from_facts(about["data"])
    given = {name: schema["default"] for name, schema in options.restore.items()} | {"model": model, "seed": seed}
    named = [name for name, each in inspect.signature(program.restore).parameters.items() if each.annotation is Path]
    if named != ["model"]:
        sys.exit(f"{model}: {options.title} needs {', '.join(named)} to restore, not a model alone")
    sample = getattr(program, "sample", None)
    fits = all(forward.traits()[trait] == wanted for trait, wanted in options.posterior.items())
    return Trained(
        method=options.title,
        facts=about["data"],
        forward=forward,
        shape=shape_of(model),
        restore=with_what_it_names(program.restore, given),
        sample=with_what_it_names(sample, given) if sample and fits else None,
    )


def with_what_it_names(function: Callable, given: dict) -> Callable:
    wanted = inspect.signature(function).parameters
    return functools.partial(function, **{name: value for name, value in given.items() if name in wanted})


def shape_of(model: Path) -> tuple[int, int, int]:
    """Of the images that a model takes. Raises SystemExit where they are not square, or the file is none of a model."""
    try:
        height, width, channels = saved.read(model)["shape"]
    except saved.UNREADABLE as error:
        sys.exit(f"{model}: not a trained model ({store.why(error)}); give the model.pt of a finished training")
    if height != width or channels not in KINDS:
        sys.exit(f"{model}: takes images of {height}×{width}×{channels}, and pictures are cut into squares, grey or in colour")
    return height, width, channels
