"""The evidence lower bound in full: a VAE, or with an adversary a VAE-GAN, that learns from measurements alone.

    (ỹ, m̃) = y with some of its values hidden,   z ~ q(z|ỹ, m̃),   x^g = Dec(z),   x_p = Dec(z_p),   z_p ~ N(0, I)

    ELBO = Σ_i m_i log N(y_i; E[y | x^g, θ]_i, σ²) - λ KL(q(z|ỹ, m̃) || N(0, I))     m: where y tells anything; sums over values
    L_G, L_D, L_feat    the discriminator's terms on y, f_θ'(x^g) and f_θ''(x_p), θ' and θ'' drawn afresh (training/losses.py)

    Enc, Dec minimise  -ELBO + w (L_G + L_feat)      λ = 1; w balances the two forces on x^g
    Dis      minimises  L_D
    Spread   minimises  CRPS(N(x^g, s² + σ²), y),  s = Spread(x^g, m̃), over the values hidden from Enc

This is the masked likelihood of MIWAE (Mattei and Frellsen, ICML 2019), whose tighter bound K > 1 samples give, and the adversary
of the Ambient VAE-GAN. It differs from the original in four ways: sums stay sums, so that the likelihood of an image has its
weight against the KL term; values that were lost say nothing; σ is the noise's own where there is noise, and the likeliest one
where the measurement is exact; and the weight of the adversary follows from the gradients.

Posterior samples from Dec(z) alone are over-confident: they hardly differ, whatever z is drawn. A sample is therefore
x ~ N(Dec(z), s²). Spread learns s beside the rest from how far reconstructions are off where the encoder did not see the value;
it has no influence on the other networks.
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


class EvidenceBound(Learner):
    """A VAE with the original's networks that maximises the evidence lower bound; with an adversary, a VAE-GAN."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        pixel_term: str,
        kl_weight: float,
        adversary: float,
        hide: bool,
        share: float,
        latent: int,
        samples: int,
        learning_rate: float,
    ):
        self.shape, self.forward, self.peak = images.shape, forward, learning_rate
        self.hide, self.share = hide, share
        self.pixel_term, self.kl_weight, self.adversary, self.samples = pixel_term, kl_weight, adversary, samples
        self.masked = forward.has_mask and pixel_term == "known"  # whether Enc and Spread see the mask
        planes = 2 if self.masked else 1
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

    def mask(self, s: Tensor) -> Tensor | None:
        """Where a measurement tells anything, for networks that see the mask: [B, H, W, C]."""
        return self.forward.mask(s, (len(s), *self.shape)) if self.masked else None

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        """f_θ(x) with θ drawn afresh."""
        return self.forward.forward(x, self.forward.draw(len(x), self.shape, generator))

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, s = batch["y"], batch["side_info"]
        seen, s_seen = self.forward.hide(y, s, self.share, generator) if self.masked and self.hide else (y, s)  # ỹ
        m_seen = self.mask(s_seen)  # m̃
        counts = self.mask(s) if self.masked else torch.ones_like(y, dtype=torch.bool)  # m
        target = self.forward.unbiased(y) if self.pixel_term == "direct" else y

        q = self.enc(seen, m_seen)
        z = q.at(torch.randn((self.samples, *q.mean.shape), generator=generator, device=y.device))  # [K, B, D]
        x_g = self.dec(z.flatten(0, 1))  # [K·B, H, W, C]
        predicted = self.predicted(x_g, s, generator).unflatten(0, (self.samples, -1))
        sigma = y.new_full((), self.forward.sigma) if self.forward.sigma else likeliest_sigma(target, predicted, counts)
        likelihood = log_normal(target, predicted, sigma, counts)  # [K, B]
        bound = elbo(likelihood, q, z, self.kl_weight)
        hidden = counts & ~m_seen if self.masked and self.hide else counts
        spread = spread_loss(self.spread, x_g.detach(), m_seen, target, hidden, self.forward.sigma)
        losses = {"bound": -bound, "spread": spread}
        terms = {"ELBO": bound, "KL": kl(q).mean(), "sigma": sigma, "CRPS": spread}

        if self.adversary:
            first = x_g[: len(y)]  # one reconstruction of each measurement
            x_p = self.dec(torch.randn((len(y), self.dec.latent), generator=generator, device=y.device))
            fakes = [self.measure(first, generator), self.measure(x_p, generator)]
            same = torch.where(counts, first, y) if self.masked and not self.forward.sigma else None  # f_θ(x^g) with the θ of y
            L = adversary(self.dis, y, fakes, same)
            w = balanced_weight(self.adversary, likelihood.mean(), L.generator, x_g)
            losses |= {"bound": -bound + w * L.generator, "discriminator": L.discriminator}
            terms |= L.terms | {"w": w}
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}

    def predicted(self, x_g: Tensor, s: Tensor, generator: Generator) -> Tensor:
        """What the target is compared with, of reconstructions [K·B, H, W, C]; only `known` uses the side information."""
        if self.pixel_term == "known":
            return self.forward.predict(x_g, s.repeat(self.samples, *[1] * (s.dim() - 1)))
        if self.pixel_term == "mean":
            return self.forward.mean(x_g)
        return self.measure(x_g, generator) if self.pixel_term == "fresh" else x_g

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        q = self.enc(batch["y"], self.mask(batch["side_info"]))
        return self.dec(q.sample(generator) if generator else q.mean)
