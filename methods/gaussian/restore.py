"""Gaussian blur against noise."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from bench.command import main
from bench.measured import Measured


def restore(measured: Measured, *, width: float) -> Iterator[np.ndarray]:
    """Blur each channel with a Gaussian."""
    yield gaussian_filter(measured.y, sigma=(0, width, width, 0), mode="nearest")


if __name__ == "__main__":
    main(restore)
