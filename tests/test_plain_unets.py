"""The methods of the plain U-Net: what is their own, beside what every method is tested for."""

import math
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from conftest import SHAPE, batch_of, seeded
from torch import nn

from bench.measured import Measured
from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_independent_noise import DropIndependentNoise
from measurements.drop_patch import DropPatch
from measurements.side_info import to_disk
from methods.ambient_diffusion import restore as diffusion
from methods.ambient_diffusion.model import denoised
from methods.equivariant_splitting.group import drawn, elements, moved, undone
from methods.equivariant_splitting.model import EquivariantUNet
from methods.noise2noise.model import ordered
from methods.noise2void.model import neighbours
from networks.architectures import ImageFormat
from networks.plain_unet import PlainUNet

MNIST = ImageFormat(SHAPE)


def test_the_image_reaches_black_and_white_and_nothing_beyond():
    net, y = PlainUNet(SHAPE).eval(), torch.rand(2, *SHAPE, generator=seeded())
    for bias, expected in ((9, 1), (-9, 0)):
        torch.nn.init.zeros_(net.image.weight)
        torch.nn.init.constant_(net.image.bias, bias)
        assert (net(y) == expected).all()
    assert (net.train()(y) < 0).all()  # where it trains nothing is clipped, as no gradient would get past


@pytest.mark.parametrize("family", ["drop_independent", "drop_patch", "add_noise", "drop_independent_noise"])
def test_several_splits_are_averaged_and_measured_values_stay(world, family):
    measured = world.measured("splitting", family)
    whole, three = world.restore("splitting", family), world.restore("splitting", family, splits=3)
    assert len(whole) == 1 and len(three) == 3
    assert not np.array_equal(three[0], whole[0]) and not np.array_equal(three[0], three[2])
    for estimate in three:
        np.testing.assert_array_equal(estimate[measured.observed], np.float32(measured.y)[measured.observed])
    again = world.restore("splitting", family, measured[5:6], splits=3)
    np.testing.assert_allclose(again[-1][0], three[-1][5], atol=1e-4)


def test_noisier_targets_weigh_less(learner, monkeypatch):
    """Both noise and loss: the error where a value was hidden counts 1 / σ², elsewhere 1 / (σ² (1 + τ⁻²))."""
    model, losses = DropIndependentNoise(0.4, sigma=0.2), []
    monkeypatch.setattr("methods.splitting.model.update", lambda optimizers, each: losses.append(each["unet"].item()))
    made, batch = learner("splitting", MNIST, model, seeded(), share=0.3, tau=0.5), batch_of(model)
    made.step(batch, seeded(1))
    again = model.recorrupt(batch["y"], batch["side_info"], seeded(1), share=0.3, tau=0.5)
    with torch.no_grad():
        off = model.predict(made.restored(again.input, again.side_info), batch["side_info"]) - again.target
    hidden = batch["side_info"] & ~again.side_info
    weight = torch.where(hidden, 1.0, 1 / 5) * batch["side_info"]
    assert losses == [pytest.approx(float((weight * off**2).sum() / weight.sum()), rel=1e-2)]


def test_targets_weigh_more_where_values_are_seldom_seen(learner):
    """With `coverage` 1 by 1 / P(seen), which the mean of many masks tells."""
    model = DropPatch(11)
    made = learner("splitting", ImageFormat((16, 16, 1)), model, seeded(), coverage=1.0)
    seen = model.draw(4000, (16, 16, 1), seeded(1)).float().mean(0, keepdim=True)
    assert seen.min() < 0.5 < seen.max() and torch.allclose(1 / made.rarity, seen, atol=0.04)
    assert (learner("splitting", MNIST, model, seeded(), coverage=0.0).rarity == 1).all()


def test_neighbours_are_from_the_window_around_each_pixel():
    height, width = 9, 7
    y = torch.arange(height * width).view(1, height, width, 1).expand(500, -1, -1, 2)
    drawn = neighbours(y, seeded())
    assert drawn.shape == y.shape and torch.equal(drawn[..., 0], drawn[..., 1])
    down, across = drawn[..., 0] // width - y[..., 0] // width, drawn[..., 0] % width - y[..., 0] % width
    inside = np.s_[:, 2:-2, 2:-2]
    for steps in (down, across):
        assert steps.abs().max() == 2
        counts = torch.bincount(steps[inside].flatten() + 2, minlength=5)
        assert (counts / counts.sum() - 0.2).abs().max() < 0.02
    assert abs(np.corrcoef(down[inside].flatten(), across[inside].flatten())[0, 1]) < 0.05


def test_the_multiplier_of_unsure_follows_the_divergence(learner):
    """It rises where the network amplifies what it is given, and falls where it turns it round."""

    class Linear(torch.nn.Module):
        def __init__(self, slope):
            super().__init__()
            self.slope = torch.nn.Parameter(torch.tensor(slope))

        def forward(self, y):
            return self.slope * y

    for slope in (0.7, -0.7):
        made = learner("unsure", MNIST, AddNoise(0.2), seeded())
        made.unet = made.networks["unet"] = Linear(slope)
        made.optimizers["unet"] = torch.optim.SGD(made.unet.parameters(), lr=0.0)
        before = made.eta().item()
        terms = made.step(batch_of(AddNoise(0.2), count=64), seeded(1))
        assert float(terms["divergence"]) == pytest.approx(slope, rel=0.05)
        assert math.copysign(1, made.eta().item() - before) == math.copysign(1, slope)


GROUPS = [("flips", 2), ("shifts", 1), ("shifts", 2)]


@pytest.mark.parametrize(("group", "reach"), GROUPS)
def test_elements_of_a_group_are_undone_and_are_as_many_as_it_has(group, reach):
    every = elements(group, reach)
    assert every[0] == (0, 0, 0) and len(set(every)) == len(every) == (2 if group == "flips" else (2 * reach + 1) ** 2)
    g = torch.tensor(every)
    x, level = torch.rand(len(g), 6, 5, 3, generator=seeded()), torch.rand(len(g), 1, 1, 1)
    assert torch.equal(moved(moved(x, g), undone(g)), x) and torch.equal(moved(level, g), level)
    assert len(moved(x[:1].expand(len(g), -1, -1, -1), g).unique(dim=0)) == len(g)
    counts = torch.unique(drawn(group, reach, 5000, seeded()), dim=0, return_counts=True)[1]
    assert len(counts) == len(g) and (counts / 5000 - 1 / len(g)).abs().max() < 0.03


def test_images_are_mirrored_and_shifted_as_said():
    x = torch.arange(12).view(1, 3, 4, 1)
    assert torch.equal(moved(x, torch.tensor([[1, 0, 0]])), x.flip(2))
    assert torch.equal(moved(x, torch.tensor([[0, 1, -2]])), x.roll((1, -2), (1, 2)))


def test_the_average_over_a_group_of_flips_is_equivariant(world):
    """The mirrored measurement has the mirrored estimate; without the average it has another."""
    measured = world.measured("equivariant_splitting", "add_noise")
    mirrored = replace(measured, y=np.ascontiguousarray(measured.y[:, :, ::-1]))
    unet = EquivariantUNet(SHAPE, planes=1, group="flips", reach=1).eval()
    with mock.patch("methods.equivariant_splitting.restore.trained", lambda *_: (unet,)):
        for average, same in ((1, False), (2, True)):
            each = [world.restore("equivariant_splitting", "add_noise", y, average=average)[-1] for y in (measured, mirrored)]
            assert np.allclose(each[0][:, :, ::-1], each[1], atol=1e-5) == same


def test_either_of_two_measurements_is_the_input_and_each_keeps_its_side_information():
    batch = batch_of(DropPatch(9), count=200)
    y, s, target, s_target = ordered(batch, seeded(3))
    first = (y == batch["y"]).flatten(1).all(1)
    assert 0.3 < first.float().mean() < 0.7
    for image in range(200):
        names = ("", "_again") if first[image] else ("_again", "")
        for (values, told), again in zip(((y, s), (target, s_target)), names, strict=True):
            assert torch.equal(values[image], batch[f"y{again}"][image])
            assert torch.equal(told[image], batch[f"side_info{again}"][image])


def test_the_target_of_noise2noise_counts_where_it_informs_and_the_input_does_not_tell(learner, monkeypatch):
    losses = []
    monkeypatch.setattr("methods.noise2noise.model.update", lambda optimizers, each: losses.append(each["unet"].item()))
    model, batch = DropPatch(9), batch_of(DropPatch(9))
    made = learner("noise2noise", MNIST, model, seeded())
    made.step(batch, seeded(1))
    y, s, target, s_target = ordered(batch, seeded(1))
    with torch.no_grad():
        off = (made.restored(y, s) - target)[s_target & ~s]
    assert losses == [pytest.approx(float((off**2).mean()), rel=1e-2)]


def test_what_hides_from_ambient_diffusion_does_not_reach_it_and_all_that_was_seen_is_its_target(learner, monkeypatch):
    losses = []
    monkeypatch.setattr("methods.ambient_diffusion.model.update", lambda optimizers, each: losses.append(each["unet"].item()))
    seen = []
    monkeypatch.setattr("methods.ambient_diffusion.model.denoised", lambda *given: seen.append(given) or denoised(*given))
    model, batch = DropIndependent(0.4, fill=0.7), batch_of(DropIndependent(0.4, fill=0.7))
    made = learner("ambient_diffusion", MNIST, model, seeded(), share=0.5)
    made.step(batch, seeded(1))
    ((unet, noisy, mask, sigma),) = seen
    m = batch["side_info"].expand_as(noisy)
    assert not (mask & ~m).any() and 0.4 < (mask.sum() / m.sum()) < 0.6
    assert (noisy[~mask] == 0).all() and sigma.shape == (6, 1, 1, 1) and (sigma > 0).all()
    n = ((noisy - batch["y"]) / sigma)[mask]
    assert abs(n.mean()) < 0.1 and n.std() == pytest.approx(1, abs=0.1)
    with torch.no_grad():
        off = (denoised(unet, noisy, mask, sigma) - batch["y"])[m]
    assert losses == [pytest.approx(float((off**2).mean()), rel=1e-2)]


def test_draws_of_ambient_diffusion_are_near_the_posterior_of_gaussian_images(monkeypatch):
    """With the exact h of N(1/2, S): their spread, value by value and as the mean of the lost patch, and their mean."""
    place = np.stack(np.meshgrid(range(8), range(8), indexing="ij"), -1).reshape(-1, 2)
    S = torch.from_numpy(0.04 * np.exp(-0.5 * ((place[:, None] - place) ** 2).sum(-1)) + 1e-4 * np.eye(64))

    def h(unet, noisy, mask, sigma):  # 1/2 + S M (M S M + σ²)⁻¹ M (x - 1/2), M the mask as a matrix
        m = mask.flatten(1).double()
        seen = m[:, :, None] * m[:, None] * S + torch.diag_embed(1 - m + m * sigma.item() ** 2)
        return (0.5 + (m * torch.linalg.solve(seen, noisy.flatten(1) - 0.5 * m)) @ S).view(noisy.shape).float()

    monkeypatch.setattr(diffusion, "denoised", h)
    monkeypatch.setattr(diffusion, "trained", lambda *_: [SimpleNamespace(image=nn.Conv2d(1, 1, 1))])
    model, shape = DropPatch(4), (8, 8, 1)
    x = (0.5 + torch.randn(4, 64, generator=seeded(), dtype=torch.float64) @ torch.linalg.cholesky(S).T).view(4, *shape)
    mask = model.draw(4, shape, seeded(1))
    measured = Measured(model.forward(x.float(), mask).numpy(), model, to_disk(mask.numpy()))
    draws = diffusion.sample(measured, model=None, seed=0, count=300).flatten(2).double()
    for i, known in enumerate(mask.flatten(1)):
        gain = S[~known][:, known] @ torch.linalg.inv(S[known][:, known])
        mean, cov = 0.5 + gain @ (x[i].flatten()[known] - 0.5), S[~known][:, ~known] - gain @ S[known][:, ~known]
        lost = draws[:, i, ~known]
        assert lost.var(0).sum().sqrt() == pytest.approx(cov.trace().sqrt().item(), rel=0.2)
        assert lost.mean(1).std() == pytest.approx(cov.mean().sqrt().item(), rel=0.25)
        assert (lost.mean(0) - mean).square().sum() < 0.5 * cov.trace()
        assert (draws[:, i, known] == draws[0, i, known]).all()
