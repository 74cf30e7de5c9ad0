"""A small network beside a restorer: how far off each value of its reconstruction may be."""

from itertools import pairwise

from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork


class Spread(ImageNetwork):
    """s, the standard deviation of each value of the image about a reconstruction x^g, from x^g, or from x^g and m (two planes).

    It does not see y, which may be what it learns from.
    """

    LEAST = 1 / 255  # a step of an 8-bit image

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        channels, width = shape[2], architecture(shape).skip[0]
        widths = (planes * channels, width, width)
        layers = [part for i, o in pairwise(widths) for part in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True))]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels, 1))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # [B, H, W, C] each, in [LEAST, 1]
        with self.precision(x.device):
            maps = self.body(self.stacked(x, mask))
        return self.LEAST + (1 - self.LEAST) * (maps.float() - 2).sigmoid().permute(0, 2, 3, 1)
