"""How deep and how wide the networks are, by the size of the images: the original's own at its two sizes, derived at others.

Images are [H, W, C] with sides of 16 to 256 pixels, square or not, grey or colour.
"""

import math
import sys
from typing import NamedTuple

SMALLEST, LARGEST = 16, 256  # pixels a side
FEW_VALUES = 1024  # an image of at most so many values gets MNIST's widths, a larger one CelebA's


class ImageFormat(NamedTuple):
    """What the networks need to know of a data set's images."""

    shape: tuple[int, int, int]  # (H, W, C)
    low: int = 0  # inside the networks values run from `low` to 1: 0, or -1 (then lost values, mid-grey, are 0 there)

    @property
    def value_range(self) -> int:
        """The length of the range of values inside the networks, in which the original states its L_pixel."""
        return 1 - self.low


class Architecture(NamedTuple):
    latent: int
    encoder: tuple[int, ...]  # channels of each stride-2 convolution …
    encoder_linear: tuple[int, ...]  # … and of the linear layers between them and μ, log σ²
    decoder: tuple[int, ...]  # channels after the linear layer, then of each transposed convolution
    last: str  # what makes the image of them: one more transposed convolution ("up"), or one of stride 1 ("same")
    discriminator: tuple[int, ...]  # the last convolution's output are the features …
    verdict_linear: tuple[int, ...]  # … and the linear layers between them and the verdict
    skip: tuple[int, ...]  # channels of the U-Net at H, H/2, …: ours, not the original's
    sampler: tuple[int, ...]  # the same of the U-Net that draws samples


MNIST = Architecture(
    latent=20,
    encoder=(16, 32, 64),
    encoder_linear=(),
    decoder=(32, 16),
    last="up",
    discriminator=(16, 32, 64),
    verdict_linear=(),
    skip=(16, 32, 64),
    sampler=(16, 32, 64),
)
CELEBA = Architecture(
    latent=128,
    encoder=(64, 128, 256),
    encoder_linear=(1024,),
    decoder=(256, 256, 128, 32),
    last="same",
    discriminator=(32, 128, 256, 256),
    verdict_linear=(256,),
    skip=(32, 64, 128, 256),
    sampler=(24, 48, 96, 128),
)


def architecture(shape: tuple[int, int, int]) -> Architecture:
    """The architecture for images of `shape` (H, W, C).

    28×28×1 has exactly the original's networks for MNIST, 64×64×3 those for CelebA. Other images have the widths of the nearer of
    the two by their number of values, and beyond 64 pixels on the shorter side one more level for each doubling, so that the
    coarsest maps keep their size. Raises SystemExit where a side is shorter than 16 or longer than 256 pixels.
    """
    height, width, channels = shape
    if not SMALLEST <= min(height, width) <= max(height, width) <= LARGEST:
        size = "×".join(map(str, shape))
        sys.exit(f"images of {size}: the networks take sides of {SMALLEST} to {LARGEST} pixels; resize the images or cut them")
    base = MNIST if height * width * channels <= FEW_VALUES else CELEBA
    more = max(0, math.ceil(math.log2(min(height, width) / 64)))  # levels beyond the original's
    return base._replace(
        encoder=base.encoder + base.encoder[-1:] * more,
        decoder=base.decoder[:1] * more + base.decoder,
        discriminator=base.discriminator + base.discriminator[-1:] * more,
        skip=base.skip + base.skip[-1:] * more,
        sampler=base.sampler + base.sampler[-1:] * more,
    )
