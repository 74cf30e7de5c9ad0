"""Every method: what it declares, how its command behaves, what it restores, on every forward model that it applies to.

A new method and a new forward model are tested by existing. Commands run as `python -m` would run them, inside this process.
"""

import inspect
import json
import re
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from conftest import IMAGES, flags, shortened
from declared import (
    FAMILIES,
    LEARNED,
    METHODS,
    PAIRS,
    SAMPLED,
    SAMPLING,
    applies_to,
    defaults,
    learner_class,
    own_options,
    program,
)
from skimage.restoration import denoise_tv_chambolle

import store
from bench.clock import timed
from bench.measured import Measured
from bench.restoring import restored, sampled
from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_independent_noise import DropIndependentNoise
from measurements.side_info import pack
from options import TYPES, checked

SECTIONS = [(m, section) for m in METHODS for section in ("train", "restore") if section == "restore" or m in LEARNED]
OPTIONS = [(method, section, name) for method, section in SECTIONS for name in getattr(METHODS[method], section)]


def restore_of(method):
    return program(method).restore


def keywords(function):
    return {p.name: p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


# --- declarations --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_restore_exists_and_says_what_it_does(method):
    assert inspect.isgeneratorfunction(inspect.unwrap(restore_of(method)))
    assert inspect.getdoc(restore_of(method)) and program(method).__doc__
    assert applies_to(method)


@pytest.mark.parametrize("method", METHODS)
def test_rules_are_those_of_the_programs(method, rules):
    has = {"restore": True, "train": method in LEARNED, "sample": method in SAMPLING}
    assert set(rules[method]) == {rule for rule, there in has.items() if there}


@pytest.mark.parametrize(("method", "section", "name"), OPTIONS)
def test_options_are_described_and_defaults_keep_to_their_bounds(method, section, name):
    schema = getattr(METHODS[method], section)[name]
    assert schema["description"]
    assert "enum" in schema or schema["type"] in TYPES
    jsonschema.validate(schema["default"], schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("method", METHODS)
def test_keywords_of_restore_are_its_options_and_the_files_of_its_rules(method, rules):
    for rule in rules[method].keys() - {"train"}:
        found = keywords(getattr(program(method), rule))
        files = {name for name, parameter in found.items() if parameter.annotation is Path}
        assert files == rules[method][rule].keys() - {"y", "side_info"}
        options = found.keys() - files - {"seed", "count"}
        assert options == METHODS[method].restore.keys() if rule == "restore" else options <= METHODS[method].restore.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_randomness_runs_once_for_each_seed(method):
    assert METHODS[method].seeded or "seed" not in keywords(restore_of(method))


@pytest.mark.parametrize("method", LEARNED)
def test_keywords_of_a_learner_are_its_options_and_defaults_stand_in_its_method_yaml_alone(method):
    taken = keywords(learner_class(method).__init__)
    assert list(taken) == list(own_options(method))
    assert {parameter.default for parameter in taken.values()} <= {inspect.Parameter.empty}


# --- estimates -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_estimates_are_finite_images_that_follow_from_the_seed(world, method, family):
    estimates = world.restore(method, family)
    assert estimates and all(estimate.shape == (IMAGES, 28, 28, 1) for estimate in estimates)
    assert all(np.isfinite(estimate).all() for estimate in estimates)
    again = world.restore(method, family, world.measured(method, family))
    np.testing.assert_array_equal(again, estimates)


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_an_estimate_does_not_depend_on_its_neighbours(world, method, family):
    alone = world.restore(method, family, world.measured(method, family)[5:6])[-1]
    searches = method in LEARNED and shortened(method)
    np.testing.assert_allclose(alone[0], world.restore(method, family)[-1][5], atol=1e-3 if searches else 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_whether_it_keeps_the_values_that_were_measured_exactly(world, method):
    kept = []
    for family in applies_to(method):
        measured = world.measured("mean_image" if "side_info" not in world.rules[method]["restore"] else method, family)
        if measured.observed.any():
            estimates = world.restore(method, family)
            kept += [np.array_equal(each[measured.observed], np.float32(measured.y)[measured.observed]) for each in estimates]
            assert method == "as_measured" or not np.array_equal(estimates[-1], np.float32(measured.y))  # others are restored
    assert METHODS[method].keeps_observed == (bool(kept) and all(kept))


@pytest.mark.parametrize("method", [method for method in METHODS if "seed" in keywords(restore_of(method))])
def test_a_posterior_sample_as_the_estimate_follows_from_the_seed(world, method):
    switched = replace(world.measured(method, "add_noise"), protocol=frozenset({"posterior_sample"}))
    first, same, other = (world.restore(method, "add_noise", switched, seed=seed)[-1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("method", LEARNED)
def test_with_batch_statistics_an_estimate_depends_on_its_neighbours_where_a_network_has_batch_norm(world, method):
    family = min(applies_to(method), key=lambda name: name != "add_noise")  # that one, where the method applies to it
    measured = replace(world.measured(method, family), protocol=frozenset({"batch_statistics"}))
    alone, together = (world.restore(method, family, part)[-1][0] for part in (measured[:2], measured))
    networks = torch.load(world.inputs(method, family)["model"], weights_only=True)["networks"].values()
    normed = any(name.endswith("running_mean") for network in networks for name in network["weights"])
    assert (np.abs(alone - together).max() > 1e-3) == normed


def test_with_batch_statistics_the_bench_hands_over_64_images_at_a_time(tmp_path):
    sizes = []

    def restore(part):
        sizes.append(len(part.y))
        yield part.y

    measured = Measured(np.zeros((150, 4, 4, 1), np.float32), AddNoise(0.1))
    restored(restore, measured, tmp_path / "test.npy")
    restored(restore, replace(measured, protocol=frozenset({"batch_statistics"})), tmp_path / "test.npy")
    assert sizes == [150, 64, 64, 22]


# --- posterior samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "family"), SAMPLED)
def test_samples_are_images_of_their_own_that_follow_from_the_seed(world, method, family):
    samples = world.sample(method, family, seed=3)
    assert samples.shape == (3, IMAGES, 28, 28, 1)
    assert np.isfinite(samples).all() and samples.min() >= 0 and samples.max() <= 1
    assert (samples.std(0).max((1, 2, 3)) > 0).all()
    np.testing.assert_array_equal(samples, world.sample(method, family, seed=3))
    assert not np.array_equal(samples, world.sample(method, family, seed=4))
    alone = world.sample(method, family, world.measured(method, family, "sample")[5:6], seed=3)
    np.testing.assert_allclose(alone[:, 0], samples[:, 5], atol=1e-3)


@pytest.mark.parametrize("method", SAMPLING)
def test_the_command_writes_samples_and_their_facts(world, command, tmp_path, method, monkeypatch):
    """A part of the images at a time, of the first images only."""
    monkeypatch.setattr("bench.command.SAMPLED_IMAGES", 5)
    monkeypatch.setattr("bench.restoring.CPU_VALUES", 9 * 28 * 28)
    family = applies_to(method, "posterior")[0]
    given = flags(world.inputs(method, family, "sample") | {"output": tmp_path / "posterior.npy", "seed": 2, "samples": 3})
    outcome = command(f"methods.{method}.restore", *given)
    assert outcome.code == 0, outcome.err
    samples, facts = np.load(tmp_path / "posterior.npy"), json.loads((tmp_path / "posterior.json").read_text())
    assert samples.dtype == np.float16 and samples.shape == (3, 5, 28, 28, 1)
    np.testing.assert_allclose(samples, world.sample(method, family, seed=2)[:, :5], atol=1e-3)
    said = [facts[key] for key in ("method", "dataset", "measurement", "seed", "samples", "images")]
    assert said == [method, "toy", family, 2, 3, 5] and facts["seconds"] > 0 and facts["device"]


def test_numbers_belong_to_the_image_and_the_seed_and_are_normal():
    y = np.random.default_rng(0).random((50, 4, 4, 1)).astype(np.float32)
    measured = Measured(y, AddNoise(0.1))
    numbers = measured.normal(40, (5, 3), seed=1)
    assert numbers.shape == (40, 50, 5, 3) and numbers.dtype == np.float32
    np.testing.assert_array_equal(measured[7:9].normal(40, (5, 3), seed=1), numbers[:, 7:9])
    assert not np.array_equal(measured.normal(40, (5, 3), seed=2), numbers)
    assert abs(numbers.mean()) < 4 / numbers.size**0.5 and numbers.std() == pytest.approx(1, abs=4 / (2 * numbers.size) ** 0.5)
    between = np.corrcoef(numbers.transpose(1, 0, 2, 3).reshape(50, -1))[~np.eye(50, dtype=bool)]
    assert np.abs(between).max() < 6 / 600**0.5  # nor do images share them


@pytest.mark.parametrize("shape", [(2, 3, 8, 8, 1), (3, 2, 8, 8, 3), (3, 8, 8, 1)])
def test_samples_of_another_shape_are_refused(shape):
    measured = Measured(np.zeros((2, 8, 8, 1), np.float32), AddNoise(0.1))
    with pytest.raises(SystemExit, match="^the samples have shape"):
        sampled(lambda part: np.zeros(shape), measured, 3)


def test_a_method_without_a_posterior_has_no_such_flag(command, tmp_path):
    outcome = command("methods.as_measured.restore", "--y", "none", "--output", tmp_path / "x.npy", "--samples")
    assert outcome.code == 2 and "--samples" in outcome.err.splitlines()[-1]


# --- commands ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_the_command_writes_the_last_estimate_and_its_facts(world, command, tmp_path, method, family):
    output = tmp_path / "out" / "test.npy"
    given = flags(world.inputs(method, family) | shortened(method) | {"output": output, "seed": 0})
    outcome = command(f"methods.{method}.restore", *given)
    assert outcome.code == 0, outcome.err
    images, facts = np.load(output), json.loads(output.with_suffix(".json").read_text())
    assert images.dtype == np.float16
    np.testing.assert_allclose(images, world.restore(method, family)[-1].clip(0, 1), atol=1e-3)
    said = [facts[key] for key in ("method", "dataset", "measurement", "seed", "threads", "protocol")]
    assert said == [method, "toy", family, 0, 1, "sound"]
    assert facts["options"] == defaults(METHODS[method].restore) | shortened(method)
    assert facts["seconds"] > 0 and facts["device"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.json", "test.npy"]


@pytest.mark.parametrize("method", METHODS)
def test_the_first_images_alone_are_restored_as_they_are_among_all(world, command, tmp_path, method):
    family = applies_to(method)[0]
    given = world.inputs(method, family) | shortened(method) | {"output": tmp_path / "test.npy", "seed": 0}
    for asked, count in ((3, 3), (IMAGES + 1, IMAGES)):
        outcome = command(f"methods.{method}.restore", *flags(given | {"first_images": asked}))
        assert outcome.code == 0, outcome.err
        np.testing.assert_allclose(
            np.load(tmp_path / "test.npy"), world.restore(method, family)[-1][:count].clip(0, 1), atol=1e-3
        )
        facts = json.loads((tmp_path / "test.json").read_text())
        assert facts.get("first_images") == (3 if count == 3 else None)  # nothing where it is all of them
        assert facts["options"] == defaults(METHODS[method].restore) | shortened(method)


@pytest.mark.parametrize("method", METHODS)
def test_timing_writes_a_point_for_each_kept_step(world, command, tmp_path, method):
    """float16 [T, N, H, W, C], seconds that grow, steps that match the generator's yields."""
    family = applies_to(method)[0]
    given = flags(world.inputs(method, family) | shortened(method) | {"output": tmp_path / "timing.npy"})
    outcome = command(f"methods.{method}.restore", *given, "--timing")
    assert outcome.code == 0, outcome.err
    images, facts = np.load(tmp_path / "timing.npy"), json.loads((tmp_path / "timing.json").read_text())
    estimates = world.restore(method, family)
    steps, seconds = facts["steps"], facts["seconds"]
    assert images.dtype == np.float16 and images.shape == (len(steps), IMAGES, 28, 28, 1)
    assert len(seconds) == len(steps) and seconds[0] > 0 and (np.diff(seconds) > 0).all()
    assert steps[0] == 1 and steps[-1] == len(estimates) and facts["images"] == IMAGES
    assert facts["setting"] == [""] * len(steps)
    assert len(facts["seconds_of_one"]) == len(steps) and (np.diff([0, *facts["seconds_of_one"]]) > 0).all()
    assert all(b >= 1.1 * a for a, b in zip(steps[:-2], steps[1:-1], strict=True))
    for step, image in zip(steps, images, strict=True):
        np.testing.assert_allclose(image, estimates[step - 1].clip(0, 1), atol=1e-3)


@pytest.mark.parametrize(("method", "section"), SECTIONS)
def test_help_names_every_option_and_every_input(command, rules, method, section):
    outcome = command(f"methods.{method}.{section}", "--help")
    assert outcome.code == 0
    for name in [*getattr(METHODS[method], section), *rules[method][section]]:
        assert f"--{name.replace('_', '-')}" in outcome.out
    assert section == "train" or inspect.getdoc(restore_of(method)).split()[0] in outcome.out


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_file_is_one_line_that_names_it(world, command, tmp_path, method):
    files = world.inputs(method, applies_to(method)[0])
    shutil.copy(files["y"].with_name("test.json"), tmp_path / "gone.json")
    for missing in files:
        gone = tmp_path / ("gone.y.npy" if missing == "y" else "gone.npy")
        output = {"output": tmp_path / "out" / "test.npy"}
        outcome = command(f"methods.{method}.restore", *flags(files | {missing: gone} | shortened(method) | output))
        assert outcome.code == 1
        assert str(gone) in outcome.line
        assert not (tmp_path / "out").exists()


def outside(schema):
    """Values that an option must not have."""
    beyond = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1, "exclusiveMaximum": 0}
    return [schema[key] + step for key, step in beyond.items() if key in schema] or ["nothing_of_the_kind"]


@pytest.mark.parametrize(("method", "section", "name"), OPTIONS)
def test_an_option_out_of_bounds_is_one_line_that_names_it(command, rules, tmp_path, method, section, name):
    schema = getattr(METHODS[method], section)[name]
    needed = flags({file: "none" for file in {"y": "", **rules[method][section]}} | {"output": tmp_path / "out.npy"})
    for value in outside(schema):
        with pytest.raises(ValueError):
            checked(name, value, schema)
        outcome = command(f"methods.{method}.{section}", *needed, f"--{name.replace('_', '-')}={value}")
        assert outcome.code == 2
        *usage, line = outcome.err.strip().splitlines()
        assert re.search(rf"error: argument --{name.replace('_', '-')}: .*{value}", line)
        assert usage[0].startswith("usage: ")
        assert all(before.startswith((" ", "usage: ")) for before in usage)
    assert list(tmp_path.iterdir()) == []


# --- classical methods against independent implementations -----------------------------------------------------------------


def noisy(shape, sigma=0.2, seed=0):
    rng = np.random.default_rng(seed)
    clean = np.kron(rng.random((shape[0], shape[1] // 4, shape[2] // 4, shape[3])), np.ones((1, 4, 4, 1)))
    y = (clean + sigma * rng.normal(size=shape)).astype(np.float32)
    return Measured(y, AddNoise(sigma), np.full((len(y), 1, 1, 1), sigma, np.float32))


def lossy(y, lost=0.5, seed=0):
    seen = np.random.default_rng(seed).random(y.shape) >= lost
    return Measured(np.where(seen, y, 0).astype(np.float32), DropIndependent(lost), pack(seen))


def variation(x):
    """Isotropic TV of one plane, pixel by pixel."""
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[:-1], right[:, :-1] = x[1:] - x[:-1], x[:, 1:] - x[:, :-1]
    return np.sqrt(down**2 + right**2).sum()


def roughness(x):
    return (np.diff(x, axis=0) ** 2).sum() + (np.diff(x, axis=1) ** 2).sum()


@pytest.mark.parametrize("weight", [0.4, 0.75])
def test_total_variation_on_noise_is_that_of_scikit_image(weight):
    """skimage's weight is the λ of ½ ‖x - y‖² + λ TV(x): weight · σ of ours."""
    measured = noisy((2, 16, 20, 2))
    *_, ours = restore_of("total_variation")(measured, weight=weight, steps=600)
    for image, expected in zip(ours, measured.y.astype(np.float64), strict=True):
        for channel in range(2):
            plane = expected[..., channel]
            theirs = denoise_tv_chambolle(plane, weight=weight * 0.2, eps=1e-12, max_num_iter=5000)
            assert np.abs(theirs - plane).max() > 0.05  # there was something to do
            np.testing.assert_allclose(image[..., channel], theirs, atol=2e-3)


def test_the_last_default_step_of_total_variation_is_close_to_the_minimum():
    measured, options = noisy((2, 28, 28, 1)), defaults(METHODS["total_variation"].restore)
    *_, ours = restore_of("total_variation")(measured, **options)
    for image, y in zip(ours[..., 0], measured.y[..., 0].astype(np.float64), strict=True):
        theirs = denoise_tv_chambolle(y, weight=options["weight"] * 0.2, eps=1e-12, max_num_iter=5000)
        assert np.sqrt(((image - theirs) ** 2).mean()) < 1e-3


def test_harmonic_inpainting_solves_the_dense_system():
    """Each lost value is the mean of its neighbours: one equation per lost value, written out and solved by NumPy."""
    height, width, channels = 6, 5, 2
    measured = lossy(np.random.default_rng(1).random((3, height, width, channels)))
    (estimate,) = restore_of("harmonic")(measured)
    for image in range(3):
        for c in range(channels):
            y, seen = measured.y[image, :, :, c].astype(np.float64), measured.informs[image, :, :, c]
            matrix, right = np.eye(height * width), np.zeros(height * width)
            for i in range(height):
                for j in range(width):
                    row = i * width + j
                    right[row] = y[i, j] if seen[i, j] else 0
                    if not seen[i, j]:
                        around = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
                        inside = [(a, b) for a, b in around if 0 <= a < height and 0 <= b < width]
                        for a, b in inside:
                            matrix[row, a * width + b] = -1 / len(inside)
            expected = np.linalg.solve(matrix, right).reshape(height, width)
            np.testing.assert_allclose(estimate[image, :, :, c], expected, atol=1e-6)


def test_each_inpainting_is_best_by_its_own_measure(world):
    """Total variation has less TV than the harmonic fill, which has less squared difference; both fit what was seen."""
    harmonic = world.restore("harmonic", "drop_patch")[-1][..., 0]
    total = world.restore("total_variation", "drop_patch", steps=300)[-1][..., 0]
    for smooth, flat in zip(harmonic, total, strict=True):
        assert variation(flat) <= variation(smooth) + 1e-2
        assert roughness(smooth) <= roughness(flat) + 1e-4


def test_normalized_convolution_by_hand():
    """Between one 0 and one 1 at equal distance lies ½; nearer to one of them G(1) and G(2) weigh them."""
    y = np.array([0, 0, 0, 1], np.float32).reshape(1, 1, 4, 1)
    seen = np.array([True, False, False, True]).reshape(y.shape)
    measured = Measured(y, DropIndependent(0.5), pack(seen))
    (estimate,) = restore_of("normalized_convolution")(measured, width=1.0)
    near, far = np.exp(-1 / 2), np.exp(-4 / 2)
    np.testing.assert_allclose(estimate.ravel(), [0, far / (near + far), near / (near + far), 1], atol=1e-5)


def test_mean_image_by_hand(tmp_path):
    """Where two of three training images were seen their mean, where none was the mean of everything seen."""
    y = np.array([[0.2, 0.0], [0.6, 0.0], [0.0, 0.0]], np.float16).reshape(3, 1, 2, 1)
    store.save_array(tmp_path / "y.npy", y)
    store.save_array(tmp_path / "side_info.npy", pack(np.array([[1, 0], [1, 0], [0, 0]], bool).reshape(y.shape)))
    measured = Measured(
        np.array([[0.9, 0], [0, 0]], np.float32).reshape(2, 1, 2, 1),
        DropIndependent(0.5),
        pack(np.array([[1, 0], [0, 0]], bool).reshape(2, 1, 2, 1)),
    )
    (estimate,) = restore_of("mean_image")(measured, train_y=tmp_path / "y.npy", train_side_info=tmp_path / "side_info.npy")
    np.testing.assert_allclose(estimate.reshape(2, 2), [[0.9, 0.4], [0.4, 0.4]], atol=1e-3)


def test_linear_mmse_is_the_conditional_mean_of_a_gaussian(tmp_path):
    """Of images that are Gaussian: with the true moments exactly, with estimated ones nearly, and better than the mean image."""
    from methods.linear_mmse.restore import Moments, conditional_mean

    rng, shape, sigma = np.random.default_rng(0), (4, 4, 1), 0.1
    factor = rng.normal(size=(16, 4)) / 8
    C, mean = factor @ factor.T + 1e-3 * np.eye(16), np.full(16, 0.5)
    x = rng.multivariate_normal(mean, C, 20000)
    seen = rng.random(x.shape) >= 0.4
    model = DropIndependentNoise(0.4, sigma)
    y = np.where(seen, x + sigma * rng.normal(size=x.shape), 0).astype(np.float32).reshape(-1, *shape)
    test = Measured(y[:50], model, pack(seen[:50].reshape(-1, *shape)))
    expected = []
    for row, o in zip(y[:50].reshape(50, -1), seen[:50], strict=True):
        gain = C[:, o] @ np.linalg.inv(C[np.ix_(o, o)] + sigma**2 * np.eye(o.sum()))
        expected.append(mean + gain @ (row - mean)[o])
    exact = conditional_mean(test, Moments(mean.reshape(shape), C), 0.0).reshape(50, -1)
    np.testing.assert_allclose(exact, expected, atol=1e-6)

    store.save_array(tmp_path / "y.npy", y[50:])
    store.save_array(tmp_path / "side_info.npy", pack(seen[50:].reshape(-1, *shape)))
    files = {"train_y": tmp_path / "y.npy", "train_side_info": tmp_path / "side_info.npy"}
    (estimate,) = restore_of("linear_mmse")(test, **files, images=20000)
    assert np.abs(estimate.reshape(50, -1) - expected).mean() < 0.01
    (plain,) = restore_of("mean_image")(test, **files)
    assert ((estimate.reshape(50, -1) - x[:50]) ** 2).mean() < 0.5 * ((plain.reshape(50, -1) - x[:50]) ** 2).mean()


def test_windows_that_are_cut_and_pasted_are_the_image():
    from methods.linear_mmse.windows import Windows

    for shape, places in (((28, 28, 1), 1), ((64, 64, 3), 49), ((70, 65, 1), 64)):
        images, windows = np.random.default_rng(0).random((2, *shape)), Windows(shape)
        assert len(windows.places) == places and len(windows.cut(images)) == 2 * places
        np.testing.assert_allclose(windows.paste(windows.cut(images)), images)


# Methods that see one measurement alone and draw no random numbers.
CLASSICAL = [m for m in METHODS if m not in LEARNED and not {"model", "train_y", "seed"} & keywords(restore_of(m)).keys()]


@pytest.mark.parametrize(("method", "family"), [(m, f) for m in CLASSICAL if m != "as_measured" for f in applies_to(m)])
def test_a_constant_image_is_restored_as_it_is(method, family):
    """Where nothing but the lost values is away from the constant; noise is left out."""
    constant, model = np.full((2, 12, 12, 3), 0.25, np.float32), FAMILIES[family]
    side_info = model.side_info(model.draw(2, (12, 12, 3), torch.Generator().manual_seed(0))).numpy()
    y = np.asarray(model.predict(constant, side_info), np.float32)
    measured = Measured(y, model, pack(side_info) if side_info.dtype == bool else side_info)
    *_, estimate = restore_of(method)(measured, **defaults(METHODS[method].restore))
    # OpenCV adds the direction of the gradient, up to √2 of 255 levels, wherever rounding makes one.
    np.testing.assert_allclose(estimate, constant, atol=5 / 255 if method == "telea" else 1e-5)


def test_median_removes_a_speck_and_does_not_mix_channels_or_images():
    y = np.zeros((2, 7, 7, 2), np.float32)
    y[0, 3, 3, 0], y[1, :, :, 1] = 1, 0.5
    (estimate,) = restore_of("median")(Measured(y, AddNoise(0.1)), window=3)
    np.testing.assert_array_equal(estimate[0], 0)
    np.testing.assert_array_equal(estimate[1], y[1])


def test_gaussian_blur_of_a_point_is_the_gaussian():
    """Mass 1, symmetric, and falling by e^(-1/(2 w²)) to the first neighbour; other channels stay empty."""
    y = np.zeros((1, 21, 21, 2), np.float32)
    y[0, 10, 10, 0] = 1
    (estimate,) = restore_of("gaussian")(Measured(y, AddNoise(0.1)), width=1.5)
    plane = estimate[0, :, :, 0]
    assert plane.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(plane, plane.T, atol=1e-7)
    assert plane[10, 11] / plane[10, 10] == pytest.approx(np.exp(-1 / (2 * 1.5**2)), rel=1e-4)
    assert not estimate[..., 1].any()


def test_as_measured_is_the_measurement(world):
    for family in FAMILIES:
        (estimate,) = world.restore("as_measured", family)
        np.testing.assert_array_equal(estimate, np.float32(world.measured("as_measured", family).y))


@pytest.mark.parametrize("bench", [restored, timed])
def test_a_method_that_yields_nothing_is_told_so(bench, tmp_path):
    measured = Measured(np.zeros((2, 8, 8, 1), np.float32), AddNoise(0.1))
    to = [tmp_path / "test.npy"] if bench is restored else []
    with pytest.raises(SystemExit, match="^the method yields no estimate$"):
        bench(lambda part: iter(()), measured, *to)
    assert not list(tmp_path.iterdir())


def test_a_search_is_timed_with_other_options_too(world, command, tmp_path):
    """After its own estimates come those with each other option, as if it had been run with that one."""
    family = applies_to("acsg")[0]
    given = world.inputs("acsg", family) | {"steps": 4, "restarts": 1, "output": tmp_path / "timing.npy", "seed": 0}
    outcome = command("methods.acsg.restore", *flags(given), "--timing", "restarts=3", "steps=2", "loss=features")
    assert outcome.code == 0, outcome.err
    images, facts = np.load(tmp_path / "timing.npy"), json.loads((tmp_path / "timing.json").read_text())
    settings = [""] * 4 + ["restarts=3"] * 4 + ["steps=2"] * 2 + ["loss=features"] * 4
    assert facts["setting"] == settings and facts["steps"] == [1, 2, 3, 4] * 2 + [1, 2] + [1, 2, 3, 4]
    assert facts["options"]["restarts"] == 1 and len(images) == len(facts["seconds"]) == len(facts["seconds_of_one"]) == 14
    command("methods.acsg.restore", *flags(given | {"restarts": 3, "output": tmp_path / "other.npy"}), "--timing")
    np.testing.assert_array_equal(images[4:8], np.load(tmp_path / "other.npy"))
    assert not np.array_equal(images[4:8], images[:4])
    np.testing.assert_array_equal(images[8:10], images[:2])


@pytest.mark.parametrize("asked", ["restarts", "starts=3", "restarts=0", "loss=none"])
def test_a_setting_that_is_none_is_refused(command, tmp_path, asked):
    given = {"y": "none", "model": "none", "output": tmp_path / "timing.npy"}
    outcome = command("methods.acsg.restore", *flags(given), "--timing", asked)
    assert outcome.code == 2 and asked.partition("=")[0] in outcome.err.splitlines()[-1]


def test_one_image_is_timed_by_itself_and_may_end_earlier():
    """Each step of an image takes 2 ms; a batch takes a step for each of its images."""
    sizes = []

    def restore(measured):
        sizes.append(len(measured.y))
        for _ in measured.y:
            time.sleep(0.002)
            yield measured.y

    estimates, facts = timed(restore, noisy((4, 8, 8, 1)))
    assert len(estimates) == 4 and set(sizes) == {4, 1} and facts["images"] == 4
    assert facts["seconds"][-1] >= 0.008 and len(set(facts["seconds_of_one"])) == 1
    assert 0.002 <= facts["seconds_of_one"][0] < facts["seconds"][-1]


def test_with_batch_statistics_no_image_is_timed_by_itself():
    measured = Measured(noisy((4, 8, 8, 1)).y, AddNoise(0.1), protocol=frozenset({"batch_statistics"}))
    sizes = set()

    def restore(part):
        sizes.add(len(part.y))
        yield part.y

    _, facts = timed(restore, measured)
    assert sizes == {4} and "seconds_of_one" not in facts


def test_timing_needs_no_psutil(monkeypatch):
    """A machine with PyTorch alone cannot say what others did, and still times."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    measured = noisy((4, 28, 28, 1))
    _, facts = timed(lambda part: iter([part.y]), measured)
    assert facts["others_busy"] is None and len(facts["seconds"]) == 1
