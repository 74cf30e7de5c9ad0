"""The network of the deep image prior: an hourglass of convolutions with narrow skips, from fixed noise to one image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUTS, SKIP = 32, 4  # channels of the noise that goes in, and of what each level hands on at its size
SMALLEST = 7  # pixels a side of the coarsest maps, at least


def layer(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, padding_mode="reflect")
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


class Hourglass(nn.Module):
    """f(z), [B, INPUTS, H, W] -> images [B, H, W, C] in [0, 1]; batch norm always by the statistics of what goes in."""

    def __init__(self, shape: tuple[int, int, int], width: int):
        super().__init__()
        height, w, channels = shape
        levels = max(1, (min(height, w) // SMALLEST).bit_length() - 1)
        inputs = [INPUTS, *[width] * (levels - 1)]
        self.skips = nn.ModuleList(layer(i, SKIP, 1) for i in inputs)
        self.downs = nn.ModuleList(nn.Sequential(layer(i, width, stride=2), layer(width, width)) for i in inputs)
        joined = SKIP + width
        self.ups = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(joined), layer(joined, width), layer(width, width, 1)) for _ in inputs
        )
        self.image = nn.Conv2d(width, channels, 1)

    def forward(self, z: Tensor) -> Tensor:
        maps, kept = z, []
        for skip, down in zip(self.skips, self.downs, strict=True):
            kept.append(skip(maps))
            maps = down(maps)
        for up, skipped in zip(self.ups, reversed(kept), strict=True):
            maps = F.interpolate(maps, skipped.shape[2:], mode="bilinear", align_corners=False)
            maps = up(torch.cat([skipped, maps], dim=1))
        return self.image(maps).sigmoid().permute(0, 2, 3, 1)
