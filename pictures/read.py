"""The pictures of a folder, page by page, and where values are lost, which of their pixels were seen."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import picture_pages
from datasets.picture_files import ENDINGS, listed
from datasets.picture_pages import Page
from pictures import masks
from pictures.tiles import TILE

KINDS = {1: "grey", 3: "in colour"}  # by the number of channels


class Picture(NamedTuple):
    name: str  # of its file
    number: int  # of its page in the file
    pages: int  # of the file
    page: Page
    seen: np.ndarray | None  # which pixels were seen, bool [H, W, 1]; None where none can be lost

    @property
    def title(self) -> str:
        return self.name if self.pages == 1 else f"{self.name}, page {self.number + 1}"


def pictures(folder: Path, with_masks: bool, names: list[str] | None = None, smallest: int = TILE) -> Iterator[Picture]:
    """The pages of the pictures in a folder, in the order of their names, all grey or all in colour; one at a time is in memory.

    `names` are those of its pictures that count, else all. Raises SystemExit where there is none, and where one cannot be used,
    naming it.
    """
    names = listed(folder, deep=False, beside=masks.FOLDER).names if names is None else names
    if not names:
        others = "".join(f"; {name} is passed over, as {reason}" for name, reason in passed_over(folder, with_masks).items())
        sys.exit(f"{folder}: no picture there ({', '.join(sorted(ENDINGS))}); put your corrupted pictures there{others}")
    first = None
    for name in names:
        pages = picture_pages.count(folder / name)
        for number in range(pages):
            picture = read(folder, name, number, pages, with_masks, smallest)
            channels = picture.page.values.shape[2]
            first = first or (picture.title, channels)
            if channels != first[1]:
                sys.exit(
                    f"{folder / name}: is {KINDS[channels]} and {first[0]} {KINDS[first[1]]}; put them into folders of their own"
                )
            yield picture


def read(folder: Path, name: str, number: int, pages: int, with_mask: bool, smallest: int = TILE) -> Picture:
    """A page of a picture. Raises SystemExit where it cannot be used, or does not tell what is lost (pictures/masks.py)."""
    page = picture_pages.read(folder / name, number, smallest)
    return Picture(name, number, pages, page, masks.seen(folder / name, page, number, with_mask))


def passed_over(folder: Path, with_masks: bool) -> dict[str, str]:
    """Every file of a folder of pictures that is not read, with the reason."""
    names, others = listed(folder, deep=False, beside=masks.FOLDER)
    if with_masks:
        return others | masks.unused(folder, names)
    given = sorted(path for path in (folder / masks.FOLDER).rglob("*") if path.is_file())
    return others | {path.relative_to(folder).as_posix(): "this forward model loses no pixels" for path in given}
