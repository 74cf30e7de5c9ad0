"""The advice on noise: right where noise is white and Gaussian, and a word of warning where it is not."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data, transform

import store
from measurements.forward import from_facts
from pictures import corruption, measure, noise

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str = "astronaut") -> np.ndarray:
    """[300, 300, 3] in [0, 1]: as photographs are, reduced to half its size and so hardly blurred."""
    return getattr(data, name)()[:300, :300].astype(float) / 255


def normal(x: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(x.shape)


def eight_bits(x: np.ndarray) -> np.ndarray:
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8)


def found(values: np.ndarray, seen: np.ndarray | None = None) -> tuple[float, set[str]]:
    """σ on the scale from 0 to 1, and the signs."""
    inner, seen, flat = noise.looked_at(values, seen)
    scale = 255 if values.dtype == np.uint8 else 1
    return noise.sigma(inner, seen) / scale, {*["flat borders"] * flat, *noise.signs(inner, seen)}


def facts_of(folder: Path, values: np.ndarray, *flags: str) -> dict:
    Image.fromarray(values).save(folder / "a.png")
    with pytest.MonkeyPatch.context() as patch:
        line = ["measure", *flags, "--pictures", folder, "--dataset", "pictures", "--output", folder / "out"]
        patch.setattr(sys, "argv", list(map(str, line)))
        measure.main()
    return store.load_json(folder / "out" / "test.json")


@pytest.mark.parametrize("sigma", [0.05, 0.12])
def test_noise_is_estimated_whatever_it_lies_on(sigma, tmp_path):
    """White noise on a ramp with a step in it, 8 bits, is found to 5 %; it stands beside what the configuration has."""
    ramp = np.linspace(0.3, 0.5, 200)[:, None] + 0.2 * (np.arange(300) > 150)
    x = eight_bits(ramp[:, :, None] + sigma * np.random.default_rng(0).standard_normal((200, 300, 3)))
    estimated = facts_of(tmp_path, x, "add_noise", "--sigma", str(sigma))["estimated"]
    assert estimated == {"sigma": pytest.approx(sigma, rel=0.05), "warnings": []}
    assert corruption.described(estimated, from_facts({"family": "add_noise", "options": {"sigma": 0.1}})) == (
        f"The standard deviation of their noise is estimated as σ = {estimated['sigma']:.2g}; the configuration has 0.1."
    )


@pytest.mark.parametrize("size", [(200, 300), (301, 201)])
def test_noise_is_estimated_from_what_was_seen(size, tmp_path):
    """With a third of the pixels lost both are known; what lost pixels hold does not count."""
    rng = np.random.default_rng(0)
    x = (127 + 0.1 * 255 * rng.standard_normal((*size, 3))).round().clip(0, 255)
    seen = rng.random((*size, 1)) > 1 / 3
    hidden = np.where(seen, x, rng.integers(0, 256, x.shape))
    picture = np.concatenate([hidden, 255 * seen], axis=2).astype(np.uint8)
    facts = facts_of(tmp_path, picture, "drop_independent_noise", "--p", "0.3", "--sigma", "0.1")
    assert facts["estimated"]["lost"] == pytest.approx(1 - seen.mean())
    assert facts["estimated"]["sigma"] == pytest.approx(0.1, rel=0.1) and not facts["estimated"]["warnings"]
    assert np.isnan(noise.sigma(x, np.zeros_like(seen))) and not noise.signs(x, np.zeros_like(seen))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
def test_white_noise_on_photographs_gives_no_warning(name, sigma):
    x = photograph(name)
    estimated, signs = found((x + sigma * normal(x)).astype(np.float32))
    assert estimated == pytest.approx(sigma, rel=0.2) and not signs


def test_noise_that_is_cut_off_is_larger_than_it_seems():
    x = photograph()
    estimated, signs = found(eight_bits(x + 0.5 * normal(x)))
    assert estimated < 0.4 and signs == {"clipped"}


@pytest.mark.parametrize("order", [0, 1, 3])
def test_enlarged_pictures_are_known_by_their_neighbours(order):
    x = photograph()
    small = x[::2, ::2] + 0.1 * normal(x[::2, ::2])
    large = transform.resize(small, x.shape, order=order) if order else np.repeat(np.repeat(small, 2, 0), 2, 1)
    estimated, signs = found(eight_bits(large))
    assert estimated < 0.03 and "correlated" in signs


def test_noise_that_all_channels_share_and_jpeg_s_are_not_white():
    x = photograph()
    assert "correlated" in found((x + 0.1 * normal(x)[:, :, :1]).astype(np.float32))[1]
    Image.fromarray(eight_bits(x + 0.1 * normal(x))).save(file := io.BytesIO(), "JPEG", quality=60)
    assert "correlated" in found(np.asarray(Image.open(file)))[1]


@pytest.mark.parametrize("axis", [0, 1])
def test_flat_borders_do_not_count(axis):
    """Half of the picture is a border: the estimate is that of the rest."""
    x = photograph()
    y = eight_bits(0.25 + x / 2 + 0.1 * normal(x))
    np.moveaxis(y, axis, 0)[:80] = 0
    np.moveaxis(y, axis, 0)[-80:] = 16
    estimated, signs = found(y)
    assert estimated == pytest.approx(0.1, rel=0.1) and signs == {"flat borders"}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("sigma", [0, 0.05])
def test_salt_and_pepper_is_known(share, sigma):
    x = photograph()
    hit = np.random.default_rng(1).random(x.shape[:2])
    y = x + sigma * normal(x)
    y[hit < share / 2], y[hit > 1 - share / 2] = 0, 1
    assert "impulses" in found(eight_bits(y))[1]


@pytest.mark.parametrize("peak", [30, 100])
@pytest.mark.parametrize("name", NAMES)
def test_counted_light_is_known(name, peak):
    y = np.random.default_rng(0).poisson(photograph(name) * peak) / peak
    assert "signal dependent" in found(y.astype(np.float32))[1]


def test_a_stated_sigma_that_is_far_off_is_said_and_what_was_found(tmp_path, capsys):
    x = 0.25 + photograph() / 2
    y = eight_bits(x + 0.1 * normal(x))
    assert not facts_of(tmp_path, y, "add_noise", "--sigma", "0.12")["estimated"]["warnings"]
    assert "warning" not in capsys.readouterr().err
    (warning,) = facts_of(tmp_path, y, "add_noise", "--sigma", "0.2")["estimated"]["warnings"]
    assert warning.startswith("σ is estimated as 0.1") and "the forward model has 0.2" in warning
    assert f"warning: {warning}\n" in capsys.readouterr().err
    estimated = facts_of(tmp_path, eight_bits(photograph() + 0.5 * normal(x)), "add_noise", "--sigma", "0.5")["estimated"]
    assert f"noise, in 1 of 1 pictures: {noise.SIGNS['clipped']}" in estimated["warnings"]


def test_single_pictures_of_another_sigma_are_counted():
    forward = from_facts({"family": "add_noise", "options": {"sigma": 0.1}})
    found = corruption.of_all([{"sigma": sigma} for sigma in (0.1, 0.05, 0.11, 0.3, 0.09)], [(0.0, 1.0)] * 5, forward)
    (warning,) = found["warnings"]
    assert warning == "σ is estimated as 0.05 to 0.3 in 2 of 5 pictures, and the forward model has 0.1 for all of them"
    assert corruption.of_all([{"sigma": 30.0}] * 2, [(0.0, 255.0)] * 2, forward)["warnings"] == []
