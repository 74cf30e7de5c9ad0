"""What a job may not open: clean images and measurements that its rule does not name.

A method's command calls `guard` before the method runs. From then on Python's own audit hook (`sys.addaudithook`) sees every file
that this process opens and every folder that it lists, by whichever library, as long as it goes through Python. Below
results/clean and results/measured only what the rule names can be read, and nothing can be written.

It does not cover compiled code that opens files by itself (OpenCV's `imread`, for example), other processes that a method
starts, or what its modules do while they are imported, before the command begins. It is there so that peeking does not happen by
accident or unnoticed; it is not a sandbox.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

LISTING = {"os.listdir", "os.scandir"}
CHANGING = {"os.remove", "os.rename", "os.truncate", "os.chmod", "os.rmdir", "os.link", "os.symlink"}


def protected_by(y: Path) -> tuple[Path, ...]:
    """The folders clean/ and measured/ of the results that the measurements belong to.

    None where they lie elsewhere, as files tried by hand do: a folder of a user's own may hold the output, or Python itself.
    """
    measured = next((parent for parent in y.resolve().parents if parent.name == "measured"), None)
    return (measured, measured.with_name("clean")) if measured else ()


def guard(named: Iterable[Path], protected: Iterable[Path]) -> None:
    """From now on, end the process with one line if it opens a file below `protected` that is not `named`, or changes one there.

    The hook stays until the process ends; Python has no way to take one off.
    """
    readable = {os.path.realpath(path) for path in named}
    fenced = tuple(os.path.realpath(folder) + os.sep for folder in protected)

    def refuse(event: str, arguments: tuple) -> None:
        if event != "open" and event not in LISTING and event not in CHANGING:
            return
        for path in arguments[:2] if event in CHANGING else arguments[:1]:
            if not isinstance(path, str | bytes | os.PathLike):
                continue  # a descriptor of what is open already
            real = os.path.realpath(os.fsdecode(path))
            if not (real + os.sep).startswith(fenced):
                continue
            if event in LISTING:
                end(f"{path}: this method listed a folder of images that its rule does not name")
            if event in CHANGING or writes(arguments[1], arguments[2]):
                end(f"{path}: this method tried to change a file that every method reads")
            if real not in readable:
                end(f"{path}: this method opened a file that its rule does not name; name it among the rule's inputs")

    sys.addaudithook(refuse)


def writes(mode: str | None, flags: int | None) -> bool:
    """Whether a file is opened to be written to, as the event `open` says it."""
    if mode is not None:
        return any(letter in mode for letter in "wax+")
    return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def end(line: str) -> None:
    """End the process at once, so that a method cannot catch the refusal and go on."""
    print(line, file=sys.stderr, flush=True)
    os._exit(3)
