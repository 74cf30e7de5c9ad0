"""The upper bound of the evidence-bound rows: the same networks and objective on pairs of a measurement and its clean image x.

z ~ q(z|y, m),   x^g = Dec(z),   x_p = Dec(z_p),   z_p ~ N(0, I)

ELBO = Σ_i log N(x_i; x^g_i, σ²) - λ KL(q(z|y, m) || N(0, I))        sums over values; σ the likeliest one
L_G, L_D, L_feat    the discriminator's terms on x, x^g and x_p (training/losses.py)

Enc, Dec minimise  -ELBO + w (L_G + L_feat)      λ = 1; w balances the two forces on x^g
Dis      minimises  L_D
Spread   minimises  CRPS(N(x^g, s²), x),  s = Spread(x^g, m), over the values that were not measured exactly
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights, with_normal_weights
from networks.original import Decoder, Discriminator, Encoder
from networks.spread import Spread
from training.learner import Batch, Learner
from training.losses import adversary, balanced_weight, elbo, kl, likeliest_sigma, log_normal, spread_loss
from training.optimizers import adam, muon, rise_and_fall, update


class SupervisedBound(Learner):
    """A VAE that maximises the evidence lower bound of clean images given measurements; with an adversary, a VAE-GAN."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        kl_weight: float,
        adversary: float,
        latent: int,
        samples: int,
        learning_rate: float,
    ):
        self.forward, self.peak = forward, learning_rate
        self.kl_weight, self.adversary, self.samples = kl_weight, adversary, samples
        planes = 2 if forward.has_mask else 1
        self.enc = with_normal_weights(Encoder, generator, *images, planes=planes, latent=latent)
        self.dec = with_normal_weights(Decoder, generator, *images, latent=latent)
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
        mask, everything = self.forward.mask(s, y.shape), torch.ones_like(x, dtype=torch.bool)

        q = self.enc(y, mask)
        z = q.at(torch.randn((self.samples, *q.mean.shape), generator=generator, device=x.device))  # [K, B, D]
        x_g = self.dec(z.flatten(0, 1))  # [K·B, H, W, C]
        each = x_g.unflatten(0, (self.samples, -1))
        sigma = likeliest_sigma(x, each, everything)
        likelihood = log_normal(x, each, sigma, everything)  # [K, B]
        bound = elbo(likelihood, q, z, self.kl_weight)
        spread = spread_loss(self.spread, x_g.detach(), mask, x, ~self.forward.observed(s, x.shape), 0.0)
        losses = {"bound": -bound, "spread": spread}
        terms = {"ELBO": bound, "KL": kl(q).mean(), "sigma": sigma, "CRPS": spread}

        if self.adversary:
            first = x_g[: len(x)]  # one reconstruction of each measurement
            x_p = self.dec(torch.randn((len(x), self.dec.latent), generator=generator, device=x.device))
            L = adversary(self.dis, x, [first, x_p], first if self.forward.has_mask else None)
            w = balanced_weight(self.adversary, likelihood.mean(), L.generator, x_g)
            losses |= {"bound": -bound + w * L.generator, "discriminator": L.discriminator}
            terms |= L.terms | {"w": w}
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y = batch["y"]
        q = self.enc(y, self.forward.mask(batch["side_info"], y.shape))
        return self.dec(q.sample(generator) if generator else q.mean)
