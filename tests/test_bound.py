"""The evidence bound, its adversary and the further corruption: against torch.distributions, an exact evidence and what may
be seen."""

import math

import pytest
import torch
from torch import Generator, nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from methods.ambient_vaegan_elbo.model import EvidenceBound, crps, kl, log_normal, log_ratio
from methods.ambient_vaegan_skip.model import SkipVAEGAN
from methods.networks import Gaussian
from methods.supervised_elbo.train import SupervisedBound
from methods.supervised_skip.train import SupervisedSkip

SHAPE, B = (28, 28, 1), 6
FAMILIES = [DropIndependent(0.5), DropPatch(14), AddNoise(0.2)]
DROPS = FAMILIES[:2]
LEARNERS = [EvidenceBound, SkipVAEGAN, SupervisedBound, SupervisedSkip]


def seeded(seed=0):
    return Generator().manual_seed(seed)


def batch_of(measurement, seed=0):
    g = seeded(seed)
    x = torch.rand(B, *SHAPE, generator=g)
    theta = measurement.draw(B, SHAPE, g)
    return {"x": x, "y": measurement.forward(x, theta), "side_info": measurement.side_info(theta)}


def learner(kind, measurement, **options):
    made = kind(SHAPE, measurement, seeded(), **options)
    made.steps = 100
    return made


# --- the terms -----------------------------------------------------------------------------------------------------------------


def test_log_normal_is_that_of_torch_distributions_over_the_values_that_count():
    g = seeded()
    target, mean = torch.rand(2, B, *SHAPE, generator=g)
    counts = torch.rand(B, *SHAPE, generator=g) < 0.5
    expected = (Normal(mean, 0.3).log_prob(target) * counts).sum((1, 2, 3))
    assert torch.allclose(log_normal(target, mean, torch.tensor(0.3), counts), expected, rtol=1e-5)


def test_kl_and_log_ratio_are_those_of_torch_distributions():
    shape = (B, 20)
    q, p = (Gaussian(torch.randn(shape, generator=seeded(i)), torch.randn(shape, generator=seeded(i + 1))) for i in (1, 3))
    ours, theirs = (Independent(Normal(g.mean, (0.5 * g.log_variance).exp()), 1) for g in (q, p))
    prior = Independent(Normal(torch.zeros(shape), torch.ones(shape)), 1)
    assert torch.allclose(kl(q), kl_divergence(ours, prior), rtol=1e-4)
    assert torch.allclose(kl(q, p), kl_divergence(ours, theirs), rtol=1e-4)
    z = torch.randn(3, *shape, generator=seeded(3))
    assert torch.allclose(log_ratio(z, q), prior.log_prob(z) - ours.log_prob(z), rtol=1e-4, atol=1e-3)


class Fixed(nn.Module):
    """An encoder that says the same of every image."""

    def __init__(self, mean, log_variance):
        super().__init__()
        self.q = nn.ParameterList([mean, log_variance])

    def forward(self, y, seen=None):
        return Gaussian(*(w.expand(len(y), -1) for w in self.q))


class Linear(nn.Module):
    """x = W z."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, z):
        return (z @ self.weight.T).view(-1, *SHAPE)


def bounds(samples, draws=40):
    """Mean bound over draws on one image, and the exact log evidence, of a linear decoder with a poor posterior."""
    measurement = AddNoise(0.2)
    made = learner(EvidenceBound, measurement, samples=samples, adversary=0.0)
    weight = 0.02 * torch.randn(784, 3, generator=seeded(5))
    made.enc, made.dec = Fixed(torch.zeros(1, 3), torch.zeros(1, 3)), Linear(weight)
    y = (weight @ torch.randn(3, generator=seeded(6))) + 0.2 * torch.randn(784, generator=seeded(7))
    evidence = MultivariateNormal(torch.zeros(784), 0.04 * torch.eye(784) + weight @ weight.T).log_prob(y)
    made.optimizers["bound"] = torch.optim.SGD([*made.enc.parameters(), *made.dec.parameters()], lr=0.0)
    batch = {"y": y.view(1, *SHAPE).expand(B, -1, -1, -1), "side_info": torch.full((B, 1, 1, 1), 0.2)}
    g = seeded(8)
    with torch.autocast("cpu", enabled=False):
        values = [float(made.step(batch, g)["ELBO"]) for _ in range(draws)]
    return sum(values) / draws, float(evidence)


def test_the_bound_is_below_the_evidence_and_more_samples_tighten_it(monkeypatch):
    monkeypatch.setattr("methods.networks.autocast", lambda where, wanted: torch.autocast("cpu", enabled=False))
    (one, evidence), (many, _) = bounds(1), bounds(64)
    assert one < many < evidence + 0.05
    assert evidence - many < 0.3 * (evidence - one)


# --- what is learnt from -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measurement", DROPS, ids=str)
@pytest.mark.parametrize("kind", [EvidenceBound, SkipVAEGAN])
def test_lost_values_and_clean_images_say_nothing(kind, measurement):
    batch = batch_of(measurement)
    other = batch | {"y": torch.where(batch["side_info"], batch["y"], 0.77), "x": torch.rand(B, *SHAPE)}
    terms = [learner(kind, measurement, adversary=0.0).step(b, seeded(9)) for b in (batch, other)]
    assert terms[0] == terms[1]


@pytest.mark.parametrize("measurement", DROPS, ids=str)
def test_the_encoder_with_skips_does_not_see_what_it_is_asked_for(measurement):
    batch = batch_of(measurement)
    task = learner(SkipVAEGAN, measurement).task(batch, seeded(3))
    assert not (task.seen & task.counts).any()
    assert ((task.seen | task.counts) == batch["side_info"].expand(B, *SHAPE)).all()
    assert task.counts.any() and (task.y[~task.seen] == measurement.fill).all()


def test_hide_is_the_part_of_the_seen_values_that_is_hidden():
    made = learner(EvidenceBound, DropIndependent(0.5), hide=0.2)
    seen = torch.rand(200, *SHAPE, generator=seeded()) < 0.5
    still = made.still_seen(seen, seeded(1))
    assert not (still & ~seen).any()
    assert still.sum() / seen.sum() == pytest.approx(0.8, abs=0.01)
    assert learner(EvidenceBound, DropIndependent(0.5), hide=0).still_seen(seen, seeded(1)) is seen


def test_recorrupted_noise_is_independent_of_the_target_s():
    measurement, tau = AddNoise(0.2), 0.5
    g = seeded()
    x = torch.full((400, *SHAPE), 0.4)
    y = measurement.forward(x, measurement.draw(400, SHAPE, g))
    made = learner(SkipVAEGAN, measurement, tau=tau)
    task = made.task({"y": y, "side_info": torch.full((400, 1, 1, 1), 0.2)}, g)
    given, asked = (task.y - x).flatten(), (task.target - x).flatten()
    assert float((given * asked).mean()) == pytest.approx(0, abs=1e-3)
    assert float(given.std()) == pytest.approx(0.2 * math.sqrt(1 + tau**2), rel=0.01)
    assert float(asked.std()) == pytest.approx(made.noise(), rel=0.01)
    assert float(asked.mean()) == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("measurement", FAMILIES, ids=str)
@pytest.mark.parametrize("kind", [SupervisedBound, SupervisedSkip])
def test_a_supervised_target_is_the_clean_image_and_nothing_is_measured_again(kind, measurement):
    made, batch = learner(kind, measurement), batch_of(measurement)
    task = made.task(batch, seeded())
    assert task.target is batch["x"] and task.y is batch["y"]
    assert made.measure(batch["x"], seeded()) is batch["x"]
    assert made.noise() == 0


# --- the adversary -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measurement", FAMILIES, ids=str)
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_step_changes_every_network_and_its_terms_are_finite(kind, measurement):
    made = learner(kind, measurement, adversary=0.5)
    before = {name: [w.clone() for w in network.parameters()] for name, network in made.networks.items()}
    terms = made.step(batch_of(measurement), seeded(4))
    assert all(math.isfinite(float(term)) for term in terms.values())
    for name, network in made.networks.items():
        assert any(not torch.equal(w, old) for w, old in zip(network.parameters(), before[name], strict=True)), name


def test_the_adversary_pulls_with_the_stated_force():
    measurement = DropIndependent(0.5)
    made, batch = learner(EvidenceBound, measurement, adversary=0.25), batch_of(measurement)
    task = made.task(batch, seeded(1))
    q, _ = made.infer(task)
    x_g = made.decode(q.sample(seeded(2)), task)
    likelihood = log_normal(task.target, x_g, made.sigma(task, x_g[None]), task.counts).mean()
    pull, _, _ = made.adversarial(task, x_g, seeded(3))
    w = made.weight(likelihood, pull, x_g)
    force = [torch.autograd.grad(loss, x_g, retain_graph=True)[0].norm() for loss in (w * pull, likelihood)]
    assert float(force[0] / force[1]) == pytest.approx(0.25, rel=0.01)  # bfloat16 where the processor has it


def test_without_an_adversary_there_is_no_discriminator():
    assert set(learner(EvidenceBound, FAMILIES[0], adversary=0.0).networks) == {"encoder", "decoder", "spread"}


# --- how far off a reconstruction may be ---------------------------------------------------------------------------------------


def test_crps_is_the_distance_between_the_distribution_functions():
    """∫ (F(t) - [t ≥ y])² dt, by the trapezoidal rule."""
    t = torch.linspace(-4, 5, 90_001, dtype=torch.float64)
    for y, mean, sigma in ((0.2, 0.5, 0.1), (0.5, 0.5, 0.3), (0.9, 0.1, 0.7)):
        apart = (Normal(mean, sigma).cdf(t) - (t >= y).double()) ** 2
        assert float(crps(*map(torch.tensor, (y, mean, sigma)))) == pytest.approx(float(torch.trapezoid(apart, t)), rel=1e-3)


@pytest.mark.parametrize("kind", [EvidenceBound, SkipVAEGAN])
@pytest.mark.parametrize("measurement", FAMILIES, ids=str)
def test_the_spread_that_costs_least_is_the_error_of_the_reconstruction(kind, measurement):
    """Not that of the target's own noise, and of drops only where the encoder was not shown the value."""
    made, g = learner(kind, measurement), seeded(1)
    x = torch.full((400, *SHAPE), 0.5)
    theta = measurement.draw(400, SHAPE, g)
    task = made.task({"y": measurement.forward(x, theta), "side_info": measurement.side_info(theta)}, g)
    shown = torch.zeros_like(x, dtype=torch.bool) if task.seen is None else task.seen.expand_as(x)
    x_g = torch.where(shown, 0.9, x + 0.1 * torch.randn(x.shape, generator=g))
    costs = {}
    for s in (0.05, 0.08, 0.1, 0.125, 0.2):
        made.spread = lambda *_, s=s: torch.full((50, *SHAPE), s)
        costs[s] = float(made.off_by(task, x_g))
    assert min(costs, key=costs.get) == 0.1


def test_the_spread_has_no_say_in_the_reconstruction():
    """Two learners that differ in its weights alone make the same step otherwise."""
    states = []
    for factor in (1, 3):
        made = learner(SkipVAEGAN, FAMILIES[1])
        with torch.no_grad():
            for weight in made.spread.parameters():
                weight.mul_(factor)
        made.step(batch_of(FAMILIES[1]), seeded(4))
        states.append(made.dec.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(*(state.values() for state in states), strict=True))
