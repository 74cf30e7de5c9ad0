"""The bottleneck opened: a VAE-GAN whose decoder sees the measurement through skip connections, from measurements alone.

    (ỹ, m̃) = y corrupted further,   x^g = Dec(z; ỹ, m̃),   z ~ q(z|y, m) in training,   z ~ q(z|ỹ, m̃) of ỹ = y at test

A skip would let the network copy y and learn nothing of what θ hid, so the decoder sees less than the likelihood asks for, and z
tells it of the rest. For what was hidden, the conditional evidence bound (Sohn, Lee and Yan, NeurIPS 2015) is

    ELBO = E_q(z|y, m)[ log p(hidden; Dec(z; ỹ, m̃)) ] - KL(q(z|y, m) || q(z|ỹ, m̃))      the prior: the encoder, told less

    drops    ỹ = m̃ ⊙ y,  m̃ = m ⊙ m',  m' a further mask       log p = Σ_i m_i (1 - m̃_i) log N(y_i; x^g_i, σ²)
             (SSDU, Yaman et al. 2020; Ambient Diffusion, Daras et al. 2023)
    noise    ỹ = y + τ n,  n ~ N(0, σ²)                        log p = Σ_i log N(y_i - n_i / τ; x^g_i, σ² (1 + 1/τ²))
             the noise of this target is independent of that of ỹ (R2R, Pang et al., CVPR 2021)

For a part of the images (`prior`) z is of the prior in training as it is at test, which is the same bound with q = p: without it
the decoder leans on what z tells of the hidden values, and at test z cannot tell it. The adversary is on top, as in
`methods/ambient_vaegan_elbo/model.py`. Values that were seen stay as they are, since dropping leaves them exact.
"""

import torch
from torch import Generator, Tensor

from methods.ambient_vaegan_elbo.model import EvidenceBound, Task
from methods.learner import Batch
from methods.networks import Encoder, Gaussian, SkipDecoder, initialise, placed


class SkipVAEGAN(EvidenceBound):
    """A VAE-GAN with skip connections that predicts what a further corruption hid of each measurement."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        measurement,
        generator: Generator,
        *,
        hide: float = 0.4,
        tau: float = 0.5,
        prior: float = 0.5,
        kl_weight: float = 1.0,
        adversary: float = 0.3,
        learning_rate: float = 3e-3,
    ):
        self.tau, self.prior = tau, prior
        options = {"hide": hide, "kl_weight": kl_weight, "adversary": adversary, "learning_rate": learning_rate}
        super().__init__(shape, measurement, generator, **options)

    def encoder_and_decoder(self, generator: Generator, latent: int):
        encoder = initialise(Encoder(self.shape, planes=self.planes), generator)
        return encoder, placed(SkipDecoder, generator, self.shape, planes=self.planes)

    def noise(self) -> float:
        return super().noise() * (1 + self.tau**-2) ** 0.5

    def task(self, batch: Batch, generator: Generator) -> Task:
        y, seen = batch["y"], self.seen(batch)
        if seen is None:
            n = self.measurement.sigma * torch.randn(y.shape, generator=generator, device=y.device)
            return Task(y + self.tau * n, None, y - n / self.tau, torch.ones_like(y, dtype=torch.bool), real=y)
        task = super().task(batch, generator)
        return task._replace(counts=seen & ~task.seen)

    def infer(self, task: Task) -> tuple[Gaussian, Gaussian]:
        """q(z|y, m) and q(z|ỹ, m̃)."""
        everything, y = None, task.real
        if task.seen is not None:
            everything = task.seen | task.counts
            y = torch.where(everything, y, self.measurement.fill)
        q, p = self.enc(y, everything), self.enc(task.y, task.seen)
        own = (torch.arange(len(task.y), device=task.y.device) >= self.prior * len(task.y))[:, None]  # of these z is of q
        return Gaussian(torch.where(own, q.mean, p.mean), torch.where(own, q.log_variance, p.log_variance)), p

    def decode(self, z: Tensor, task: Task) -> Tensor:
        return self.dec(z, task.y, task.seen)

    def kept(self, x_g: Tensor, task: Task) -> Tensor:
        """The reconstruction with the seen values in their places."""
        return x_g if task.seen is None else torch.where(task.seen, task.y, x_g)

    def from_prior(self, task: Task, generator: Generator) -> None:
        """None: a reconstruction is a sample already, as the decoder sees the measurement."""
