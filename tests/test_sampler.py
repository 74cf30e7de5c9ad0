"""The sampler of the posterior: its scores by hand and by torch.distributions, its networks, and the phases of its training."""

import copy
import math

import numpy as np
import pytest
import torch
from conftest import SHAPE, batch_of, phases_of, seeded
from declared import FAMILIES, MODELS
from torch import nn
from torch.distributions import LowRankMultivariateNormal

import store
from measurements.add_noise import AddNoise
from measurements.blur_noise import BlurNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from networks.architectures import ImageFormat, architecture
from networks.low_rank import LowRankUNet
from networks.stochastic_unet import StochasticUNet
from training.energy_score import LAGS, difference_score, energy_score, sides, value_score, window_score
from training.loop import Training
from training.losses import log_low_rank_normal
from training.models import trained
from training.rectified_normal import location_with, mean_of

MNIST = ImageFormat(SHAPE)
EXACT = [name for name, model in FAMILIES.items() if not model.sigma]
NOISY = [name for name, model in FAMILIES.items() if model.sigma]


def rand(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed))


# --- the energy score -----------------------------------------------------------------------------------------------------------


def test_scores_by_hand():
    """One row of four values, the last of which does not count."""
    target, one, two = (
        torch.tensor(v).view(1, 1, 4, 1) for v in ([0.0, 0.0, 1.0, 0.0], [0.2, 0.4, 1.0, 9.0], [0.4, 0.0, 0.5, 7.0])
    )
    counts = torch.tensor([True, True, True, False]).view(1, 1, 4, 1)
    each = [0.5 * (0.2 + 0.4 - 0.2), 0.5 * (0.4 + 0 - 0.4), 0.5 * (0 + 0.5 - 0.5)]
    assert value_score(target, one, two, counts).item() == pytest.approx(sum(each) / 3)

    norms = [math.sqrt(sum(d**2 for d in off) / 3) for off in ((0.2, 0.4, 0), (0.4, 0, 0.5), (0.2, 0.4, 0.5))]
    whole = 0.5 * (norms[0] + norms[1] - norms[2])
    assert window_score(target, one, two, counts, None).item() == pytest.approx(whole, abs=1e-4)


def test_windows_and_differences_are_those_of_a_loop():
    target, one, two = rand(3, 2, 9, 10, 3).numpy()
    counts = rand(2, 9, 10, 3, seed=1).numpy() < 0.6
    counts[0, :5, :5] = False  # a window in which nothing counts has no score

    def score(of):
        return 0.5 * (of(one - target) + of(two - target) - of(one - two))

    found = []
    for image, top, left in np.ndindex(2, 9 - 4 + 1, 10 - 4 + 1):
        here = np.s_[image, top : top + 4, left : left + 4]
        if top % 2 == 0 and left % 2 == 0 and counts[here].any():
            found.append(score(lambda off, here=here: np.sqrt((off[here] ** 2)[counts[here]].mean())))
    tensors = [torch.from_numpy(each) for each in (target, one, two, counts)]
    assert window_score(*tensors, 4).item() == pytest.approx(np.mean(found), abs=1e-4)

    means = []
    for down, across in [(lag, 0) for lag in LAGS] + [(0, lag) for lag in LAGS]:
        found = [
            score(lambda off, a=(i, r + down, k + across, c), b=(i, r, k, c): abs(off[a] - off[b]))
            for i, r, k, c in np.ndindex(2, 9 - down, 10 - across, 3)
            if counts[i, r + down, k + across, c] and counts[i, r, k, c]
        ]
        means.append(np.mean(found))
    assert difference_score(*tensors).item() == pytest.approx(np.mean(means), rel=1e-5)


def test_windows_follow_the_size_of_the_image():
    assert [sides(28, 28), sides(64, 64), sides(16, 40)] == [[7], [16, 8], [4]]


def test_values_that_do_not_count_have_no_say_and_no_gradient():
    target, counts = rand(4, *SHAPE), rand(4, *SHAPE, seed=1) < 0.5
    one, two = (rand(4, *SHAPE, seed=seed).requires_grad_() for seed in (2, 3))
    score = energy_score(target, one, two, counts)
    score.backward()
    assert (one.grad[~counts] == 0).all() and (one.grad[counts] != 0).any()
    elsewhere = torch.where(counts, target, 5.0), torch.where(counts, one, -3.0), two
    assert energy_score(*elsewhere, counts).item() == pytest.approx(score.item(), rel=1e-6)
    assert energy_score(target, target, target, counts).item() == pytest.approx(0, abs=2e-4)
    assert energy_score(target, one, two, torch.zeros_like(counts)).item() == 0


@pytest.mark.parametrize("wrong", ["independent", "narrow", "wide", "shifted", "constant"])
def test_the_distribution_of_the_target_has_the_best_score(wrong):
    """Images of 4×4 blocks; the wrong ones are right in all but what they are called, `independent` has the right marginals."""

    def blocks(seed):
        return torch.kron(torch.randn(4000, 4, 4, 1, generator=seeded(seed)), torch.ones(1, 4, 4, 1))

    change = {
        "independent": lambda x, seed: torch.randn(x.shape, generator=seeded(seed + 10)),
        "narrow": lambda x, _: 0.7 * x,
        "wide": lambda x, _: 1.4 * x,
        "shifted": lambda x, _: x + 0.3,
        "constant": lambda x, _: x[:, :1, :1].expand_as(x),
    }[wrong]
    target, *right = (blocks(seed) for seed in range(3))
    counts = torch.ones_like(target, dtype=torch.bool)
    best, worse = (energy_score(target, *pair, counts).item() for pair in (right, [change(x, k) for k, x in enumerate(right)]))
    assert worse > best + 0.02
    if wrong in ("independent", "constant"):  # single values alone do not tell
        assert value_score(target, *(change(x, k) for k, x in enumerate(right)), counts) == pytest.approx(
            value_score(target, *right, counts).item(), abs=0.01
        )


# --- the Gaussian of low rank ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [torch.tensor(0.3), 0.1 + rand(5, 6, 7, 2, seed=4)], ids=["one", "of each value"])
def test_the_likelihood_is_that_of_torch_distributions_over_the_values_that_count(sigma):
    target, mean = rand(2, 5, 6, 7, 2).double()
    factor, counts = torch.randn(3, *mean.shape, generator=seeded(1)).double(), rand(*mean.shape, seed=2) < 0.5
    sigma = sigma.double()
    ours = log_low_rank_normal(target, mean, factor, sigma, counts)
    for i, here in enumerate(counts):
        noise = sigma.expand_as(mean)[i][here] ** 2
        theirs = LowRankMultivariateNormal(mean[i][here], factor[:, i, here].T, noise).log_prob(target[i][here])
        assert ours[i].item() == pytest.approx(theirs.item(), rel=1e-9)


# --- networks -------------------------------------------------------------------------------------------------------------------


def built(kind, shape, **options):
    torch.manual_seed(0)
    return kind(shape, **options)


@pytest.mark.parametrize("shape", [SHAPE, (64, 64, 3), (17, 33, 3), (130, 70, 1)])
def test_images_of_every_size_are_drawn(shape):
    net = built(StochasticUNet, shape, planes=2).eval()
    assert [o.weight.shape[0] for o, *_ in net.downs] == list(architecture(shape).sampler)
    y, mask, noise = rand(2, *shape), rand(2, *shape, seed=1) < 0.5, torch.randn(2, 2, net.noise, generator=seeded(2))
    with torch.no_grad():
        maps = net.encode(y, mask)
        one, two = (net.decode(maps, each) for each in noise)
        assert one.shape == y.shape and torch.equal(net(y, mask, noise[0]), one)
        assert (one - two).abs().amax((1, 2, 3)).min() > 1e-3
        other = net.decode(maps, torch.stack([noise[0, 0], noise[1, 1]]))  # of the second image alone
        torch.testing.assert_close(other, torch.stack([one[0], two[1]]), rtol=0, atol=1e-5)


def test_every_part_of_the_noise_has_a_say():
    net = built(StochasticUNet, SHAPE).eval()
    y, zero = rand(1, *SHAPE), torch.zeros(1, net.noise)
    starts = np.cumsum([0, *net.parts])
    assert starts[-1] == net.noise and net.parts[1:] == [4 * 7 * 7, 4 * 14 * 14]
    with torch.no_grad():
        for start in starts[:-1]:
            bumped = zero.clone()
            bumped[:, start] = 3
            assert not torch.equal(net(y, None, bumped), net(y, None, zero))


@pytest.mark.parametrize("kind", ["StochasticUNet", "LowRankUNet"])
@pytest.mark.parametrize(("logit", "white"), [(9.0, 1), (-9.0, 0)])
def test_black_and_white_are_reached_and_a_gradient_gets_past(kind, logit, white):
    net = built(StochasticUNet, SHAPE) if kind == "StochasticUNet" else built(LowRankUNet, SHAPE, rank=2)
    nn.init.zeros_(net.image.weight)
    nn.init.constant_(net.image.bias, logit)

    def image():
        y = rand(2, *SHAPE)
        return net(y, None, torch.zeros(2, net.noise)) if kind == "StochasticUNet" else net(y)[0]

    trained = image()
    beyond = 0.5 + 0.25 * logit - white
    torch.testing.assert_close(trained, torch.full_like(trained, white + 0.02 * beyond), rtol=0, atol=2e-5)
    assert torch.autograd.grad(trained.sum(), net.image.bias)[0] > 0
    net.eval()
    assert (image() == white).all()


def test_a_sampler_goes_on_from_the_gaussian():
    """Without noise its image is the Gaussian's mean."""
    gaussian, sampler = built(LowRankUNet, SHAPE, rank=2).eval(), built(StochasticUNet, SHAPE).eval()
    sampler.load_state_dict(gaussian.sampler())
    y = rand(2, *SHAPE)
    torch.testing.assert_close(sampler(y, None, torch.zeros(2, sampler.noise)), gaussian(y)[0])


def test_the_gaussian_starts_narrow_and_has_its_rank():
    net = built(LowRankUNet, (17, 33, 3), planes=2, rank=5).eval()
    mean, factor = net(rand(2, 17, 33, 3), rand(2, 17, 33, 3) < 0.5)
    assert mean.shape == (2, 17, 33, 3) and factor.shape == (5, 2, 17, 33, 3)
    assert 0 < factor.square().sum(0).mean() < 0.1


# --- phases ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_the_start_follows_from_what_the_forward_model_offers(learner, family):
    made = learner("ambient_sampler", MNIST, FAMILIES[family], seeded(), em=0.3)
    phases = phases_of(made)
    expected = {"start": 70, "em": 30} if family in EXACT else {"likelihood": 35, "teaching": 35, "em": 30}
    assert {name: len(steps) for name, steps in phases.items()} == expected
    assert [step for steps in phases.values() for step in steps] == list(range(100))


def test_the_rate_rises_and_falls_in_each_phase_and_is_half_in_em(learner):
    made = learner("ambient_sampler", MNIST, AddNoise(0.2), seeded(), em=0.5, learning_rate=1.0)
    made.steps = 4000
    rates = [made.learning_rate(step) for step in range(4000)]
    assert [rates[step] for step in (0, 1000, 2000)] == pytest.approx([1 / 200, 1 / 200, 0.5 / 200])
    assert max(rates[:1000]) == rates[199] and max(rates[2000:]) == pytest.approx(0.5 * (1 - 199 / 2000))
    assert max(rates[step] for step in (999, 1999, 3999)) < 2e-3


def weights(made):
    return {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in made.networks.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_phase_trains_its_own_network_and_no_teacher(learner, family):
    model = FAMILIES[family]
    made, batch = learner("ambient_sampler", MNIST, model, seeded()), batch_of(model)
    for phase, (first, *_) in phases_of(made).items():
        for net in made.networks.values():
            net.train()  # as the engine leaves them
        made.begin(first)
        before = weights(made)
        losses = made.step(batch, seeded(first))
        after = weights(made)
        moved = {name for name in before if any(not torch.equal(before[name][k], after[name][k]) for k in before[name])}
        name = "low_rank" if phase == "likelihood" else "sampler"
        assert moved == {name}
        assert losses.keys() == made.optimizers.keys() and {k for k, v in losses.items() if v != 0} == {name}
        assert all(math.isfinite(value) for value in losses.values())


def test_the_sampler_goes_on_from_the_gaussian_where_teaching_begins_and_there_alone(learner):
    made = learner("ambient_sampler", MNIST, AddNoise(0.2), seeded(), em=0.5)
    taken = []
    for step in range(100):
        made.G.image.bias.data.fill_(-1)
        made.begin(step)
        taken += [step] if torch.equal(made.G.image.bias, made.N.image.bias) else []
    assert taken == [25]


def test_the_old_network_is_renewed_at_its_steps(learner):
    made = learner("ambient_sampler", MNIST, DropPatch(9), seeded(), em=0.5, renew=20)
    renewed = []
    for step in range(100):
        for weight in made.G_old.parameters():
            weight.data.fill_(-1)
        made.begin(step)
        renewed += (
            [step] if all(torch.equal(a, b) for a, b in zip(made.G.parameters(), made.G_old.parameters(), strict=True)) else []
        )
    assert renewed == [50, 70, 90]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_what_is_imagined_holds_the_measured_values(learner, model):
    made, batch = learner("ambient_sampler", MNIST, model, seeded()), batch_of(model)
    y, s = batch["y"], batch["side_info"]
    for phase, (first, *_) in phases_of(made).items():
        if phase in ("teaching", "em"):
            made.begin(first)
            x = made.imagined(y, s, seeded())
            assert x.shape == y.shape and not x.requires_grad and x.min() >= 0 and x.max() <= 1
            known = model.observed(s, y.shape)
            assert torch.equal(x[known], y[known])
            assert not torch.equal(x, made.imagined(y, s, seeded(1)))


class Fixed(nn.Module):
    """In place of a network: the same Gaussian for every measurement."""

    def __init__(self, mean, factor):
        super().__init__()
        self.mean, self.factor = mean, factor

    def forward(self, y, mask):
        return self.mean, self.factor


def test_the_likelihood_measures_the_gaussian(learner):
    """Under a blur A: that of N(A μ, A w wᵀ Aᵀ + σ² (1 + τ⁻²)), with A as a matrix."""
    shape, model = (16, 16, 1), BlurNoise(sigma=0.2, width=0.8)
    made = learner("ambient_sampler", ImageFormat(shape), model, seeded(), tau=0.5)
    batch, mean, factor = batch_of(model, 3, shape), rand(3, *shape, seed=7), torch.randn(2, 3, *shape, generator=seeded(8))
    made.N = Fixed(mean, factor)
    again = model.recorrupt(batch["y"], batch["side_info"], seeded(5), share=0.4, tau=0.5)
    A = model.predict(torch.eye(256).view(256, *shape), None).flatten(1).T
    expected = [
        LowRankMultivariateNormal(A @ mean[i].flatten(), A @ factor[:, i].flatten(1).T, torch.full((256,), 0.04 * 5))
        .log_prob(again.target[i].flatten())
        .item()
        for i in range(3)
    ]
    off = again.target - model.predict(mean, None)
    squares = 0.5 * off.square().mean().item() / (0.04 * 5)
    loss = made.likelihood(batch["y"], batch["side_info"], seeded(5))
    assert loss.item() == pytest.approx(squares - np.mean(expected) / 256, rel=1e-4)


def test_the_mean_learns_from_squares_alone(learner):
    """Its gradient is that of ½ ((t - μ) / σ_t)², whatever the factors are."""
    model = AddNoise(0.2)
    made, batch = learner("ambient_sampler", MNIST, model, seeded(), tau=0.5), batch_of(model, 3)
    mean, factor = rand(3, *SHAPE, seed=7).requires_grad_(), torch.randn(2, 3, *SHAPE, generator=seeded(8)).requires_grad_()
    made.N = Fixed(mean, factor)
    ours = torch.autograd.grad(made.likelihood(batch["y"], batch["side_info"], seeded(5)), [mean, factor])
    again = model.recorrupt(batch["y"], batch["side_info"], seeded(5), share=0.4, tau=0.5)
    torch.testing.assert_close(ours[0], (mean.detach() - again.target) / (0.2 * mean.numel()))
    assert (ours[1] != 0).any()


@pytest.mark.parametrize("family", NOISY)
def test_noisy_targets_hold_the_mean_and_leave_the_spread_alone(learner, family):
    """Draws around x + 0.1 of two spreads: the loss is λ 0.1² for both, whatever the noise of the targets."""
    model, count = FAMILIES[family], 400
    made = learner("ambient_sampler", MNIST, model, seeded())
    x = rand(1, *SHAPE).expand(count, *SHAPE)
    theta = model.draw(count, SHAPE, seeded(1))
    y, s = model.forward(x, theta), model.side_info(theta)
    again = model.recorrupt(y, s, seeded(2), share=0.4, tau=0.5)
    for spread in (0.0, 0.2):
        draws = [x + 0.1 + spread * torch.randn(x.shape, generator=seeded(seed)) for seed in (3, 4)]
        assert made.against_measured(draws, s, again).item() == pytest.approx(10 * 0.01, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("anchor", "images", "expected"), [(0.25, [6, 2], 0.75 * 3 + 0.25 * 7), (0.0, [8], 3)])
def test_the_anchor_is_the_part_of_the_batch_that_learns_as_at_the_start(learner, family, anchor, images, expected, monkeypatch):
    model, asked = FAMILIES[family], []
    made, batch = learner("ambient_sampler", MNIST, model, seeded(), anchor=anchor, em=0.5), batch_of(model, 8)
    monkeypatch.setattr(f"{type(made).__module__}.energy_score", lambda x, *_: asked.append(len(x)) or torch.tensor(3.0))
    made.against_measured = lambda draws, s, again: asked.append(len(s)) or torch.tensor(7.0)
    made.begin(99)
    loss = made.maximisation(batch["y"], batch["side_info"], seeded(1))
    assert asked == images and loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_em_learns_from_values_that_were_measured_where_some_are_exact(learner, family, monkeypatch):
    """Of those that the fresh measurement lost; under noise no value is measured exactly, and all that it lost count."""
    model, asked = FAMILIES[family], []
    made, batch = learner("ambient_sampler", MNIST, model, seeded(), anchor=0.0, em=0.5), batch_of(model, 8)
    y, s = batch["y"], batch["side_info"]
    monkeypatch.setattr(f"{type(made).__module__}.energy_score", lambda x, *_: asked.append((x, _[-1])) or torch.tensor(3.0))
    made.begin(99)
    made.maximisation(y, s, seeded(1))
    ((x, counts),) = asked
    made.begin(99)
    made.imagined(y, s, generator := seeded(1))  # takes the same numbers
    fresh = model.observed(model.side_info(model.draw(8, SHAPE, generator)), y.shape)
    expected = ~fresh & model.observed(s, y.shape) if family in EXACT else ~fresh
    assert torch.equal(*torch.broadcast_tensors(counts, expected.expand_as(y))) and counts.any()
    if family in EXACT:
        assert torch.equal(x[counts], y[counts]) and (~counts & ~fresh).any()


def test_the_teacher_keeps_its_mean_where_it_is_clipped(learner):
    """The mean of what it imagines is μ itself, next to 0, next to 1 and between."""
    model, count = AddNoise(0.2), 20_000
    made = learner("ambient_sampler", MNIST, model, seeded(), em=0.5)
    mean = torch.tensor([0.01, 0.4, 0.97]).view(1, 1, 3, 1).expand(count, 1, 3, 1)
    made.N, made.phase = Fixed(mean, torch.full((1, count, 1, 3, 1), 0.2)), "teaching"
    x = made.imagined(torch.rand(count, 1, 3, 1), torch.zeros(count, 1), seeded())
    torch.testing.assert_close(x.mean(0), mean[0], rtol=0, atol=4 * 0.2 / math.sqrt(count))
    assert (x[:, :, 0] == 0).float().mean() > 0.8 and (x[:, :, 2] == 1).float().mean() > 0.7


def test_the_mean_of_a_clipped_gaussian_by_quadrature_and_its_inverse():
    m, s = torch.meshgrid(torch.tensor([-0.3, 0.0, 0.1, 0.5, 1.0, 1.2]), torch.tensor([0.01, 0.1, 0.4]), indexing="ij")
    grid = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    expected = ((m.double()[..., None] + s[..., None] * grid).clamp(0, 1) * (-grid.square() / 2).exp()).sum(-1)
    expected *= (grid[1] - grid[0]) / math.sqrt(2 * math.pi)
    torch.testing.assert_close(mean_of(m, s).double(), expected, rtol=0, atol=2e-6)
    inside = mean_of(m, s)
    torch.testing.assert_close(mean_of(location_with(inside, s), s), inside, rtol=0, atol=2e-6)
    edges = torch.tensor([0.0, 0.3, 1.0])
    torch.testing.assert_close(location_with(edges, torch.zeros(3)), edges, rtol=0, atol=1e-5)  # nothing is spread
    torch.testing.assert_close(mean_of(location_with(edges, s[:3, 2]), s[:3, 2]), edges, rtol=0, atol=1e-6)


def test_the_loop_records_each_phase_anew(learner, monkeypatch):
    """On a GPU that is not there: a recording plays the same work again and again, so there is one for each phase."""
    recorded = []

    class Recording:
        def __init__(self, step, generator):
            recorded.append(made.phase)

        def __call__(self):
            pass

    monkeypatch.setattr("training.loop.Recorded", Recording)
    made = learner("ambient_sampler", MNIST, AddNoise(0.2), seeded())
    training = Training(made, seeded(), lambda: None)
    training.record = True
    for _ in range(100):
        training.advance()
    assert recorded == ["likelihood", "teaching", "em"]


@pytest.mark.parametrize("stop", [2, 5, 8])
def test_a_noisy_training_continues_bit_for_bit_from_every_phase(learner, stop):
    model = AddNoise(0.2)

    def training(seed):
        generator = seeded(seed)
        made = learner("ambient_sampler", MNIST, model, generator, em=0.4, renew=2)
        made.steps = 10
        for net in made.networks.values():
            net.train()
        return Training(made, generator, lambda: batch_of(model, seed=int(torch.randint(99, (), generator=generator))))

    straight, other = training(0), training(1)
    for _ in range(stop):
        straight.advance()
    other.continue_from(copy.deepcopy(straight.state()))
    for _ in range(10 - stop):
        straight.advance()
        other.advance()
    ours, theirs = weights(other.learner), weights(straight.learner)
    assert all(torch.equal(ours[net][name], value) for net in theirs for name, value in theirs[net].items())


# --- files ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["drop_patch", "add_noise"])
def test_the_model_holds_what_restoring_needs_alone(world, family):
    world.model("ambient_sampler", family)
    folder = world.inputs("ambient_sampler", family)["model"].parent
    assert set(torch.load(folder / "model.pt", weights_only=True)["networks"]) == {"sampler"}
    trained = store.load_json(folder / "train.json")["parameters"]
    assert set(trained) == {"sampler", "old_sampler"} | ({"low_rank"} if family in NOISY else set())


@pytest.mark.parametrize("method", ["ambient_sampler", "sampler_supervised"])
def test_the_estimate_is_the_mean_of_draws_in_pairs_of_opposite_noise(world, method):
    estimates, samples = world.restore(method, "drop_patch", draws=5), world.sample(method, "drop_patch", count=3)
    sums = [np.zeros_like(samples[0]), *(count * estimate for count, estimate in enumerate(estimates, start=1))]
    draws = np.diff(sums, axis=0)
    np.testing.assert_allclose(draws[::2], samples, atol=1e-5)  # those with ε are the samples

    measured = world.measured(method, "drop_patch").loaded()
    (net,) = trained(world.inputs(method, "drop_patch")["model"], measured, "sampler")
    noise = torch.from_numpy(measured.normal(2, (net.noise,), 0))
    for draw, each in zip(draws[1::2], noise, strict=True):
        opposite = net(torch.from_numpy(measured.y), torch.from_numpy(measured.informs.copy()), -each)
        np.testing.assert_allclose(draw, np.where(measured.observed, measured.y, opposite), atol=1e-5)


@pytest.mark.parametrize("learner_of", ["ambient_sampler", "sampler_supervised"])
def test_opposite_noise_cancels_in_the_estimate_while_it_trains(learner, learner_of):
    """Where an image is linear in ε, the mean of the draws is the image without noise; a single draw is not."""
    made, batch = learner(learner_of, MNIST, model := DropPatch(4), seeded()), batch_of(model)
    made.G.draws = lambda y, mask, noise: (y + each.mean(1)[:, None, None, None] for each in noise)
    torch.testing.assert_close(made.estimate(batch), batch["y"])
    assert not torch.equal(made.estimate(batch, seeded()), batch["y"])


def test_the_supervised_sampler_scores_what_was_not_measured_exactly(learner, monkeypatch):
    """Its loss is the energy score of its two draws against the clean image."""
    model, losses = DropIndependent(0.4), []
    monkeypatch.setattr("methods.sampler_supervised.model.update", lambda optimizers, each: losses.append(each["sampler"].item()))
    made, batch = learner("sampler_supervised", MNIST, model, seeded()), batch_of(model)
    made.step(batch, seeded(1))
    with torch.no_grad():
        noise = torch.randn(2, len(batch["y"]), made.G.noise, generator=seeded(1))
        draws = made.G.draws(batch["y"], batch["side_info"], noise)
        expected = energy_score(batch["x"], *draws, ~batch["side_info"])
    assert losses == [pytest.approx(expected.item(), rel=1e-2)]
