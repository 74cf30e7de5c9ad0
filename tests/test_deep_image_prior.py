"""The deep image prior: what is its own, beside what every method is tested for."""

import numpy as np
import pytest
import torch
from conftest import seeded

from bench.measured import Measured
from measurements.add_noise import AddNoise
from measurements.drop_patch import DropPatch
from measurements.side_info import to_disk
from methods.deep_image_prior.network import INPUTS, Hourglass
from methods.deep_image_prior.restore import restore

OPTIONS = {"seed": 0, "width": 8, "learning_rate": 0.01, "memory": 0.9}


def square(side=20):
    x = np.zeros((1, side, side, 1), np.float32)
    x[:, 5:15, 5:15] = 1
    return x


@pytest.mark.parametrize("shape", [(16, 16, 1), (28, 28, 1), (17, 30, 3), (64, 64, 3)])
def test_the_network_makes_images_of_every_shape(shape):
    x = Hourglass(shape, 8)(torch.rand(1, INPUTS, *shape[:2], generator=seeded()))
    assert x.shape == (1, *shape) and x.min() > 0 and x.max() < 1


def test_a_hole_in_a_square_is_filled_from_its_surroundings():
    x, mask = square(), np.ones((1, 20, 20, 1), bool)
    mask[:, 8:12, 8:12] = False
    measured = Measured(np.where(mask, x, 0), DropPatch(4), to_disk(mask))
    *_, last = restore(measured, steps=250, **OPTIONS)
    estimate = last.numpy()
    assert np.array_equal(estimate[mask], x[mask]) and np.abs(estimate - x)[~mask].mean() < 0.25


def test_under_noise_the_fit_ends_at_the_noise_level_and_is_nearer_to_the_image_than_the_measurement():
    x, model = square(), AddNoise(0.2)
    y = x + 0.2 * np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    measured = Measured(y, model, np.full((1, 1, 1, 1), 0.2, np.float32))
    estimates = [each.numpy() for each in restore(measured, steps=400, **OPTIONS)]
    misfits = np.array([((each - y) ** 2).mean() for each in estimates])
    end = int(np.argmax(misfits <= 0.04))
    assert 0 < end < 399 and (misfits[:end] > 0.04).all()
    assert all(np.array_equal(each, estimates[end]) for each in estimates[end:])
    assert ((estimates[-1] - x) ** 2).mean() < 0.5 * ((y - x) ** 2).mean()
