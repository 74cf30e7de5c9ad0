"""A U-Net that draws images: noise is an input of its coarse grids, so that each draw is another image."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork, UnflattenChannelsLast, halved
from networks.unet import beyond, contracted, twice


class StochasticUNet(ImageNetwork):
    """x = G(y, m, ε): a U-Net (networks/unet.py) on the measurement, which noise ε ~ N(0, I) joins.

    ε is a vector of `noise` numbers. The first of them join all maps where the grid is coarsest, the others are planes, PLANES to
    a grid, at every grid but the finest: noise there would be grain. 0 and 1 are reached exactly.
    """

    VERSION = 2  # of training/models.py: 1 ended in a stretched sigmoid
    PLANES = 4

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        widths, levels = arch.sampler, len(arch.sampler) - 1
        h, w = halved(height, levels), halved(width, levels)  # where the grid is coarsest
        self.beyond = beyond(height, width, levels)
        self.grids = [(h * 2**k, w * 2**k, self.PLANES) for k in range(levels)]  # coarse to fine, without the finest
        self.parts = [arch.latent, *map(math.prod, self.grids)]  # of ε
        self.noise, self.planes = sum(self.parts), planes

        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise((planes * channels, *widths)))
        self.latent = nn.Sequential(nn.Linear(arch.latent, h * w * widths[-1]), UnflattenChannelsLast((h, w, widths[-1])))
        self.middle = twice(widths[-1], widths[-1])
        coarse_to_fine = list(pairwise(widths[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.mixes = nn.ModuleList(nn.Conv2d(self.PLANES, o, 1, bias=False) for o in widths[:0:-1])  # of noise into the maps
        self.image = nn.Conv2d(widths[0], channels, 1)

    def forward(self, y: Tensor, mask: Tensor | None, noise: Tensor) -> Tensor:  # [B, H, W, C] each, [B, noise] -> [B, H, W, C]
        return self.decode(self.encode(y, mask), noise)

    def draws(self, y: Tensor, mask: Tensor | None, noise: Tensor) -> Iterator[Tensor]:
        """An image for each ε of each measurement, which is encoded once: [K, B, noise] -> K of [B, H, W, C]."""
        maps = self.encode(y, mask)
        return (self.decode(maps, each) for each in noise)

    def encode(self, y: Tensor, mask: Tensor | None) -> list[Tensor]:
        """The maps of the measurement, from the finest grid to the coarsest."""
        with self.precision(y.device):
            return contracted(self.stacked(y, mask), self.downs, self.beyond)

    def decode(self, skips: list[Tensor], noise: Tensor) -> Tensor:
        """The image that belongs to ε, [B, noise] -> [B, H, W, C]."""
        with self.precision(noise.device):
            return self.reaching(self.image(self.last_maps(skips, noise)))

    def last_maps(self, skips: list[Tensor], noise: Tensor) -> Tensor:
        """Those of the finest grid, of which the image is made."""
        *fine, coarsest = skips
        vector, *parts = noise.split(self.parts, dim=1)
        planes = [part.unflatten(1, grid).permute(0, 3, 1, 2) for part, grid in zip(parts, self.grids, strict=True)]
        mixed = [mix(plane) for mix, plane in zip(self.mixes, planes, strict=True)]
        maps = self.middle(coarsest + self.latent(vector) + mixed[0])
        for up, join, skip, more in zip(self.ups, self.joins, reversed(fine), [*mixed[1:], None], strict=True):
            maps = up(maps) if more is None else up(maps) + more
            maps = join(torch.cat([maps, skip], dim=1))
        return maps


def with_opposites(noise: Tensor) -> Tensor:
    """ε and -ε in turn, [K, ...] -> [2K, ...]: in the mean of both draws the part that is odd in ε cancels.

    Antithetic variates (Hammersley and Morton, 1956): the mean's expectation stays, its variance falls.
    """
    return torch.stack([noise, -noise], 1).flatten(0, 1)
