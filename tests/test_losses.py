"""Losses, networks and updates of the learned methods: by hand, by torch.distributions and by separate backward passes."""

import copy
import math
import sys
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from learners import learner_class
from torch import Generator, nn

from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from methods.acsg.model import AmbientGAN
from methods.ambient_vaegan.model import AmbientVAEGAN, L_prior, cross_entropy, nll, paper_learning_rate
from methods.learner import rmsprop, update
from methods.networks import NETWORKS, Gaussian, ToImage, Verdict, folded, initialise

SHAPE = (28, 28, 1)
LEARNERS = ["acsg", "ambient_vaegan", "supervised"]  # the paper's; those of the evidence bound have test_bound.py
P = 0.6  # of the lossy measurements below


def seeded(seed=0):
    return Generator().manual_seed(seed)


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


def terms_at(logit):
    learner = AmbientVAEGAN(SHAPE, AddNoise(0.1), seeded())
    learner.dis = ConstantVerdict(logit)
    losses, terms = learner.losses({"y": rand(4, *SHAPE)}, seeded())
    return losses, terms, learner.dis.logit


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
def test_minimiser_of_the_pixel_term(pixel_term, measurement, minimiser):
    """Over many draws of θ and θ' the best reconstruction is (1-p) x or, where measurements are unbiased and direct, x."""
    x, draws = rand(1, *SHAPE), 2000
    theta = measurement.draw(draws, SHAPE, seeded(1))
    y = measurement.forward(x.expand(draws, *SHAPE), theta)
    learner = AmbientVAEGAN(SHAPE, measurement, seeded(), pixel_term=pixel_term)
    learner.dis = ConstantVerdict(0)

    def slope(value):
        """∂L_pixel/∂x^g with every reconstruction equal to `value`, at the same draws of θ'."""
        learner.dec = ConstantImage(torch.full(SHAPE, value))
        _, terms = learner.losses({"y": y}, seeded(2))
        return torch.autograd.grad(terms["L_pixel"], learner.dec.image)[0]

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


@pytest.mark.parametrize(("term", "label"), [("tell", 0.25), ("fool", 0.375)])
def test_optimum_where_real_and_fake_look_alike(term, label):
    """tell: labels ¾, 0, 0 average ¼, so Dis = ¼ and the loss is 3 H(¼); fool: Dis = ⅜ twice."""
    _, terms, logit = terms_at(math.log(label / (1 - label)))
    entropy = -label * math.log(label) - (1 - label) * math.log(1 - label)
    assert terms[term].item() == pytest.approx((3 if term == "tell" else 2) * entropy, rel=1e-6)
    assert torch.autograd.grad(terms[term], logit)[0].item() == pytest.approx(0, abs=1e-6)


def test_losses_of_the_ambient_gan_by_hand():
    """At Dis = ½ everywhere: fool log 2, tell 2 log 2; at Dis = ¾ they weigh log ¾ and log ¼ by the labels."""
    for logit, high in [(0.0, 0.5), (math.log(3), 0.75)]:
        learner = AmbientGAN(SHAPE, AddNoise(0.1), seeded())
        learner.dis = ConstantVerdict(logit)
        learner.optimizers["discriminator"] = rmsprop(learner.dis)
        terms = learner.step({"y": rand(4, *SHAPE)}, seeded())
        fool = -0.375 * math.log(high) - 0.625 * math.log(1 - high)
        tell = -0.75 * math.log(high) - 0.25 * math.log(1 - high) - math.log(1 - high)
        assert terms["fool"].item() == pytest.approx(fool, rel=1e-5)
        assert terms["tell"].item() == pytest.approx(tell, rel=1e-5)


def test_each_network_has_the_paper_s_sum_of_terms():
    learner = AmbientVAEGAN(SHAPE, DropPatch(14), seeded(), alpha=3, beta=5, gamma=0.25)
    losses, t = learner.losses({"y": rand(4, *SHAPE)}, seeded())
    likeness = 3 * t["L_pixel"] + 5 * t["L_feat"]
    torch.testing.assert_close(losses["encoder"], t["L_prior"] + likeness)
    torch.testing.assert_close(losses["decoder"], t["fool"] + 0.25 * likeness)
    torch.testing.assert_close(losses["discriminator"], t["tell"])


@pytest.fixture(params=LEARNERS)
def trained_by(request, monkeypatch):
    """A function: one step of the method at the same weights and random numbers, with `update` replaced; returns the learner."""
    kind = learner_class(request.param)
    batch = {"y": rand(6, *SHAPE), "x": rand(6, *SHAPE, seed=1)}
    first = kind(SHAPE, DropIndependent(0.5), seeded())
    module = sys.modules[next(c for c in kind.__mro__ if "step" in vars(c)).__module__]

    def step(replacement):
        learner = copy.deepcopy(first)
        learner.optimizers = {name: rmsprop(network) for name, network in learner.networks.items()}
        monkeypatch.setattr(module, "update", replacement)
        learner.step(batch, seeded(5))
        return learner

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


def test_learning_rate_of_the_paper():
    """3e-4 · 0.98^⌊step / 10,000⌋; 0.98^89 is the first power below 1/6."""
    assert paper_learning_rate(0) == paper_learning_rate(9_999) == 3e-4
    assert paper_learning_rate(10_000) == pytest.approx(2.94e-4, rel=1e-12)
    assert paper_learning_rate(889_999) == pytest.approx(3e-4 * 0.98**88, rel=1e-12)
    assert paper_learning_rate(890_000) == paper_learning_rate(10**9) == 5e-5


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learned_method_keeps_the_paper_s_schedule(name):
    learner = learner_class(name)(SHAPE, AddNoise(0.2), seeded())
    assert [learner.learning_rate(step) for step in (0, 10_000, 10**8)] == [3e-4, pytest.approx(2.94e-4), 5e-5]


@pytest.mark.parametrize(("outputs", "shape"), [(1, (3, 16, 14, 14)), (3, (2, 5, 4, 7))])
def test_to_image_is_the_transposed_convolution_of_torch(outputs, shape):
    layer = ToImage(shape[1], outputs).double()
    maps = rand(*shape).double().contiguous(memory_format=torch.channels_last).requires_grad_()
    ours = layer(maps)
    theirs = F.conv_transpose2d(maps, layer.weight, layer.bias, stride=2, padding=1, output_padding=1)
    assert ours.shape == (shape[0], outputs, 2 * shape[2], 2 * shape[3])
    torch.testing.assert_close(ours, theirs)
    pull = torch.randn(ours.shape, generator=seeded(), dtype=torch.float64)
    inputs = [maps, layer.weight, layer.bias]
    for a, b in zip(torch.autograd.grad(ours, inputs, pull), torch.autograd.grad(theirs, inputs, pull), strict=True):
        torch.testing.assert_close(a, b)


CELEBA = (64, 64, 3)


def convolutions(*channels: int) -> int:
    """Parameters of 3×3 convolutions from width to width: kernels of 9 weights, and a bias per output."""
    return sum(9 * i * o + o for i, o in pairwise(channels))


def linear(i: int, o: int) -> int:
    return (i + 1) * o


# As the paper's table has them; batch norm has two numbers per channel.
PARAMETERS = {
    ("Encoder", SHAPE): convolutions(1, 16, 32, 64) + 2 * (16 + 32 + 64) + 2 * linear(4 * 4 * 64, 20),  # 28 → 14 → 7 → 4
    ("Decoder", SHAPE): linear(20, 7 * 7 * 32) + 2 * 32 + convolutions(32, 16) + 2 * 16 + convolutions(16, 1),
    ("Discriminator", SHAPE): convolutions(1, 16, 32, 64) + 2 * (32 + 64) + linear(4 * 4 * 64, 1),
    ("Encoder", CELEBA): convolutions(3, 64, 128, 256)
    + linear(8 * 8 * 256, 1024)
    + 2 * (64 + 128 + 256 + 1024)
    + 2 * linear(1024, 128),
    ("Decoder", CELEBA): linear(128, 8 * 8 * 256)
    + convolutions(256, 256, 128, 32)
    + 2 * (256 + 256 + 128 + 32)
    + convolutions(32, 3),
    ("Discriminator", CELEBA): (
        convolutions(3, 32, 128, 256, 256) + 2 * (128 + 256 + 256) + linear(4 * 4 * 256, 256) + 2 * 256 + linear(256, 1)
    ),
    ("Spread", SHAPE): convolutions(1, 16, 16) + linear(16, 1),  # ours, not the paper's
    ("Spread", CELEBA): convolutions(3, 32, 32) + linear(32, 3),
}


@pytest.mark.parametrize(("name", "shape"), PARAMETERS)
def test_parameters_by_hand(name, shape):
    assert sum(weight.numel() for weight in NETWORKS[name](shape).parameters()) == PARAMETERS[name, shape]


@pytest.mark.parametrize(("shape", "latent", "features"), [(SHAPE, 20, (64, 4, 4)), (CELEBA, 128, (256, 4, 4))])
def test_folded_batch_norm_is_the_same_function(shape, latent, features):
    for name, given in (("Encoder", rand(3, *shape)), ("Decoder", torch.randn(3, latent, generator=seeded()))):
        network = initialise(NETWORKS[name](shape), seeded()).double()
        with torch.no_grad():
            for layer in network.modules():
                if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):  # as after a training
                    for values, low, high in (
                        (layer.weight, 0.5, 2),
                        (layer.bias, -1, 1),
                        (layer.running_mean, -1, 1),
                        (layer.running_var, 0.1, 3),
                    ):
                        values.uniform_(low, high, generator=seeded(len(values)))
            before = network.eval()(given.double())
            quick = folded(network)
            assert not [layer for layer in quick.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
            for a, b in zip(before, quick(given.double()), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("shape", "latent", "features"), [(SHAPE, 20, (64, 4, 4)), (CELEBA, 128, (256, 4, 4))])
def test_shapes_and_range_of_the_networks(shape, latent, features):
    enc, dec, dis = (initialise(NETWORKS[name](shape), seeded()) for name in ("Encoder", "Decoder", "Discriminator"))
    y = rand(5, *shape)
    q, verdict, image = enc(y), dis(y), dec(1e4 * torch.randn(5, latent, generator=seeded()))
    assert q.mean.shape == q.log_variance.shape == (5, latent)
    assert verdict.logit.shape == (5,)
    assert verdict.features.shape == (5, *features)
    assert verdict.features.min() < 0  # before the ReLU
    assert image.shape == (5, *shape)
    assert 0 <= image.min() < 0.5 < image.max() <= 1


@pytest.mark.parametrize(("shape", "nothing"), [(SHAPE, 0.0), (CELEBA, 0.5)])
def test_lost_values_are_zero_inside_the_networks(shape, nothing):
    """Black on MNIST, mid-grey on CelebA, which the paper holds in [-1, 1]; white is 1 on both."""
    for name in ("Encoder", "Discriminator"):
        network = NETWORKS[name](shape)
        assert not network.inside(torch.full((2, *shape), nothing)).any()
        assert (network.inside(torch.ones(2, *shape)) == 1).all()
    assert (NETWORKS["Decoder"](shape).outside(torch.zeros(2, *shape[::-1])) == 0.5).all()


def test_pixel_term_is_on_the_scale_of_the_paper():
    """½ mean (2y - 2x^g)² on CelebA: four times what it is on [0, 1], as it stands on MNIST."""
    for shape, factor in ((SHAPE, 1), (CELEBA, 4)):
        learner = AmbientVAEGAN(shape, AddNoise(0.1), seeded())
        y = rand(4, *shape)
        _, terms = learner.losses({"y": y}, seeded(1))
        q = learner.enc(y)
        x_g = learner.dec(q.sample(seeded(1)))
        assert terms["L_pixel"].item() == pytest.approx(factor * 0.5 * ((y - x_g) ** 2).mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_precision_is_a_matter_of_training(name, monkeypatch):
    """bfloat16 in training where the device has it, float32 at test, float32 in and out of both."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    network, seen = NETWORKS[name](SHAPE), []
    layer = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d))
    layer.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    z, image = torch.zeros(2, 20), rand(2, *SHAPE)
    given = {"Decoder": (z,), "SkipDecoder": (z, image)}.get(name, (image,))
    for training in (True, False):
        made = network.train(training)(*given)
        assert all(part.dtype == torch.float32 for part in (made if isinstance(made, tuple) else (made,)))
    assert seen == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("name", NETWORKS)
def test_unknown_shape_is_one_clear_line(name):
    with pytest.raises(SystemExit) as stop:
        NETWORKS[name]((31, 17, 2))
    assert "31×17×2" in stop.value.code
    assert "28×28×1" in stop.value.code
    assert "\n" not in stop.value.code


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_start_at_the_original_s_spread(name):
    """N(0, 0.02²) within five standard errors, zero biases, TensorFlow's batch norm with momentum 0.9."""
    network = initialise(NETWORKS[name](SHAPE), seeded())
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            error = 0.02 / math.sqrt(layer.weight.numel())
            assert abs(layer.weight.mean().item()) < 5 * error
            assert abs(layer.weight.std().item() - 0.02) < 5 * error / math.sqrt(2)
            assert not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.momentum, layer.eps) == (pytest.approx(0.1), 1e-5)


def test_initial_weights_follow_from_the_generator():
    one, same, other = (initialise(NETWORKS["Encoder"](SHAPE), seeded(s)).heads.weight for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
