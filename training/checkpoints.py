"""A training on the disk, from which it goes on, and the lock that keeps a second process from continuing it too."""

import contextlib
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from filelock import FileLock, Timeout

import store
from bench.provenance import code_of_method
from networks import saved
from training.learner import Learner


def name(kind: type[Learner], made_of: dict, folder: Path) -> str:
    """The file name of a checkpoint: what is trained, and a digest of all that makes the model, its code included.

    `folder` is the method's. With other options, or where the code of any network or loss was edited, a training starts afresh:
    the code is that whose edit has Snakemake train again. Where a longer training begins as a shorter one does
    (`Learner.goes_on`), the number of steps stands at the end of the name and is no part of the digest.
    """
    steps = ""
    if kind.goes_on:
        steps = f"-{made_of['options']['steps']}"
        made_of = made_of | {"options": {name: value for name, value in made_of["options"].items() if name != "steps"}}
    data = made_of["data"]
    code = code_of_method(str(folder), "train", f"measurements.{data['family']}")
    names = data["dataset"], data["measurement"], made_of["method"], str(made_of["seed"])
    return "-".join([*names, store.digest(made_of | {"code": code})]) + f"{steps}.pt"


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
        state = saved.read(path, where)
        if not isinstance(state, dict) or state.keys() != set(keys):
            raise ValueError("other content than a training's")
    except PermissionError:
        raise
    except (OSError, *saved.UNREADABLE) as error:
        print(f"warning: {set_aside(path, error)}, the training starts afresh", file=sys.stderr, flush=True)
        return None
    return state


def set_aside(path: Path, error: Exception) -> str:
    """Rename a checkpoint that cannot be used to NAME.pt.damaged; returns a line on that."""
    kept = path.with_name(f"{path.name}.damaged")
    path.replace(kept)
    return f"{path}: damaged ({store.why(error)}); kept as {kept.name}"


@contextlib.contextmanager
def alone(checkpoint: Path) -> Iterator[None]:
    """Keep a second process from training the same model. The lock dies with its holder, however that ends."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(checkpoint.with_suffix(".lock"))
    try:
        with lock.acquire(blocking=False):
            yield
    except PermissionError:
        sys.exit(f"{lock.lock_file}: of another user; give a folder of your own after --checkpoints, or run from another folder")
    except Timeout:
        sys.exit(f"{lock.lock_file}: another process is training this model; wait for it or end it, then run again")
