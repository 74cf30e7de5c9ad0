"""The ceiling of the Ambient sampler: the same network on pairs of a measurement and its clean image x.

x¹, x² = G(y, m, ε₁), G(y, m, ε₂)
G minimises  ES(x¹, x²; x) where y does not hold x     the energy score of blocks (training/energy_score.py)
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from methods.ambient_sampler.model import drawn_estimate
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.stochastic_unet import StochasticUNet
from training.energy_score import energy_score
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


class SupervisedSampler(Learner):
    """A U-Net with noise as an input that sees the clean image of each measurement in training."""

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator, *, learning_rate: float):
        self.forward, self.peak = forward, learning_rate
        self.G = with_default_weights(StochasticUNet, generator, *images, planes=2 if forward.has_mask else 1)
        self.networks = {"sampler": self.G}
        self.optimizers = {"sampler": muon(self.G.parameters(), learning_rate)}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        x, y, s = batch["x"], batch["y"], batch["side_info"]
        noise = torch.randn(2, len(y), self.G.noise, generator=generator, device=y.device)
        draws = self.G.draws(y, self.forward.mask(s, y.shape), noise)
        loss = energy_score(x, *draws, ~self.forward.observed(s, y.shape))
        update(self.optimizers, {"sampler": loss})
        return {"sampler": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        mean = drawn_estimate(self.G, y, self.forward.mask(s, y.shape), generator)
        return torch.where(self.forward.observed(s, y.shape), y, mean)
