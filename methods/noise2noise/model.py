"""Noise2Noise (Lehtinen et al., ICML 2018): a network that predicts one measurement of an image from another.

    (y, s), (y', s')     two measurements of one image, θ and θ' independent; which of them is the input is drawn at every step
    x̂ = U(y, m)

    U minimises  Σ_i c_i (E[y' | x̂, s']_i - y'_i)² / Σ_i c_i,     c: y' tells of x_i, and y does not hold its value exactly

The noise of y' is independent of y and has no mean, so that what minimises the loss is E[x | y], as with clean targets. Nobody
who has one measurement of each image can do this: it is a control, which shows what a second measurement is worth.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


class Noise2Noise(Learner):
    """A U-Net (Ronneberger, Fischer and Brox 2015) on pairs of two measurements of the same image."""

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
        y, s, target, s_target = ordered(batch, generator)
        counts = self.forward.informs(s_target, y.shape) & ~self.forward.observed(s, y.shape)
        off = self.forward.predict(self.restored(y, s), s_target) - target
        loss = (counts * off**2).sum() / counts.sum().clamp_min(1)
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        return torch.where(self.forward.observed(s, y.shape), y, self.restored(y, s))


def ordered(batch: Batch, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two measurements of each image, each with its side information, in an order drawn for each image."""
    y, s, y_again, s_again = (batch[name] for name in ("y", "side_info", "y_again", "side_info_again"))
    swap = torch.rand((len(y), 1, 1, 1), generator=generator, device=y.device) < 0.5
    return (
        torch.where(swap, y_again, y),
        torch.where(swap, s_again, s),
        torch.where(swap, y, y_again),
        torch.where(swap, s, s_again),
    )
