"""Measurements as a method sees them."""

import functools
import sys
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from measurements import side_info
from measurements.forward import ForwardModel


@dataclass(frozen=True)
class Measured:
    """A part of the measurements of a split, with what the method's rule says that it may know of them."""

    y: np.ndarray  # float32 [N, H, W, C]; noise may leave [0, 1]
    forward: ForwardModel  # y = f_θ(x)
    stored: np.ndarray | None = None  # side information as its file holds it; None where the rule does not name it
    protocol: frozenset[str] = frozenset()  # the switches of the original's protocol that are on (protocols.py)

    @functools.cached_property
    def side_info(self) -> np.ndarray:
        """What may be told of the θ of each image: a mask bool [N, H, W, c], or a noise level float32 [N, 1, 1, 1].

        Raises SystemExit if the method's rule does not name it as an input.
        """
        if self.stored is None:
            sys.exit("this method uses the θ of each image; name `side_info` among the inputs of its rule")
        return side_info.from_disk(self.stored, self.y.shape)

    @functools.cached_property
    def informs(self) -> np.ndarray:
        """Where y tells anything of x: bool [N, H, W, C]; all where nothing is lost. Raises SystemExit as `side_info` does."""
        s = self.side_info if self.forward.has_mask else None
        return np.broadcast_to(self.forward.informs(s, self.y.shape), self.y.shape)

    @functools.cached_property
    def observed(self) -> np.ndarray:
        """Where y *is* the value of x, exactly: bool [N, H, W, C]; nowhere under noise. Raises SystemExit as `side_info` does."""
        s = self.side_info if self.forward.has_mask else None
        return np.broadcast_to(self.forward.observed(s, self.y.shape), self.y.shape)

    def normal(self, count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
        """Standard normal numbers for `count` samples of each image, float32 [K, N, *shape].

        Those of an image depend on (seed, its measurement) alone, so that its samples do not depend on its neighbours.
        """
        sources = [np.random.default_rng([seed, crc32(np.ascontiguousarray(y))]) for y in self.y]
        return np.stack([source.standard_normal((count, *shape), np.float32) for source in sources], axis=1)

    def __getitem__(self, images: slice) -> "Measured":
        return replace(self, y=self.y[images], stored=None if self.stored is None else self.stored[images])

    def loaded(self) -> "Measured":
        """The same in memory, y as float32."""
        return replace(self, y=np.asarray(self.y, np.float32), stored=None if self.stored is None else np.array(self.stored))
