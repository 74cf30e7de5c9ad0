"""A training on the disk, from which it goes on, and the lock that keeps a second process from continuing it too."""

import contextlib
import inspect
import pickle
import sys
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import store
from training.learner import Learner


def name(kind: type[Learner], made_of: dict) -> str:
    """The file name of a checkpoint: what is trained, and a digest of all that makes the model, its code included.

    With other options or an edited learner a training starts afresh. Where a longer training begins as a shorter one does
    (`Learner.goes_on`), the number of steps stands at the end of the name and is no part of the digest.
    """
    steps = ""
    if kind.goes_on:
        steps = f"-{made_of['options']['steps']}"
        made_of = made_of | {"options": {name: value for name, value in made_of["options"].items() if name != "steps"}}
    sources = [inspect.getsource(sys.modules[each.__module__]) for each in kind.__mro__ if issubclass(each, Learner)]
    data = made_of["data"]
    names = data["dataset"], data["measurement"], made_of["method"], str(made_of["seed"])
    return "-".join([*names, store.digest(made_of | {"code": sources})]) + f"{steps}.pt"


def shorter(checkpoint: Path) -> Path | None:
    """The longest finished training that the one of this checkpoint begins with, if any is kept."""
    stem, _, steps = checkpoint.stem.rpartition("-")
    kept = [path for path in checkpoint.parent.glob(f"{stem}-*.pt") if length(path) < int(steps)]
    return max(kept, key=length, default=None)


def length(checkpoint: Path) -> int:
    return int(checkpoint.stem.rpartition("-")[2])


def save(path: Path, state: dict) -> None:
    with store.replacing(path) as partial:
        torch.save(state, partial)


def load(path: Path, where: torch.device, keys: Collection[str]) -> dict | None:
    """The state that a checkpoint holds, with these keys; None where there is none to continue from.

    A damaged one is kept beside it as NAME.pt.damaged, so that the training starts afresh.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():  # PyTorch writes a checksum of each part and does not read it
                raise ValueError(f"{damaged} is not as it was written")
        state = torch.load(path, weights_only=True, map_location=where)
        if not isinstance(state, dict) or state.keys() != set(keys):
            raise ValueError("other content than a training's")
    except PermissionError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        kept = path.with_name(f"{path.name}.damaged")
        path.replace(kept)
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        print(f"warning: {path}: damaged ({why}); kept as {kept.name}, the training starts afresh", file=sys.stderr, flush=True)
        return None
    return state


@contextlib.contextmanager
def alone(checkpoint: Path) -> Iterator[None]:
    """Keep a second process from training the same model. The lock dies with its holder, however that ends."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(checkpoint.with_suffix(".lock"))
    try:
        with lock.acquire(blocking=False):
            yield
    except Timeout:
        sys.exit(f"{lock.lock_file}: another process is training this model; wait for it or end it, then run again")
