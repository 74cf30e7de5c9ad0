"""The terms of the evidence bound, the adversary and the spread: against torch.distributions, an exact evidence and by hand; and
what the learners of the bound make of them."""

import math

import pytest
import torch
from conftest import SHAPE, batch_of, phases_of, seeded
from declared import FAMILIES, LEARNED, METHODS, MODELS
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from measurements.drop_independent import DropIndependent
from networks.architectures import ImageFormat
from networks.original import Gaussian, Verdict
from training.losses import (
    adversary,
    balanced_weight,
    crps,
    elbo,
    kl,
    likeliest_sigma,
    log_normal,
    log_ratio,
    spread_loss,
)

B = 6
MNIST = ImageFormat(SHAPE)


BOUNDS = [method for method in LEARNED if "adversary" in METHODS[method].train]
SEVERAL = [method for method in LEARNED if "samples" in METHODS[method].train]
CONTROLS = [method for method in LEARNED if "supervised" in method]
every_model = pytest.mark.parametrize("model", MODELS, ids=str)
every_family = pytest.mark.parametrize("model", FAMILIES.values(), ids=FAMILIES)


# --- the terms -----------------------------------------------------------------------------------------------------------------


def test_log_normal_is_that_of_torch_distributions_over_the_values_that_count():
    target, mean = torch.rand(2, B, *SHAPE, generator=seeded())
    counts = torch.rand(B, *SHAPE, generator=seeded(1)) < 0.5
    for sigma in (torch.tensor(0.3), 0.1 + torch.rand(B, *SHAPE, generator=seeded(2))):
        expected = (Normal(mean, sigma).log_prob(target) * counts).sum((1, 2, 3))
        assert torch.allclose(log_normal(target, mean, sigma, counts), expected, rtol=1e-5)


def test_the_likeliest_sigma_is_the_likeliest():
    """Among others nearby, over all samples, of the values that count alone; it is a number without a gradient."""
    target, counts = torch.rand(B, *SHAPE, generator=seeded()), torch.rand(B, *SHAPE, generator=seeded(1)) < 0.5
    mean = (target + 0.2 * torch.randn(3, B, *SHAPE, generator=seeded(2))).requires_grad_()
    sigma = likeliest_sigma(target, mean, counts)
    assert not sigma.requires_grad and sigma.item() == pytest.approx(0.2, rel=0.02)
    around = {factor: log_normal(target, mean, factor * sigma, counts).sum().item() for factor in (0.95, 0.99, 1, 1.01, 1.05)}
    assert max(around, key=around.get) == 1
    elsewhere = torch.where(counts, mean, 7.0)
    assert torch.equal(likeliest_sigma(target, elsewhere, counts), sigma)


def test_kl_and_log_ratio_are_those_of_torch_distributions():
    shape = (B, 20)
    q, p = (Gaussian(torch.randn(shape, generator=seeded(i)), torch.randn(shape, generator=seeded(i + 1))) for i in (1, 3))
    ours, theirs = (Independent(Normal(g.mean, (0.5 * g.log_variance).exp()), 1) for g in (q, p))
    prior = Independent(Normal(torch.zeros(shape), torch.ones(shape)), 1)
    assert torch.allclose(kl(q), kl_divergence(ours, prior), rtol=1e-4)
    assert torch.allclose(kl(q, p), kl_divergence(ours, theirs), rtol=1e-4)
    z = torch.randn(3, *shape, generator=seeded(3))
    assert torch.allclose(log_ratio(z, q), prior.log_prob(z) - ours.log_prob(z), rtol=1e-4, atol=1e-3)


def bound_of(samples, draws=400):
    """Mean bound over draws, and the exact log evidence, of y = W z + 0.2 n with a poor posterior: the prior."""
    W = 0.02 * torch.randn(784, 3, generator=seeded(5))
    y = W @ torch.randn(3, generator=seeded(6)) + 0.2 * torch.randn(784, generator=seeded(7))
    evidence = MultivariateNormal(torch.zeros(784), 0.04 * torch.eye(784) + W @ W.T).log_prob(y)
    q = Gaussian(torch.zeros(draws, 3), torch.zeros(draws, 3))
    z = q.at(torch.randn(samples, draws, 3, generator=seeded(8)))
    target, mean = y.view(SHAPE).expand(draws, *SHAPE), (z @ W.T).view(samples, draws, *SHAPE)
    likelihood = log_normal(target, mean, torch.tensor(0.2), torch.ones(draws, *SHAPE, dtype=torch.bool))
    return elbo(likelihood, q, z, 1.0).item(), evidence.item()


def test_the_bound_is_below_the_evidence_and_more_samples_tighten_it():
    (one, evidence), (many, _) = bound_of(1), bound_of(64)
    assert one < many < evidence + 0.05
    assert evidence - many < 0.3 * (evidence - one)


def test_one_sample_gives_the_bound_with_its_divergence_in_closed_form():
    q = Gaussian(torch.randn(B, 20, generator=seeded(1)), torch.randn(B, 20, generator=seeded(2)))
    likelihood = torch.randn(1, B, generator=seeded(3))
    for weight in (1.0, 0.3):
        expected = likelihood.mean() - weight * kl(q).mean()
        torch.testing.assert_close(elbo(likelihood, q, q.mean[None], weight), expected)


def test_crps_is_the_distance_between_the_distribution_functions():
    """∫ (F(t) - [t ≥ y])² dt, by the trapezoidal rule."""
    t = torch.linspace(-4, 5, 90_001, dtype=torch.float64)
    for y, mean, sigma in ((0.2, 0.5, 0.1), (0.5, 0.5, 0.3), (0.9, 0.1, 0.7)):
        apart = (Normal(mean, sigma).cdf(t) - (t >= y).double()) ** 2
        assert float(crps(*map(torch.tensor, (y, mean, sigma)))) == pytest.approx(float(torch.trapezoid(apart, t)), rel=1e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.2, "of each value"])
def test_the_spread_that_costs_least_is_the_error_of_the_reconstruction(sigma):
    """Not that of the target's own noise, and only where the target counts."""
    count, g = 400, seeded(1)
    sigma = 0.3 * torch.rand(count, *SHAPE, generator=g) if isinstance(sigma, str) else sigma
    target = 0.5 + sigma * torch.randn(count, *SHAPE, generator=g)
    counts = torch.rand(count, *SHAPE, generator=g) < 0.5
    x_g = torch.where(counts, 0.5 + 0.1 * torch.randn(count, *SHAPE, generator=g), 0.9)
    costs = {
        s: spread_loss(lambda x, mask, s=s: torch.full_like(x, s), x_g, None, target, counts, sigma).item()
        for s in (0.05, 0.08, 0.1, 0.125, 0.2)
    }
    assert min(costs, key=costs.get) == 0.1


# --- the adversary -------------------------------------------------------------------------------------------------------------


class MeanVerdict(nn.Module):
    """Dis(y) = sigmoid(mean of the image); its features are the image."""

    def forward(self, y):
        return Verdict(y.mean((1, 2, 3)), y)


@pytest.mark.parametrize("fakes", [1, 2])
@pytest.mark.parametrize("with_same", [True, False])
def test_the_adversary_s_terms_by_hand(fakes, with_same):
    level = math.log(3)  # Dis = ¾
    real, one, other = (torch.full((B, *SHAPE), value) for value in (level, 0.0, -level))
    L = adversary(MeanVerdict(), real, [one, other][:fakes], real - 0.5 if with_same else None)
    H = [-target * math.log(p) - (1 - target) * math.log(1 - p) for target, p in ((0.375, 0.5), (0.375, 0.25))]
    assert L.terms["L_G"].item() == pytest.approx(sum(H[:fakes]), rel=1e-5)
    real_part = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert L.terms["L_D"].item() == pytest.approx(real_part + sum([math.log(2), -math.log(0.75)][:fakes]), rel=1e-5)
    assert L.terms["L_feat"].item() == pytest.approx(0.25 if with_same else level**2, rel=1e-5)
    assert L.generator.item() == pytest.approx(L.terms["L_G"].item() + L.terms["L_feat"].item(), rel=1e-6)
    assert L.discriminator is L.terms["L_D"]


def test_the_adversary_pulls_with_the_stated_force():
    x_g = torch.rand(B, *SHAPE, generator=seeded()).requires_grad_()
    likelihood, pull = (3 * x_g**2).sum(), x_g.sin().mean()
    w = balanced_weight(0.25, likelihood, pull, x_g)
    forces = [torch.autograd.grad(loss, x_g)[0].norm() for loss in (w * pull, likelihood)]
    assert float(forces[0] / forces[1]) == pytest.approx(0.25, rel=1e-5)


# --- the learners --------------------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("method", LEARNED)
def test_a_step_of_each_phase_changes_every_network_and_its_terms_are_finite(learner, method, model):
    made = learner(method, MNIST, model, seeded())
    before = {name: [w.clone() for w in network.parameters()] for name, network in made.networks.items()}
    for first, *_ in phases_of(made).values():
        made.begin(first)
        terms = made.step(batch_of(model, B), seeded(4))
        assert all(math.isfinite(float(term)) and not term.requires_grad for term in terms.values())
    for name, network in made.networks.items():
        assert any(not torch.equal(w, old) for w, old in zip(network.parameters(), before[name], strict=True)), name


@every_family
@pytest.mark.parametrize("method", SEVERAL)
def test_several_samples_and_an_adversary_go_together(learner, method, model):
    made = learner(method, MNIST, model, seeded(), samples=3, adversary=0.5)
    terms = [made.step(batch_of(model, B), seeded(step)) for step in range(2)][-1]
    assert {"ELBO", "L_G", "L_D", "L_feat", "w", "CRPS"} <= terms.keys()
    assert all(math.isfinite(float(term)) for term in terms.values())


@every_family
@pytest.mark.parametrize("pixel_term", METHODS["ambient_vaegan_elbo"].train["pixel_term"]["enum"])
def test_every_pixel_term_of_the_evidence_bound_runs(learner, pixel_term, model):
    made, batch = learner("ambient_vaegan_elbo", MNIST, model, seeded(), pixel_term=pixel_term, adversary=0.0), batch_of(model, B)
    assert all(math.isfinite(float(term)) for term in made.step(batch, seeded(1)).values())
    assert made.estimate(batch).shape == (B, *SHAPE)


@pytest.mark.parametrize("method", BOUNDS)
def test_without_an_adversary_there_is_no_discriminator(learner, method):
    made = learner(method, MNIST, MODELS[0], seeded(), adversary=0.0)
    assert set(made.networks) == {"encoder", "decoder", "spread"}
    assert not {"L_D", "w"} & made.step(batch_of(MODELS[0], B), seeded()).keys()


@pytest.mark.parametrize("method", [method for method in LEARNED if method not in CONTROLS])
def test_clean_images_say_nothing_to_a_method_that_learns_from_measurements(learner, method):
    batch = batch_of(DropIndependent(0.5), B)
    other = batch | {"x": torch.rand(B, *SHAPE, generator=seeded(5))}
    terms = [learner(method, MNIST, DropIndependent(0.5), seeded()).step(each, seeded(9)) for each in (batch, other)]
    assert terms[0] == terms[1]


class Measured(DropIndependent):
    """A forward model that measures nothing more."""

    def forward(self, x, theta):
        raise AssertionError("measured again")


@pytest.mark.parametrize("method", CONTROLS)
def test_a_supervised_method_measures_nothing_again(learner, method):
    terms = learner(method, MNIST, Measured(0.5), seeded()).step(batch_of(DropIndependent(0.5), B), seeded())
    assert all(math.isfinite(float(term)) for term in terms.values())


@pytest.mark.parametrize("method", BOUNDS)
def test_the_spread_has_no_say_in_the_reconstruction(learner, method):
    """Two learners that differ in its weights alone make the same step otherwise."""
    states = []
    for factor in (1, 3):
        made = learner(method, MNIST, MODELS[0], seeded())
        with torch.no_grad():
            for weight in made.spread.parameters():
                weight.mul_(factor)
        made.step(batch_of(MODELS[0], B), seeded(4))
        states.append(made.dec.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(*(state.values() for state in states), strict=True))
