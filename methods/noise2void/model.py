"""Noise2Void (Krull, Buchholz and Jug, CVPR 2019): a network that cannot see a pixel can only predict what is not its noise.

    ỹ = y with some pixels, h, replaced by one drawn from the 5×5 around each
    U minimises  Σ_i h_i (U(ỹ)_i - y_i)² / Σ_i h_i

As in the authors' program the pixel itself is among the 25, and all channels of a pixel are replaced together. Around the edge of
the image the nearest pixel inside is taken. At test the network sees y itself.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update

RADIUS = 2  # of the 5×5


class Noise2Void(Learner):
    """A U-Net (Ronneberger, Fischer and Brox 2015) that predicts pixels from their surroundings."""

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator, *, share: float, learning_rate: float):
        self.share, self.peak = share, learning_rate
        self.unet = with_default_weights(PlainUNet, generator, *images)
        self.networks = {"unet": self.unet}
        self.optimizers = {"unet": muon(self.unet.parameters(), learning_rate)}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y = batch["y"]
        hidden = torch.rand((*y.shape[:3], 1), generator=generator, device=y.device) < self.share
        x = self.unet(torch.where(hidden, neighbours(y, generator), y))
        loss = (hidden * (x - y) ** 2).sum() / (hidden.sum() * y.shape[3]).clamp_min(1)
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        return self.unet(batch["y"])


def neighbours(y: Tensor, generator: Generator) -> Tensor:
    """For each pixel one drawn from the 5×5 around it: [B, H, W, C]."""
    count, height, width, _ = y.shape

    def near(length: int, axis: int) -> Tensor:
        steps = torch.randint(-RADIUS, RADIUS + 1, (count, height, width), generator=generator, device=y.device)
        place = torch.arange(length, device=y.device).view(-1, 1) if axis == 0 else torch.arange(length, device=y.device)
        return (place + steps).clamp(0, length - 1)

    image = torch.arange(count, device=y.device).view(-1, 1, 1)
    return y[image, near(height, 0), near(width, 1)]
