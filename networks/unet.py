"""The two halves of a U-Net (Ronneberger, Fischer and Brox 2015), and one that a latent vector joins: a decoder with skips."""

from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork, UnflattenChannelsLast, halved, normalised


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions of stride 1."""
    return nn.Sequential(*normalised((nn.Conv2d(i, outputs, 3, padding=1), outputs) for i in (inputs, outputs)))


def beyond(height: int, width: int, levels: int) -> tuple[int, int, int, int]:
    """How far the sides are to be continued so that they can be halved `levels` times, as F.pad has it."""
    return 0, halved(width, levels) * 2**levels - width, 0, halved(height, levels) * 2**levels - height


def contracted(maps: Tensor, downs: Iterable[nn.Module], beyond: tuple[int, ...]) -> list[Tensor]:
    """The maps of every grid, from the finest to the coarsest. Sides are continued, with the values at their end, by `beyond`."""
    if any(beyond):
        maps = F.pad(maps, beyond, mode="replicate")
    grids: list[Tensor] = []
    for down in downs:
        grids.append(down(F.max_pool2d(grids[-1], 2) if grids else maps))
    return grids


def expanded(maps: Tensor, finer: list[Tensor], ups: Iterable[nn.Module], joins: Iterable[nn.Module]) -> Tensor:
    """The maps of the finest grid, from those of the coarsest and what `contracted` found of each finer one."""
    for up, join, skip in zip(ups, joins, reversed(finer), strict=True):
        maps = join(torch.cat([up(maps), skip], dim=1))
    return maps


class SkipDecoder(ImageNetwork):
    """x^g = Dec(z; y, m), which reaches 0 and 1: a U-Net on the measurement, which z joins where it is coarsest."""

    VERSION = 2  # of training/models.py: 1 ended in a sigmoid, which left the black around noisy digits grey

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        widths = (planes * channels, *arch.skip)
        levels = len(arch.skip) - 1
        grid = (halved(height, levels), halved(width, levels), widths[-1])  # (H', W', channels) where it is coarsest
        self.beyond = beyond(height, width, levels)
        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise(widths))
        self.latent = nn.Sequential(nn.Linear(arch.latent, grid[0] * grid[1] * grid[2]), UnflattenChannelsLast(grid))
        self.middle = twice(widths[-1], widths[-1])
        coarse_to_fine = list(pairwise(arch.skip[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.image = nn.Conv2d(arch.skip[0], channels, 1)

    def forward(self, z: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:  # [B, D], [B, H, W, C] -> [B, H, W, C]
        with self.precision(y.device):
            *finer, coarsest = contracted(self.stacked(y, mask), self.downs, self.beyond)
            maps = self.middle(coarsest + self.latent(z))
            return self.reaching(self.image(expanded(maps, finer, self.ups, self.joins)))
