"""Ambient VAE-GAN: a VAE-GAN whose likelihood and discriminator only ever see measurements.

    q(z|y) = N(μ(y), diag σ²(y)) = Enc(y),    x^g = Dec(z), z ~ q(z|y),    x_p = Dec(z_p), z_p ~ N(0, I)

    L_prior = KL(q(z|y) || N(0, I))                          mean over batch and latent dimensions
    L_pixel = E[-log N(y; x^g, I)]                           mean over pixels, on the networks' scale ([-1, 1] for CelebA)
    L_feat  = E[-log N(Dis_l(y); Dis_l(f_θ'(x^g)), I)]       Dis_l: last convolution, before its batch norm
    L_GAN   = log Dis(y) + log(1 - Dis(f_θ'(x^g))) + log(1 - Dis(f_θ''(x_p)))

    Enc minimises  L_prior + α L_pixel + β L_feat
    Dec minimises  GAN loss of both fakes + γ (α L_pixel + β L_feat)
    Dis maximises  L_GAN

Drop-independent measurements are scaled as the released code does it, so that E_θ y = x (`unbiased`).
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from methods.learner import Batch, Learner, rmsprop, update
from methods.networks import Decoder, Discriminator, Encoder, Gaussian, architecture, initialise


def L_prior(q: Gaussian) -> Tensor:
    """KL(q || N(0, I)), mean over batch and latent dimensions."""
    return -0.5 * (1 + q.log_variance - q.mean**2 - q.log_variance.exp()).mean()


def nll(y: Tensor, mean: Tensor) -> Tensor:
    """-log N(y; mean, I) without its constant ½ log 2π, mean over batch and values: L_pixel and L_feat."""
    return 0.5 * F.mse_loss(mean, y)


def cross_entropy(logit: Tensor, target: float) -> Tensor:
    """-t log Dis - (1 - t) log(1 - Dis), mean over the batch."""
    return F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, target))


def paper_learning_rate(step: int) -> float:
    """3e-4, times 0.98 every 10,000 steps, not below 5e-5."""
    return max(3e-4 * 0.98 ** (step // 10_000), 5e-5)


def decoded(encoder: Encoder, decoder: Decoder, y: Tensor, generator: Generator | None = None) -> Tensor:
    """Dec(μ(y)), the decoded posterior mean; with a generator Dec(z), z ~ q(z|y), one sample of each."""
    q = encoder(y)
    return decoder(q.mean if generator is None else q.sample(generator))


class AmbientVAEGAN(Learner):
    """The paper's model, losses and schedule. `generator` makes the initial weights and names the device.

    The three updates share one forward pass: the gradients of all three losses are taken at the same weights and then applied,
    where the released code runs the forward pass again between Enc, Dec and Dis.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        measurement,
        generator: Generator,
        *,
        alpha: float = 10,
        beta: float = 1,
        gamma: float = 1e-6,
        pixel_term: str = "direct",
        real_target: float = 0.75,
        fake_target: float = 0.375,
    ):
        self.shape, self.measurement, self.width = shape, measurement, architecture(shape).width
        self.alpha, self.beta, self.gamma, self.pixel_term = alpha, beta, gamma, pixel_term
        self.real_target, self.fake_target = real_target, fake_target
        self.enc, self.dec, self.dis = (initialise(kind(shape), generator) for kind in (Encoder, Decoder, Discriminator))
        self.networks = {"encoder": self.enc, "decoder": self.dec, "discriminator": self.dis}
        self.optimizers = {name: rmsprop(network) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return paper_learning_rate(step)

    def seen(self, batch: Batch) -> Tensor:
        """What the encoder gets."""
        return self.measurement.unbiased(batch["y"])

    def real(self, batch: Batch) -> Tensor:
        """What the reconstruction is compared with and the discriminator takes for real."""
        return self.seen(batch)

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        """f_θ(x) with θ drawn afresh."""
        theta = self.measurement.draw(len(x), self.shape, generator)
        return self.measurement.unbiased(self.measurement.forward(x, theta))

    def losses(self, batch: Batch, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One forward pass: the loss of each network, and the terms they are made of."""
        y = self.real(batch)
        q = self.enc(self.seen(batch))
        x_g = self.dec(q.sample(generator))
        x_p = self.dec(torch.randn(q.mean.shape, generator=generator, device=y.device))
        y_g, y_p = self.measure(x_g, generator), self.measure(x_p, generator)
        dis_y, dis_g, dis_p = self.dis(y), self.dis(y_g), self.dis(y_p)

        prior = L_prior(q)
        pixel = self.width**2 * nll(y, x_g if self.pixel_term == "direct" else y_g)
        feat = nll(dis_y.features, dis_g.features)
        likeness = self.alpha * pixel + self.beta * feat
        fool = cross_entropy(dis_g.logit, self.fake_target) + cross_entropy(dis_p.logit, self.fake_target)
        tell = cross_entropy(dis_y.logit, self.real_target) + cross_entropy(dis_g.logit, 0) + cross_entropy(dis_p.logit, 0)
        losses = {
            "encoder": prior + likeness,
            "decoder": fool + self.gamma * likeness,
            "discriminator": tell,
        }
        return losses, {"L_prior": prior, "L_pixel": pixel, "L_feat": feat, "fool": fool, "tell": tell}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        return decoded(self.enc, self.dec, self.seen(batch), generator)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        losses, terms = self.losses(batch, generator)
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}
