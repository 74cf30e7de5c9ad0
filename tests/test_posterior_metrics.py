"""The metrics of posterior samples on a toy whose posterior is known, for every forward model that is found.

Exact samples must be found exact. Samples with the right law of each value and the wrong correlation, independent pixels and
diagonal streaks, must be found out. Formulas are checked against loops, and against the package scoringrules where it is there.
"""

import functools

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import flags, seeded
from declared import FAMILIES, MODELS
from scipy import stats
from toy_posterior import Gaussian, GaussianImages, as_stored

import store
from measurements.add_noise import AddNoise
from measurements.drop_patch import DropPatch
from measurements.side_info import to_disk
from metrics import declared, digit_classifier, posterior, regions, sample_digits, samples, spread_skill, texture, two_sample
from metrics.samples import Place, Sampled

TOY = GaussianImages()
IMAGES, DRAWN = 96, 32
PROGRAMS = (posterior, regions, spread_skill, texture)


@functools.cache
def problem(model, count: int = IMAGES, toy: GaussianImages = TOY):
    """Images, side information as its file holds it, a mask of the open values, and the exact posterior."""
    x, y, s = toy.measured(model, count, seeded(1))
    free = np.broadcast_to(~model.observed(s.numpy(), tuple(x.shape)), x.shape)
    return x.numpy(), to_disk(s.numpy()), free, toy.posterior(model, y, s)


def score(program, model, x, told, drawn):
    return program.scores(*as_stored(x, drawn), told, model)


def streaks(exact: Gaussian, count: int, rng) -> np.ndarray:
    """Samples with the right mean and variance of each value, and noise that is the same along a diagonal: [K, N, H, W, C]."""
    height, width, _ = exact.shape
    diagonal = np.add.outer(np.arange(height), np.arange(width))
    noise = rng.standard_normal((count, len(exact.mean), height + width - 1))[..., diagonal, None]
    return exact.mean.reshape(-1, *exact.shape) + exact.deviation * noise


def near(values, expected: float, errors: float = 4.5) -> bool:
    """Whether the mean over images is `expected` within so many standard errors, that of float16 and of 8 bits included."""
    return abs(values.mean() - expected) < errors * values.sem() + 2e-4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# The toy


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_toy_s_posterior_is_that_of_its_images(model):
    """(x - mean)ᵀ Σ⁺ (x - mean) is χ² with as many degrees of freedom as there are open values, observed values are exact."""
    x, _, free, exact = problem(model)
    apart = x.reshape(IMAGES, -1) - exact.mean
    assert np.abs(np.where(free.reshape(IMAGES, -1), 0, apart)).max() < 1e-6
    values, vectors = np.linalg.eigh(exact.covariance)
    along, some = np.einsum("nij,ni->nj", vectors, apart) ** 2, values > 1e-9
    assert (some.sum(1) == free.reshape(IMAGES, -1).sum(1)).all()
    total = along[some] / values[some]
    assert total.mean() == pytest.approx(1, abs=4 * (2 / total.size) ** 0.5)


def test_samples_of_the_toy_have_its_mean_and_covariance(rng):
    _, _, _, exact = problem(DropPatch(7), 2)
    drawn = exact.draw(4000, rng).reshape(4000, 2, -1)
    assert np.abs(drawn.mean(0) - exact.mean).max() < 5 * 0.11 / 4000**0.5
    for image in range(2):
        assert np.abs(np.cov(drawn[:, image].T) - exact.covariance[image]).max() < 5 * 0.11**2 * (2 / 4000) ** 0.5


# Exact samples


@pytest.mark.parametrize("model", FAMILIES.values(), ids=str)
def test_exact_samples_are_found_exact(model, rng):
    x, told, free, exact = problem(model)
    drawn = exact.draw(DRAWN, rng)
    of_values, of_regions, of_spread, of_texture = (score(program, model, x, told, drawn) for program in PROGRAMS)
    for table in (of_values, of_regions):
        for name in [name for name in table if name.startswith("coverage_") and table[name].notna().any()]:
            assert "by_truth" in name or near(table[name], int(name.split("_")[1]) / 100), name
        for name in [name for name in table if name.startswith("pit")]:
            assert near(table[name], 1 / samples.BINS), name
    # E CRPS of an exact N(μ, σ²) is σ / √π; the energy score of exact samples is half of the distance of two
    expected = [deviation[open_].mean() / np.pi**0.5 for deviation, open_ in zip(exact.deviation, free, strict=True)]
    assert near(of_values["crps"] - expected, 0)
    assert near(of_values["energy"], exact.energy(rng))
    assert near(of_spread["spread_skill"], 1) and near(of_texture["roughness"], 1)
    for name in [name for name in of_texture if name.startswith("texture")]:
        assert abs(of_texture[name].mean()) < 0.002, name


@pytest.mark.parametrize("part, expected", [("background", 0.65 / 0.7), ("foreground", 0.25 / 0.3)])
def test_values_chosen_by_their_truth_are_no_fair_test_and_those_chosen_by_the_mean_are(part, expected, rng):
    """Values of ½ with probability 0.3, else 0: a truth of ½ is between 0.7 and 1, of which 0.25 / 0.3 lies inside 90 %."""
    x, drawn = ((rng.random(shape) < 0.3) / 2 for shape in ((20, 20, 1), (400, 20, 20, 1)))
    image = Sampled(x, drawn, np.ones(x.shape, bool))
    assert posterior.METRICS[f"coverage_90_{part}_by_truth"].of(image) == pytest.approx(expected, abs=0.01)
    assert posterior.METRICS["coverage_90"].of(image) == pytest.approx(0.9, abs=0.02)
    assert np.isnan(posterior.METRICS["coverage_90_background_by_mean"].of(image))
    assert posterior.METRICS["coverage_90_foreground_by_mean"].of(image) == posterior.METRICS["coverage_90"].of(image)


# Wrong correlation


@pytest.mark.parametrize("model", [AddNoise(0.4), DropPatch(7)], ids=str)
def test_independent_pixels_are_right_one_by_one_and_wrong_in_regions(model, rng):
    x, told, _, exact = problem(model)
    right, wrong = exact.draw(DRAWN, rng), exact.independent(DRAWN, rng)
    values = score(posterior, model, x, told, wrong)
    assert near(values["coverage_50"], 0.5) and near(values["coverage_90"], 0.9)
    assert near(values["crps"] - score(posterior, model, x, told, right)["crps"], 0)
    of_regions = score(regions, model, x, told, wrong)
    for name in ("coverage_90_windows", "coverage_90_open", "coverage_90_whole"):
        assert of_regions[name].mean() < 0.7, name
    assert of_regions["coverage_50_windows"].mean() < 0.35
    assert_rough(score(texture, model, x, told, wrong), ("texture_1", "texture_2"))


def assert_rough(table, names) -> None:
    for name in names:
        assert table[name].mean() - 3 * table[name].sem() > 0, name
    assert table["roughness"].mean() - 3 * table["roughness"].sem() > 1


def test_where_nothing_is_seen_the_energy_score_tells_independent_pixels_too(rng):
    """Nearly constant images, all lost: CRPS cannot tell them apart, and their mean is what is uncertain."""
    toy, model = GaussianImages(length=100.0), DropPatch(14)
    x, told, _, exact = problem(model, toy=toy)
    right, wrong = (
        score(posterior, model, x, told, drawn).mean() for drawn in (exact.draw(DRAWN, rng), exact.independent(DRAWN, rng))
    )
    assert wrong["crps"] == pytest.approx(right["crps"], rel=0.03)
    assert wrong["energy"] > 1.1 * right["energy"]
    assert score(regions, model, x, told, exact.independent(DRAWN, rng))["coverage_90_open"].mean() < 0.15


@pytest.mark.parametrize("model", [AddNoise(0.4), DropPatch(7)], ids=str)
def test_streaks_pass_coverage_and_energy_and_fail_in_texture(model, rng):
    x, told, _, exact = problem(model)
    right, wrong = (score(posterior, model, x, told, drawn) for drawn in (exact.draw(DRAWN, rng), streaks(exact, DRAWN, rng)))
    assert near(wrong["coverage_50"], 0.5) and near(wrong["coverage_90"], 0.9)
    assert wrong["energy"].mean() < 1.03 * right["energy"].mean()
    assert_rough(score(texture, model, x, told, streaks(exact, DRAWN, rng)), ("texture_1", "texture_2"))


@pytest.mark.parametrize("width, side", [(0.5, -1), (2, 1)])
def test_too_sure_and_not_sure_enough_are_told_by_spread_over_error(width, side, rng):
    model = AddNoise(0.4)
    x, told, _, exact = problem(model)
    centre = exact.mean.reshape(-1, *exact.shape)
    table = score(spread_skill, model, x, told, centre + width * (exact.draw(DRAWN, rng) - centre))
    # the mean of 32 samples is off by width² / 32 of the variance, beside 1 of the truth
    expected = width * ((1 + 1 / DRAWN) / (1 + width**2 / DRAWN)) ** 0.5
    assert near(table["spread_skill"], expected) and side * (table["spread_skill"].mean() - 1) > 0.3


# Whether samples pass for measurements


def told_apart(model, drawn, y, s):
    return two_sample.scores(y.numpy().astype(np.float16), as_stored(y, drawn)[1], to_disk(s.numpy()), model)["told_apart"]


def test_samples_that_are_right_pass_for_measurements_and_others_do_not(rng):
    model, count = DropPatch(7), 100
    _, y, s = TOY.measured(model, 3 * count, seeded(2))
    exact = TOY.posterior(model, y[:count], s[:count])
    assert near(told_apart(model, exact.draw(4, rng), y, s), 0.5, errors=3)
    for wrong in (exact.independent(4, rng), streaks(exact, 4, rng)):
        found = told_apart(model, wrong, y, s)
        assert found.mean() - 3 * found.sem() > 0.5


def test_what_cannot_be_told_apart_for_want_of_images_is_nan(rng):
    model = AddNoise(0.4)
    _, y, s = TOY.measured(model, 24, seeded(0))
    drawn = rng.random((2, 12, *TOY.shape))
    some = told_apart(model, drawn, y, s)
    assert len(some) == 12 and some.notna().all() and some.between(0, 1).all()
    assert told_apart(model, drawn, y[:20], s[:20]).isna().all()  # 8 others are too few
    assert list(told_apart(model, drawn, y[:23], s[:23]).isna()) == [False] * 11 + [True]
    assert told_apart(model, drawn, y[:12], s[:12]).isna().all()


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_fresh_measurement_is_one_of_the_forward_model(model, rng):
    """Its mean and spread about predict(x, s) are those of the model's own draws."""
    x, y, s = TOY.measured(model, 64, seeded(0))
    again = two_sample.fresh(x.numpy().astype(float), s.numpy(), model, rng)
    predicted, informs = model.predict(x, s).numpy(), np.broadcast_to(model.informs(s.numpy(), again.shape), again.shape)
    for measured in (again, y.numpy()):
        assert np.abs(np.where(informs, 0, measured - predicted)).max() < 1e-6
        assert (measured - predicted)[informs].std() == pytest.approx(model.sigma, rel=0.03, abs=1e-6)


# Formulas


def test_crps_and_energy_agree_with_scoringrules(rng):
    rules = pytest.importorskip("scoringrules")
    x, drawn = rng.random((6, 5, 1)), rng.random((9, 6, 5, 1))
    image = Sampled(x, drawn, np.ones(x.shape, bool))
    assert posterior.crps(image) == pytest.approx(rules.crps_ensemble(x, drawn, 0, estimator="fair").mean())
    scale = x.size**0.5
    fair = rules.es_ensemble(x.ravel(), drawn.reshape(9, -1), estimator="fair") / scale
    assert posterior.energy(image) == pytest.approx(fair)


def test_windows_lie_side_by_side():
    image = np.arange(15 * 22 * 3).reshape(15, 22, 3)
    found = samples.tiles(image)
    assert found.shape == (6, 147)
    np.testing.assert_array_equal(found[4], image[7:14, 7:14].ravel())
    assert samples.tiles(np.zeros((4, 6, 28, 1))).shape == (4, 0, 49)


def test_regions_by_hand(rng):
    """The place of the mean among those of the samples, of the open values of each window, of all, and of the whole image."""
    x, drawn, free = rng.random((7, 14, 1)), rng.random((3, 7, 14, 1)), rng.random((7, 14, 1)) < 0.5
    free[:, 7:] = False
    found = regions.Regions(Sampled(x, drawn, free))

    def rank(where):
        below = sum(np.rint(255 * each)[where].sum() < np.rint(255 * x)[where].sum() for each in drawn)
        return [below / 4], [(below + 1) / 4]

    assert tuple(map(list, found.windows)) == tuple(map(list, found.open)) == rank(free)  # one window, the other holds nothing
    assert tuple(map(list, found.whole)) == rank(np.ones(x.shape, bool))
    assert regions.energy_windows(found) == pytest.approx(posterior.energy_of(x[free], drawn[:, free]))
    nothing = regions.Regions(Sampled(x, drawn, np.zeros(x.shape, bool)))
    assert all(np.isnan(regions.METRICS[name].of(nothing)) for name in regions.METRICS if "whole" not in name)


def test_places_by_hand():
    place = Place.of(np.array([3, 3, 3]), np.array([[1, 3, 3], [2, 3, 5], [4, 3, 5]]))
    np.testing.assert_allclose([place.first, place.last], [[0.5, 0, 0], [0.75, 1, 0.5]])
    np.testing.assert_allclose(place.inside(0.5, 1), [1, 0.5, 0])
    assert place.coverage(0.5) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert sum(place.share_of_bin(number) for number in range(1, samples.BINS + 1)) == pytest.approx(1)


@pytest.mark.parametrize("lag", texture.LAGS)
def test_pairs_are_those_of_a_loop(lag):
    height, width = 6, 9
    places = np.arange(height * width).reshape(height, width, 1)
    for down, across in texture.DIRECTIONS:
        first, second = texture.pairs(places, lag, (down, across))
        expected = [
            (places[i, j, 0], places[i + lag * down, j + lag * across, 0])
            for i in range(height)
            for j in range(width)
            if i + lag * down < height and 0 <= j + lag * across < width
        ]
        assert list(zip(first.ravel(), second.ravel(), strict=True)) == expected


def test_the_distance_of_textures_is_the_energy_distance(rng):
    a, b = rng.integers(0, 256, 40), rng.integers(20, 200, (3, 30))
    between, within_a, within_b = (np.abs(np.subtract.outer(u, v)).mean() for u, v in ((a, b.ravel()), (a, a), (b.ravel(),) * 2))
    expected = (between - within_a / 2 - within_b / 2) / between
    assert texture.distance(texture.distributions([(a, b)])) == pytest.approx(expected)
    same = texture.distributions([(a, np.stack([a, a]))])
    assert texture.distance(same) == 0
    assert texture.distance(texture.distributions([(np.zeros(3), np.full((2, 3), 100))])) == 1


def test_differences_are_of_pairs_with_an_open_end():
    x = np.zeros((1, 5, 1))
    x[0, 2:] = 1
    free = np.zeros(x.shape, bool)
    free[0, 1] = True
    truth, drawn = texture.differences(Sampled(x, np.stack([x, 0 * x]), free), 1)[0]  # along the row: (0, 1) and (1, 2)
    np.testing.assert_array_equal(truth, [0, 255])
    np.testing.assert_array_equal(drawn, [[0, 255], [0, 0]])


def test_pseudo_values_have_the_mean_and_the_error_of_the_statistic(rng):
    parts = rng.normal((2, 3), (0.5, 1), (400, 2))
    np.testing.assert_allclose(samples.pseudo_values(parts, lambda mean: mean[..., 0]), parts[:, 0])
    found = samples.pseudo_values(parts, texture.ratio)
    assert found.mean() == pytest.approx(parts[:, 0].mean() / parts[:, 1].mean(), abs=0.001)
    by_delta = (0.5**2 / 9 + 4 / 81) ** 0.5  # √(σ_a² / b² + a² σ_b² / b⁴)
    assert found.std() == pytest.approx(by_delta, rel=0.1)
    parts[7] = np.nan
    assert np.isnan(samples.pseudo_values(parts, texture.ratio)).sum() == 1
    assert np.isnan(samples.pseudo_values(parts[:1], texture.ratio)).all()


def test_parts_of_spread_and_error_by_hand():
    found = spread_skill.parts_of(np.array([0.0, 0.04, 0.05]), np.array([0.1, 0.2, 0.3]))
    part = list(np.array(spread_skill.EDGES) > 0.2).index(True)
    assert found["variance_1"] == 0 and found["error_1"] == 0.1
    holds = {name: value for name, value in found.items() if not np.isnan(value)}
    assert len(holds) == 4 and holds[f"error_{part}"] == pytest.approx(0.25) and holds[f"variance_{part}"] == pytest.approx(0.045)


def test_an_exact_sampler_reads_right_as_often_as_two_samples_agree(rng):
    """The truth's digit and the samples' are drawn from the same law, another for each image."""
    law = rng.dirichlet(np.full(10, 0.5), 2000)
    drawn = np.array([rng.choice(10, 9, p=p) for p in law])  # [N, 1 + K]
    table = sample_digits.scores(np.eye(10)[drawn[:, 1:].T], drawn[:, 0])
    apart = table["accuracy_sample"] - (1 - table["digits_differ"])
    assert near(apart, 0) and stats.sem(apart) < 0.02


# The commands


@pytest.fixture
def files(tmp_path, rng):
    """Files of 20 measured images and of 3 samples of the first six; {need: path}."""
    x, y, s = TOY.measured(DropPatch(7), 20, seeded(0))
    clean, drawn = as_stored(x, rng.random((3, 6, *TOY.shape)))
    torch.save({"classes": 4, "weights": digit_classifier.network(1, 4).state_dict()}, tmp_path / "classifier.pt")
    arrays = {"clean": clean, "test.y": y.numpy().astype(np.float16), "test.side_info": to_disk(s.numpy()), "samples": drawn}
    for name, array in (arrays | {"labels": np.arange(20, dtype=np.uint8) % 4}).items():
        store.save_array(tmp_path / f"{name}.npy", array)
    facts = {"dataset": "toy", "measurement": "some", "family": "drop_patch", "options": {"size": 7}, "images": 20}
    store.save_json(tmp_path / "test.json", facts)
    store.save_json(tmp_path / "samples.json", {"dataset": "toy", "measurement": "some", "method": "dice", "seed": 3})
    named = {"y": "test.y", "side_info": "test.side_info"} | {name: name for name in ("clean", "samples", "labels")}
    return {need: tmp_path / f"{stem}.npy" for need, stem in named.items()} | {"classifier": tmp_path / "classifier.pt"}


def command_of(name: str, files: dict) -> list[str]:
    return flags(
        {need: files[need] for need in declared.programs()[name].needs} | {"output": files["clean"].with_name("out.csv")}
    )


OF_SAMPLES = [name for name, program in declared.programs().items() if program.of_samples]


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_a_program_has_a_row_for_each_sampled_image(name, files, command):
    outcome = command(f"metrics.{name}", *command_of(name, files))
    assert outcome.code == 0, outcome.err
    table = pd.read_csv(files["clean"].with_name("out.csv"))
    assert list(table) == [*declared.IDENTITY, "image", *declared.programs()[name].metrics, "samples"]
    assert list(table["image"]) == list(range(6)) and set(table["samples"]) == {3} and set(table["method"]) == {"dice"}


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_samples_that_are_none_are_refused_in_one_line(name, files, command):
    store.save_array(files["samples"], np.zeros((6, *TOY.shape), np.float16))
    outcome = command(f"metrics.{name}", *command_of(name, files))
    assert outcome.code and "samples.npy: holds (6, 14, 14, 1), not restored images (any, any" in outcome.line
    assert not files["clean"].with_name("out.csv").exists()


def test_side_information_of_other_images_is_refused(files, command):
    store.save_array(files["side_info"], np.load(files["side_info"])[:19])
    outcome = command("metrics.two_sample", *command_of("two_sample", files))
    assert outcome.code and "test.side_info.npy: holds (19, " in outcome.line


def test_digits_of_samples_are_those_that_the_classifier_sees_in_each(files, command):
    assert command("metrics.sample_digits", *command_of("sample_digits", files)).code == 0
    net, labels = digit_classifier.load(files["classifier"], 1), np.load(files["labels"])[:6]
    seen = np.array([digit_classifier.probabilities(net, one).argmax(1) for one in np.load(files["samples"])])
    table = pd.read_csv(files["clean"].with_name("out.csv"))
    np.testing.assert_allclose(table["accuracy_sample"], (seen == labels).mean(0), atol=1e-6)
