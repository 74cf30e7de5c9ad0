"""The upper bound of the VAE-GAN with skip connections: the same networks on pairs of a measurement and its clean image x.

q = q(z|x, 1),   p = q(z|y, m),   x^g = Dec(z; y, m),   x̂ = x^g with the values that y holds exactly put in their places

ELBO = Σ_i c_i log N(x_i; x^g_i, σ²) - λ KL(q || p)        c: not measured exactly; z ~ q; z ~ p for half of the images
L_G, L_D, L_feat    the discriminator's terms on x and x̂ (training/losses.py)

Enc, Dec minimise  -ELBO + w (L_G + L_feat)      λ = 1; w balances the two forces on x^g; σ the likeliest one
Dis      minimises  L_D
Spread   minimises  CRPS(N(x^g, s²), x),  s = Spread(x^g, m), where c
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights, with_normal_weights
from networks.original import Discriminator, Encoder, Gaussian
from networks.spread import Spread
from networks.unet import SkipDecoder
from training.learner import Batch, Learner
from training.losses import adversary, balanced_weight, kl, likeliest_sigma, log_normal, spread_loss
from training.optimizers import adam, muon, rise_and_fall, update

PRIOR = 0.5  # the part of the images whose z is of p in training, as at test


class SupervisedSkip(Learner):
    """A U-Net with a latent vector that sees the clean image of each measurement in training."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        kl_weight: float,
        adversary: float,
        learning_rate: float,
    ):
        self.forward, self.peak = forward, learning_rate
        self.kl_weight, self.adversary = kl_weight, adversary
        planes = 2 if forward.has_mask else 1
        self.enc = with_normal_weights(Encoder, generator, *images, planes=planes)
        self.dec = with_default_weights(SkipDecoder, generator, *images, planes=planes)
        self.spread = with_default_weights(Spread, generator, *images, planes=planes)
        self.networks = {"encoder": self.enc, "decoder": self.dec, "spread": self.spread}
        weights = [*self.enc.parameters(), *self.dec.parameters()]
        self.optimizers = {"bound": muon(weights, learning_rate), "spread": adam(list(self.spread.parameters()), learning_rate)}
        if adversary:
            self.dis = with_normal_weights(Discriminator, generator, *images)
            self.networks["discriminator"] = self.dis
            self.optimizers["discriminator"] = adam(list(self.dis.parameters()), learning_rate, betas=(0.5, 0.999))

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        x, y, s = batch["x"], batch["y"], batch["side_info"]
        mask, counts = self.forward.mask(s, y.shape), ~self.forward.observed(s, x.shape)

        q, p = self.enc(x, None if mask is None else torch.ones_like(mask)), self.enc(y, mask)
        own = (torch.arange(len(x), device=x.device) >= PRIOR * len(x))[:, None]  # of these images z is of q, of the others of p
        q = Gaussian(torch.where(own, q.mean, p.mean), torch.where(own, q.log_variance, p.log_variance))
        x_g = self.dec(q.sample(generator), y, mask)
        sigma = likeliest_sigma(x, x_g[None], counts)
        likelihood = log_normal(x, x_g, sigma, counts)  # [B]
        information = kl(q, p)
        bound = (likelihood - self.kl_weight * information).mean()
        spread = spread_loss(self.spread, x_g.detach(), mask, x, counts, 0.0)
        losses = {"bound": -bound, "spread": spread}
        terms = {"ELBO": bound, "KL": information.mean(), "sigma": sigma, "CRPS": spread}

        if self.adversary:
            restored = self.pasted(x_g, y, s)
            same = torch.where(counts, restored, x) if self.forward.has_mask else None
            L = adversary(self.dis, x, [restored], same)
            w = balanced_weight(self.adversary, likelihood.mean(), L.generator, x_g)
            losses |= {"bound": -bound + w * L.generator, "discriminator": L.discriminator}
            terms |= L.terms | {"w": w}
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}

    def pasted(self, x_g: Tensor, y: Tensor, s: Tensor) -> Tensor:
        """The reconstruction with the values that the measurement holds exactly in their places."""
        return torch.where(self.forward.observed(s, y.shape), y, x_g)

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        q = self.enc(y, self.forward.mask(s, y.shape))
        return self.pasted(self.dec(q.sample(generator) if generator else q.mean, y, self.forward.mask(s, y.shape)), y, s)
