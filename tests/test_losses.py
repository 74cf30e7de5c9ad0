"""The original's losses and updates: by hand, by torch.distributions and by separate backward passes."""

import copy
import math

import pytest
import torch
from conftest import seeded
from torch import nn

from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from methods.ambient_vaegan.model import L_prior, nll, original_learning_rate
from networks.architectures import ImageFormat
from networks.original import Gaussian, Verdict
from training.losses import cross_entropy
from training.optimizers import rmsprop, update

SHAPE = (28, 28, 1)
MNIST, CELEBA = ImageFormat(SHAPE), ImageFormat((64, 64, 3), -1)
LEARNERS = ["acsg", "ambient_vaegan", "supervised"]  # the original's; those of the evidence bound have test_bound.py
P = 0.6  # of the lossy measurements below


def rand(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed))


class Unscaled(DropIndependent):
    """drop_independent without the released code's rescaling."""

    def unbiased(self, y):
        return y


class ConstantImage(nn.Module):
    """In place of a decoder: the same image for every z."""

    def __init__(self, image):
        super().__init__()
        self.image = nn.Parameter(image.clone())

    def forward(self, z):
        return self.image.expand(len(z), *SHAPE)


class ConstantVerdict(nn.Module):
    """In place of a discriminator: the same logit for every image (and no gradient to the image, but a graph)."""

    def __init__(self, logit):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(float(logit)))

    def forward(self, y):
        return Verdict(self.logit + 0 * y.mean((1, 2, 3)), y)


def terms_at(made, logit):
    made.dis = ConstantVerdict(logit)
    _, terms = made.losses({"y": rand(4, *SHAPE)}, seeded())
    return terms, made.dis.logit


def test_prior_of_the_standard_normal_is_zero():
    assert L_prior(Gaussian(torch.zeros(5, 20), torch.zeros(5, 20))).item() == 0


def test_prior_by_hand():
    """½(μ² + σ² - 1 - log σ²): ½ for (1, 1) and ½(4 + 4 - 1 - log 4) for (-2, 4); the mean of the two."""
    q = Gaussian(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4)]]))
    assert L_prior(q).item() == pytest.approx((4 - math.log(2)) / 2, rel=1e-6)


def test_prior_is_the_mean_divergence_of_torch():
    q = Gaussian(3 * rand(7, 5) - 1, 4 * rand(7, 5, seed=1) - 2)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(q.mean, (0.5 * q.log_variance).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(L_prior(q), expected.mean())


@pytest.mark.parametrize("shape", [(3, *SHAPE), (4, 64, 4, 4)], ids=["pixel", "feat"])
def test_nll_is_that_of_a_unit_normal_without_its_constant(shape):
    y, mean = 5 * rand(*shape), (3 * rand(*shape, seed=1)).requires_grad_()
    expected = -torch.distributions.Normal(mean, 1.0).log_prob(y).mean() - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(nll(y, mean), expected)
    ours, theirs = (torch.autograd.grad(loss, mean)[0] for loss in (nll(y, mean), expected))
    torch.testing.assert_close(ours, theirs)


def test_samples_of_the_posterior_have_its_moments():
    q = Gaussian(torch.tensor([[-1.0, 2.0]]).expand(40000, 2), torch.tensor([[math.log(0.25), math.log(9)]]).expand(40000, 2))
    z = q.sample(seeded())
    torch.testing.assert_close(z.mean(0), torch.tensor([-1.0, 2.0]), atol=0.06, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([0.5, 3.0]), atol=0, rtol=0.03)


@pytest.mark.parametrize(
    ("pixel_term", "measurement", "minimiser"),
    [
        ("fresh", Unscaled(P), 1 - P),
        ("fresh", DropIndependent(P), 1 - P),
        ("direct", Unscaled(P), 1 - P),
        ("direct", DropIndependent(P), 1),
        ("direct", AddNoise(0.2), 1),
        ("fresh", AddNoise(0.2), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AddNoise | DropIndependent) else str(value),
)
def test_minimiser_of_the_pixel_term(learner, pixel_term, measurement, minimiser):
    """Over many draws of θ and θ' the best reconstruction is (1-p) x or, where measurements are unbiased and direct, x."""
    x, draws = rand(1, *SHAPE), 2000
    theta = measurement.draw(draws, SHAPE, seeded(1))
    y = measurement.forward(x.expand(draws, *SHAPE), theta)
    made = learner("ambient_vaegan", MNIST, measurement, seeded(), pixel_term=pixel_term)
    made.dis = ConstantVerdict(0)

    def slope(value):
        """∂L_pixel/∂x^g with every reconstruction equal to `value`, at the same draws of θ'."""
        made.dec = ConstantImage(torch.full(SHAPE, value))
        _, terms = made.losses({"y": y}, seeded(2))
        return torch.autograd.grad(terms["L_pixel"], made.dec.image)[0]

    at_zero, at_one = slope(0.0), slope(1.0)
    best = -at_zero / (at_one - at_zero)  # the term is a parabola in each pixel
    assert (best - minimiser * x[0]).abs().mean() < 0.03
    assert (best.mean() / x.mean()).item() == pytest.approx(minimiser, abs=0.01)


def test_cross_entropy_by_hand():
    logit = torch.tensor([math.log(3.0), -math.log(3.0)])  # Dis = ¾ and ¼
    expected = -(0.75 * (math.log(0.75) + math.log(0.25)) + 0.25 * (math.log(0.25) + math.log(0.75))) / 2
    assert cross_entropy(logit, 0.75).item() == pytest.approx(expected, rel=1e-6)
    assert cross_entropy(torch.zeros(3), 0.375).item() == pytest.approx(math.log(2), rel=1e-6)
    assert cross_entropy(torch.tensor([math.log(3.0)]), 0).item() == pytest.approx(math.log(4), rel=1e-6)


@pytest.mark.parametrize("target", [0.75, 0.375])
def test_cross_entropy_is_least_where_dis_says_the_target(target):
    best = torch.tensor([math.log(target / (1 - target))], requires_grad=True)
    entropy = -target * math.log(target) - (1 - target) * math.log(1 - target)
    loss = cross_entropy(best, target)
    assert loss.item() == pytest.approx(entropy, rel=1e-6)
    assert torch.autograd.grad(loss, best)[0].item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("term", "label"), [("L_D", 0.25), ("L_G", 0.375)])
def test_optimum_where_real_and_fake_look_alike(learner, term, label):
    """L_D: labels ¾, 0, 0 average ¼, so Dis = ¼ and the loss is 3 H(¼); L_G: Dis = ⅜ twice."""
    made = learner("ambient_vaegan", MNIST, AddNoise(0.1), seeded())
    terms, logit = terms_at(made, math.log(label / (1 - label)))
    entropy = -label * math.log(label) - (1 - label) * math.log(1 - label)
    assert terms[term].item() == pytest.approx((3 if term == "L_D" else 2) * entropy, rel=1e-6)
    assert torch.autograd.grad(terms[term], logit)[0].item() == pytest.approx(0, abs=1e-6)


def test_losses_of_the_ambient_gan_by_hand(learner):
    """At Dis = ½ everywhere: L_G log 2, L_D 2 log 2; at Dis = ¾ they weigh log ¾ and log ¼ by the labels."""
    for logit, high in [(0.0, 0.5), (math.log(3), 0.75)]:
        made = learner("acsg", MNIST, AddNoise(0.1), seeded())
        made.dis = ConstantVerdict(logit)
        made.optimizers["discriminator"] = rmsprop(made.dis)
        terms = made.step({"y": rand(4, *SHAPE)}, seeded())
        assert terms["L_G"].item() == pytest.approx(-0.375 * math.log(high) - 0.625 * math.log(1 - high), rel=1e-5)
        real, fake = -0.75 * math.log(high) - 0.25 * math.log(1 - high), -math.log(1 - high)
        assert terms["L_D"].item() == pytest.approx(real + fake, rel=1e-5)


@pytest.mark.parametrize("method", ["ambient_vaegan", "supervised"])
def test_each_network_has_the_original_s_sum_of_terms(learner, method):
    made = learner(method, MNIST, DropPatch(14), seeded(), alpha=3, beta=5, gamma=0.25)
    losses, t = made.losses({"y": rand(4, *SHAPE), "x": rand(4, *SHAPE, seed=1)}, seeded())
    reconstruction = 3 * t["L_pixel"] + 5 * t["L_feat"]
    torch.testing.assert_close(losses["encoder"], t["L_prior"] + reconstruction)
    torch.testing.assert_close(losses["decoder"], t["L_G"] + 0.25 * reconstruction)
    torch.testing.assert_close(losses["discriminator"], t["L_D"])


@pytest.fixture(params=LEARNERS)
def trained_by(request, monkeypatch, learner):
    """A function: one step of the method at the same weights and random numbers, with `update` replaced; returns the learner."""
    batch = {"y": rand(6, *SHAPE), "x": rand(6, *SHAPE, seed=1)}
    first = learner(request.param, MNIST, DropIndependent(0.5), seeded())

    def step(replacement):
        made = copy.deepcopy(first)
        made.optimizers = {name: rmsprop(network) for name, network in made.networks.items()}
        monkeypatch.setattr(f"{type(made).__module__}.update", replacement)
        made.step(batch, seeded(5))
        return made

    return step


def test_update_takes_every_gradient_at_the_weights_of_the_one_forward_pass(trained_by):
    """Each network's gradient is that of a separate forward and backward pass, although the others are updated before it."""
    together = trained_by(update)
    for name in together.networks:
        alone = trained_by(lambda _, losses, name=name: losses[name].backward())
        pairs = zip(together.networks[name].parameters(), alone.networks[name].parameters(), strict=True)
        for ours, separate in pairs:
            torch.testing.assert_close(ours.grad, separate.grad, rtol=1e-5, atol=1e-9)
        assert any(weight.grad.abs().max() > 0 for weight in together.networks[name].parameters())


def test_update_is_rmsprop_with_its_own_gradient(trained_by):
    """The first step of RMSProp by hand: w - 3e-4 g / (√(0.1 g²) + 1e-8)."""
    before, after = trained_by(lambda *_: None), trained_by(update)
    for name in before.networks:
        pairs = zip(before.networks[name].parameters(), after.networks[name].parameters(), strict=True)
        for old, new in pairs:
            torch.testing.assert_close(new, old - 3e-4 * new.grad / ((0.1 * new.grad**2).sqrt() + 1e-8), rtol=1e-4, atol=1e-7)


def test_no_network_receives_gradient_from_another_s_loss(trained_by):
    still = trained_by(lambda *_: None)
    for name in still.networks:
        moved = trained_by(lambda optimizers, losses, name=name: update(optimizers, {name: losses[name]}))
        for other, network in moved.networks.items():
            same = [torch.equal(a, b) for a, b in zip(network.parameters(), still.networks[other].parameters(), strict=True)]
            if other == name:
                assert not all(same)
            else:
                assert all(same)
                assert all(weight.grad is None for weight in network.parameters())


def test_learning_rate_of_the_original():
    """3e-4 · 0.98^⌊step / 10,000⌋; 0.98^89 is the first power below 1/6."""
    assert original_learning_rate(0) == original_learning_rate(9_999) == 3e-4
    assert original_learning_rate(10_000) == pytest.approx(2.94e-4, rel=1e-12)
    assert original_learning_rate(889_999) == pytest.approx(3e-4 * 0.98**88, rel=1e-12)
    assert original_learning_rate(890_000) == original_learning_rate(10**9) == 5e-5


@pytest.mark.parametrize("name", LEARNERS)
def test_the_original_s_methods_keep_its_schedule(learner, name):
    made = learner(name, MNIST, AddNoise(0.2), seeded())
    assert [made.learning_rate(step) for step in (0, 10_000, 10**8)] == [3e-4, pytest.approx(2.94e-4), 5e-5]


def test_pixel_term_is_on_the_scale_of_the_original(learner):
    """½ mean (2y - 2x^g)² on CelebA, which the original holds in [-1, 1]: four times what it is on [0, 1], as MNIST is."""
    for images, factor in ((MNIST, 1), (CELEBA, 4)):
        made = learner("ambient_vaegan", images, AddNoise(0.1), seeded())
        y = rand(4, *images.shape)
        _, terms = made.losses({"y": y}, seeded(1))
        x_g = made.dec(made.enc(y).sample(seeded(1)))
        assert terms["L_pixel"].item() == pytest.approx(factor * 0.5 * ((y - x_g) ** 2).mean().item(), rel=1e-4)
