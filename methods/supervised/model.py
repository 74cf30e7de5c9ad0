"""The supervised VAE-GAN, the original's upper bound: its networks and losses with the clean image x in the place of y.

    q(z|y) = Enc(y),    x^g = Dec(z), z ~ q(z|y),    x_p = Dec(z_p), z_p ~ N(0, I)

    L_prior = KL(q(z|y) || N(0, I))                     mean over batch and latent dimensions
    L_pixel = -log N(x; x^g, I)                         mean over pixels, on the networks' scale ([-1, 1] for CelebA)
    L_feat  = -log N(Dis_l(x); Dis_l(x^g), I)           mean over features
    L_G     = H(t_f, Dis(x^g)) + H(t_f, Dis(x_p))                                  t_f = 0.375
    L_D     = H(t_r, Dis(x)) + H(0, Dis(x^g)) + H(0, Dis(x_p))                     t_r = 0.75

    Enc minimises  L_prior + α L_pixel + β L_feat
    Dec minimises  L_G + γ (α L_pixel + β L_feat)
    Dis minimises  L_D

Nothing is measured again. H is the cross-entropy, as in methods/ambient_vaegan/model.py.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from methods.ambient_vaegan.model import L_prior, decoded, nll, original_learning_rate
from networks.architectures import ImageFormat
from networks.initial import with_normal_weights
from networks.original import Decoder, Discriminator, Encoder
from training.learner import Batch, Learner
from training.losses import FAKE_TARGET, REAL_TARGET, cross_entropy
from training.optimizers import rmsprop, update


class Supervised(Learner):
    """The original's upper bound: a VAE-GAN that sees the clean image of each measurement. One forward pass, as there."""

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
    ):
        self.images, self.forward = images, forward
        self.alpha, self.beta, self.gamma = alpha, beta, gamma
        self.enc, self.dec, self.dis = (
            with_normal_weights(kind, generator, *images) for kind in (Encoder, Decoder, Discriminator)
        )
        self.networks = {"encoder": self.enc, "decoder": self.dec, "discriminator": self.dis}
        self.optimizers = {name: rmsprop(network) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return original_learning_rate(step)

    def losses(self, batch: Batch, generator: Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One forward pass: the loss of each network, and the terms they are made of."""
        x = batch["x"]
        q = self.enc(self.forward.unbiased(batch["y"]))
        x_g = self.dec(q.sample(generator))
        x_p = self.dec(torch.randn(q.mean.shape, generator=generator, device=x.device))
        dis_x, dis_g, dis_p = self.dis(x), self.dis(x_g), self.dis(x_p)

        prior = L_prior(q)
        pixel = self.images.value_range**2 * nll(x, x_g)
        feat = nll(dis_x.features, dis_g.features)
        reconstruction = self.alpha * pixel + self.beta * feat
        L_G = cross_entropy(dis_g.logit, FAKE_TARGET) + cross_entropy(dis_p.logit, FAKE_TARGET)
        L_D = cross_entropy(dis_x.logit, REAL_TARGET) + cross_entropy(dis_g.logit, 0) + cross_entropy(dis_p.logit, 0)
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
