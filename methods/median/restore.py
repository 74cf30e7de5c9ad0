"""Median filter, the original's non-learned method for noise."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import median_filter

from bench.command import main
from bench.measured import Measured


def restore(measured: Measured, *, window: int) -> Iterator[np.ndarray]:
    """Median over a square window, each channel for itself."""
    yield median_filter(measured.y, size=(1, window, window, 1), mode="nearest")


if __name__ == "__main__":
    main(restore)
