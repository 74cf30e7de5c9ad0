"""The evidence bound in full: a VAE, or with an adversary a VAE-GAN, that learns from measurements alone.

    z ~ q(z|y, m),   x^g = Dec(z),   x_p = Dec(z_p),   z_p ~ N(0, I)                    m: where y was seen

    ELBO   = E_q[ Σ_i m_i log N(y_i; x^g_i, σ²) ] - KL(q(z|y, m) || N(0, I))            sums over values: nats per image
    L_feat = ‖Dis_l(y) - Dis_l(f_θ(x^g))‖² / n                                          θ of the image where it is known
    L_GAN  = log Dis(y) + log(1 - Dis(f_θ'(x^g))) + log(1 - Dis(f_θ''(x_p)))            θ', θ'' drawn afresh

    Enc, Dec minimise  -ELBO + w (-log Dis(f_θ'(x^g)) - log Dis(f_θ''(x_p)) + L_feat)   Dis maximises  L_GAN
    Spread minimises   CRPS(N(x^g, s²), y) over values hidden from Enc                  s = Spread(x^g, m)

This is the masked likelihood of MIWAE (Mattei and Frellsen, ICML 2019), whose tighter bound K > 1 samples give (Burda, Grosse and
Salakhutdinov, ICLR 2016), and the adversary of the Ambient VAE-GAN. It differs from the paper in that sums stay sums, so that an
image's likelihood has its weight against the KL term; that values which were lost say nothing; that σ is the noise's own where it
has one and the likeliest where values are dropped; and that w follows from the gradients: the adversary pulls at a reconstruction
with `adversary` times the force of the likelihood (after Esser, Rombach and Ommer, CVPR 2021).

Dec(z) alone is far too sure of itself as a sample of x, whatever z is drawn. A sample is therefore x ~ N(Dec(z), s²), where s is
learnt beside the rest, without a say in it, from how far reconstructions were off where the network had not seen the value.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from methods.ambient_vaegan.model import cross_entropy
from methods.learner import Batch, Learner, adam, update
from methods.networks import Decoder, Discriminator, Encoder, Gaussian, Spread, initialise, placed

REAL_TARGET, FAKE_TARGET = 0.75, 0.375  # labels of real measurements for Dis and of fakes for Dec, as released


class Task(NamedTuple):
    """What one step learns from, [B, H, W, C] each."""

    y: Tensor  # what the encoder sees …
    seen: Tensor | None  # … and where, if it is told
    target: Tensor  # what the likelihood is of …
    counts: Tensor  # … and at which values
    real: Tensor  # what the discriminator takes for real


def log_normal(target: Tensor, mean: Tensor, sigma: Tensor, counts: Tensor) -> Tensor:
    """Σ_i counts_i log N(target_i; mean_i, σ²), the sum over the values of an image: [..., H, W, C] -> [...]."""
    each = -0.5 * ((target - mean) / sigma) ** 2 - sigma.log() - 0.5 * math.log(2 * math.pi)
    return torch.where(counts, each, 0).sum((-3, -2, -1))


def kl(q: Gaussian, p: Gaussian | None = None) -> Tensor:
    """KL(q || p) of each image in nats, the sum over its latent values: [B]. p is N(0, I) unless given."""
    p = p or Gaussian(torch.zeros_like(q.mean), torch.zeros_like(q.mean))
    apart = (q.log_variance - p.log_variance).exp() + (q.mean - p.mean) ** 2 * (-p.log_variance).exp()
    return 0.5 * (apart - 1 + p.log_variance - q.log_variance).sum(1)


def crps(target: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Continuous ranked probability score of N(mean, σ²) for each value (Gneiting and Raftery, JASA 2007, eq. 21)."""
    off = (target - mean) / sigma
    density = (-0.5 * off**2).exp() / math.sqrt(2 * math.pi)
    return sigma * (off * torch.erf(off / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


def log_ratio(z: Tensor, q: Gaussian) -> Tensor:
    """log N(z; 0, I) - log q(z) of each sample: [K, B, D] -> [K, B]."""
    return (-0.5 * z**2 + 0.5 * (z - q.mean) ** 2 / q.log_variance.exp() + 0.5 * q.log_variance).sum(2)


class EvidenceBound(Learner):
    """A VAE on measurements by the evidence bound, with the paper's networks; with an adversary, a VAE-GAN."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        measurement,
        generator: Generator,
        *,
        pixel_term: str = "known",
        kl_weight: float = 1.0,
        adversary: float = 0.5,
        hide: float = 0.2,
        latent: int = 0,
        samples: int = 1,
        learning_rate: float = 5e-3,
    ):
        self.shape, self.measurement, self.hide, self.peak = shape, measurement, hide, learning_rate
        self.pixel_term, self.kl_weight, self.adversary, self.samples = pixel_term, kl_weight, adversary, samples
        self.planes = 2 if measurement.has_mask and pixel_term == "known" else 1
        self.enc, self.dec = self.encoder_and_decoder(generator, latent)
        self.spread = placed(Spread, generator, shape, planes=self.planes)
        self.networks = {"encoder": self.enc, "decoder": self.dec, "spread": self.spread}
        weights = [*self.enc.parameters(), *self.dec.parameters()]
        self.optimizers = {"bound": adam(weights, learning_rate), "spread": adam(list(self.spread.parameters()), learning_rate)}
        if adversary:
            self.dis = initialise(Discriminator(shape), generator)
            self.networks["discriminator"] = self.dis
            self.optimizers["discriminator"] = adam(list(self.dis.parameters()), learning_rate, betas=(0.5, 0.999))

    def encoder_and_decoder(self, generator: Generator, latent: int):
        encoder = initialise(Encoder(self.shape, planes=self.planes, latent=latent), generator)
        return encoder, initialise(Decoder(self.shape, latent=latent), generator)

    def learning_rate(self, step: int) -> float:
        """A rise over 200 steps, then down to nothing in a straight line."""
        return self.peak * min(1, (step + 1) / 200) * (1 - step / self.steps)

    # What is learnt from

    def seen(self, batch: Batch) -> Tensor | None:
        """The mask of each image, where the encoder is told."""
        return batch["side_info"].expand_as(batch["y"]) if self.planes == 2 else None

    def task(self, batch: Batch, generator: Generator) -> Task:
        y, seen = batch["y"], self.seen(batch)
        if seen is None:
            target = self.measurement.unbiased(y) if self.pixel_term == "direct" else y
            return Task(y, None, target, torch.ones_like(y, dtype=torch.bool), real=y)
        still = self.still_seen(seen, generator)
        return Task(torch.where(still, y, self.measurement.fill), still, y, seen, real=y)

    def still_seen(self, seen: Tensor, generator: Generator) -> Tensor:
        """The mask that the encoder gets, m ⊙ m' with a further mask m' of the same family: of independent values the part `hide`
        is lost, of patches one more."""
        return self.measurement.hide(seen, seen, self.hide, generator)[1]

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        """f_θ(x) with θ drawn afresh."""
        return self.measurement.forward(x, self.measurement.draw(len(x), self.shape, generator))

    def as_target(self, x: Tensor, generator: Generator) -> Tensor:
        """What a reconstruction says of the target, [K·B, H, W, C]."""
        if self.pixel_term == "mean":
            return self.measurement.mean(x)
        return self.measure(x, generator) if self.pixel_term == "fresh" else x

    def noise(self) -> float:
        """Standard deviation of the noise in the target; 0 where values are dropped."""
        return self.measurement.sigma

    def sigma(self, task: Task, predicted: Tensor) -> Tensor:
        """σ of the likelihood: the noise's own, or else the likeliest, which is the batch's root mean squared error
        (σ-VAE, Rybkin, Daniilidis and Levine, ICML 2021)."""
        if known := self.noise():
            return torch.full_like(predicted[0, 0, 0, 0, 0], known)
        error = torch.where(task.counts, task.target - predicted, 0).square().sum() / (self.samples * task.counts.sum())
        return error.sqrt().detach().clamp_min(1e-3)

    # One step

    def infer(self, task: Task) -> tuple[Gaussian, Gaussian | None]:
        """q(z|y, m), and the prior if it is not N(0, I)."""
        return self.enc(task.y, task.seen), None

    def decode(self, z: Tensor, task: Task) -> Tensor:
        """x^g [K·B, H, W, C] from z [K·B, D]."""
        return self.dec(z)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        task = self.task(batch, generator)
        q, p = self.infer(task)
        noise = torch.randn((self.samples, *q.mean.shape), generator=generator, device=task.y.device)
        z = q.at(noise)  # [K, B, D]
        x_g = self.decode(z.flatten(0, 1), task)
        predicted = self.as_target(x_g, generator).unflatten(0, (self.samples, -1))
        sigma = self.sigma(task, predicted)
        likelihood = log_normal(task.target, predicted, sigma, task.counts)  # [K, B]
        information = kl(q, p)
        if self.samples == 1:
            elbo = (likelihood[0] - self.kl_weight * information).mean()
        else:
            weights = likelihood + self.kl_weight * log_ratio(z, q)
            elbo = (weights.logsumexp(0) - math.log(self.samples)).mean()
        sureness = self.off_by(task, x_g.detach())
        terms = {"ELBO": elbo, "KL": information.mean(), "sigma": sigma, "CRPS": sureness}
        losses = {"bound": -elbo, "spread": sureness}
        if self.adversary:
            pull, tell, more = self.adversarial(task, x_g, generator)
            w = self.weight(likelihood.mean(), pull, x_g)
            losses |= {"bound": -elbo + w * pull, "discriminator": tell}
            terms |= more | {"tell": tell, "w": w}
        update(self.optimizers, losses)
        return {name: term.detach() for name, term in terms.items()}

    def off_by(self, task: Task, x_g: Tensor) -> Tensor:
        """The loss of Spread, over an eighth of the images: enough for so small a network, and cheap.

        Of the target's values those count that the encoder was not shown, or all where it was shown them all. What noise the
        target has is not the reconstruction's fault.
        """
        few = slice(max(1, len(task.y) // 8))
        seen = None if task.seen is None else task.seen[few]
        counts = task.counts[few] & ~seen if seen is not None and self.hide else task.counts[few]
        s = (self.spread(x_g[few], seen) ** 2 + self.noise() ** 2).sqrt()
        return torch.where(counts, crps(task.target[few], x_g[few], s), 0).sum() / counts.sum().clamp_min(1)

    def adversarial(self, task: Task, x_g: Tensor, generator: Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """What the adversary asks of Enc and Dec, the loss of Dis, and the terms of the first."""
        x = self.kept(x_g, task)
        fakes = [self.measure(fake, generator) for fake in (x, self.from_prior(task, generator)) if fake is not None]
        real = self.dis(task.real)
        judged = [self.dis(fake) for fake in fakes]
        known = self.dis(torch.where(task.counts, x, task.real)) if task.seen is not None else judged[0]
        feat = F.mse_loss(known.features, real.features)
        fool = sum(cross_entropy(fake.logit, FAKE_TARGET) for fake in judged)
        tell = cross_entropy(real.logit, REAL_TARGET) + sum(cross_entropy(fake.logit, 0) for fake in judged)
        return fool + feat, tell, {"L_feat": feat, "fool": fool}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, seen = batch["y"], self.seen(batch)
        task = Task(y, seen, y, seen, y)
        q = self.enc(y, seen)
        return self.kept(self.decode(q.sample(generator) if generator else q.mean, task), task)

    def weight(self, likelihood: Tensor, pull: Tensor, x_g: Tensor) -> Tensor:
        """w, with which the adversary's gradient at the reconstructions is `adversary` times as long as the likelihood's."""
        wish, push = (torch.autograd.grad(loss, x_g, retain_graph=True)[0].norm() for loss in (likelihood, pull))
        return self.adversary * wish / push.clamp_min(1e-12)

    def kept(self, x_g: Tensor, task: Task) -> Tensor:
        """The restoration that a reconstruction stands for: itself."""
        return x_g

    def from_prior(self, task: Task, generator: Generator) -> Tensor:
        """x_p = Dec(z_p), z_p ~ N(0, I)."""
        shape = (len(task.y), self.dec.made_with["latent"])
        return self.dec(torch.randn(shape, generator=generator, device=task.y.device))


class Supervised:
    """With this before a learner's class, the clean image is the target everywhere and nothing is measured again."""

    def task(self, batch: Batch, generator: Generator) -> Task:
        x, seen = batch["x"], self.seen(batch)
        return Task(batch["y"], seen, x, self.asked(x, seen), real=x)

    def asked(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """The values that the likelihood is of: all."""
        return torch.ones_like(x, dtype=torch.bool)

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        return x

    def noise(self) -> float:
        return 0.0
