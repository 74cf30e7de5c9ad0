"""The ceiling of a plain U-Net: it sees the clean image x of each measurement.

x̂ = U(y, m)
U minimises  Σ_i c_i (x̂_i - x_i)² / Σ_i c_i,     c: not measured exactly
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


class SupervisedUNet(Learner):
    """A U-Net (Ronneberger, Fischer and Brox 2015) on pairs of a measurement and its clean image."""

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator, *, learning_rate: float):
        self.forward, self.peak = forward, learning_rate
        self.unet = with_default_weights(PlainUNet, generator, *images, planes=2 if forward.has_mask else 1)
        self.networks = {"unet": self.unet}
        self.optimizers = {"unet": muon(self.unet.parameters(), learning_rate)}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def restored(self, y: Tensor, s: Tensor) -> Tensor:
        """U(y, m): the network sees the mask where the side information is one."""
        return self.unet(y, self.forward.mask(s, y.shape))

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        x, y, s = batch["x"], batch["y"], batch["side_info"]
        counts = ~self.forward.observed(s, y.shape)
        loss = (counts * (self.restored(y, s) - x) ** 2).sum() / counts.sum().clamp_min(1)
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        return torch.where(self.forward.observed(s, y.shape), y, self.restored(y, s))
