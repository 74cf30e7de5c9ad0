"""A user's own picture files: which there are in a folder, and which files are passed over and why."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "WEBP", "AVIF", "GIF", "BMP", "DIB", "PPM", "QOI", "TGA")  # as Pillow calls them
ENDINGS = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}  # those that this Pillow reads


class Listing(NamedTuple):
    names: list[str]  # of the pictures, from the folder on, in their order
    passed_over: dict[str, str]  # name of every other file → the reason


def listed(here: Path, deep: bool, beside: str = "") -> Listing:
    """The pictures of a folder, with `deep` of all folders in it.

    The folder in it called `beside` is not looked into. A name with a leading dot is none of a picture: systems leave such files
    beside pictures.
    """
    names, passed_over = [], {}
    for path in sorted(here.rglob("*")):
        parts = path.relative_to(here).parts
        name = "/".join(parts)
        if path.is_dir() or parts[0] == beside:
            continue
        if any(part.startswith(".") for part in parts):
            passed_over[name] = "its name begins with a dot"
        elif not path.is_file():
            passed_over[name] = "it is no file, or a link to none"
        elif path.suffix.lower() not in ENDINGS:
            passed_over[name] = f"{path.suffix or 'a name without an ending'} is not among {', '.join(sorted(ENDINGS))}"
        elif len(parts) > 1 and not deep:
            passed_over[name] = "it is in a folder of its own; move it up"
        else:
            names.append(name)
    return Listing(names, passed_over)


def said(here: Path, passed_over: dict[str, str]) -> str:
    """A line for every file that was passed over."""
    return "".join(f"{here / name}: passed over, as {reason}\n" for name, reason in passed_over.items())
