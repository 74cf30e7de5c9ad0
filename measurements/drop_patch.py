"""A square of each image is lost (AmbientGAN: Bora, Price and Dimakis, ICLR 2018)."""

from dataclasses import dataclass

import numpy as np

from measurements.dropping import MaskedModel
from measurements.forward import Array, computed
from options import option


@dataclass(frozen=True)
class DropPatch(MaskedModel):
    """One size × size square, all channels, is lost; its corner is uniform over all places inside the image.

    With `last_offset: false` it never touches the lower and the right edge: offsets 0..H-size-1, as in the released code.

    y = m ⊙ x + (1 - m) · fill,   θ = m,   E_θ f_θ(x) = (1 - q) x + q · fill,   q_ij = P(pixel i, j is inside the square)
    """

    size: int = option("Side of the square in pixels.", minimum=1)
    fill: float = option("What a lost value reads as.", 0.0, minimum=0, maximum=1)
    last_offset: bool = option(
        "Whether the square may touch the lower and the right edge. The original does not; `protocol: paper` says false.",
        True,
        paper=False,
    )

    EXAMPLES = ({"size": 4, "fill": 0.4}, {"size": 4, "fill": 0.4, "last_offset": False})

    def offsets(self, length: int) -> int:
        """How many places the square may take along a side."""
        return length - self.size + self.last_offset

    def check(self, shape):
        height, width, _ = shape
        if self.offsets(min(height, width)) < 1:
            fault = "is larger than" if self.size > min(height, width) else "without the last offset has no place in"
            raise ValueError(f"drop_patch: size {self.size} {fault} the image of {height}×{width}")

    def draw(self, n, shape, generator):
        import torch

        self.check(shape)
        height, width, _ = shape

        def inside(length: int):  # [n, length]
            corner = torch.randint(0, self.offsets(length), (n, 1), generator=generator, device=generator.device)
            place = torch.arange(length, device=generator.device)
            return (place >= corner) & (place < corner + self.size)

        return ~(inside(height)[:, :, None, None] & inside(width)[:, None, :, None])  # [n, H, W, 1]

    def draw_further_mask(self, n, shape, share, generator):
        """One more square of the same size, whatever the share."""
        return self.draw(n, shape, generator)

    def mean(self, x: Array) -> Array:
        q = computed(self.lost, *x.shape[1:3], like=x)
        return (1 - q) * x + q * self.fill

    def lost(self, height: int, width: int) -> np.ndarray:
        """q, the probability that the square covers a pixel: float32 [H, W, 1]."""

        def along(length: int) -> np.ndarray:  # P(the square covers place i)
            place, last = np.arange(length), self.offsets(length) - 1
            covering = np.minimum(place, last) - np.maximum(place - self.size + 1, 0) + 1
            return covering.astype(np.float32) / np.float32(last + 1)

        return along(height)[:, None, None] * along(width)[:, None]
