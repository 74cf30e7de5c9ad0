"""Normalised convolution (Knutsson and Westin, CVPR 1993): interpolate lost values from the seen ones around them."""

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

from methods.contract import Measured, main


def restore(measured: Measured, *, width: float) -> Iterator[np.ndarray]:
    """Lost values become G * (m ⊙ y) / G * m with a Gaussian G; seen values stay."""
    y, mask = measured.y, measured.informs
    weight = mask.astype(np.float32)
    above = gaussian_filter(weight * y, sigma=(0, width, width, 0), mode="constant", truncate=8)
    below = gaussian_filter(weight, sigma=(0, width, width, 0), mode="constant", truncate=8)
    mean = (weight * y).sum((1, 2), keepdims=True) / np.maximum(weight.sum((1, 2), keepdims=True), 1)
    # Far from every seen value both blurs vanish; there the mean of the image's channel stands in.
    yield np.where(mask, y, np.where(below > 1e-6, above / np.maximum(below, 1e-6), mean))


if __name__ == "__main__":
    main(restore)
