"""Measurement splitting: a plain U-Net that predicts, from a part of each measurement, the part that was kept from it.

    (ỹ, s̃), t, c, σ_t = recorrupt(y, s)     y corrupted once more, a target t whose noise is independent of it, where t counts, c
    x̂ = U(ỹ, m̃)

    U minimises  Σ_i w_i (E[y | x̂, s]_i - t_i)² / Σ_i w_i,     w = c / (p^a σ_t²),   σ_t² = 1 where it is exact

    p_i = P(y tells of x_i) = E_θ f_θ(1)_i - E_θ f_θ(0)_i        1 where nothing is lost

Where values are lost a further mask of the corruption's own shape hides some of those that are seen, which are the target: SSDU
(Yaman et al., Magnetic Resonance in Medicine 2020) and, for denoising, Noise2Self (Batson and Royer, ICML 2019). Under noise the
target is y - n / τ for the input y + τ n: recorrupted-to-recorrupted (R2R: Pang et al., CVPR 2021).

A value that is seldom seen is seldom a target, however much there is to restore: value i of a measurement is lost with
probability q_i = 1 - p_i, and with one more mask it is a target with p_i q_i. So with a = 1 (`coverage`) the error is weighted as
that of lost values at test is (Millard and Chiew, IEEE TCI 2023), and with a = 0 as the targets come.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import Example, ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


def error(forward: ForwardModel, x: Tensor, s: Tensor, again: Example, rarity: Tensor | float = 1) -> Tensor:
    """Σ w (E[y | x̂, s] - t)² / Σ w of estimates [B, H, W, C] that were made of `again.input`; `rarity` is 1 / p^a."""
    w = again.counts * rarity / (again.sigma**2 if forward.sigma else 1)
    return (w * (forward.predict(x, s) - again.target) ** 2).sum() / w.sum()


class Splitting(Learner):
    """A U-Net that predicts what a further corruption took from each measurement."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        share: float,
        tau: float,
        coverage: float,
        learning_rate: float,
    ):
        self.forward, self.share, self.tau, self.peak = forward, share, tau, learning_rate
        self.unet = with_default_weights(PlainUNet, generator, *images, planes=2 if forward.has_mask else 1)
        self.networks = {"unet": self.unet}
        self.optimizers = {"unet": muon(self.unet.parameters(), learning_rate)}
        black = torch.zeros(1, *images.shape, device=generator.device)
        seen = (forward.mean(black + 1) - forward.mean(black)).clamp_min(1e-6)  # p; what is never seen is no target
        self.rarity = seen**-coverage

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def restored(self, y: Tensor, s: Tensor) -> Tensor:
        """U(y, m): the network sees the mask where the side information is one."""
        return self.unet(y, self.forward.mask(s, y.shape))

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, s = batch["y"], batch["side_info"]
        again = self.forward.recorrupt(y, s, generator, share=self.share, tau=self.tau)
        loss = error(self.forward, self.restored(again.input, again.side_info), s, again, self.rarity)
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        return torch.where(self.forward.observed(s, y.shape), y, self.restored(y, s))
