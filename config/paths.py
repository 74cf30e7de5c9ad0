"""Paths of a configuration: ~ expanded once, and those refused at the start that a workflow cannot use."""

import os
import sys
from pathlib import Path

RESERVED = "{}<>"  # which Snakemake reads as wildcards and path variables
CODE = (".py", ".smk")


def usable(path: str) -> str:
    """The path with ~ as the user's home folder and without a slash at its end. Raises ValueError, in one line, where it is none.

    >>> usable("results/a b/")
    'results/a b'
    >>> usable("results/{x}")
    Traceback (most recent call last):
    ValueError: 'results/{x}' holds one of {}<>, which Snakemake reads as a wildcard; take another name
    """
    if not path.strip():
        raise ValueError("is empty; name a folder or file")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise ValueError(f"{path!r} holds a line break or another control character; take another name")
    if any(character in RESERVED for character in path):
        raise ValueError(f"{path!r} holds one of {RESERVED}, which Snakemake reads as a wildcard; take another name")
    made = os.path.normpath(os.path.expanduser(path))
    if made.startswith("-"):
        raise ValueError(f"{path!r} begins with a dash, which commands take for an option; take another name")
    if made.startswith("~"):
        raise ValueError(f"{path!r} names the home folder of a user who is not known here; write it out")
    try:
        os.fsencode(made)
    except UnicodeEncodeError:
        raise ValueError(
            f"{path!r} has letters that this locale ({sys.getfilesystemencoding()}) lacks; set LC_ALL=C.UTF-8"
        ) from None
    return made


def folder(path: str) -> str:
    """The same of a folder, which need not be there yet."""
    made = usable(path)
    if os.path.lexists(made) and not os.path.isdir(made):
        raise ValueError(f"{path!r} is a file; name a folder")
    return made


def own_folder(path: str) -> str:
    """The same of a folder that everything is written to, which must not be one that holds other things."""
    made = folder(path)
    holds_code = os.path.isdir(made) and any(name.endswith(CODE) for name in os.listdir(made))
    if holds_code or any(place.is_relative_to(Path(made).resolve()) for place in (Path.home(), Path.cwd())):
        raise ValueError(f"{path!r} is a folder that holds other things; name one of its own, such as results")
    return made


def importable(folder: str) -> str:
    """The same of a folder whose Python modules every job imports."""
    made = usable(folder)
    if os.pathsep in made:
        raise ValueError(f"{folder!r} holds {os.pathsep!r}, at which PYTHONPATH is split; take another name")
    return made
