"""MNIST complete (LeCun et al. 1998), as distributed.

train 55,000 and validation 5,000: the first and the last of the official 60,000; test: the official 10,000.
"""

import functools
import hashlib
import sys
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

MD5 = {  # of the same files; many projects state them, and torchvision's are those of the packed files (.gz)
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 28, 28, 1]."""
    return read(split, data_dir).data.numpy()[SPLITS[split][1], :, :, None]


def labels(split: str, data_dir: Path) -> np.ndarray:
    """The digit of each image, uint8 [N]."""
    return read(split, data_dir).targets.numpy()[SPLITS[split][1]].astype(np.uint8)


def read(split: str, data_dir: Path):
    """The official part that a split is cut from, as torchvision reads it.

    Uses the files in data_dir/MNIST/raw, else downloads them there.
    Raises SystemExit where a file is damaged or missing, or of another data set with the same names (FashionMNIST), naming it.
    """
    from torchvision.datasets import MNIST  # here, as it imports torch

    raw = data_dir / "MNIST" / "raw"
    if not all((raw / name).exists() for name in SIZES):
        download(data_dir, raw)
    for name, size in SIZES.items():
        if (found := (raw / name).stat().st_size) != size:
            sys.exit(f"{raw / name}: {found} bytes where MNIST has {size}; delete the file and run again to download it")
    for name, official in MD5.items():
        with open(raw / name, "rb") as file:
            found = hashlib.file_digest(file, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()
        if found != official:
            sys.exit(
                f"{raw / name}: not MNIST, as its MD5 is {found} and the official one {official}; delete it and run again to "
                "download it, or add another data set of such files under its own name (docs/extending.md)"
            )
    return MNIST(data_dir, train=SPLITS[split][0])


def download(data_dir: Path, raw: Path) -> None:
    from torchvision.datasets import MNIST

    print(f"MNIST is not in {raw}; downloading it", flush=True)
    try:
        MNIST(data_dir, download=True)
    except PermissionError:
        raise
    except (OSError, RuntimeError) as error:
        names = ", ".join(name for name in SIZES if not (raw / name).exists())
        why = " ".join(str(error).split())
        sys.exit(f"{raw}: put {names} there (unpacked) and run again; MNIST could not be downloaded ({why})")
