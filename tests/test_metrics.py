"""The scores against values by hand, scikit-image and an SSIM written anew from its formula; the command on made-up files.

The scores of posterior samples against exact posteriors and double loops; the classifier on digits made of bars.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import store
from measurements import forward, measure
from measurements.forward import from_facts
from measurements.side_info import from_disk, pack
from metrics import declared, digit_classifier, digits, lpips, posterior, quality, scores
from metrics.declared import IDENTITY
from metrics.quality import PSNR_CEILING
from metrics.samples import Sampled
from reports.files import KEYS, TIMING

ROOT = Path(__file__).parents[1]
PATCH = {"family": "drop_patch", "options": {"size": 4, "fill": 0.0}}
NOISE = {"family": "add_noise", "options": {"sigma": 0.2}}
FAMILIES = {"drops": PATCH, "noise": NOISE}
QUALITY = declared.programs()["quality"].columns  # each metric and, of those scored twice, that of the pasted estimate
METRICS = [name for name, metric in QUALITY.items() if not metric.mosaic_alone]
MOSAIC_METRICS = list(QUALITY)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def metric(name, x, estimate, *, y=None, mask=None, family=PATCH, shown=None) -> float:
    """One metric of one image; everything is observed and shown unless said otherwise."""
    model = from_facts(family)
    mask, shown = (np.ones(x.shape, bool) if each is None else each for each in (mask, shown))
    s = mask[None] if model.has_mask else np.full((1, 1, 1, 1), model.sigma)
    predicted = model.predict(estimate[None], s)[0]
    measurement = quality.Measurement(x if y is None else y, mask, predicted, model.sigma, shown)
    return quality.METRICS[name].of(x, estimate, measurement)


def ssim_by_formula(x: np.ndarray, estimate: np.ndarray) -> float:
    """Wang et al. 2004 over all 7×7 windows that lie inside the image, with sample (co)variances and data range 1."""
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for channel in range(x.shape[2]):
        a, b = (sliding_window_view(image[:, :, channel], (7, 7)).reshape(-1, 49) for image in (x, estimate))
        for s, t in zip(a, b, strict=True):
            (v, covariance), (_, w) = np.cov(s, t, ddof=1)
            luminance = (2 * s.mean() * t.mean() + c1) / (s.mean() ** 2 + t.mean() ** 2 + c1)
            values.append(luminance * (2 * covariance + c2) / (v + w + c2))
    return float(np.mean(values))


# By hand


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("offset", "mse", "psnr"), [(0.1, 0.01, 20), (-0.1, 0.01, 20), (1, 1, 0), (0.01, 1e-4, 40)])
def test_constant_offset(offset, mse, psnr, channels):
    x = np.full((8, 9, channels), 0.5)
    assert metric("mse", x, x + offset) == pytest.approx(mse)
    assert metric("psnr", x, x + offset) == pytest.approx(psnr)


def test_one_wrong_value_of_a_hundred():
    x, estimate = np.zeros((10, 10, 1)), np.zeros((10, 10, 1))
    estimate[3, 4] = 1
    assert metric("mse", x, estimate) == pytest.approx(0.01) and metric("psnr", x, estimate) == pytest.approx(20)


@pytest.mark.parametrize("offset", [0, 1e-9, 0.9e-3])
def test_psnr_stops_at_its_ceiling(offset):
    x = np.full((8, 8, 1), 0.25)
    assert metric("psnr", x, x + offset) == PSNR_CEILING == 60
    assert metric("psnr", x, x + 2e-3) == pytest.approx(53.979, abs=1e-3)


@pytest.mark.parametrize("shape", [(7, 7, 1), (28, 28, 1), (16, 11, 3)])
def test_an_exact_estimate_has_ssim_one(rng, shape):
    x = rng.random(shape)
    assert metric("ssim", x, x) == pytest.approx(1) == metric("ssim", np.zeros(shape), np.zeros(shape))


def test_ssim_of_two_constants_is_the_luminance_term():
    x = np.full((9, 9, 1), 0.2)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert metric("ssim", x, x + 0.4) == pytest.approx(expected)


def test_parts_by_hand():
    x, mask = np.zeros((4, 4, 1)), np.ones((4, 4, 1), bool)
    mask[0] = False  # 4 of 16 are lost
    estimate = np.where(mask, 0.1, 0.3)
    found = [metric(name, x, estimate, mask=mask) for name in ("mse_observed", "mse_unobserved", "mse")]
    assert found == pytest.approx([0.01, 0.09, (12 * 0.01 + 4 * 0.09) / 16])


# Against others


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 11, 3)])
@pytest.mark.parametrize("error", [0.01, 0.3])
def test_psnr_agrees_with_scikit_image(rng, shape, error):
    x = rng.random(shape)
    estimate = np.clip(x + error * rng.standard_normal(shape), 0, 1)
    assert metric("psnr", x, estimate) == pytest.approx(peak_signal_noise_ratio(x, estimate, data_range=1))


@pytest.mark.parametrize("shape", [(7, 7, 1), (28, 28, 1), (16, 11, 3)])
@pytest.mark.parametrize("error", [0.02, 0.5])
def test_ssim_agrees_with_its_formula(rng, shape, error):
    x = rng.random(shape)
    estimate = np.clip(x + error * rng.standard_normal(shape), 0, 1)
    assert metric("ssim", x, estimate) == pytest.approx(ssim_by_formula(x, estimate), abs=1e-9)
    assert metric("ssim", x, estimate) == pytest.approx(metric("ssim", estimate, x))
    assert metric("ssim", x, estimate) < 1


# The parts and the measurement


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_mse_is_the_weighted_sum_of_its_parts(rng, share):
    x, estimate, mask = rng.random((9, 8, 3)), rng.random((9, 8, 3)), rng.random((9, 8, 3)) < share
    seen = mask.mean()
    parts = seen * metric("mse_observed", x, estimate, mask=mask) + (1 - seen) * metric("mse_unobserved", x, estimate, mask=mask)
    assert parts == pytest.approx(metric("mse", x, estimate))


@pytest.mark.parametrize(
    ("name", "kept"), [("mse_unobserved", True), ("mse_observed", False), ("consistency", False)], ids=lambda v: str(v)
)
def test_nan_where_a_metric_does_not_apply(rng, name, kept):
    x = rng.random((8, 8, 1))
    mask = np.full(x.shape, kept)
    assert np.isnan(metric(name, x, x, mask=mask))
    mask[0, 0] = not kept
    assert metric(name, x, x, mask=mask) == 0


def test_consistency_of_drops_sees_the_observed_values_alone(rng):
    x, mask = rng.random((8, 8, 1)), rng.random((8, 8, 1)) < 0.5
    y = np.where(mask, x, 0)
    estimate = np.where(mask, y, rng.random(x.shape))
    assert metric("consistency", x, estimate, y=y, mask=mask) == 0
    assert metric("consistency", x, estimate + 0.1, y=y, mask=mask) == pytest.approx(0.01)
    assert metric("consistency", rng.random(x.shape), estimate, y=y, mask=mask) == 0  # nor does it see the truth


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_consistency_of_the_truth_is_about_one_under_noise(rng, sigma):
    x = rng.random((64, 64, 3))
    y = x + sigma * rng.standard_normal(x.shape)
    family = {"family": "add_noise", "options": {"sigma": sigma}}
    assert metric("consistency", x, x, y=y, family=family) == pytest.approx(1, abs=4 * (2 / x.size) ** 0.5)
    assert metric("consistency", x, y, y=y, family=family) == 0
    assert metric("consistency", x, y + 2 * sigma, y=y, family=family) == pytest.approx(4)


def test_consistency_without_any_noise_is_that_of_exact_values():
    """σ = 0 is allowed by the configuration."""
    x, exact = np.zeros((8, 8, 1)), {"family": "add_noise", "options": {"sigma": 0.0}}
    assert metric("consistency", x, x, family=exact) == 0
    assert metric("consistency", x, x + 0.1, family=exact) == pytest.approx(0.01)


MODELS = [forward.find(name)(**options) for name in forward.names() for options in forward.find(name).EXAMPLES]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_truth_is_as_consistent_as_expected_whatever_the_forward_model(model, rng):
    """1 where there is noise, blurred or not, and 0 where there is none, but for the 16 bits of files."""
    clean = rng.integers(0, 256, (6, 32, 20, 3), np.uint8)
    y, side_info = measure.measure(clean, model, 0, "test")
    table = quality.scores(clean, (clean / 255).astype(np.float16), y, side_info, model)
    values = model.informs(from_disk(side_info, y.shape), y.shape).sum()
    expected = 1 if model.sigma else 0
    assert table["consistency"].mean() == pytest.approx(expected, abs=5 * (2 / values) ** 0.5 if expected else 1e-6)


def test_values_that_no_training_measurement_shows_are_left_out():
    x, mask, shown = np.zeros((4, 4, 1)), np.ones((4, 4, 1), bool), np.ones((4, 4, 1), bool)
    mask[0] = False  # four values are missing
    shown[0, :2] = False  # two of them in every training measurement
    estimate = np.where(shown, 0.1, 0.5)
    assert metric("mse_unobserved", x, estimate, mask=mask, shown=shown) == pytest.approx((0.01 + 0.25) / 2)
    assert metric("mse_unobserved_shown", x, estimate, mask=mask, shown=shown) == pytest.approx(0.01)
    assert np.isnan(metric("mse_unobserved_shown", x, estimate, mask=mask)), "which is mse_unobserved"


# The table and the command


def made(
    tmp_path: Path, family: dict, *, steps: int = 0, seed: int | None = 3, protocol: str = "sound", n: int = 5, batch: int = 3
) -> tuple[list[str], dict]:
    """Files of n images, and of a timing batch of the first if steps; the command's arguments and the arrays, masks as bool."""
    rng = np.random.default_rng(1)
    clean = rng.integers(0, 256, (n, 9, 8, 3), np.uint8)
    told = rng.random((n, 9, 8, 1)) < 0.7 if family is PATCH else np.full((n, 1, 1, 1), 0.2, np.float32)
    y = np.where(told, clean / 255, 0) if family is PATCH else clean / 255 + 0.2 * rng.standard_normal(clean.shape)
    estimates = rng.random((steps, batch, 9, 8, 3) if steps else clean.shape)
    arrays = {"clean": clean, "y": y.astype(np.float16), "side_info": told, "estimates": estimates.astype(np.float16)}
    for name, array in arrays.items():
        stored = pack(array) if array.dtype == bool else array
        np.save(tmp_path / f"{name if name in ('clean', 'estimates') else f'test.{name}'}.npy", stored)
    np.save(tmp_path / "train.shown.npy", np.ones(clean.shape[1:], np.uint32))
    of = {"dataset": "made", "measurement": "some", "split": "test", "seed": 0, "protocol": protocol}
    store.save_json(tmp_path / "test.json", of | family)
    facts = {"method": "dice", "dataset": "made", "measurement": "some", "seed": seed, "options": {}, "threads": 2}
    facts["protocol"] = protocol
    taken = {"steps": [1, 2, 40][:steps], "seconds": [0.25, 0.5, 10.0][:steps], "runs": 5, "images": batch, "others_busy": 0.0}
    taken |= {"setting": ["", "", "steps=40"][:steps], "seconds_of_one": [0.1, 0.2, 0.3][:steps]}
    store.save_json(tmp_path / "estimates.json", facts | (taken if steps else {"seconds": 1.5}) | {"device": "a processor, old"})
    places = {"clean": "clean", "y": "test.y", "side-info": "test.side_info", "shown": "train.shown", "estimates": "estimates"}
    flags = [text for name, stem in places.items() for text in (f"--{name}", str(tmp_path / f"{stem}.npy"))]
    return [*flags, "--output", str(tmp_path / "scores.csv")], arrays


def run(args: list[str]) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "metrics.quality", *args]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_scores_of_a_set_are_those_of_its_images(rng):
    """Whole pixels are missing here: a mask of one channel holds for all three."""
    clean, estimates = rng.integers(0, 256, (4, 8, 8, 3), np.uint8), rng.random((4, 8, 8, 3)).astype(np.float16)
    told = rng.random((4, 8, 8, 1)) < 0.5
    y = np.where(told, clean / 255, 0).astype(np.float16)
    table = quality.scores(clean, estimates, y, pack(told), from_facts(PATCH))
    assert list(table) == ["image", *METRICS] and list(table["image"]) == [0, 1, 2, 3]
    for i, row in table.iterrows():
        error = (clean[i] / 255 - estimates[i].astype(float)) ** 2
        assert row["mse"] == pytest.approx(error.mean())
        assert row["mse_observed"] == pytest.approx(error[told[i, :, :, 0]].mean())
        assert row["mse_unobserved"] == pytest.approx(error[~told[i, :, :, 0]].mean())
        assert row["ssim"] == pytest.approx(ssim_by_formula(clean[i] / 255, estimates[i].astype(float)), abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_of_estimates_has_a_row_per_image(tmp_path, family):
    args, arrays = made(tmp_path, FAMILIES[family])
    done = run(args)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table) == [*IDENTITY, "image", *METRICS] and set(KEYS) < set(table) and list(table["image"]) == [0, 1, 2, 3, 4]
    assert (table[["dataset", "measurement", "method", "seed"]] == ["made", "some", "dice", 3]).all(axis=None)
    error = ((arrays["clean"] / 255 - arrays["estimates"].astype(float)) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(table["mse"], error, rtol=1e-6)
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error), rtol=1e-6)
    assert table["mse_unobserved"].isna().all() == (family == "noise")
    distance = (arrays["y"].astype(float) - arrays["estimates"].astype(float)) ** 2
    seen = np.broadcast_to(arrays["side_info"] if family == "drops" else True, distance.shape)
    by_hand = [d[m].mean() / (1 if family == "drops" else 0.04) for d, m in zip(distance, seen, strict=True)]
    np.testing.assert_allclose(table["consistency"], by_hand, rtol=1e-6)


def test_a_timing_batch_has_a_row_per_step(tmp_path):
    args, arrays = made(tmp_path, PATCH, steps=3)
    done = run(args)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "scores.csv")
    assert {*TIMING, "setting", "seconds_of_one", "protocol", "digest", *METRICS} == set(table)
    assert list(table["setting"].fillna("")) == ["", "", "steps=40"] and list(table["seconds_of_one"]) == [0.1, 0.2, 0.3]
    assert list(table["step"]) == [1, 2, 40] and list(table["seconds"]) == [0.25, 0.5, 10]
    same = {"dataset": "made", "measurement": "some", "method": "dice", "seed": 3, "images": 3, "threads": 2}
    assert (table[[*same, "device"]] == [*same.values(), "a processor, old"]).all(axis=None)
    error = (arrays["clean"][:3] / 255 - arrays["estimates"].astype(float)) ** 2
    np.testing.assert_allclose(table["mse"], error.mean((1, 2, 3, 4)), rtol=1e-6)
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error.mean((2, 3, 4))).mean(1), rtol=1e-6)
    distance = (arrays["y"][:3].astype(float) - arrays["estimates"].astype(float)) ** 2
    for name, square in {"mse_observed": error, "consistency": distance}.items():
        seen = [[e[np.broadcast_to(m, e.shape)].mean() for e, m in zip(s, arrays["side_info"][:3], strict=True)] for s in square]
        np.testing.assert_allclose(table[name], np.mean(seen, 1), rtol=1e-6)


def test_a_timing_from_before_images_were_timed_alone_has_no_such_times(tmp_path):
    args, _ = made(tmp_path, PATCH, steps=3)
    facts = store.load_json(tmp_path / "estimates.json")
    store.save_json(tmp_path / "estimates.json", {k: v for k, v in facts.items() if k not in ("setting", "seconds_of_one")})
    quality.main(args)
    assert pd.read_csv(tmp_path / "scores.csv")[["setting", "seconds_of_one"]].isna().all(axis=None)


def test_a_method_without_seed_has_an_empty_one(tmp_path):
    quality.main(made(tmp_path, PATCH, seed=None)[0])
    assert pd.read_csv(tmp_path / "scores.csv")["seed"].isna().all()


@pytest.mark.parametrize(
    "missing",
    ["clean.npy", "test.y.npy", "test.side_info.npy", "train.shown.npy", "estimates.npy", "test.json", "estimates.json"],
)
def test_a_missing_input_is_named_and_nothing_written(tmp_path, missing):
    args, _ = made(tmp_path, PATCH)
    (tmp_path / missing).unlink()
    with pytest.raises(SystemExit, match=f"{missing}: no such file") as refusal:
        quality.main(args)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.glob("*scores*"))


@pytest.mark.parametrize(("count", "said"), [(4, {}), (4, {"first_images": 3}), (5, {"first_images": 4})])
def test_estimates_of_another_number_of_images_are_refused_and_nothing_written(tmp_path, count, said):
    args, arrays = made(tmp_path, PATCH)
    np.save(tmp_path / "estimates.npy", arrays["estimates"][:count])
    store.save_json(tmp_path / "estimates.json", store.load_json(tmp_path / "estimates.json") | said)
    with pytest.raises(SystemExit, match="estimates.npy: holds .* not estimates of the images .*; delete it and run") as refusal:
        quality.main(args)
    assert "\n" not in str(refusal.value) and not list(tmp_path.glob("*scores*"))


def test_a_method_that_was_given_fewer_images_is_scored_on_the_first(tmp_path):
    args, arrays = made(tmp_path, PATCH)
    quality.main(args)
    of_all = pd.read_csv(tmp_path / "scores.csv")
    np.save(tmp_path / "estimates.npy", arrays["estimates"][:3])
    store.save_json(tmp_path / "estimates.json", store.load_json(tmp_path / "estimates.json") | {"first_images": 3})
    quality.main(args)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "scores.csv"), of_all[:3])


# The observed values pasted in


def test_the_pasted_estimate_is_scored_without_its_error_over_observed_values(tmp_path):
    """9×8 pixels in three colours, about 0.7 of them observed: what is left of the error is that over the missing ones."""
    args, arrays = made(tmp_path, PATCH)
    quality.main(args)
    table, seen = pd.read_csv(tmp_path / "scores.csv"), np.broadcast_to(arrays["side_info"], arrays["clean"].shape)
    x, estimates = arrays["clean"] / 255, arrays["estimates"].astype(float)
    filled = np.where(seen, arrays["y"].astype(float), estimates)
    error = ((x - filled) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(table["mse_pasted"], error, rtol=1e-6)
    np.testing.assert_allclose(table["psnr_pasted"], -10 * np.log10(error), rtol=1e-6)
    lost = (~seen).mean((1, 2, 3))
    np.testing.assert_allclose(table["mse_pasted"], lost * table["mse_unobserved"], rtol=1e-4)  # but for the 16 bits of y
    ssims = [ssim_by_formula(*pair) for pair in zip(x, filled, strict=True)]
    np.testing.assert_allclose(table["ssim_pasted"], ssims, rtol=1e-6)
    assert (table["mse_pasted"] < table["mse"]).all() and (table["mse_observed"] > 0.01).all(), "which stays as handed in"


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_pasting_changes_nothing_where_no_value_is_observed_and_leaves_the_truth_alone(model, rng):
    clean = rng.integers(0, 256, (3, 32, 20, 3), np.uint8)
    y, side_info = measure.measure(clean, model, 0, "test")
    observed = model.observed(from_disk(side_info, y.shape), y.shape)
    estimates = rng.random(clean.shape).astype(np.float16)
    table = quality.scores(clean, estimates, y, side_info, model)
    for name in ("mse", "psnr", "ssim"):
        assert (table[name] == table[f"{name}_pasted"]).all() == (not observed.any())
    exact = quality.scores(clean, np.where(observed, y, clean / 255).astype(np.float16), y, side_info, model)
    assert (exact["mse"] == exact["mse_pasted"]).all() and exact["mse"].max() < 1e-6


def test_an_image_that_pasting_does_not_change_is_scored_once():
    estimates, filled, asked = np.zeros((4, 2, 2, 1)), np.zeros((4, 2, 2, 1)), []
    filled[[1, 3], 0, 0] = 1

    def score(images, at):
        asked.append(list(at))
        return images.sum((1, 2, 3)) + 10 * at

    first, second = scores.twice(score, estimates, filled)
    assert list(first) == [0, 10, 20, 30] and list(second) == [0, 11, 20, 31] and asked == [[0, 1, 2, 3], [1, 3]]
    scores.twice(score, estimates, estimates)
    assert asked[2:] == [[0, 1, 2, 3]]


# The paper's protocol


def mosaic_by_hand(images):
    """Rows of eight images side by side, the rows below each other."""
    return np.concatenate([np.concatenate(list(images[i : i + 8]), axis=1) for i in range(0, 64, 8)], axis=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_paper_s_protocol_scores_the_first_64_images_once_as_a_mosaic(tmp_path, family):
    args, arrays = made(tmp_path, FAMILIES[family], protocol="paper", n=70)
    quality.main(args)
    (row,) = pd.read_csv(tmp_path / "scores.csv").to_dict("records")
    assert list(row) == [*IDENTITY, "image", *MOSAIC_METRICS] and row["protocol"] == "paper"
    x, estimate = mosaic_by_hand(arrays["clean"]) / 255, mosaic_by_hand(arrays["estimates"]).astype(float)
    assert x.shape == (72, 64, 3)
    assert row["mse"] == pytest.approx(((x - estimate) ** 2).mean())
    assert row["psnr"] == pytest.approx(-10 * np.log10(((x - estimate) ** 2).mean()))
    assert row["ssim"] == pytest.approx(ssim_by_formula(x, estimate), abs=1e-6)
    # skimage's guess for floats was dtype_range[float] = (-1, 1), so 2; colour images were in [-1, 1]
    guessed = structural_similarity(2 * x - 1, 2 * estimate - 1, data_range=2, channel_axis=2)
    assert row["ssim_range_2"] == pytest.approx(guessed, abs=1e-6)
    if family == "drops":
        lost = ~np.broadcast_to(mosaic_by_hand(arrays["side_info"]), x.shape)
        filled = np.where(lost, estimate, mosaic_by_hand(arrays["y"]).astype(float))
        assert row["ssim_pasted"] == pytest.approx(ssim_by_formula(x, filled), abs=1e-6)
        assert row["mse_unobserved"] == pytest.approx(((x - estimate)[lost] ** 2).mean())


def test_range_2_flatters_grey_images_in_the_unit_range(rng):
    x = rng.random((28, 28, 1))
    estimate = np.clip(x + 0.1 * rng.standard_normal(x.shape), 0, 1)
    found = metric("ssim_range_2", x, estimate)
    assert found == pytest.approx(structural_similarity(x, estimate, data_range=2, channel_axis=2))
    assert metric("ssim", x, estimate) < found < 1


def test_a_timing_batch_under_the_paper_s_protocol_is_a_mosaic_at_every_step(tmp_path):
    args, arrays = made(tmp_path, PATCH, steps=2, protocol="paper", n=66, batch=64)
    quality.main(args)
    table = pd.read_csv(tmp_path / "scores.csv")
    assert {*TIMING, "setting", "seconds_of_one", "protocol", "digest", *MOSAIC_METRICS} == set(table)
    error = ((arrays["clean"][:64] / 255 - arrays["estimates"].astype(float)) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error), rtol=1e-6)


def test_too_few_images_for_a_mosaic_are_one_line(tmp_path):
    with pytest.raises(SystemExit, match="^the protocol with the switch mosaic scores one of 64 images, here are 5; "):
        quality.main(made(tmp_path, PATCH, protocol="paper")[0])


def test_estimates_of_another_protocol_than_the_measurements_are_refused(tmp_path):
    args, _ = made(tmp_path, PATCH, protocol="paper", n=64)
    facts = store.load_json(tmp_path / "test.json")
    store.save_json(tmp_path / "test.json", {key: value for key, value in facts.items() if key != "protocol"})
    with pytest.raises(SystemExit, match=r"estimates.npy: restored under protocol paper, .*; restore them again$"):
        quality.main(args)
    assert not list(tmp_path.glob("*scores*"))


@pytest.mark.parametrize("module", ["metrics.quality", "metrics.posterior", "reports.table", "reports.page", "reports.posterior"])
def test_scoring_and_reports_need_no_torch(module):
    code = f"import sys, {module}; from metrics import declared; declared.programs(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


# Posterior samples

WHOLE = np.full((1, 1, 1, 1), 0.2, np.float32)  # side information of noise: every value is open


def of(name, x, samples, free=None) -> float:
    """A metric of one image [H, W, C] and its samples [K, H, W, C]; every value is open unless `free` says otherwise."""
    x, samples = np.asarray(x, float), np.asarray(samples, float)
    return posterior.METRICS[name].of(Sampled(x, samples, np.ones(x.shape, bool) if free is None else free))


def one(*values):
    """Values as samples [K, 1, 1, 1]; a single one as an image [1, 1, 1]."""
    return np.array(values).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("x", "samples", "half", "most"),
    [
        # one below, two above: between 1/4 and 2/4, of which all lies in [1/4, 3/4]
        (0.3, (0.2, 0.6, 0.8), 1, 1),
        # all above: between 0 and 1/4, of which 0.2 / 0.25 lies in [0.05, 0.95]
        (0.1, (0.2, 0.6, 0.8), 0, 0.8),
        # all equal: anywhere, so the level itself
        (0, (0, 0, 0), 0.5, 0.9),
        # equal within half a step of 1/255, and not within more
        (0, (0.0019, 0.0019, 0.0019), 0.5, 0.9),
        (0, (0.0021, 0.0021, 0.0021), 0, 0.8),
        # one equal, two above: between 0 and 2/4; of that ½ and 0.9
        (0.2, (0.2, 0.6, 0.8), 0.5, 0.9),
    ],
)
def test_coverage_by_hand(x, samples, half, most):
    assert of("coverage_50", one(x)[0], one(*samples)) == pytest.approx(half)
    assert of("coverage_90", one(x)[0], one(*samples)) == pytest.approx(most)


def test_scores_of_samples_by_hand():
    """x = 0 and samples 0.1, 0.3: E|s - x| = 0.2, the only pair is 0.2 apart, so CRPS = 0.2 - ½ 0.2."""
    x, samples = one(0)[0], one(0.1, 0.3)
    assert of("crps", x, samples) == pytest.approx(0.1) == of("energy", x, samples)
    assert of("psnr_mean", x, samples) == pytest.approx(-20 * np.log10(0.2))
    assert of("psnr_sample", x, samples) == pytest.approx(-10 * np.log10(0.1 * 0.3))
    assert of("spread", x, samples) == pytest.approx(0.2 / 2**0.5)


def test_one_sample_is_scored_by_its_distance(rng):
    x, sample = rng.random((5, 4, 3)), rng.random((1, 5, 4, 3))
    assert of("crps", x, sample) == pytest.approx(np.abs(x - sample).mean())
    assert of("energy", x, sample) == pytest.approx(((x - sample) ** 2).mean() ** 0.5)
    assert of("psnr_mean", x, sample) == pytest.approx(of("psnr_sample", x, sample))
    assert np.isnan(of("spread", x, sample))


def test_crps_and_energy_agree_with_double_loops(rng):
    x, samples = rng.random((5, 4, 3)), rng.random((7, 5, 4, 3))
    pairs = [(a, b) for i, a in enumerate(samples) for j, b in enumerate(samples) if i != j]
    for name, size in {"crps": lambda d: np.abs(d).mean(), "energy": lambda d: np.linalg.norm(d) / d.size**0.5}.items():
        expected = np.mean([size(s - x) for s in samples]) - 0.5 * np.mean([size(a - b) for a, b in pairs])
        assert of(name, x, samples) == pytest.approx(expected)


def test_coverage_crps_and_spread_see_the_open_values_alone(rng):
    x, samples, free = rng.random((6, 6, 1)), rng.random((8, 6, 6, 1)), rng.random((6, 6, 1)) < 0.5
    other, others = np.where(free, x, 0.5), np.where(free, samples, 0.5 + 0.5 * samples)
    for name in ("coverage_50", "coverage_90", "crps", "spread", "diversity"):
        assert of(name, x, samples, free) == of(name, other, others, free) != of(name, x, samples)
        assert np.isnan(of(name, x, samples, np.zeros(x.shape, bool)))


def exact(rng, count: int, sigma=0.1) -> tuple[np.ndarray, np.ndarray]:
    """64 images whose left half is Gaussian about known means and whose right half is black, and samples of that law."""
    means = np.where(np.arange(28) < 14, rng.uniform(0.3, 0.7, (64, 28, 28)), 0)[..., None]
    draws = np.where(means > 0, means + sigma * rng.standard_normal((count + 1, *means.shape)), 0)
    return np.rint(255 * draws[0].clip(0, 1)).astype(np.uint8), draws[1:].clip(0, 1).astype(np.float16)


@pytest.mark.parametrize("count", [4, 32])
def test_an_exact_posterior_has_the_coverage_it_states(rng, count):
    clean, samples = exact(rng, count)
    table = posterior.scores(clean, samples, np.repeat(WHOLE, len(clean), 0), from_facts(NOISE)).mean()
    noise = (0.25 / clean.size) ** 0.5
    assert table["coverage_50"] == pytest.approx(0.5, abs=4 * noise)
    assert table["coverage_90"] == pytest.approx(0.9, abs=4 * noise)
    # E CRPS of an exact N(μ, σ²) is σ / √π, here on half of the values
    assert table["crps"] == pytest.approx(0.5 * 0.1 / np.pi**0.5, rel=0.02)


@pytest.mark.parametrize(("width", "less"), [(0.5, True), (2, False)])
def test_too_sure_covers_too_little_and_either_costs_score(rng, width, less):
    clean, samples = exact(rng, 32)
    told = np.repeat(WHOLE, len(clean), 0)
    right = posterior.scores(clean, samples, told, from_facts(NOISE)).mean()
    centre = samples.astype(float).mean(0)
    wrong = posterior.scores(clean, (centre + width * (samples - centre)).astype(np.float16), told, from_facts(NOISE)).mean()
    assert (wrong["coverage_50"] < right["coverage_50"] - 0.05) == less
    assert (wrong["coverage_50"] > right["coverage_50"] + 0.05) != less
    assert wrong["crps"] > 1.02 * right["crps"] and wrong["energy"] > right["energy"]


def test_a_sample_has_twice_the_error_of_the_mean_of_an_exact_posterior(rng):
    clean, samples = exact(rng, 32)
    table = posterior.scores(clean, samples, np.repeat(WHOLE, len(clean), 0), from_facts(NOISE)).mean()
    # 3.01 dB but for the mean of 32 samples, whose squared error is 1 + 1/32 of the exact mean's
    assert table["psnr_mean"] - table["psnr_sample"] == pytest.approx(10 * np.log10(2 / (1 + 1 / 32)), abs=0.05)


def run_posterior(tmp_path, samples) -> dict:
    """The arrays of the files beside the samples, masks as bool."""
    args, arrays = made(tmp_path, PATCH)
    np.save(tmp_path / "samples.npy", samples)
    store.save_json(tmp_path / "samples.json", store.load_json(tmp_path / "estimates.json"))
    flags = ["--clean", "clean", "--side-info", "test.side_info", "--samples", "samples"]
    given = [part if part.startswith("--") else str(tmp_path / f"{part}.npy") for part in flags]
    posterior.main([*given, "--output", str(tmp_path / "posterior.csv")])
    return arrays


def test_posterior_command_has_a_row_per_sampled_image(tmp_path, rng):
    samples = rng.random((6, 3, 9, 8, 3)).astype(np.float16)  # of the first three of five images
    arrays = run_posterior(tmp_path, samples)
    table = pd.read_csv(tmp_path / "posterior.csv")
    assert list(table) == [*IDENTITY, "image", *posterior.METRICS, "samples"] and list(table["image"]) == [0, 1, 2]
    assert (table[["dataset", "measurement", "method", "seed", "samples"]] == ["made", "some", "dice", 3, 6]).all(axis=None)
    clean, seen = arrays["clean"], arrays["side_info"]
    lost = np.broadcast_to(~seen, clean.shape)[1]
    by_hand = of("crps", clean[1] / 255, samples[:, 1], lost)
    assert table["crps"][1] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 9, 8, 3), (6, 9, 9, 8, 3), (6, 3, 9, 8, 1)])
def test_samples_of_other_images_are_refused_in_one_line(tmp_path, shape):
    with pytest.raises(SystemExit, match="samples.npy: holds .* not (restored images|samples)") as refusal:
        run_posterior(tmp_path, np.zeros(shape, np.float16))
    assert "\n" not in str(refusal.value) and not (tmp_path / "posterior.csv").exists()


# Digits


def bars(rng, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of a bright column (class 0) or row (class 1) in noise."""
    labels = np.arange(count, dtype=np.uint8) % 2
    images = rng.integers(0, 100, (count, 12, 12, 1), np.uint8)
    images[labels == 0, :, 5:7], images[labels == 1, 5:7] = 255, 255
    return images, labels


@pytest.fixture
def threads():
    """The commands set the threads of this process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def flags(**paths) -> list[str]:
    return [text for name, path in paths.items() for text in (f"--{name}", str(path))]


def test_the_accuracy_of_digits_is_what_the_classifier_sees(tmp_path, monkeypatch, rng, threads):
    monkeypatch.setattr(digit_classifier, "STEPS", 40)
    images, labels = bars(rng, 200)
    np.save(tmp_path / "x.npy", images)
    np.save(tmp_path / "labels.npy", labels)
    for name in ("a.pt", "b.pt"):
        made = flags(clean=tmp_path / "x.npy", labels=tmp_path / "labels.npy", classes=2, output=tmp_path / name)
        digit_classifier.main(made)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    with pytest.raises(SystemExit, match=r"labels\.npy: holds the class 1, where there are 1 from 0 on; correct --classes"):
        digit_classifier.main(
            flags(clean=tmp_path / "x.npy", labels=tmp_path / "labels.npy", classes=1, output=tmp_path / "c.pt")
        )

    fresh, truth = bars(rng, 61)
    wrong = np.where(np.arange(61) < 7, 1 - truth, truth)
    np.save(tmp_path / "restored.npy", (fresh / 255).astype(np.float16))
    store.save_json(tmp_path / "restored.json", {"dataset": "d", "measurement": "m", "method": "n", "seed": 3})
    np.save(tmp_path / "wrong.npy", wrong.astype(np.uint8))
    others = {"labels": tmp_path / "wrong.npy", "classifier": tmp_path / "a.pt", "output": tmp_path / "digits.csv"}
    # every value of the first ten measurements is lost, and those of the others, all observed, are of images of the other class
    y, told = np.zeros(fresh.shape, np.float16), np.ones(fresh.shape, bool)
    told[:10] = False
    y[10:] = (fresh[10:] / 255).swapaxes(1, 2)
    np.save(tmp_path / "test.y.npy", y)
    np.save(tmp_path / "test.side_info.npy", pack(told))
    store.save_json(tmp_path / "test.json", PATCH | {"dataset": "d", "measurement": "m"})
    measured = ["--y", str(tmp_path / "test.y.npy"), "--side-info", str(tmp_path / "test.side_info.npy")]
    digits.main(flags(estimates=tmp_path / "restored.npy", **others) + measured)
    table = pd.read_csv(tmp_path / "digits.csv")
    found = ["predicted", "probability", "accuracy"]
    assert list(table) == [*IDENTITY, "image", "label", *found, *[f"{name}_pasted" for name in found]] and set(KEYS) < set(table)
    assert list(table["predicted_pasted"][:10]) == list(truth[:10]) and list(table["predicted_pasted"][10:]) == list(
        1 - truth[10:]
    )
    assert list(table["accuracy_pasted"]) == [0] * 7 + [1] * 3 + [0] * 51
    assert list(table["predicted"]) == list(truth) and list(table["label"]) == list(wrong)
    assert list(table["accuracy"]) == [0] * 7 + [1] * 54 and (table["protocol"] == "sound").all()
    assert (table["probability"][:7] < 0.5).all() and (table["probability"][7:] > 0.5).all()

    np.save(tmp_path / "clean.npy", fresh)
    digits.main(flags(ceiling=tmp_path / "clean.npy", **others))
    ceiling = pd.read_csv(tmp_path / "digits.csv")
    assert list(ceiling["accuracy"]) == list(table["accuracy"]) and ceiling["method"].isna().all()
    with pytest.raises(SystemExit):
        digits.main(flags(estimates=tmp_path / "restored.npy", **others))


def test_a_classified_image_does_not_depend_on_its_neighbours(rng):
    images, _ = bars(rng, 8)
    net = digit_classifier.network(1, 2).eval()
    together, alone = digit_classifier.probabilities(net, images), digit_classifier.probabilities(net, images[3:4])
    np.testing.assert_allclose(alone[0], together[3], atol=1e-6)


@pytest.mark.parametrize("what", ["absent", "broken", "other channels"])
def test_a_classifier_that_does_not_fit_is_named_in_one_line(tmp_path, what):
    path = tmp_path / "model.pt"
    if what != "absent":
        torch.save({"classes": 2, "weights": digit_classifier.network(3, 2).state_dict()}, path)
    if what == "broken":
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SystemExit, match=f"{path}: no") as refusal:
        digit_classifier.load(path, 1)
    assert "\n" not in str(refusal.value)


# LPIPS, with made-up weights


@pytest.fixture(scope="module")
def lpips_file(tmp_path_factory) -> Path:
    """Random weights, in the file that metrics/lpips.py describes."""
    torch.manual_seed(0)
    state, inputs = {}, 3
    shapes = {"1.0": (64, 11), "2.3": (192, 5), "3.6": (384, 3), "4.8": (256, 3), "5.10": (256, 3)}
    for place, (layer, (outputs, kernel)) in enumerate(shapes.items()):
        state[f"net.slice{layer}.weight"] = torch.randn(outputs, inputs, kernel, kernel) / (inputs * kernel**2) ** 0.5
        state[f"net.slice{layer}.bias"] = 0.1 * torch.randn(outputs)
        state[f"lin{place}.model.1.weight"] = torch.rand(1, outputs, 1, 1)
        inputs = outputs
    path = tmp_path_factory.mktemp("weights") / "lpips_alex.pth"
    torch.save(state, path)
    return path


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (48, 96, 1)])
def test_lpips_is_a_distance(lpips_file, rng, shape):
    network = lpips.load(lpips_file, lpips.hash_of(lpips_file))
    x = rng.integers(0, 256, (3, *shape), np.uint8)
    near = np.clip(x / 255 + 0.05 * rng.standard_normal(x.shape), 0, 1).astype(np.float16)
    far = np.clip(x / 255 + 0.5 * rng.standard_normal(x.shape), 0, 1).astype(np.float16)
    assert np.abs(lpips.distances(network, x, x)).max() == 0
    d = lpips.distances(network, x, near)
    np.testing.assert_allclose(d, lpips.distances(network, near, x), rtol=1e-5)
    assert d.shape == (3,) and (d > 0).all() and (lpips.distances(network, x, far) > d).all()
    np.testing.assert_allclose(lpips.distances(network, x[1:2], near[1:2]), d[1:2], rtol=1e-4)


def test_lpips_expands_grey_images_to_three_channels(lpips_file, rng):
    network = lpips.load(lpips_file, lpips.hash_of(lpips_file))
    x, y = rng.integers(0, 256, (2, 2, 40, 64, 1), np.uint8)
    colour = [np.repeat(images, 3, axis=3) for images in (x, y)]
    np.testing.assert_allclose(lpips.distances(network, x, y), lpips.distances(network, *colour), rtol=1e-5)


def test_lpips_writes_a_scores_file_and_refuses_other_weights(tmp_path, lpips_file, threads):
    args, arrays = made(tmp_path, PATCH)
    keep = [args.index(f"--{name}") for name in ("clean", "y", "side-info", "estimates", "output")]
    args = [part for at in keep for part in args[at : at + 2]] + ["--weights", str(lpips_file)]
    lpips.main([*args, "--sha256", lpips.hash_of(lpips_file)])
    table = pd.read_csv(tmp_path / "scores.csv")
    assert list(table) == [*IDENTITY, "image", "lpips", "lpips_pasted"] and len(table) == 5 and (table["lpips"] > 0).all()
    filled = np.where(arrays["side_info"], arrays["y"], arrays["estimates"])
    expected = lpips.distances(lpips.load(lpips_file, lpips.hash_of(lpips_file)), arrays["clean"], filled)
    np.testing.assert_allclose(table["lpips_pasted"], expected, rtol=1e-5)
    with pytest.raises(SystemExit, match="its SHA-256 is [0-9a-f]{64}, the configuration says 00") as refusal:
        lpips.main([*args, "--sha256", "0" * 64])
    assert "\n" not in str(refusal.value)
    torch.save({"something": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(SystemExit, match="other.pth: not the weights of LPIPS") as refusal:
        lpips.load(tmp_path / "other.pth", lpips.hash_of(tmp_path / "other.pth"))
    assert "\n" not in str(refusal.value)
    with pytest.raises(SystemExit, match="gone.pth: no such file"):
        lpips.load(tmp_path / "gone.pth", "")


# What is declared


OF_SAMPLES = {"posterior", "regions", "sample_digits", "spread_skill", "texture", "two_sample"}


def test_every_metric_is_declared_once_and_completely():
    programs = declared.programs()
    assert set(programs) == {"quality", "digits", "lpips", *OF_SAMPLES}
    names = [name for program in programs.values() for name in program.metrics]
    assert len(names) == len(set(names))
    for name in names:
        metric = next(program.metrics[name] for program in programs.values() if name in program.metrics)
        assert metric.title and metric.says.endswith(".") and metric.shown in declared.SHOWN, name


def test_which_programs_apply_follows_from_weights_and_protocol():
    def running(weights, protocol):
        return {name for name, program in declared.programs().items() if program.applies(weights, protocol)}

    assert running({}, "sound") == {"quality", "digits", *OF_SAMPLES}
    assert running({"lpips": {}}, "fresh_theta") == {"quality", "digits", "lpips", *OF_SAMPLES}
    assert running({"lpips": {}}, "paper") == running({}, "mosaic") == {"quality", *OF_SAMPLES} - {"sample_digits"}
