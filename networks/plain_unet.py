"""A plain U-Net from a measurement to an image: no latent vector, no adversary."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork, halved
from networks.unet import twice


class PlainUNet(ImageNetwork):
    """x̂ = 1.1 sigmoid(U(y, m)) - 0.05, clipped to [0, 1] in evaluation mode: a U-Net (Ronneberger, Fischer and Brox 2015).

    So 0 and 1 are reached exactly, at logits of ±3. (y + U(y, m) in its place was 1 dB worse on noisy digits after 1,000 steps.)
    Sides that the coarsest grid does not divide are continued with the values at their end, and cut off again.
    """

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        height, width, channels = shape
        skip, self.planes = architecture(shape).skip, planes
        times = len(skip) - 1
        self.beyond = (0, halved(width, times) * 2**times - width, 0, halved(height, times) * 2**times - height)  # for F.pad
        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise((planes * channels, *skip)))
        coarse_to_fine = list(pairwise(skip[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.image = nn.Conv2d(skip[0], channels, 1)

    def forward(self, y: Tensor, mask: Tensor | None = None) -> Tensor:  # [B, H, W, C] each -> [B, H, W, C]
        with self.precision(y.device):
            maps, skips = self.stacked(y, mask), []
            if any(self.beyond):
                maps = F.pad(maps, self.beyond, mode="replicate")
            for level in self.downs:
                maps = level(F.max_pool2d(maps, 2) if skips else maps)
                skips.append(maps)
            for up_, join, skip in zip(self.ups, self.joins, reversed(skips[:-1]), strict=True):
                maps = join(torch.cat([up_(maps), skip], dim=1))
            logits = self.image(maps).float()[..., : self.height, : self.width]
        x = 1.1 * logits.sigmoid().permute(0, 2, 3, 1) - 0.05
        return x if self.training else x.clamp(0, 1)
