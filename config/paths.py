"""Paths of a configuration: ~ expanded once, and those refused at the start that a workflow cannot use."""

import os
from pathlib import Path

RESERVED = "{}<>"  # which Snakemake reads as wildcards and path variables


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
    return made


def own_folder(path: str) -> str:
    """The same of a folder that everything is written to, which must not be one that holds other things."""
    made = usable(path)
    if any(place.is_relative_to(Path(made).resolve()) for place in (Path.home(), Path.cwd())):
        raise ValueError(f"{path!r} is a folder that holds other things; name one of its own, such as results")
    return made


def importable(folder: str) -> str:
    """The same of a folder whose Python modules every job imports."""
    made = usable(folder)
    if os.pathsep in made:
        raise ValueError(f"{folder!r} holds {os.pathsep!r}, at which PYTHONPATH is split; take another name")
    return made
