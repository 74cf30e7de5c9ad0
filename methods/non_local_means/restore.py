"""Non-local means (Buades, Coll and Morel, CVPR 2005), scikit-image's, with the noise taken off the distances (IPOL 2011)."""

from collections.abc import Iterator

import numpy as np
from skimage.restoration import denoise_nl_means

from bench.command import main
from bench.measured import Measured


def restore(measured: Measured, *, h: float, patch_size: int, patch_distance: int) -> Iterator[np.ndarray]:
    """Each value becomes a mean of the values around, weighed by how alike their patches are; all channels share the weights."""
    sigma = measured.forward.sigma
    if not sigma:
        yield measured.y
        return
    settings = {"h": h * sigma, "sigma": sigma, "patch_size": patch_size, "patch_distance": patch_distance}
    # The original algorithm. scikit-image's fast one compares patches of side patch_size - 1 that are off their centre, counts a
    # value's own patch twice, and averages mirror images of a value near the border with the value itself: noise stays there.
    settings |= {"fast_mode": False, "channel_axis": -1, "preserve_range": True}
    yield np.reshape([denoise_nl_means(y, **settings) for y in measured.y], measured.y.shape)


if __name__ == "__main__":
    main(restore)
