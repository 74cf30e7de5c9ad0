"""The bottleneck opened: a VAE-GAN whose decoder sees the measurement through skip connections, learnt from measurements alone.

    (ỹ, s̃), t, c = recorrupt(y, s)     y corrupted once more, a target t whose noise is independent of it, and where t counts, c
    q = q(z|y, m),   p = q(z|ỹ, m̃),   x^g = Dec(z; ỹ, m̃),   x̂ = x^g with the values that ỹ holds exactly put in their places

    ELBO = Σ_i c_i log N(t_i; E[y | x^g, s]_i, σ_t²) - λ KL(q || p)          z ~ q; z ~ p for a part of the images (`prior`)
    L_G, L_D, L_feat    the discriminator's terms on y and f_θ'(x̂), θ' drawn afresh (training/losses.py)

    Enc, Dec minimise  -ELBO + w (L_G + L_feat)      λ = 1; w balances the two forces on x^g
    Dis      minimises  L_D
    Spread   minimises  CRPS(N(x^g, s² + σ_t²), t),  s = Spread(x^g, m̃), where t counts

A skip connection would let the network copy y and learn nothing of what is missing, so the decoder sees less than the likelihood
asks for, and z tells it of the rest. This is the conditional evidence bound of Sohn, Lee and Yan (NeurIPS 2015), whose prior is
the encoder itself, given less. How a measurement is corrupted once more is the forward model's own (`recorrupt`): of drops a
further mask hides values, which are the target (SSDU, Yaman et al. 2020; Ambient Diffusion, Daras et al. 2023); of noise, more
noise makes a pair with independent errors (R2R, Pang et al., CVPR 2021).

Where z is of the prior in training, as it is at test, the decoder does not learn to lean on what z tells of the hidden values.
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


class SkipVAEGAN(Learner):
    """A VAE-GAN with skip connections that predicts what a further corruption took from each measurement."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        share: float,
        tau: float,
        prior: float,
        kl_weight: float,
        adversary: float,
        learning_rate: float,
    ):
        self.shape, self.forward, self.share, self.tau, self.prior = images.shape, forward, share, tau, prior
        self.kl_weight, self.adversary, self.peak = kl_weight, adversary, learning_rate
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
        y, s = batch["y"], batch["side_info"]
        again = self.forward.recorrupt(y, s, generator, share=self.share, tau=self.tau)
        mask, target, counts = self.forward.mask(again.side_info, y.shape), again.target, again.counts

        q, p = self.enc(y, self.forward.mask(s, y.shape)), self.enc(again.input, mask)
        own = (torch.arange(len(y), device=y.device) >= self.prior * len(y))[:, None]  # of these images z is of q, of others of p
        q = Gaussian(torch.where(own, q.mean, p.mean), torch.where(own, q.log_variance, p.log_variance))
        x_g = self.dec(q.sample(generator), again.input, mask)
        predicted = self.forward.predict(x_g, s)
        noise = y.new_zeros(()) + again.sigma  # a number becomes a tensor without a copy from the CPU
        sigma = noise if self.forward.sigma else likeliest_sigma(target, predicted[None], counts)
        likelihood = log_normal(target, predicted, sigma, counts)  # [B]
        information = kl(q, p)
        bound = (likelihood - self.kl_weight * information).mean()
        spread = spread_loss(self.spread, x_g.detach(), mask, target, counts, again.sigma)
        losses = {"bound": -bound, "spread": spread}
        terms = {"ELBO": bound, "KL": information.mean(), "sigma": sigma.mean(), "CRPS": spread}

        if self.adversary:
            x = self.pasted(x_g, again.input, again.side_info)
            fake = self.forward.forward(x, self.forward.draw(len(x), self.shape, generator))
            same = torch.where(counts, x, y) if self.forward.has_mask and not self.forward.sigma else None  # f_θ(x̂), the θ of y
            L = adversary(self.dis, y, [fake], same)
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
