"""A network that draws from the posterior, learnt from one measurement of each image: an energy score on hidden values, then EM.

    x¹, x² = G(ỹ, m̃, ε₁), G(ỹ, m̃, ε₂)        two draws for one measurement
    ES(x¹, x²; t)                            the energy score of their blocks (training/energy_score.py)
    (ỹ, s̃), t, c, σ_t = recorrupt(y, s)      y corrupted once more, a target t whose noise is independent of it, where t counts, c
    A x = E[y | x, s]

    start, exact targets      G minimises  L_start = ES(A x¹, A x²; t)  where c
    likelihood, noisy ones    μ minimises  (t - A μ)² / σ_t²,   w  -log N(t; A μ, A w wᵀ Aᵀ + σ_t²)  where c,   μ, w = N(ỹ, m̃)
    teaching, then            x = clip(m' + w ε), whose mean is μ,  μ, w = N(y + τ n, m), and as in EM; G begins with N's weights
    EM                        x = G_old(y, m, ε) with the values that y holds exactly put in their places        (the E step)
                              ỹ = f_θ'(x), θ' drawn afresh;  L_EM = ES(x¹, x²; x)  where ỹ does not hold x, but  (the M step)
                              y does; where targets are noisy, wherever ỹ does not
                              G minimises  (1 - a) L_EM + a L_start;  G_old = G every `renew` steps

Energy scores are strictly proper, so that on what is measured together the best G is the posterior (Pacchiardi et al., JMLR 2024;
engression: Shen and Meinshausen, JRSSB 2024). EM goes on from there: G_old completes the measurements, and G learns to restore
the completed images from fresh ones. Learnt from all of x, this is maximum likelihood from measurements alone (with a diffusion
model: DiffEM, arXiv 2510.12691). Where values are exact, those that G_old made up are seen by G, but not learnt from: they would
teach it what it is already, and slowed it down. A part a of each batch (`anchor`) goes on learning from what was corrupted twice.

Where targets are noisy, their noise drowns the spread in an energy score. A Gaussian likelihood finds it, as in the few
directions of w the posterior's variance is far above the noise (compare Nehme, Yair and Michaeli, NeurIPS 2023). Were μ to raise
the likelihood too, w would at first explain what μ does not know yet, and μ would hardly learn it. Clipping lifts a mean near 0,
hence m' (training/rectified_normal.py). The mean of G is held to the measured values by
L_start = λ ((t - A x¹)(t - A x²) - σ_t²), whose expectation is λ (A x - E A x¹)².
"""

import torch
from torch import Generator, Tensor

from measurements.forward import Example, ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.low_rank import LowRankUNet
from networks.stochastic_unet import StochasticUNet, with_opposites
from training.energy_score import energy_score
from training.learner import Batch, Learner
from training.losses import log_low_rank_normal
from training.optimizers import muon, rise_and_fall, update
from training.rectified_normal import location_with

ESTIMATE_DRAWS = 16  # in the mean that is the estimate while it trains
MEAN_WEIGHT = 10.0  # λ


class AmbientSampler(Learner):
    """A U-Net with noise as an input, which learns to draw clean images from measurements alone."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        share: float,
        tau: float,
        rank: int,
        em: float,
        renew: int,
        anchor: float,
        learning_rate: float,
    ):
        self.shape, self.forward, self.share, self.tau = images.shape, forward, share, tau
        self.em, self.renew, self.anchor, self.peak = em, renew, anchor, learning_rate
        planes = 2 if forward.has_mask else 1
        self.G = with_default_weights(StochasticUNet, generator, *images, planes=planes)
        self.G_old = with_default_weights(StochasticUNet, generator, *images, planes=planes)
        self.networks = {"sampler": self.G, "old_sampler": self.G_old}
        self.optimizers = {"sampler": muon(self.G.parameters(), learning_rate)}
        self.phases = {"start": 1 - em, "em": em}  # and the share of all steps that each has
        if forward.sigma:
            self.N = with_default_weights(LowRankUNet, generator, *images, planes=planes, rank=rank)
            self.networks["low_rank"] = self.N
            self.optimizers["low_rank"] = muon(self.N.parameters(), learning_rate)
            self.phases = {"likelihood": 0.5 * (1 - em), "teaching": 0.5 * (1 - em), "em": em}
        self.phase = next(iter(self.phases))
        self.only_in_training = frozenset(self.networks.keys() - {"sampler"})
        for teacher in self.networks.keys() - {"sampler"}:
            self.networks[teacher].requires_grad_(teacher == "low_rank")

    def place(self, step: int) -> tuple[str, int, int]:
        """The phase of a step, how many of its steps were before, and how many it has."""
        ends = [round(self.steps * sum(list(self.phases.values())[: k + 1])) for k in range(len(self.phases))]
        first = 0
        for name, end in zip(self.phases, ends, strict=True):
            if step < end:
                return name, step - first, end - first
            first = end
        raise ValueError(f"step {step} of {self.steps}")

    def begin(self, step: int) -> str:
        self.phase, done, _ = self.place(step)
        if (self.phase, done) == ("teaching", 0):
            self.G.load_state_dict(self.N.sampler())
        if self.phase == "em" and done % self.renew == 0:
            self.G_old.load_state_dict(self.G.state_dict())
        for teacher in self.only_in_training:
            training = (teacher, self.phase) == ("low_rank", "likelihood")
            self.networks[teacher].train(training).teaches = not training
        return self.phase

    def learning_rate(self, step: int) -> float:
        """It rises and falls in each phase; half as high in EM, which changes what there is."""
        phase, done, steps = self.place(step)
        return rise_and_fall(self.peak / (2 if phase == "em" else 1), done, steps)

    def drawn(self, net: StochasticUNet, y: Tensor, s: Tensor, generator: Generator, count: int) -> list[Tensor]:
        """Draws net(y, m, ε) for each measurement, `count` of [B, H, W, C]."""
        noise = torch.randn(count, len(y), net.noise, generator=generator, device=y.device)
        return list(net.draws(y, self.forward.mask(s, y.shape), noise))

    def pasted(self, x: Tensor, y: Tensor, s: Tensor) -> Tensor:
        return torch.where(self.forward.observed(s, y.shape), y, x)

    @torch.no_grad()
    def imagined(self, y: Tensor, s: Tensor, generator: Generator) -> Tensor:
        """Clean images as the teacher of this phase imagines them behind the measurements."""
        if self.phase == "teaching":
            again = self.forward.recorrupt(y, s, generator, share=0.0, tau=self.tau)
            mean, factor = self.N(again.input, self.forward.mask(again.side_info, y.shape))
            noise = torch.randn(*factor.shape[:2], 1, 1, 1, generator=generator, device=y.device)
            centre = location_with(mean, factor.square().sum(0).sqrt())
            return (centre + (factor * noise).sum(0)).clamp(0, 1)
        (x,) = self.drawn(self.G_old, y, s, generator, 1)
        return self.pasted(x, y, s)

    def likelihood(self, y: Tensor, s: Tensor, generator: Generator) -> Tensor:
        """½ ((t - A μ) / σ_t)², for μ, and -log N(t; A μ, A w wᵀ Aᵀ + σ_t²), for w, mean over the values that count."""
        again = self.forward.recorrupt(y, s, generator, share=self.share, tau=self.tau)
        mean, factor = self.N(again.input, self.forward.mask(again.side_info, y.shape))
        predicted = self.forward.predict(mean, s)  # A μ
        factor = self.forward.predict(mean.detach() + factor, s) - predicted.detach()  # A w, as A is affine
        sigma = y.new_zeros(()) + again.sigma
        squares = torch.where(again.counts, 0.5 * ((again.target - predicted) / sigma) ** 2, 0).sum()
        likelihood = log_low_rank_normal(again.target, predicted.detach(), factor, sigma, again.counts).sum()
        return (squares - likelihood) / again.counts.sum()

    def start(self, y: Tensor, s: Tensor, generator: Generator) -> Tensor:
        """L_start."""
        again = self.forward.recorrupt(y, s, generator, share=self.share, tau=self.tau)
        return self.against_measured(self.drawn(self.G, again.input, again.side_info, generator, 2), s, again)

    def maximisation(self, y: Tensor, s: Tensor, generator: Generator) -> Tensor:
        """(1 - a) L_EM + a L_start, from one pass of both parts of the batch."""
        few = round(self.anchor * len(y))
        again = self.forward.recorrupt(y[:few], s[:few], generator, share=self.share, tau=self.tau)
        x = self.imagined(y[few:], s[few:], generator)
        theta = self.forward.draw(len(x), self.shape, generator)
        fresh, s_fresh = self.forward.forward(x, theta), self.forward.side_info(theta)
        seen = torch.cat([again.input, fresh]), torch.cat([again.side_info, s_fresh])
        draws = self.drawn(self.G, *seen, generator, 2)
        asked = ~self.forward.observed(s_fresh, x.shape)
        if not self.forward.sigma:
            asked &= self.forward.observed(s[few:], x.shape)
        score = energy_score(x, *(each[few:] for each in draws), asked)
        if not few:
            return score
        return (1 - self.anchor) * score + self.anchor * self.against_measured([each[:few] for each in draws], s[:few], again)

    def against_measured(self, draws: list[Tensor], s: Tensor, again: Example) -> Tensor:
        """L_start of given draws."""
        one, two = (self.forward.predict(x, s) for x in draws)
        if not self.forward.sigma:
            return energy_score(again.target, one, two, again.counts)
        product = (again.target - one) * (again.target - two) - again.sigma**2
        return MEAN_WEIGHT * torch.where(again.counts, product, 0).sum() / again.counts.sum().clamp_min(1)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, s = batch["y"], batch["side_info"]
        loss = {"start": self.start, "likelihood": self.likelihood}.get(self.phase, self.maximisation)(y, s, generator)
        trained = "low_rank" if self.phase == "likelihood" else "sampler"
        update(self.optimizers, {trained: loss})
        return {name: y.new_zeros(()) for name in self.optimizers} | {trained: loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        return self.pasted(drawn_estimate(self.G, y, self.forward.mask(s, y.shape), generator), y, s)


def drawn_estimate(net: StochasticUNet, y: Tensor, mask: Tensor | None, generator: Generator | None) -> Tensor:
    """The mean of ESTIMATE_DRAWS draws; with a generator one draw: [B, H, W, C]."""
    own = generator or Generator(y.device).manual_seed(0)
    noise = torch.randn(1 if generator else ESTIMATE_DRAWS // 2, len(y), net.noise, generator=own, device=y.device)
    return torch.stack(list(net.draws(y, mask, noise if generator else with_opposites(noise)))).mean(0)
