"""Biharmonic inpainting, Δ²x = 0 on lost values (Damelin and Hoang, 2018), scikit-image's."""

from collections.abc import Iterator

import numpy as np
from skimage.restoration import inpaint_biharmonic

from bench.command import main
from bench.measured import Measured


def fill(y: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """One channel of one image, [H, W]. scikit-image clips what it fills in to the range of the seen values."""
    if not seen.any():
        return np.full_like(y, 0.5)
    return y if seen.all() else inpaint_biharmonic(y, ~seen)


def restore(measured: Measured) -> Iterator[np.ndarray]:
    """Lost values minimise the sum of squared Laplacians, which bends less than the harmonic fill; seen values stay."""
    # In double precision, as the condition of the system grows with the fourth power of a hole's side. Each channel for itself,
    # as scikit-image takes one mask for all of them.
    y, mask = np.moveaxis(measured.y.astype(np.float64), -1, 1), np.moveaxis(measured.informs, -1, 1)
    filled = np.stack([[fill(*plane) for plane in zip(*image, strict=True)] for image in zip(y, mask, strict=True)])
    yield np.where(measured.informs, measured.y, np.moveaxis(filled, 1, -1))


if __name__ == "__main__":
    main(restore)
