"""The scores against values by hand, scikit-image and an SSIM written anew from its formula; the command on made-up files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import store
from metrics import score
from metrics.metrics import METRICS, PAPER_METRICS, PSNR_CEILING
from reports.files import SCORE_KEYS, TIMING

ROOT = Path(__file__).parents[1]
PATCH = {"family": "drop_patch", "options": {"size": 4, "fill": 0.0}}
NOISE = {"family": "add_noise", "options": {"sigma": 0.2}}
FAMILIES = {"drops": PATCH, "noise": NOISE}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def metric(name, x, estimate, *, y=None, mask=None, family=PATCH) -> float:
    mask = np.ones(x.shape, bool) if mask is None else mask
    return METRICS[name].of(x, estimate, x if y is None else y, mask, family)


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


def test_consistency_without_any_noise_does_not_apply():
    """σ = 0 is allowed by the configuration."""
    x = np.zeros((8, 8, 1))
    assert not np.isfinite(metric("consistency", x, x, family={"family": "add_noise", "options": {"sigma": 0.0}}))


# The table and the command


def made(
    tmp_path: Path, family: dict, *, steps: int = 0, seed: int | None = 3, protocol: str = "sound", n: int = 5, batch: int = 3
) -> tuple[list[str], dict]:
    """Files of n images, and of a timing batch of the first if steps; the arguments of the command and the arrays."""
    rng = np.random.default_rng(1)
    clean = rng.integers(0, 256, (n, 9, 8, 3), np.uint8)
    told = rng.random((n, 9, 8, 1)) < 0.7 if family is PATCH else np.full((n, 1, 1, 1), 0.2, np.float32)
    y = np.where(told, clean / 255, 0) if family is PATCH else clean / 255 + 0.2 * rng.standard_normal(clean.shape)
    estimates = rng.random((steps, batch, 9, 8, 3) if steps else clean.shape)
    arrays = {"clean": clean, "y": y.astype(np.float16), "theta": told, "estimates": estimates.astype(np.float16)}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name if name in ('clean', 'estimates') else f'test.{name}'}.npy", array)
    of = {"dataset": "made", "measurement": "some", "split": "test", "seed": 0, "protocol": protocol}
    store.save_json(tmp_path / "test.json", of | family)
    facts = {"method": "dice", "dataset": "made", "measurement": "some", "seed": seed, "options": {}, "threads": 2}
    facts["protocol"] = protocol
    taken = {"steps": [1, 2, 40][:steps], "seconds": [0.25, 0.5, 10.0][:steps], "runs": 5, "images": batch, "others_busy": 0.0}
    store.save_json(tmp_path / "estimates.json", facts | (taken if steps else {"seconds": 1.5}) | {"device": "a processor, old"})
    places = {"clean": "clean", "y": "test.y", "theta": "test.theta", "estimates": "estimates"}
    flags = [text for name, stem in places.items() for text in (f"--{name}", str(tmp_path / f"{stem}.npy"))]
    return [*flags, "--output", str(tmp_path / "scores.csv")], arrays


def run(args: list[str]) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "metrics.score", *args]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def run_here(args: list[str], monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["score", *args])
    score.main()


def test_scores_of_a_set_are_those_of_its_images(rng):
    """Whole pixels are lost here: θ of one channel speaks for all three."""
    clean, estimates = rng.integers(0, 256, (4, 8, 8, 3), np.uint8), rng.random((4, 8, 8, 3)).astype(np.float16)
    told = rng.random((4, 8, 8, 1)) < 0.5
    y = np.where(told, clean / 255, 0).astype(np.float16)
    table = score.scores(clean, estimates, y, told, PATCH)
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
    assert (
        list(table) == [*score.IDENTITY, "image", *METRICS]
        and set(SCORE_KEYS) < set(table)
        and list(table["image"]) == [0, 1, 2, 3, 4]
    )
    assert (table[["dataset", "measurement", "method", "seed"]] == ["made", "some", "dice", 3]).all(axis=None)
    error = ((arrays["clean"] / 255 - arrays["estimates"].astype(float)) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(table["mse"], error, rtol=1e-6)
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error), rtol=1e-6)
    assert table["mse_unobserved"].isna().all() == (family == "noise")
    distance = (arrays["y"].astype(float) - arrays["estimates"].astype(float)) ** 2
    seen = np.broadcast_to(arrays["theta"] if family == "drops" else True, distance.shape)
    by_hand = [d[m].mean() / (1 if family == "drops" else 0.04) for d, m in zip(distance, seen, strict=True)]
    np.testing.assert_allclose(table["consistency"], by_hand, rtol=1e-6)


def test_a_timing_batch_has_a_row_per_step(tmp_path):
    args, arrays = made(tmp_path, PATCH, steps=3)
    done = run(args)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "scores.csv")
    assert {*TIMING, "protocol", *METRICS} == set(table)
    assert list(table["step"]) == [1, 2, 40] and list(table["seconds"]) == [0.25, 0.5, 10]
    same = {"dataset": "made", "measurement": "some", "method": "dice", "seed": 3, "images": 3, "threads": 2}
    assert (table[[*same, "device"]] == [*same.values(), "a processor, old"]).all(axis=None)
    error = (arrays["clean"][:3] / 255 - arrays["estimates"].astype(float)) ** 2
    np.testing.assert_allclose(table["mse"], error.mean((1, 2, 3, 4)), rtol=1e-6)
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error.mean((2, 3, 4))).mean(1), rtol=1e-6)
    distance = (arrays["y"][:3].astype(float) - arrays["estimates"].astype(float)) ** 2
    for name, square in {"mse_observed": error, "consistency": distance}.items():
        seen = [[e[np.broadcast_to(m, e.shape)].mean() for e, m in zip(s, arrays["theta"][:3], strict=True)] for s in square]
        np.testing.assert_allclose(table[name], np.mean(seen, 1), rtol=1e-6)


def test_a_method_without_seed_has_an_empty_one(tmp_path, monkeypatch):
    run_here(made(tmp_path, PATCH, seed=None)[0], monkeypatch)
    assert pd.read_csv(tmp_path / "scores.csv")["seed"].isna().all()


@pytest.mark.parametrize("missing", ["clean.npy", "test.y.npy", "test.theta.npy", "estimates.npy", "test.json", "estimates.json"])
def test_a_missing_input_is_named_and_nothing_written(tmp_path, monkeypatch, missing):
    args, _ = made(tmp_path, PATCH)
    (tmp_path / missing).unlink()
    with pytest.raises(SystemExit, match=f"{missing}: no such file") as refusal:
        run_here(args, monkeypatch)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.glob("*scores*"))


def test_estimates_of_another_number_of_images_are_refused_and_nothing_written(tmp_path, monkeypatch):
    args, arrays = made(tmp_path, PATCH)
    np.save(tmp_path / "estimates.npy", arrays["estimates"][:4])
    with pytest.raises((SystemExit, ValueError)):
        run_here(args, monkeypatch)
    assert not list(tmp_path.glob("*scores*"))


# The paper's protocol


def mosaic_by_hand(images):
    """Rows of eight images side by side, the rows below each other."""
    return np.concatenate([np.concatenate(list(images[i : i + 8]), axis=1) for i in range(0, 64, 8)], axis=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_paper_s_protocol_scores_the_first_64_images_once_as_a_mosaic(tmp_path, monkeypatch, family):
    args, arrays = made(tmp_path, FAMILIES[family], protocol="paper", n=70)
    run_here(args, monkeypatch)
    (row,) = pd.read_csv(tmp_path / "scores.csv").to_dict("records")
    assert list(row) == [*score.IDENTITY, "image", *PAPER_METRICS] and row["protocol"] == "paper"
    x, estimate = mosaic_by_hand(arrays["clean"]) / 255, mosaic_by_hand(arrays["estimates"]).astype(float)
    assert x.shape == (72, 64, 3)
    assert row["mse"] == pytest.approx(((x - estimate) ** 2).mean())
    assert row["psnr"] == pytest.approx(-10 * np.log10(((x - estimate) ** 2).mean()))
    assert row["ssim"] == pytest.approx(ssim_by_formula(x, estimate), abs=1e-6)
    # skimage's guess for floats was dtype_range[float] = (-1, 1), so 2; colour images were in [-1, 1]
    guessed = structural_similarity(2 * x - 1, 2 * estimate - 1, data_range=2, channel_axis=2)
    assert row["ssim_range_2"] == pytest.approx(guessed, abs=1e-6)
    if family == "drops":
        lost = ~np.broadcast_to(mosaic_by_hand(arrays["theta"]), x.shape)
        assert row["mse_unobserved"] == pytest.approx(((x - estimate)[lost] ** 2).mean())


def test_range_2_flatters_grey_images_in_the_unit_range(rng):
    x = rng.random((28, 28, 1))
    estimate = np.clip(x + 0.1 * rng.standard_normal(x.shape), 0, 1)
    found = PAPER_METRICS["ssim_range_2"].of(x, estimate, x, None, PATCH)
    assert found == pytest.approx(structural_similarity(x, estimate, data_range=2, channel_axis=2))
    assert metric("ssim", x, estimate) < found < 1


def test_a_timing_batch_under_the_paper_s_protocol_is_a_mosaic_at_every_step(tmp_path, monkeypatch):
    args, arrays = made(tmp_path, PATCH, steps=2, protocol="paper", n=66, batch=64)
    run_here(args, monkeypatch)
    table = pd.read_csv(tmp_path / "scores.csv")
    assert {*TIMING, "protocol", *PAPER_METRICS} == set(table)
    error = ((arrays["clean"][:64] / 255 - arrays["estimates"].astype(float)) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(table["psnr"], -10 * np.log10(error), rtol=1e-6)


def test_too_few_images_for_a_mosaic_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="^the paper's protocol scores a mosaic of 64 images, here are 5; "):
        run_here(made(tmp_path, PATCH, protocol="paper")[0], monkeypatch)


def test_estimates_of_another_protocol_than_the_measurements_are_refused(tmp_path, monkeypatch):
    args, _ = made(tmp_path, PATCH, protocol="paper", n=64)
    facts = store.load_json(tmp_path / "test.json")
    store.save_json(tmp_path / "test.json", {key: value for key, value in facts.items() if key != "protocol"})
    with pytest.raises(SystemExit, match=r"estimates.npy: restored under protocol paper, .*; restore them again$"):
        run_here(args, monkeypatch)
    assert not list(tmp_path.glob("*scores*"))


def test_scoring_needs_no_torch():
    code = "import sys, metrics.score; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0
