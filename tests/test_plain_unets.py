"""The methods of the plain U-Net: what is their own, beside what every method is tested for."""

import math

import numpy as np
import pytest
import torch
from conftest import SHAPE, batch_of, seeded

from measurements.add_noise import AddNoise
from measurements.drop_independent_noise import DropIndependentNoise
from measurements.drop_patch import DropPatch
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
        before = made.eta.log.item()
        terms = made.step(batch_of(AddNoise(0.2), count=64), seeded(1))
        assert float(terms["divergence"]) == pytest.approx(slope, rel=0.05)
        assert math.copysign(1, made.eta.log.item() - before) == math.copysign(1, slope)
