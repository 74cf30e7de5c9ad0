"""BM3D (Dabov, Foi, Katkovnik and Egiazarian, TIP 2007; Mäkinen, Azzari and Foi, TIP 2020), the authors' own program.

Its license is for non-commercial use alone, so the package bm3d is not among those that this benchmark installs.
"""

import functools
import sys
from collections.abc import Iterator

import numpy as np

from bench.command import main
from bench.measured import Measured


@functools.cache
def program():
    """The authors' package. Raises SystemExit, in one line, where it is not installed."""
    try:
        import bm3d
    except ImportError as error:
        sys.exit(f"{error}: pip install -r methods/bm3d/requirements.txt (free for non-commercial use alone)")
    return bm3d


def restore(measured: Measured, *, strength: float) -> Iterator[np.ndarray]:
    """Alike patches are stacked and shrunk together, twice; colours in an opponent space that decorrelates them."""
    sigma = measured.forward.sigma * strength
    if not sigma:
        yield measured.y
        return
    bm3d = program()
    profile = bm3d.BM3DProfile()
    profile.num_threads = 1  # more add up in another order each time, so that results would not repeat
    denoise = bm3d.bm3d_rgb if measured.y.shape[-1] == 3 else bm3d.bm3d  # others: patches are matched in the first channel
    estimates = np.array(measured.y, np.float64)
    for y in estimates:
        if (y != y[0, 0]).any():  # the package divides colours by their range, which a constant image has not
            y[:] = denoise(y, sigma, profile).reshape(y.shape)
    yield estimates


if __name__ == "__main__":
    main(restore)
