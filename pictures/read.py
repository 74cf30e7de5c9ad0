"""The pictures of a folder and, where values are lost, which of their pixels were seen."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.picture_files import ENDINGS, listed, opened
from pictures.tiles import TILE

KINDS = {1: "grey", 3: "in colour"}  # by the number of channels


class Picture(NamedTuple):
    name: str  # of its file
    values: np.ndarray  # uint8 [H, W, C]
    seen: np.ndarray | None  # which pixels were seen, bool [H, W, 1]; None where none can be lost


def pictures(folder: Path, with_masks: bool) -> Iterator[Picture]:
    """The pictures in a folder, in the order of their names, all grey or all in colour; one at a time is in memory.

    Raises SystemExit where there is none, and where one cannot be used, naming it.
    """
    names = listed(folder, "*")
    if not names:
        sys.exit(f"{folder}: no picture there ({', '.join(sorted(ENDINGS))}); put your corrupted pictures there")
    first = None
    for name in names:
        picture = read(folder, name, with_masks)
        channels = picture.values.shape[2]
        first = first or (name, channels)
        if channels != first[1]:
            sys.exit(
                f"{folder / name}: is {KINDS[channels]} and {first[0]} {KINDS[first[1]]}; put them into folders of their own"
            )
        yield picture


def read(folder: Path, name: str, with_mask: bool) -> Picture:
    """One picture. Where it should have a mask, that is masks/NAME.png, black where pixels are lost, or the picture's own
    transparency. Raises SystemExit where there is neither, or the mask is of another size."""
    picture = opened(folder / name, smallest=TILE)
    transparent = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    seen = None
    if with_mask:
        stem = folder / "masks" / Path(name).stem
        mask = next((path for end in ENDINGS if (path := stem.with_name(stem.name + end)).is_file()), None)
        if mask:
            seen = np.asarray(opened(mask, smallest=TILE).convert("L")) > 127
        elif transparent:
            seen = np.asarray(picture.convert("RGBA"))[:, :, 3] > 127
        else:
            sys.exit(
                f"{folder / name}: does not tell which pixels are lost; make them transparent, or put a mask of the same size, "
                f"black where they are lost, at {stem}.png"
            )
        if seen.shape != picture.size[::-1]:
            sys.exit(f"{mask}: is {seen.shape[1]}×{seen.shape[0]} and its picture {picture.width}×{picture.height}")
        seen = seen[:, :, None]
    grey = picture.mode in ("1", "L", "LA")
    values = np.asarray(picture.convert("L" if grey else "RGB"))
    return Picture(name, values.reshape(*values.shape[:2], -1), seen)
