"""Pictures of your own, good ones, to benchmark on: data_dir/folder/ and all folders in it, as 64×64×3.

Of each picture, or each page of it, the largest central square is reduced to 64×64 with Pillow's BILINEAR, which is antialiased
where it reduces, and its range of values (datasets/picture_ranges.py) becomes 0 to 255. Folders train/, test/ and, if you like,
validation/ in it are the splits; without them the name of a file decides, a tenth for test and a tenth for validation, so that a
picture stays in its split whatever is added.
"""

import functools
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from datasets import picture_pages, picture_ranges
from datasets.decoding import decode
from datasets.picture_files import ENDINGS, listed

SHAPE = (64, 64, 3)
RANGE = (-1, 1)
OWN = True
SPLITS = ("train", "validation", "test")

Ranges = dict[tuple[str, int], tuple[float, float]]  # (name, page) of those of more than 8 bits → black and white


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 64, 64, 3], in the order of the files' names.

    Raises SystemExit where no picture is of the split, or one is damaged, smaller than 64×64 or not opaque, naming it.
    """
    here = data_dir / "folder"
    names, passed_over = listed(here, deep=True)
    for name, reason in passed_over.items():
        print(f"{here / name}: passed over, as {reason}", flush=True)
    found = splits(names)
    print(f"{here}: " + ", ".join(f"{name} {len(files):,}" for name, files in found.items()), flush=True)
    if not found[split]:
        sys.exit(f"{here}: no picture of the {split} split ({', '.join(sorted(ENDINGS))}); put more there, or some into {split}/")
    pages = [(name, number) for name in found[split] for number in range(picture_pages.count(here / name))]
    return decode(pages, functools.partial(square, here, ranges(here, names)), SHAPE)


def splits(names: list[str]) -> dict[str, list[str]]:
    """The files of each split, by their names from data_dir/folder/ on."""
    chosen = {name: [each for each in names if each.startswith(f"{name}/")] for name in SPLITS}
    if chosen["train"] and chosen["test"]:
        return chosen
    tenth = {0: "test", 1: "validation"}
    return {split: [name for name in names if tenth.get(crc32(name.encode()) % 10, "train") == split] for split in SPLITS}


def ranges(here: Path, names: list[str]) -> Ranges:
    """Black and white of the pages of more than 8 bits, of all splits together."""
    deep = [name for name in names if not picture_pages.is_eight_bit(here / name)]
    pages = [(name, number) for name in deep for number in range(picture_pages.count(here / name))]
    spans = picture_ranges.of_all(extent(here, *each) for each in pages)
    return dict(zip(pages, spans, strict=True))


def extent(here: Path, name: str, number: int) -> picture_ranges.Extent:
    page = picture_pages.read(here / name, number)
    return picture_ranges.extent(here / name, page.values, None, page.white)


def square(here: Path, spans: Ranges, which: tuple[str, int]) -> np.ndarray:
    """A page's largest central square, uint8 [64, 64, 3]. Raises SystemExit where there is none, or not all of it is there."""
    name, number = which
    height, width, _ = SHAPE
    page = picture_pages.read(here / name, number, smallest=min(height, width))
    if page.alpha is not None and not page.alpha.all() or not np.isfinite(page.values).all():
        sys.exit(f"{here / name}: has transparent pixels or values that are not numbers; fill them, or take it out of the folder")
    side = min(page.values.shape[:2])
    upper, left = ((length - side) // 2 for length in page.values.shape[:2])
    cut = page.values[upper : upper + side, left : left + side]
    if which in spans:
        cut = 255 * picture_ranges.scaled(cut, spans[which])
    channels = [reduced(cut[:, :, channel], (width, height)) for channel in range(cut.shape[2])]
    return np.stack(channels * (3 // len(channels)), axis=2)


def reduced(channel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One channel on the scale from 0 to 255, uint8 or float32, as uint8 of another size."""
    small = Image.fromarray(np.ascontiguousarray(channel)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(small) if channel.dtype == np.uint8 else np.rint(np.asarray(small).clip(0, 255)).astype(np.uint8)
