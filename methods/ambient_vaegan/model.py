"""Ambient VAE-GAN (Hamed Haghighi, GitHub hamedhaghighi/Ambient-VAE): a VAE-GAN whose likelihood and discriminator only ever see
measurements.

    q(z|y) = N(μ(y), diag σ²(y)) = Enc(y),    x^g = Dec(z), z ~ q(z|y),    x_p = Dec(z_p), z_p ~ N(0, I)

    L_prior = KL(q(z|y) || N(0, I))                          mean over batch and latent dimensions
    L_pixel = -log N(y; x^g, I)                              mean over pixels, on the networks' scale ([-1, 1] for CelebA)
    L_feat  = -log N(Dis_l(y); Dis_l(f_θ'(x^g)), I)          mean over features; Dis_l: last convolution, before its batch norm
    L_G     = H(t_f, Dis(f_θ'(x^g))) + H(t_f, Dis(f_θ''(x_p)))                                      t_f = 0.375
    L_D     = H(t_r, Dis(y)) + H(0, Dis(f_θ'(x^g))) + H(0, Dis(f_θ''(x_p)))                         t_r = 0.75

    Enc minimises  L_prior + α L_pixel + β L_feat
    Dec minimises  L_G + γ (α L_pixel + β L_feat)
    Dis minimises  L_D

H(t, p) = -t log p - (1 - t) log(1 - p) is the cross-entropy with the label t, and θ', θ'' are drawn afresh. Constants of the
densities are left out. Drop-independent measurements are scaled as the released code does it, so that E_θ y = x (`unbiased`).

The combination of a VAE and a GAN with a likelihood of discriminator features is that of Larsen et al. (ICML 2016), the measured
discriminator that of AmbientGAN (Bora, Price and Dimakis, ICLR 2018).
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_normal_weights
from networks.original import Decoder, Discriminator, Encoder, Gaussian
from training.learner import Batch, Learner
from training.losses import FAKE_TARGET, REAL_TARGET, cross_entropy
from training.optimizers import rmsprop, update


def L_prior(q: Gaussian) -> Tensor:
    """KL(q || N(0, I)), mean over batch and latent dimensions."""
    return -0.5 * (1 + q.log_variance - q.mean**2 - q.log_variance.exp()).mean()


def nll(y: Tensor, mean: Tensor) -> Tensor:
    """-log N(y; mean, I) without its constant ½ log 2π, mean over batch and values: L_pixel and L_feat."""
    return 0.5 * F.mse_loss(mean, y)


def original_learning_rate(step: int) -> float:
    """3e-4, times 0.98 every 10,000 steps, not below 5e-5."""
    return max(3e-4 * 0.98 ** (step // 10_000), 5e-5)


def decoded(encoder: Encoder, decoder: Decoder, y: Tensor, generator: Generator | None = None) -> Tensor:
    """Dec(μ(y)), the decoded posterior mean; with a generator Dec(z), z ~ q(z|y), one sample of each."""
    q = encoder(y)
    return decoder(q.mean if generator is None else q.sample(generator))


class AmbientVAEGAN(Learner):
    """The original's model, losses and schedule, on measurements alone.

    The three updates share one forward pass: the gradients of all three losses are taken at the same weights and then applied,
    where the released code runs the forward pass again between Enc, Dec and Dis.
    """

    goes_on = True

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        alpha: float,
        beta: float,
        gamma: float,
        pixel_term: str,
    ):
        self.images, self.forward = images, forward
        self.alpha, self.beta, self.gamma, self.pixel_term = alpha, beta, gamma, pixel_term
        self.enc, self.dec, self.dis = (
            with_normal_weights(kind, generator, *images) for kind in (Encoder, Decoder, Discriminator)
        )
        self.networks = {"encoder": self.enc, "decoder": self.dec, "discriminator": self.dis}
        self.optimizers = {name: rmsprop(network) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return original_learning_rate(step)

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        """f_θ(x) with θ drawn afresh, scaled as the measurements are."""
        theta = self.forward.draw(len(x), self.images.shape, generator)
        return self.forward.unbiased(self.forward.forward(x, theta))

    def losses(self, batch: Batch, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One forward pass: the loss of each network, and the terms they are made of."""
        y = self.forward.unbiased(batch["y"])
        q = self.enc(y)
        x_g = self.dec(q.sample(generator))
        x_p = self.dec(torch.randn(q.mean.shape, generator=generator, device=y.device))
        y_g, y_p = self.measure(x_g, generator), self.measure(x_p, generator)
        dis_y, dis_g, dis_p = self.dis(y), self.dis(y_g), self.dis(y_p)

        prior = L_prior(q)
        pixel = self.images.value_range**2 * nll(y, x_g if self.pixel_term == "direct" else y_g)
        feat = nll(dis_y.features, dis_g.features)
        reconstruction = self.alpha * pixel + self.beta * feat
        L_G = cross_entropy(dis_g.logit, FAKE_TARGET) + cross_entropy(dis_p.logit, FAKE_TARGET)
        L_D = cross_entropy(dis_y.logit, REAL_TARGET) + cross_entropy(dis_g.logit, 0) + cross_entropy(dis_p.logit, 0)
        losses = {
            "encoder": prior + reconstruction,
            "decoder": L_G + self.gamma * reconstruction,
            "discriminator": L_D,
        }
        return losses, {"L_prior": prior, "L_pixel": pixel, "L_feat": feat, "L_G": L_G, "L_D": L_D}

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        losses, terms = self.losses(batch, generator)
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        return decoded(self.enc, self.dec, self.forward.unbiased(batch["y"]), generator)
