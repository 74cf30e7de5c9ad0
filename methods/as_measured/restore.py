"""The floor: the measurement itself, clipped to [0, 1]."""

from collections.abc import Iterator

import numpy as np

from bench.command import main
from bench.measured import Measured


def restore(measured: Measured) -> Iterator[np.ndarray]:
    """The measurement as it is: what a method must beat to be of any use."""
    yield measured.y


if __name__ == "__main__":
    main(restore)
