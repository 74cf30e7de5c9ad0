"""The networks: the original's layers at its two sizes, and every other size from 16 to 256 pixels a side."""

import inspect
import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from conftest import batch_of, seeded, shortened
from declared import LEARNED, METHODS, defaults, program
from torch import nn

from bench.measured import Measured
from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from measurements.side_info import pack
from networks.architectures import ImageFormat, architecture
from networks.initial import with_default_weights, with_normal_weights
from networks.layers import ToImage
from networks.modes import folded
from networks.original import Decoder, Discriminator, Encoder
from networks.spread import Spread
from networks.unet import SkipDecoder
from training.callbacks import estimated
from training.models import save

SHAPE, CELEBA = (28, 28, 1), (64, 64, 3)
SHAPES = [SHAPE, CELEBA, (32, 32, 3), (48, 96, 1), (50, 37, 3)]
KINDS = {kind.__name__: kind for kind in (Encoder, Decoder, Discriminator, SkipDecoder, Spread)}


def rand(*shape, seed=0):
    return torch.rand(shape, generator=seeded(seed))


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


def convolutions(*channels: int) -> int:
    """Parameters of 3×3 convolutions from width to width: kernels of 9 weights, and a bias per output."""
    return sum(9 * i * o + o for i, o in pairwise(channels))


def linear(i: int, o: int) -> int:
    return (i + 1) * o


# As the original's code has them; batch norm has two numbers per channel.
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
    ("Spread", SHAPE): convolutions(1, 16, 16) + linear(16, 1),  # ours, not the original's
    ("Spread", CELEBA): convolutions(3, 32, 32) + linear(32, 3),
}


@pytest.mark.parametrize(("name", "shape"), PARAMETERS)
def test_parameters_by_hand(name, shape):
    assert sum(weight.numel() for weight in KINDS[name](shape).parameters()) == PARAMETERS[name, shape]


def after_a_training(network):
    """The network in double precision with batch norm that has seen something."""
    for layer in network.double().modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            ranges = {"weight": (0.5, 2), "bias": (-1, 1), "running_mean": (-1, 1), "running_var": (0.1, 3)}
            for name, (low, high) in ranges.items():
                getattr(layer, name).data.uniform_(low, high, generator=seeded(layer.num_features))
    return network.eval()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_folded_batch_norm_is_the_same_function(shape):
    for kind in (Encoder, Decoder):
        network = after_a_training(with_normal_weights(kind, seeded(), shape))
        given = torch.randn(3, network.latent, generator=seeded()) if kind is Decoder else rand(3, *shape)
        with torch.no_grad():
            before, quick = network(given.double()), folded(network)
            assert not [layer for layer in quick.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
            for a, b in zip(before, quick(given.double()), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_and_range_of_the_networks(shape, low):
    made = {kind: with_normal_weights(kind, seeded(), shape, low) for kind in KINDS.values()}
    y, mask, arch = rand(5, *shape), rand(5, *shape, seed=1) < 0.5, architecture(shape)
    q, verdict = made[Encoder](y), made[Discriminator](y)
    assert q.mean.shape == q.log_variance.shape == (5, arch.latent)
    assert verdict.logit.shape == (5,)
    assert verdict.features.shape[:2] == (5, arch.discriminator[-1])
    assert 2 <= min(verdict.features.shape[2:]) <= 7  # the coarsest maps keep their size
    assert verdict.features.min() < 0  # before the ReLU
    image = made[Decoder](1e4 * torch.randn(5, arch.latent, generator=seeded()))
    assert image.shape == (5, *shape)
    assert 0 <= image.min() < 0.5 < image.max() <= 1
    assert made[SkipDecoder](torch.zeros(5, arch.latent), y).shape == made[Spread](y).shape == (5, *shape)
    assert with_normal_weights(Encoder, seeded(), shape, low, planes=2, latent=7)(y, mask).mean.shape == (5, 7)
    assert with_normal_weights(SkipDecoder, seeded(), shape, low, planes=2)(q.mean, y, mask).shape == (5, *shape)


@pytest.mark.parametrize(("shape", "latent", "features"), [(SHAPE, 20, (64, 4, 4)), (CELEBA, 128, (256, 4, 4))])
def test_the_original_s_sizes_have_its_latent_and_its_features(shape, latent, features):
    assert architecture(shape).latent == latent
    assert with_normal_weights(Discriminator, seeded(), shape)(rand(2, *shape)).features.shape == (2, *features)


@pytest.mark.parametrize(
    "shape", [SHAPE, (16, 16, 1), (32, 32, 1), (28, 28, 3), (64, 64, 3), (48, 96, 1), (256, 256, 3), (16, 256, 1)]
)
def test_depth_and_width_follow_from_the_size(shape):
    """Widths by the number of values; a level more for each doubling of the shorter side beyond 64."""
    arch, base = architecture(shape), architecture(SHAPE if math.prod(shape) <= 1024 else CELEBA)
    more = {256: 2}.get(min(shape[:2]), 0)
    assert arch.latent == base.latent
    for name in ("encoder", "decoder", "discriminator", "skip"):
        assert len(getattr(arch, name)) == len(getattr(base, name)) + more


@pytest.mark.parametrize("shape", [(15, 28, 1), (28, 15, 3), (257, 64, 3), (64, 300, 1), (8, 8, 1)])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_other_sizes_are_refused_in_one_line(kind, shape):
    with pytest.raises(SystemExit) as stop:
        kind(shape)
    assert "×".join(map(str, shape)) in stop.value.code and "16 to 256" in stop.value.code
    assert "\n" not in stop.value.code


@pytest.mark.parametrize(("low", "nothing"), [(0, 0.0), (-1, 0.5)])
def test_lost_values_are_zero_inside_the_networks(low, nothing):
    """Black on MNIST, mid-grey on CelebA, which the original holds in [-1, 1]; white is 1 on both."""
    for kind in (Encoder, Discriminator):
        network = kind(SHAPE, low)
        assert not network.inside(torch.full((2, *SHAPE), nothing)).any()
        assert (network.inside(torch.ones(2, *SHAPE)) == 1).all()
    assert (Decoder(SHAPE, low).outside(torch.zeros(2, *SHAPE[::-1])) == 0.5).all()


@pytest.mark.parametrize("name", KINDS)
def test_precision_is_a_matter_of_training(name, monkeypatch):
    """bfloat16 in training where the device has it, float32 at test, float32 in and out of both."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    network, seen = KINDS[name](SHAPE), []
    layer = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d))
    layer.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    z, image = torch.zeros(2, 20), rand(2, *SHAPE)
    given = {"Decoder": (z,), "SkipDecoder": (z, image)}.get(name, (image,))
    for training in (True, False):
        made = network.train(training)(*given)
        assert all(part.dtype == torch.float32 for part in (made if isinstance(made, tuple) else (made,)))
    assert seen == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("name", KINDS)
def test_weights_start_at_the_original_s_spread(name):
    """N(0, 0.02²) within five standard errors, zero biases, TensorFlow's batch norm with momentum 0.9."""
    network = with_normal_weights(KINDS[name], seeded(), SHAPE)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            error = 0.02 / math.sqrt(layer.weight.numel())
            assert abs(layer.weight.mean().item()) < 5 * error
            assert abs(layer.weight.std().item() - 0.02) < 5 * error / math.sqrt(2)
            assert not layer.bias.any()
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.momentum, layer.eps) == (pytest.approx(0.1), 1e-5)


@pytest.mark.parametrize("made", [with_normal_weights, with_default_weights])
def test_initial_weights_follow_from_the_generator_alone(made):
    before = torch.random.get_rng_state()
    one, same, other = (made(Encoder, seeded(s), SHAPE).heads.weight for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert made is with_normal_weights or torch.equal(torch.random.get_rng_state(), before)


# --- every learned method, on images of every size ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES[2:], ids=str)
@pytest.mark.parametrize("method", LEARNED)
def test_every_learned_method_takes_images_of_every_size(learner, method, shape):
    """A step of training and an estimate: of a family with masks and of one with noise, on both scales of values."""
    for low, model in ((0, DropPatch(9)), (-1, AddNoise(0.2))):
        made, batch = learner(method, ImageFormat(shape, low), model, seeded()), batch_of(model, 2, shape)
        assert all(math.isfinite(term) for term in made.step(batch, seeded()).values())
        estimate = estimated(made, batch)
        assert estimate is None or estimate.shape == (2, *shape) and estimate.isfinite().all()


@pytest.mark.parametrize("method", LEARNED)
def test_trained_networks_restore_images_of_another_size(learner, method, tmp_path):
    """Rectangular and grey, through model.pt and the method's own restore."""
    shape, model = (32, 20, 1), DropIndependent(0.5)
    made, batch = learner(method, ImageFormat(shape), model, seeded()), batch_of(model, 4, shape)
    made.step(batch, seeded())
    save(tmp_path / "model.pt", made.networks, shape)
    measured = Measured(batch["y"].numpy(), model, pack(batch["side_info"].numpy()))
    given = {"model": tmp_path / "model.pt", "seed": 0} | defaults(METHODS[method].restore) | shortened(method)
    wanted = inspect.signature(program(method).restore).parameters  # not every method has a seed
    *_, estimate = program(method).restore(measured, **{name: value for name, value in given.items() if name in wanted})
    assert estimate.shape == (4, *shape) and estimate.isfinite().all()
