"""MNIST complete (LeCun et al. 1998), as distributed.

train 55,000 and validation 5,000: the first and the last of the official 60,000; test: the official 10,000. The files are
those of data_dir/MNIST/raw/ (torchvision's layout), data_dir/MNIST/, data_dir/mnist/ or data_dir itself, unpacked or .gz.
"""

import gzip
import hashlib
import math
import sys
import zlib
from pathlib import Path

import numpy as np

SHAPE = (28, 28, 1)
RANGE = (0, 1)
CLASSES = 10
IMAGES = {"train": 55_000, "validation": 5_000, "test": 10_000}
SPLITS = {
    "train": (True, slice(0, 55_000)),
    "validation": (True, slice(55_000, 60_000)),
    "test": (False, slice(0, 10_000)),
}
SIZES = {  # bytes of the official files, uncompressed
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
FOLDERS = ("MNIST/raw", "MNIST", "mnist", "")
MD5 = {  # of the same files; many projects state them, and torchvision's are those of the packed files (.gz)
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
HEADER = {"images-idx3": 16, "labels-idx1": 8}  # bytes before the numbers


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 28, 28, 1]."""
    return values("images-idx3", split, data_dir).reshape(-1, *SHAPE)


def labels(split: str, data_dir: Path) -> np.ndarray:
    """The digit of each image, uint8 [N]."""
    return values("labels-idx1", split, data_dir)


def values(kind: str, split: str, data_dir: Path) -> np.ndarray:
    """The numbers of a split in the file of that kind, uint8; all four files are compared with the official ones.

    Uses the files that are there (`find`), else downloads them.
    Raises SystemExit where a file is damaged or missing, or of another data set with the same names (FashionMNIST), naming it.
    """
    if not all(find(name, data_dir) for name in SIZES):
        download(data_dir)
    paths = {name: find(name, data_dir) for name in SIZES}
    read = {name: unpacked(path) for name, path in paths.items()}
    for name, data in read.items():
        if len(data) != SIZES[name]:
            sys.exit(
                f"{paths[name]}: {len(data)} bytes where MNIST has {SIZES[name]}; delete the file and run again to download it"
            )
    for name, data in read.items():
        if (found := hashlib.md5(data, usedforsecurity=False).hexdigest()) != MD5[name]:
            sys.exit(
                f"{paths[name]}: not MNIST, as its MD5 is {found} and the official one {MD5[name]}; delete it and run again to "
                "download it, or add another data set of such files under its own name (docs/extending.md)"
            )
    of_train, part = SPLITS[split]
    name = f"{'train' if of_train else 't10k'}-{kind}-ubyte"
    length = math.prod(SHAPE) if kind.startswith("images") else 1
    return np.frombuffer(read[name], np.uint8, offset=HEADER[kind])[part.start * length : part.stop * length]


def find(name: str, data_dir: Path) -> Path | None:
    """The first file of that name below data_dir, also with a dot before `idx`, as some hand it out; None where there is none."""
    names = [f"{stem}{end}" for stem in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    paths = [data_dir / folder / each for folder in FOLDERS for each in names]
    return next((path for path in paths if path.is_file()), None)


def unpacked(path: Path) -> bytes:
    """The bytes of a file, unpacked where it is a .gz file. Raises SystemExit where that is damaged."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        sys.exit(f"{path}: not a complete .gz file ({error}); delete the file and run again to download it")


def download(data_dir: Path) -> None:
    """Fetch the files to data_dir/MNIST/raw. Raises SystemExit that names those that are missing."""
    from torchvision.datasets import MNIST  # here, as it imports torch

    raw = data_dir / "MNIST" / "raw"
    print(f"MNIST is not in {raw}; downloading it", flush=True)
    try:
        MNIST(data_dir, download=True)
    except PermissionError:
        raise
    except (OSError, RuntimeError) as error:
        names = ", ".join(name for name in SIZES if not find(name, data_dir))
        why = " ".join(str(error).split())
        sys.exit(f"{raw}: put {names} there (unpacked, or as .gz) and run again; MNIST could not be downloaded ({why})")
