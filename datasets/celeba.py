"""CelebA faces (Liu et al. 2015), aligned, official partition, 64×64×3: train 162,770, validation 19,867, test 19,962.

Each image, 178×218, is cut to its central 108×108 and reduced to 64×64 with Pillow's BILINEAR, which is antialiased where it
reduces. Read from data_dir/celeba/ (datasets/celeba_files.py): a folder of images or their zip, whichever has more, or else the
packed form that `python -m datasets.pack` writes for machines without network. Where some images are absent, those that are there
count, in the list's order.
"""

import functools
import hashlib
import io
import os
import shlex
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.celeba_files import LIST, PACKED, ZIP, folder, instead, lines_of, listing, present
from datasets.decoding import decode

SHAPE = (64, 64, 3)
RANGE = (-1, 1)
OPTIONAL = True
IMAGES = {"train": 162_770, "validation": 19_867, "test": 19_962}
SPLITS = {"train": 0, "validation": 1, "test": 2}  # with their numbers in the list
LIST_MD5 = "d32c9cbf5e040fd4025c592c306e6668"
SIZES = {LIST: 2_836_386, ZIP: 1_443_490_838}  # bytes of the official files
CROP = (35, 55, 143, 163)  # left, upper, right, lower of the central 108×108 of 178×218


@dataclass(frozen=True)
class Source:
    """Where images are read from."""

    path: Path  # a folder or a zip
    splits: dict[str, list[str]]  # the names of the images that are there, in the list's order
    read: Callable[[str], bytes]  # an image's file, by its name; threads may call it at once
    listed: bytes  # the partition, as the official list has it
    packed: bool = False  # 64×64 already


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 64, 64, 3]. Raises SystemExit where files are missing, or an image is damaged, naming it."""
    with ExitStack() as opened:
        source = find(data_dir, opened)
        names = source.splits[split]
        if not names:
            sys.exit(
                f"{source.path}: no image of the {split} split is there; add some that {LIST} gives the number {SPLITS[split]}"
            )
        return faces(source, names)


def obtain(data_dir: Path) -> None:
    """Download the official files if they are not there. Raises SystemExit that says what to fetch by hand where that fails."""
    if present(data_dir):
        return
    from torchvision.datasets import CelebA, utils

    here = data_dir / "celeba"
    missing = [name for name in SIZES if not (here / name).is_file()]
    if folder(here):
        missing = [LIST]
    elif listing(here):
        missing = [ZIP]
    print(f"CelebA is not in {here}; downloading {' and '.join(missing)}", flush=True)
    try:
        for file_id, md5, name in CelebA.file_list:
            if name in missing:
                utils.download_file_from_google_drive(file_id, here, name, md5)
    except Exception as error:  # of gdown, of its absence, of the network, of the disk: whatever it is, the remedy is the same
        files = " and ".join(f"{name} ({SIZES[name]:,} bytes)" for name in missing)
        sys.exit(
            f"{here}: put {files} there, from the official site (CelebA, MMLAB, CUHK: “Align&Cropped Images” and “Train/Val/Test "
            f"Partitions”), or {PACKED}, written by `python -m datasets.pack` where the images are, and run again; CelebA could "
            f"not be downloaded ({' '.join(str(error).split()) or type(error).__name__})"
        )


def find(data_dir: Path, opened: ExitStack) -> Source:
    """The images and their splits, said in a line each; zips are closed with `opened`. Raises SystemExit as `load` does."""
    here = data_dir / "celeba"
    if not present(data_dir):
        found, command = instead(data_dir), f"`python -m datasets.obtain celeba --data-dir {shlex.quote(str(data_dir))}`"
        sys.exit(f"{here}: CelebA is not there; {f'{found}, or ' if found else ''}{command} downloads it")
    readers: dict[Path, tuple[set[str], Callable]] = {}
    if at := listing(here):
        text = lines_of(at)
        if unpacked := folder(here):
            readers[unpacked] = set(os.listdir(unpacked)), lambda name: (unpacked / name).read_bytes()
        if (here / ZIP).is_file():
            readers[here / ZIP] = open_zip(here / ZIP, opened)
    if packed := not readers:
        at = here / PACKED
        readers[here / PACKED] = open_zip(here / PACKED, opened)
        if LIST not in readers[here / PACKED][0]:
            sys.exit(f"{here / PACKED}: {LIST} is not in it; write it with `python -m datasets.pack`")
        text = readers[here / PACKED][1](LIST)
    listed = partition(text, at)
    path, (held, read) = max(readers.items(), key=lambda item: len(item[1][0]))
    splits = {split: [name for name in listed[split] if name in held] for split in SPLITS}
    found = ", ".join(f"{split} {len(splits[split]):,} of {len(listed[split]):,}" for split in SPLITS)
    print(f"{path}: {found}" + "; packed: JPEG again at 64×64, not the original pixels" * packed, flush=True)
    return Source(path, splits, read, text, packed)


def open_zip(path: Path, opened: ExitStack) -> tuple[set[str], Callable]:
    """The names of its files, without their folders, and a function that reads one."""
    try:
        archive = opened.enter_context(zipfile.ZipFile(path))
    except zipfile.BadZipFile as error:
        sys.exit(f"{path}: not a complete zip file ({error}); delete it and fetch it again")
    members = {Path(name).name: name for name in archive.namelist()}
    return set(members), lambda name: archive.read(members[name])


def partition(text: bytes, path: Path) -> dict[str, list[str]]:
    """The names of the images of each split, from the lines `NAME NUMBER` of the list."""
    if hashlib.md5(text, usedforsecurity=False).hexdigest() != LIST_MD5:
        print(f"{path}: not the official partition (md5 {LIST_MD5}), so these splits are not those of others", flush=True)
    listed: dict[str, list[str]] = {split: [] for split in SPLITS}
    of = {str(number).encode(): split for split, number in SPLITS.items()}
    for row, line in enumerate(text.splitlines(), start=1):
        name, _, number = line.partition(b" ")
        if number.strip() not in of:
            sys.exit(f"{path}: line {row} of the partition is {line[:60]!r}, not NAME 0, 1 or 2; fetch {LIST} again")
        listed[of[number.strip()]].append(name.decode(errors="replace"))
    return listed


def faces(source: Source, names: list[str]) -> np.ndarray:
    """uint8 [N, 64, 64, 3]. Raises SystemExit as `face` does."""
    return decode(names, functools.partial(face, source), (64, 64, 3))


def face(source: Source, name: str) -> np.ndarray:
    """One image, uint8 [64, 64, 3]. Raises SystemExit where its file is damaged or of another size."""
    size = (64, 64) if source.packed else (178, 218)
    try:
        image = Image.open(io.BytesIO(source.read(name)))
        if image.size != size:
            raise ValueError(f"{image.width}×{image.height} where {size[0]}×{size[1]} is expected")
        image = image.convert("RGB")
    except PermissionError:
        raise
    except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        sys.exit(
            f"{source.path / name}: not a complete image of CelebA ({error}); fetch it again, or delete it to go on without it"
        )
    return np.asarray(image if source.packed else image.crop(CROP).resize((64, 64), Image.Resampling.BILINEAR))
