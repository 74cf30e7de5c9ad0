"""A decoder with skip connections: a U-Net that a latent vector joins."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork, UnflattenChannelsLast, halved, normalised


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions of stride 1."""
    return nn.Sequential(*normalised((nn.Conv2d(i, outputs, 3, padding=1), outputs) for i in (inputs, outputs)))


class SkipDecoder(ImageNetwork):
    """x^g = Dec(z; y, m), in [0, 1]: a U-Net (Ronneberger, Fischer and Brox 2015) on the measurement, which z joins where it is
    coarsest. Sides that the coarsest grid does not divide are continued with the values at their end, and cut off again."""

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        widths = (planes * channels, *arch.skip)
        levels = len(arch.skip) - 1
        grid = (halved(height, levels), halved(width, levels), widths[-1])  # (H', W', channels) where it is coarsest
        self.beyond = (0, grid[1] * 2**levels - width, 0, grid[0] * 2**levels - height)  # as F.pad has it
        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise(widths))
        self.latent = nn.Sequential(nn.Linear(arch.latent, grid[0] * grid[1] * grid[2]), UnflattenChannelsLast(grid))
        self.middle = twice(widths[-1], widths[-1])
        coarse_to_fine = list(pairwise(arch.skip[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.image = nn.Conv2d(arch.skip[0], channels, 1)

    def forward(self, z: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:  # [B, D], [B, H, W, C] -> [B, H, W, C]
        with self.precision(y.device):
            maps, skips = self.stacked(y, mask), []
            if any(self.beyond):
                maps = F.pad(maps, self.beyond, mode="replicate")
            for level in self.downs:
                maps = level(F.max_pool2d(maps, 2) if skips else maps)
                skips.append(maps)
            maps = self.middle(maps + self.latent(z))
            for up_, join, skip in zip(self.ups, self.joins, reversed(skips[:-1]), strict=True):
                maps = join(torch.cat([up_(maps), skip], dim=1))
            return self.outside(self.image(maps))
