"""The three networks of the original Ambient VAE-GAN: 3×3 kernels, stride 2, ReLU, batch norm except where noted.

Legend: B batch, H W C image, D latent, P planes of what an encoder sees: y alone (1), or y and its mask (2).
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from networks.architectures import architecture
from networks.layers import FlattenChannelsLast, ImageNetwork, ToImage, UnflattenChannelsLast, dense, down, halved, normalised, up


class Gaussian(NamedTuple):
    """q(z|y) = N(μ, diag σ²)."""

    mean: Tensor  # [B, D]
    log_variance: Tensor  # [B, D]

    def at(self, noise: Tensor) -> Tensor:
        """The samples that belong to standard normal numbers: [..., B, D] -> [..., B, D]."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def sample(self, generator: Generator) -> Tensor:
        return self.at(torch.randn(self.mean.shape, generator=generator, device=self.mean.device))


class Encoder(ImageNetwork):
    """q(z|y) from a measurement y, or q(z|y, m) with two planes."""

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1, latent: int = 0):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        self.planes, self.latent = planes, latent or arch.latent
        widths = (planes * channels, *arch.encoder)
        flat = widths[-1] * halved(height, len(arch.encoder)) * halved(width, len(arch.encoder))
        linear = (flat, *arch.encoder_linear)
        self.body = nn.Sequential(
            *normalised((down(i, o), o) for i, o in pairwise(widths)), FlattenChannelsLast(), *dense(linear)
        )
        self.heads = nn.Linear(linear[-1], 2 * self.latent)  # μ and log σ² side by side

    def forward(self, y: Tensor, mask: Tensor | None = None) -> Gaussian:  # [B, H, W, C]
        with self.precision(y.device):
            return Gaussian(*self.heads(self.body(self.stacked(y, mask))).float().chunk(2, dim=1))


class Decoder(ImageNetwork):
    """x^g = Dec(z), in [0, 1]."""

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, latent: int = 0):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        self.latent = latent or arch.latent
        times = len(arch.decoder) - (arch.last == "same")
        start = (halved(height, times), halved(width, times), arch.decoder[0])
        inputs = arch.decoder[-1]
        self.body = nn.Sequential(
            nn.Linear(self.latent, start[0] * start[1] * start[2]),
            UnflattenChannelsLast(start),
            nn.BatchNorm2d(arch.decoder[0]),
            nn.ReLU(inplace=True),
            *normalised((up(i, o), o) for i, o in pairwise(arch.decoder)),
            ToImage(inputs, channels) if arch.last == "up" else nn.Conv2d(inputs, channels, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:  # [B, D] -> [B, H, W, C]
        with self.precision(z.device):
            return self.outside(self.body(z))

    def outside(self, maps: Tensor) -> Tensor:
        """Images [B, H, W, C] in [0, 1] from the last layer's output; rows and columns beyond the image are cut off."""
        maps = maps.float()[..., : self.height, : self.width].permute(0, 2, 3, 1)
        return maps.sigmoid() if self.low == 0 else 0.5 + 0.5 * maps.tanh()


class Verdict(NamedTuple):
    logit: Tensor  # [B]; sigmoid(logit) = Dis(y)
    features: Tensor  # Dis_l(y): the last convolution, before its batch norm


class Discriminator(ImageNetwork):
    """Dis(y) and Dis_l(y) of a measurement y."""

    def __init__(self, shape: tuple[int, int, int], low: int = 0):
        super().__init__(shape, low)
        height, width, channels = shape
        arch = architecture(shape)
        widths = arch.discriminator
        self.features = nn.Sequential(
            down(channels, widths[0]),
            nn.ReLU(inplace=True),
            *normalised((down(i, o), o) for i, o in pairwise(widths[:-1])),
            down(*widths[-2:]),
        )
        flat = widths[-1] * halved(height, len(widths)) * halved(width, len(widths))
        linear = (flat, *arch.verdict_linear)
        self.verdict = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(), FlattenChannelsLast(), *dense(linear), nn.Linear(linear[-1], 1)
        )

    def forward(self, y: Tensor) -> Verdict:  # [B, H, W, C]
        with self.precision(y.device):
            features = self.features(self.inside(y))
            return Verdict(self.verdict(features).squeeze(1).float(), features.float())
