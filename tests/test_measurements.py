"""The forward models against their laws: every family found, with option values taken from the configuration's schema."""

import dataclasses
import doctest
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy import stats

import store
from measurements import masks, measure
from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from measurements.forward import from_facts

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "config" / "schema.yaml").read_text())
SHAPE = (9, 6, 2)  # neither square nor of one channel


def schema_of(family: str) -> dict:
    """{option: JSON schema} of a family in config/schema.yaml."""
    patterns = SCHEMA["properties"]["datasets"]["additionalProperties"]["patternProperties"]
    return next(schema for pattern, schema in patterns.items() if re.search(pattern, family))


def examples(family: str) -> list[dict]:
    """Allowed options of a family: numbers 0.4, 0.7, …, integers 4, both of every switch."""
    numbers = iter((0.4, 0.7, 0.9))
    kinds = {"number": lambda: next(numbers), "integer": lambda: 4}
    properties = schema_of(family)["properties"]
    options = {name: kinds[about["type"]]() for name, about in properties.items() if about["type"] != "boolean"}
    switches = [name for name, about in properties.items() if about["type"] == "boolean"]
    return [options | {switch: value} for switch in switches for value in (True, False)] or [options]


CASES = [pytest.param(FAMILIES[f], o, id=f"{f}-{i}") for f in FAMILIES for i, o in enumerate(examples(f))]
every_case = pytest.mark.parametrize(("family", "options"), CASES)


def draws(measurement, n: int, shape=SHAPE, seed=0) -> torch.Tensor:
    """θ of n images, drawn as the benchmark draws them: each with its own random numbers."""
    return measure.draw(measurement, shape, seed, "train", range(n))


def some_image(shape=SHAPE, dtype=torch.float64) -> torch.Tensor:
    return torch.rand((1, *shape), generator=torch.Generator().manual_seed(1), dtype=dtype)


def some_clean(n: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (n, *shape), np.uint8)


# Every family


@pytest.mark.parametrize("name", FAMILIES)
def test_configuration_names_the_options_of_the_family(name):
    fields = {field.name: field for field in dataclasses.fields(FAMILIES[name])}
    assert set(schema_of(name)["properties"]) == set(fields)
    assert set(schema_of(name)["required"]) == {key for key, f in fields.items() if f.default is dataclasses.MISSING}


@every_case
def test_facts_describe_the_measurement_completely(family, options):
    name = next(name for name, known in FAMILIES.items() if known is family)
    facts = json.loads(json.dumps({"family": name, "options": dataclasses.asdict(family(**options))}))
    assert from_facts(facts) == family(**options)


@every_case
def test_mean_is_the_average_over_draws(family, options):
    measurement, n, x = family(**options), 6000, some_image()
    y = measurement.apply(x.expand(n, *SHAPE), draws(measurement, n))
    error = (y.mean(0) - measurement.mean(x)[0]).abs()
    assert (error <= 5 * y.std(0) / n**0.5 + 1e-6).all()


@every_case
def test_unbiased_gives_the_image_back_on_average_or_is_the_identity(family, options):
    measurement, n, x = family(**options), 6000, some_image()
    y = measurement.apply(x.expand(n, *SHAPE), draws(measurement, n))
    back = measurement.unbiased(y)
    if family is DropPatch:
        assert torch.equal(back, y)
    else:
        assert ((back.mean(0) - x[0]).abs() <= 5 * back.std(0) / n**0.5 + 1e-6).all()


@every_case
def test_unbiased_inverts_the_mean_where_it_is_not_the_identity(family, options):
    measurement, x = family(**options), some_image()
    if family is not DropPatch:
        torch.testing.assert_close(measurement.unbiased(measurement.mean(x)), x)


@every_case
def test_gradient_is_the_mask_for_drops_and_one_for_noise(family, options):
    measurement = family(**options)
    theta = draws(measurement, 5)
    x = some_image().repeat(5, 1, 1, 1).requires_grad_()
    weight = torch.linspace(1, 2, x.numel(), dtype=x.dtype).reshape(x.shape)  # so that each value has a gradient of its own
    (weight * measurement.apply(x, theta)).sum().backward()
    expected = theta.expand(x.shape).to(x.dtype) if theta.dtype == torch.bool else torch.ones_like(x)
    assert torch.equal(x.grad, weight * expected)


@every_case
def test_told_is_a_mask_or_the_same_for_every_draw(family, options):
    """What a method is told of θ may not carry the noise, of which θ is made."""
    measurement = family(**options)
    theta, other = draws(measurement, 4), draws(measurement, 4, seed=1)
    told = measurement.told(theta)
    assert len(told) == 4 and told.ndim == 4
    if theta.dtype == torch.bool:
        assert torch.equal(told, theta)
    else:
        assert torch.equal(told, measurement.told(other)) and told.shape == (4, 1, 1, 1)
        assert (told == options["sigma"]).all()


@every_case
def test_measured_values_are_the_family_applied_to_clean_in_unit_range(family, options):
    measurement, clean = family(**options), some_clean(5)
    y, told = measure.measure(clean, measurement, 3, "test")
    theta = measure.draw(measurement, SHAPE, 3, "test", range(5))
    expected = measurement.apply(torch.from_numpy(clean).double() / 255, theta).numpy()
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected, rtol=2**-11, atol=1e-6)  # float16 rounds to 11 bits
    if theta.dtype == torch.bool:
        assert told.dtype == np.uint8
        np.testing.assert_array_equal(masks.unpack(told, SHAPE), theta.numpy())
    else:
        assert told.dtype == np.float32
        np.testing.assert_array_equal(told, measurement.told(theta).numpy())


@every_case
def test_theta_of_an_image_depends_on_seed_split_and_index_alone(family, options):
    measurement, clean = family(**options), some_clean(11)
    y, told = measure.measure(clean, measurement, 0, "train")
    later, later_told = measure.measure(clean[3:], measurement, 0, "train", first=3)
    assert y[3:].tobytes() == later.tobytes() and told[3:].tobytes() == later_told.tobytes()
    fewer, fewer_told = measure.measure(clean[:4], measurement, 0, "train")
    assert y[:4].tobytes() == fewer.tobytes() and told[:4].tobytes() == fewer_told.tobytes()
    forwards = measure.draw(measurement, SHAPE, 0, "train", range(11))
    assert torch.equal(measure.draw(measurement, SHAPE, 0, "train", range(10, -1, -1)), forwards.flip(0))
    assert torch.equal(measure.draw(measurement, SHAPE, 0, "train", range(7, 8)), forwards[7:8])


@every_case
def test_theta_does_not_depend_on_the_image(family, options):
    measurement = family(**options)
    black, white = (measure.measure(np.full((6, *SHAPE), v, np.uint8), measurement, 0, "train") for v in (0, 255))
    assert np.array_equal(black[1], white[1])
    if not masks.is_mask(black[1]):
        np.testing.assert_allclose(white[0] - 1.0, black[0], atol=2e-3)  # the noise that was added


@every_case
def test_measuring_twice_gives_identical_bytes(family, options):
    runs = [measure.measure(some_clean(5), family(**options), 0, "test") for _ in range(2)]
    assert [part.tobytes() for part in runs[0]] == [part.tobytes() for part in runs[1]]


@every_case
def test_theta_differs_between_images_seeds_and_splits(family, options):
    measurement, shape, n = family(**options), (28, 28, 1), 30
    named = [(seed, split) for seed in (0, 1) for split in ("train", "validation", "test")]
    thetas = torch.cat([measure.draw(measurement, shape, *key, range(n)) for key in named]).flatten(1).double()
    if family is DropPatch:  # 625 places for 180 squares: few may coincide by chance
        assert len(thetas.unique(dim=0)) > 140
        for start in range(0, len(thetas), n):
            assert (thetas != thetas.roll(n, 0)).any(1)[start : start + n].sum() > n - 3
    else:
        assert len(thetas.unique(dim=0)) == len(thetas)


# Masks in their files


def test_the_examples_of_the_masks_hold():
    assert doctest.testmod(masks, extraglobs={"np": np}) == (0, 6)


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (9, 6, 2), (3, 3, 3)])
@pytest.mark.parametrize("whole_pixels", [False, True])
def test_a_mask_takes_a_bit_per_value_and_comes_back(shape, whole_pixels):
    seen = np.random.default_rng(0).random((5, *shape[:2], 1 if whole_pixels else shape[2])) < 0.5
    bits = masks.pack(seen)
    assert bits.dtype == np.uint8 and bits.shape == (5, math.ceil(seen[0].size / 8))
    back = masks.unpack(bits, shape)
    assert back.dtype == bool and back.shape == seen.shape and np.array_equal(back, seen)
    assert np.array_equal(masks.unpack(bits[2], shape), seen[2])
    assert np.array_equal(masks.seen(bits, (5, *shape)), np.broadcast_to(seen, (5, *shape)))


@pytest.mark.parametrize(
    "theta",
    [np.zeros((2, 8), np.uint8), np.zeros((2, 9, 6, 2), bool)],
    ids=["bits of other images", "a byte per value"],
)
def test_a_theta_that_is_not_of_the_images_is_refused_in_one_line(theta):
    """As it would be read wrongly: neither as a mask of these images nor as a noise level."""
    with pytest.raises(SystemExit, match="^θ: .*; measure the images again$"):
        masks.seen(theta, (2, *SHAPE))


def test_an_image_of_eight_values_cannot_tell_pixels_from_values():
    with pytest.raises(SystemExit, match="^θ: "):
        masks.channels(1, (2, 2, 2))


# The laws


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("per_channel", [True, False])
def test_drop_independent_loses_the_stated_share(p, per_channel):
    kept = draws(DropIndependent(p, per_channel=per_channel), 4000)
    assert kept.shape == (4000, 9, 6, 2 if per_channel else 1)
    assert abs(kept.double().mean().item() - (1 - p)) <= 4 * (p * (1 - p) / kept.numel()) ** 0.5
    each = kept.double().mean(0)  # every value, not only their average
    assert ((each - (1 - p)).abs() <= 5 * (p * (1 - p) / 4000) ** 0.5).all()


@pytest.mark.parametrize("per_channel", [True, False])
def test_drop_independent_values_are_independent_of_each_other(per_channel):
    n, shape = 6000, (4, 3, 3)
    kept = draws(DropIndependent(0.4, per_channel=per_channel), n, shape).flatten(1).double()
    assert kept.shape[1] == (36 if per_channel else 12)
    related = torch.corrcoef(kept.T).fill_diagonal_(0)
    assert related.abs().max() < 5 / n**0.5
    flat = kept.flatten()  # and of the next image, whose random numbers are its own
    following = torch.corrcoef(torch.stack([flat[: -kept.shape[1]], flat[kept.shape[1] :]]))[0, 1]
    assert following.abs() < 4 / len(flat) ** 0.5


@pytest.mark.parametrize("per_channel", [True, False])
def test_drop_independent_channels_are_lost_apart_or_together(per_channel):
    measurement = DropIndependent(0.3, fill=2.0, per_channel=per_channel)  # 2: no clean value, so the mask shows in y
    y, _ = measure.measure(some_clean(200, (8, 8, 3)), measurement, 0, "test")
    together = (y == 2).all(-1).mean()
    chance, n = (0.3**3, 200 * 64) if per_channel else (0.3, 200 * 64)
    assert abs(together - chance) <= 4 * (chance * (1 - chance) / n) ** 0.5
    assert ((y == 2).all(-1) == (y == 2).any(-1)).all() != per_channel


@pytest.mark.parametrize("measurement", [DropIndependent(0.5), DropIndependent(0.5, 0.25), DropPatch(4), DropPatch(4, 0.5)])
def test_lost_values_read_as_fill_and_seen_ones_stay(measurement):
    theta = draws(measurement, 20)
    x = some_image().expand(20, *SHAPE)
    y, kept = measurement.apply(x, theta), theta.expand(20, *SHAPE)
    assert (y[~kept] == measurement.fill).all() and torch.equal(y[kept], x[kept])
    assert kept.any() and not kept.all()


def squares(size: int, shape: tuple[int, int, int], n: int, **options) -> list[tuple[int, int]]:
    """The corners of n squares, after a check that each is one whole square in all channels."""
    corners = []
    for kept in draws(DropPatch(size, **options), n, shape):
        rows, columns, _ = np.nonzero(~kept.expand(shape).numpy())
        assert len(rows) == size**2 * shape[2]
        assert np.ptp(rows) == np.ptp(columns) == size - 1
        corners.append((int(rows.min()), int(columns.min())))
    return corners


@pytest.mark.parametrize(
    ("size", "shape"),
    [(3, (7, 5, 1)), (3, (5, 7, 2)), (1, (4, 6, 1)), (4, (4, 6, 3)), (5, (5, 5, 1))],
    ids=["tall", "wide", "pixel", "full height", "whole image"],
)
def test_drop_patch_reaches_every_place_about_equally_often(size, shape):
    places = {(i, j) for i in range(shape[0] - size + 1) for j in range(shape[1] - size + 1)}
    found = squares(size, shape, 2000)
    assert set(found) == places
    if len(places) > 1:
        assert stats.chisquare([found.count(place) for place in places]).pvalue > 1e-3


def test_without_its_last_offset_a_square_spares_the_last_row_and_column():
    """Offsets 0..H-k-1, as in the released code; all of them about equally often."""
    places = {(i, j) for i in range(4) for j in range(2)}  # of 3×3 in 7×5
    found = squares(3, (7, 5, 1), 2000, last_offset=False)
    assert set(found) == places
    assert stats.chisquare([found.count(place) for place in places]).pvalue > 1e-3
    mean = DropPatch(3, last_offset=False).mean(torch.ones(1, 7, 5, 1))[0, :, :, 0]
    assert (mean[-1] == 1).all() and (mean[:, -1] == 1).all() and (mean[:-1, :-1] < 1).all()


def test_drop_patch_mean_by_hand():
    """A square of 2 in an image of 3×4: the rows are lost with 1/2, 1, 1/2 and the columns with 1/3, 2/3, 2/3, 1/3."""
    lost = torch.tensor([1 / 2, 1, 1 / 2])[:, None] * torch.tensor([1 / 3, 2 / 3, 2 / 3, 1 / 3])
    mean = DropPatch(2, fill=0.25).mean(torch.ones(1, 3, 4, 1))
    torch.testing.assert_close(mean[0, :, :, 0], 1 - lost + 0.25 * lost)


def test_drop_independent_mean_and_unbiased_by_hand():
    measurement = DropIndependent(0.75, fill=0.4)
    assert measurement.mean(torch.tensor(0.8)).item() == pytest.approx(0.25 * 0.8 + 0.75 * 0.4)
    back = measurement.unbiased(torch.tensor([0.4, 0.8]))  # lost, seen
    assert back.tolist() == pytest.approx([0.4, 0.4 + 4 * 0.4])


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.5])
def test_add_noise_is_gaussian_of_the_stated_width(sigma):
    noise = draws(AddNoise(sigma), 500, (8, 8, 3)).double()
    n = noise.numel()
    assert abs(noise.mean().item()) <= 4 * sigma / n**0.5
    assert abs(noise.std().item() - sigma) <= 4 * sigma / (2 * n) ** 0.5
    if sigma:
        assert stats.kstest(noise.flatten().numpy() / sigma, "norm").pvalue > 1e-3
        shared = torch.corrcoef(noise.reshape(500, -1)[:, :30].T).fill_diagonal_(0)
        assert shared.abs().max() < 5 / 500**0.5


def test_add_noise_is_not_clipped():
    clean = np.repeat(np.uint8([0, 255]), 50)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    y, _ = measure.measure(clean, AddNoise(0.2), 0, "test")
    assert abs((y[:50] < 0).mean() - 0.5) < 4 * 0.5 / (50 * 64) ** 0.5
    assert abs((y[50:] > 1).mean() - 0.5) < 4 * 0.5 / (50 * 64) ** 0.5


# What is refused


@pytest.mark.parametrize(
    ("family", "options", "key"),
    [
        ("drop_independent", {"p": 1}, "p"),
        ("drop_independent", {"p": 1.5}, "p"),
        ("drop_independent", {"p": -0.1}, "p"),
        ("drop_independent", {"p": float("nan")}, "p"),
        ("drop_patch", {"size": 0}, "size"),
        ("drop_patch", {"size": -3}, "size"),
        ("add_noise", {"sigma": -0.1}, "sigma"),
        ("add_noise", {"sigma": float("nan")}, "sigma"),
        ("add_noise", {"sigma": float("inf")}, "sigma"),
    ],
)
def test_impossible_options_are_named(family, options, key):
    with pytest.raises(ValueError, match=rf"^{family}: {key} is {options[key]}"):
        FAMILIES[family](**options)


def test_a_whole_image_is_no_place_for_a_square_without_its_last_offset():
    with pytest.raises(ValueError, match=r"^drop_patch: size 6 without the last offset has no place in the image of 6×9"):
        draws(DropPatch(6, last_offset=False), 1, (6, 9, 1))


@pytest.mark.parametrize("shape", [(6, 9, 1), (9, 6, 1)])
def test_patch_larger_than_the_image_is_named(shape):
    with pytest.raises(ValueError, match=r"^drop_patch: size 7 .*\d×\d"):
        draws(DropPatch(7), 1, shape)


# The command


def arguments(family: str, options: dict, tmp_path: Path) -> list[str]:
    clean = tmp_path / "clean.npy"
    np.save(clean, some_clean(7))
    flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    places = ["--clean", clean, "--dataset", "made", "--split", "test", "--seed", 5, "--output", tmp_path / "out"]
    return [family, *flags, *map(str, places)]


def command(*args: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "measurements.measure", *args]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def check_files(folder: Path, family: str, options: dict, name: str) -> None:
    measurement = FAMILIES[family](**options)
    y, told = np.load(folder / "test.y.npy"), np.load(folder / "test.theta.npy")
    expected = measure.measure(some_clean(7), measurement, 5, "test")
    assert y.dtype == np.float16 and y.shape == (7, *SHAPE) and y.tobytes() == expected[0].tobytes()
    assert told.dtype == (np.float32 if family == "add_noise" else np.uint8) and told.tobytes() == expected[1].tobytes()
    facts = json.loads((folder / "test.json").read_text())
    assert from_facts(facts) == measurement
    described = {"dataset": "made", "measurement": name, "family": family, "split": "test", "seed": 5, "images": 7}
    assert facts.items() >= described.items() and facts["digest"] == store.digest(y)
    assert {path.name for path in folder.iterdir()} == {"test.y.npy", "test.theta.npy", "test.json"}


@every_case
@pytest.mark.parametrize("chunk", [3, 1000])
def test_command_writes_y_theta_and_facts(family, options, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "CHUNK", chunk)
    name = next(name for name, known in FAMILIES.items() if known is family)
    monkeypatch.setattr(sys, "argv", ["measure", *arguments(name, options, tmp_path)])
    measure.main()
    check_files(tmp_path / "out", name, options, name)


def test_a_measurement_that_fails_midway_leaves_nothing(tmp_path, monkeypatch):
    def draw(measurement, shape, seed, split, images):
        if 5 in images:
            raise MemoryError
        return drawn(measurement, shape, seed, split, images)

    drawn = measure.draw
    monkeypatch.setattr(measure, "draw", draw)
    monkeypatch.setattr(measure, "CHUNK", 2)
    monkeypatch.setattr(sys, "argv", ["measure", *arguments("drop_patch", {"size": 3}, tmp_path)])
    with pytest.raises(MemoryError):
        measure.main()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("protocol", ["sound", "paper"])
def test_the_protocol_is_a_fact_of_the_measurement(protocol, tmp_path, monkeypatch):
    more = [] if protocol == "sound" else ["--protocol", protocol]
    monkeypatch.setattr(sys, "argv", ["measure", *arguments("drop_patch", {"size": 3}, tmp_path), *more])
    measure.main()
    assert json.loads((tmp_path / "out" / "test.json").read_text())["protocol"] == protocol


def test_command_in_a_process_of_its_own_gives_the_same_bytes(tmp_path):
    options = {"p": 0.5, "fill": 0.5, "per_channel": False}
    done = command(*arguments("drop_independent", options, tmp_path), "--measurement", "drop_independent_pixels")
    assert done.returncode == 0, done.stderr
    check_files(tmp_path / "out", "drop_independent", options, "drop_independent_pixels")


def test_command_refuses_to_lose_everything_in_one_clear_line(tmp_path):
    done = command(*arguments("drop_independent", {"p": 1.0}, tmp_path))
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("drop_independent: p is 1.0; it must be at least 0 and below 1")


@pytest.mark.parametrize(
    ("family", "options", "said"),
    [
        ("drop_patch", {"size": 7}, "size 7 is larger than the image of 9×6"),
        ("drop_patch", {"size": 0}, "size is 0"),
        ("add_noise", {"sigma": -1.0}, "sigma is -1.0"),
        ("drop_independent", {"p": 0.5, "per_channel": "perhaps"}, "per-channel"),
    ],
)
def test_command_names_the_impossible_option(family, options, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure", *arguments(family, options, tmp_path)])
    with pytest.raises(SystemExit):
        measure.main()
    assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["absent", "truncated", "a folder"])
def test_command_names_clean_images_that_cannot_be_read(kind, tmp_path, monkeypatch):
    args = arguments("drop_patch", {"size": 3}, tmp_path)
    clean = tmp_path / "clean.npy"
    whole = clean.read_bytes()
    clean.unlink()
    if kind == "truncated":
        clean.write_bytes(whole[:-10])
    elif kind == "a folder":
        clean.mkdir()
    monkeypatch.setattr(sys, "argv", ["measure", *args])
    with pytest.raises(SystemExit, match=re.escape(str(clean))) as refusal:
        measure.main()
    assert "\n" not in str(refusal.value)
