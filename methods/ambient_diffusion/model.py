"""Ambient Diffusion (Daras et al., NeurIPS 2023): a diffusion model that is trained on images with holes.

    (Ãx, m̃) = hide(y, m)                              some of the values that are seen are hidden too
    x_t = x + σ_t n,   ln σ_t ~ N(-1.9, 1.2²)          only Ã x_t = m̃ (y + σ_t n) is needed of it
    x̂ = h(Ã x_t, m̃, σ_t)

    h minimises  Σ_i m_i (x̂_i - y_i)² / Σ_i m_i         over all values seen, also those that m̃ hides

h cannot tell which of the values it does not see were measured, so it learns E[x | Ã x_t] for all of them: where every value has
a chance to be measured and then hidden, that is so for lost values as well. With nothing more hidden, and as σ_t goes to 0, it is
E[x | y], the estimate.

h is a plain U-Net. It sees Ã x_t / √(1 + σ_t²), and in place of the mask m̃ / (1 + σ_t), which tells σ_t as well. The law of σ_t
is that of EDM (Karras et al., NeurIPS 2022), which the authors use, for images in [0, 1] in place of [-1, 1]; the loss is the
paper's, without EDM's weights. How posterior samples are drawn is ours (restore.py): the authors' fixed-mask sampler makes new
images, and Aali et al. (2024) condition it on y by a gradient, whose strength has to be chosen.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update

MEAN, SPREAD = -1.9, 1.2  # of ln σ_t: EDM's -1.2 is of images in an interval twice as long


def denoised(unet: PlainUNet, noisy: Tensor, mask: Tensor, sigma: Tensor) -> Tensor:
    """h(Ã x_t, m̃, σ_t): estimates of x [B, H, W, C], for σ_t [B, 1, 1, 1]; lost values of `noisy` are 0."""
    return unet(noisy / (1 + sigma**2).sqrt(), mask / (1 + sigma))


class AmbientDiffusion(Learner):
    """A U-Net that removes noise of every strength, seeing a part of what is known of each image."""

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator, *, share: float, learning_rate: float):
        self.forward, self.share, self.peak = forward, share, learning_rate
        self.unet = with_default_weights(PlainUNet, generator, images.shape, planes=2)
        self.networks = {"unet": self.unet}
        self.optimizers = {"unet": muon(self.unet.parameters(), learning_rate)}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, s = batch["y"], batch["side_info"]
        _, s_fewer = self.forward.hide(y, s, self.share, generator)
        mask, fewer = self.forward.informs(s, y.shape), self.forward.informs(s_fewer, y.shape)
        sigma = (MEAN + SPREAD * torch.randn((len(y), 1, 1, 1), generator=generator, device=y.device)).exp()
        n = torch.randn(y.shape, generator=generator, device=y.device)
        x = denoised(self.unet, fewer * (y + sigma * n), fewer, sigma)
        loss = (mask * (x - y) ** 2).sum() / mask.sum()
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        mask = self.forward.informs(s, y.shape)
        return torch.where(mask, y, denoised(self.unet, mask * y, mask, torch.zeros(1, 1, 1, 1, device=y.device)))
