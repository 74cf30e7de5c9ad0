"""Pictures of your own, good ones, to benchmark on: data_dir/folder/ and all folders in it, as 64×64×3.

Of each picture the largest central square is reduced to 64×64 with Pillow's BILINEAR, which is antialiased where it reduces.
Folders train/, test/ and, if you like, validation/ in it are the splits; without them the name of a file decides, a tenth for
test and a tenth for validation, so that a picture stays in its split whatever is added.
"""

import functools
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from datasets.decoding import decode
from datasets.picture_files import ENDINGS, listed, opened

SHAPE = (64, 64, 3)
RANGE = (-1, 1)
OWN = True
SPLITS = ("train", "validation", "test")


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 64, 64, 3], in the order of the files' names.

    Raises SystemExit where no picture is of the split, or one is damaged or smaller than 64×64, naming it.
    """
    here = data_dir / "folder"
    found = splits(here)
    print(f"{here}: " + ", ".join(f"{name} {len(files):,}" for name, files in found.items()), flush=True)
    if not found[split]:
        sys.exit(f"{here}: no picture of the {split} split ({', '.join(sorted(ENDINGS))}); put more there, or some into {split}/")
    return decode(found[split], functools.partial(square, here), SHAPE)


def splits(here: Path) -> dict[str, list[str]]:
    """The files of each split, by their names from `here` on."""
    names = listed(here, "**/*")
    chosen = {name: [each for each in names if each.startswith(f"{name}/")] for name in SPLITS}
    if chosen["train"] and chosen["test"]:
        return chosen
    tenth = {0: "test", 1: "validation"}
    return {split: [name for name in names if tenth.get(crc32(name.encode()) % 10, "train") == split] for split in SPLITS}


def square(here: Path, name: str) -> np.ndarray:
    """A picture's largest central square, uint8 [64, 64, 3]. Raises SystemExit where there is none."""
    height, width, _ = SHAPE
    picture = opened(here / name, smallest=min(height, width)).convert("RGB")
    side = min(picture.size)
    left, upper = (picture.width - side) // 2, (picture.height - side) // 2
    cut = picture.crop((left, upper, left + side, upper + side))
    return np.asarray(cut.resize((width, height), Image.Resampling.BILINEAR))
