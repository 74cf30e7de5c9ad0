"""The forward models against their laws: every one found, with the options that it gives as its examples."""

import dataclasses
import functools
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
from scipy import stats
from scipy.ndimage import gaussian_filter

import store
from measurements import forward, measure, side_info
from measurements.add_noise import AddNoise
from measurements.blur_noise import BlurNoise, gaussian
from measurements.drop_independent import DropIndependent
from measurements.drop_independent_noise import DropIndependentNoise
from measurements.drop_patch import DropPatch
from measurements.drop_rows import DropRows
from measurements.side_info import from_disk, to_disk
from options import schemas_of

ROOT = Path(__file__).parents[1]
SHAPE = (9, 6, 2)  # neither square nor of one channel
N = 4000  # draws for an average

FAMILIES = {name: forward.find(name) for name in forward.names()}
MODELS = [family(**options) for family in FAMILIES.values() for options in family.EXAMPLES]
every_model = pytest.mark.parametrize("model", MODELS, ids=str)
every_masked_model = pytest.mark.parametrize("model", [model for model in MODELS if model.has_mask], ids=str)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@functools.cache  # as many tests take the same draws
def draws(model, n: int, shape=SHAPE, seed=0):
    """θ of n images, drawn as the benchmark draws them: each with its own random numbers."""
    return measure.draw(model, shape, seed, "train", range(n))


def parts(theta) -> tuple[torch.Tensor, ...]:
    return theta if isinstance(theta, tuple) else (theta,)


def flat(theta) -> torch.Tensor:
    """[n, values], of all parts of θ."""
    return torch.cat([part.flatten(1).double() for part in parts(theta)], 1)


def some_image(shape=SHAPE, dtype=torch.float64) -> torch.Tensor:
    return torch.rand((1, *shape), generator=seeded(1), dtype=dtype)


def some_clean(n: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (n, *shape), np.uint8)


def measured(model, n: int = N, shape=SHAPE) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, n times the same image, its measurements y and their side information s."""
    x, theta = some_image(shape).expand(n, *shape), draws(model, n, shape)
    return x, model.forward(x, theta), model.side_info(theta)


def assert_zero_mean(error: torch.Tensor) -> None:
    """Over the draws, of each value, within five standard errors of the draws."""
    assert (error.mean(0).abs() <= 5 * error.std(0) / len(error) ** 0.5 + 1e-6).all()


# Every family


def test_the_folder_is_the_list_of_forward_models():
    assert {"add_noise", "blur_noise", "drop_independent", "drop_independent_noise", "drop_patch", "drop_rows"} <= FAMILIES.keys()
    for name, family in FAMILIES.items():
        assert issubclass(family, forward.ForwardModel) and family.name() == name and family.EXAMPLES and family.__doc__


def test_an_unknown_family_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="^drop_everything: no such forward model; there are add_noise, blur_noise, "):
        forward.from_facts({"family": "drop_everything", "options": {}})


def test_listing_forward_models_imports_no_torch():
    line = "import sys; from measurements import forward as f; [f.find(n) for n in f.names()]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], cwd=ROOT, timeout=60).returncode == 0


@every_model
def test_facts_describe_the_measurement_completely(model):
    facts = json.loads(json.dumps({"family": model.name(), "options": dataclasses.asdict(model)}))
    assert forward.from_facts(facts) == model


@every_model
def test_options_are_described(model):
    assert all(schema["description"] and ("type" in schema or "enum" in schema) for schema in schemas_of(type(model)).values())


@every_model
def test_traits_are_those_of_the_side_information_the_spread_and_where_values_are_observed(model):
    x, y, s = measured(model, 4)
    traits = model.traits()
    assert traits == {"mask": s.dtype == torch.bool, "noise": model.sigma > 0, "mixing": model.mixes}
    assert model.informs(s, y.shape).all() != traits["mask"]
    observed = model.observed(s, y.shape)
    if traits["noise"] or traits["mixing"]:
        assert not observed.any()
    else:
        assert torch.equal(observed, model.informs(s, y.shape)) and torch.equal(y[observed], x[observed])


@every_model
def test_a_value_of_a_measurement_depends_on_others_only_where_the_model_mixes(model):
    x = some_image()
    theta, other = draws(model, 1), x.clone()
    other[0, 4, 3, 0] = 1 - other[0, 4, 3, 0]
    changed = model.forward(x, theta) != model.forward(other, theta)
    changed[0, 4, 3, 0] = False
    assert changed.any() == model.mixes


@every_model
def test_mean_is_the_average_over_draws(model):
    x, y, _ = measured(model)
    assert_zero_mean(y - model.mean(x[:1]))


@every_model
def test_unbiased_gives_the_image_back_on_average_or_is_the_identity(model):
    x, y, _ = measured(model)
    back = model.unbiased(y)
    if back is not y:
        assert_zero_mean(back - x)
        torch.testing.assert_close(model.unbiased(model.mean(x[:1])), x[:1])


@every_model
def test_predict_is_the_average_of_y_given_the_side_information(model):
    """Of each value, where it informs and where it does not."""
    x, y, s = measured(model)
    off, informs = y - model.predict(x, s), model.informs(s, y.shape)
    assert_zero_mean(off * informs)
    assert (off * ~informs == 0).all()


@every_model
def test_sigma_is_the_spread_of_y_about_predict_where_it_informs(model):
    x, y, s = measured(model, 500)
    off = (y - model.predict(x, s))[model.informs(s, y.shape)]
    assert abs(off.std().item() - model.sigma) <= 4 * model.sigma / (2 * len(off)) ** 0.5


@every_model
def test_the_truth_is_as_consistent_with_a_measurement_as_expected(model):
    """Mean of (predict(x, s) - y)² where y informs: σ², which is a consistency of 1, or 0 where y is exact."""
    clean = some_clean(400)
    y, stored = measure.measure(clean, model, 3, "test")
    s, x = from_disk(stored, y.shape), clean / 255
    residual = (model.predict(x, s) - y)[model.informs(s, y.shape)]
    expected = model.sigma**2
    assert np.mean(residual**2) == pytest.approx(expected, rel=4 * (2 / residual.size) ** 0.5, abs=1e-6)


@every_model
def test_hiding_shows_less_of_the_same_and_never_more(model):
    x, y, s = measured(model, 200)
    fewer, told = model.hide(y, s, 0.5, seeded(3))
    before, after = model.informs(s, y.shape), model.informs(told, y.shape)
    assert not (after & ~before).any() and torch.equal(fewer[after], y[after])
    assert told.shape == s.shape and fewer.shape == y.shape and fewer.dtype == y.dtype
    if model.has_mask:
        assert (before & ~after).any()
        assert torch.equal(fewer[~after], model.predict(x, told)[~after])  # hidden values read as lost ones
    else:
        assert fewer is y and told is s


@every_model
def test_hiding_nothing_changes_nothing_and_draws_nothing(model):
    _, y, s = measured(model, 3)
    generator = seeded(3)
    fewer, told = model.hide(y, s, 0.0, generator)
    assert fewer is y and told is s and torch.equal(generator.get_state(), seeded(3).get_state())


@every_model
def test_hiding_draws_only_where_there_is_a_mask(model):
    _, y, s = measured(model, 3)
    generator = seeded(3)
    model.hide(y, s, 0.5, generator)
    assert torch.equal(generator.get_state(), seeded(3).get_state()) != model.has_mask


@every_model
def test_recorrupting_gives_an_unbiased_target_whose_noise_is_not_that_of_the_input(model):
    """Where it counts, of the same image over many measurements; the spreads are those that the example states."""
    tau = 0.5
    x, y, s = measured(model)
    made = model.recorrupt(y, s, seeded(3), share=0.5, tau=tau)
    informs, still = model.informs(s, y.shape), model.informs(made.side_info, y.shape)
    assert torch.equal(made.counts, informs if model.sigma else informs & ~still)
    off, noise = made.target - model.predict(x, s), made.input - model.predict(x, made.side_info)
    assert_zero_mean(off * made.counts)
    assert (noise[~still] == 0).all()
    both = still & made.counts
    assert_zero_mean(off * noise * both)  # the covariance of each value, as both are zero on average
    expected = torch.as_tensor(made.sigma, dtype=off.dtype).expand(off.shape)
    for where in (both, made.counts & ~still):
        n, sigma = int(where.sum()), expected[where]
        if n:
            assert (sigma == sigma[0]).all()
            assert off[where].square().mean() == pytest.approx(float(sigma[0]) ** 2, rel=5 * (2 / n) ** 0.5, abs=1e-12)
    if model.sigma:
        assert noise[still].std().item() == pytest.approx(model.sigma * (1 + tau**2) ** 0.5, rel=0.02)


@every_model
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_types_stay(model, dtype):
    x, theta = some_image(dtype=dtype).expand(3, *SHAPE), draws(model, 3)
    y, s = model.forward(x, theta), model.side_info(theta)
    for array in (y, model.predict(x, s), model.mean(x), model.unbiased(y)):
        assert array.shape == x.shape and array.dtype == dtype
    made = model.recorrupt(y, s, seeded(3), share=0.5, tau=0.5)
    for array in (made.input, made.target):
        assert array.shape == x.shape and array.dtype == dtype
    for mask in (made.counts, model.informs(s, y.shape), model.observed(s, y.shape)):
        assert mask.shape == x.shape and mask.dtype == torch.bool
    assert made.side_info.shape == s.shape and made.side_info.dtype == s.dtype
    assert s.shape[:3] == (3, *SHAPE[:2]) if model.has_mask else s.shape == (3, 1, 1, 1)


@every_model
def test_numpy_and_torch_agree(model):
    x, theta = some_image(dtype=torch.float32).expand(4, *SHAPE), draws(model, 4)
    y, s = model.forward(x, theta), model.side_info(theta)
    arrays = tuple(part.numpy() for part in parts(theta))
    own = arrays if isinstance(theta, tuple) else arrays[0]
    pairs = [
        (model.forward(x.numpy(), own), y),
        (model.predict(x.numpy(), s.numpy()), model.predict(x, s)),
        (model.mean(x.numpy()), model.mean(x)),
        (model.unbiased(y.numpy()), model.unbiased(y)),
        (model.informs(s.numpy(), y.shape), model.informs(s, y.shape)),
        (model.observed(s.numpy(), y.shape), model.observed(s, y.shape)),
    ]
    for ours, theirs in pairs:
        assert isinstance(ours, np.ndarray) and ours.dtype == theirs.numpy().dtype
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-6)


@every_model
def test_samples_of_an_image_stand_before_its_batch_in_predict(model):
    """predict of [K, N, H, W, C] is that of each [N, H, W, C]: learned methods and scores have several estimates of an image."""
    _, y, s = measured(model, 4)
    several = torch.rand((3, *y.shape), generator=seeded(2))
    apart = torch.stack([model.predict(one, s) for one in several])
    torch.testing.assert_close(model.predict(several, s), apart)


@every_model
def test_everything_stays_on_its_device(model):
    """On PyTorch's `meta` device, where every machine can look: an array of another device would be refused."""
    theta = draws(model, 3)
    x = torch.empty((3, *SHAPE), device="meta")
    moved = tuple(part.to("meta") for part in parts(theta))
    moved = moved if isinstance(theta, tuple) else moved[0]
    s = model.side_info(moved)
    results = [model.forward(x, moved), s, model.predict(x, s), model.mean(x), model.unbiased(x)]
    results += [model.informs(s, x.shape), model.observed(s, x.shape)]
    assert {result.device.type for result in results} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_model
def test_measuring_and_recorrupting_on_a_gpu(model):
    generator = torch.Generator("cuda").manual_seed(0)
    theta, x = model.draw(3, SHAPE, generator), torch.rand((3, *SHAPE), device="cuda")
    y, s = model.forward(x, theta), model.side_info(theta)
    made = model.recorrupt(y, s, generator, share=0.5, tau=0.5)
    assert all(part.is_cuda for part in (y, s, made.input, made.target, made.counts, model.predict(x, s), model.mean(x)))


@every_model
@pytest.mark.parametrize("of", ["forward", "predict", "mean", "unbiased"])
def test_gradients_are_those_of_finite_differences(model, of):
    shape = (5, 6, 2)
    theta = draws(model, 2, shape)
    more = {"forward": (theta,), "predict": (model.side_info(theta),)}.get(of, ())
    x = some_image(shape).repeat(2, 1, 1, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: getattr(model, of)(x, *more), x)


@every_model
def test_side_information_is_a_mask_or_the_same_for_every_draw(model):
    """What a method is told of θ may not carry the noise, of which θ is made."""
    told, other = (model.side_info(draws(model, 4, seed=seed)) for seed in (0, 1))
    assert len(told) == 4 and told.ndim == 4
    if model.has_mask:
        assert told.dtype == torch.bool and not torch.equal(told, other)
    else:
        assert torch.equal(told, other) and (told == torch.tensor(model.sigma)).all()


@every_model
def test_measured_values_are_the_model_applied_to_clean_in_unit_range(model):
    clean = some_clean(5)
    y, stored = measure.measure(clean, model, 3, "test")
    theta = measure.draw(model, SHAPE, 3, "test", range(5))
    expected = model.forward(torch.from_numpy(clean).double() / 255, theta).numpy()
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected, rtol=2**-11, atol=1e-6)  # float16 rounds to 11 bits
    assert stored.dtype == (np.uint8 if model.has_mask else np.float32)
    np.testing.assert_array_equal(from_disk(stored, y.shape), model.side_info(theta).numpy())


@every_model
def test_theta_of_an_image_depends_on_seed_split_and_index_alone(model):
    clean = some_clean(11)
    y, told = measure.measure(clean, model, 0, "train")
    later, later_told = measure.measure(clean[3:], model, 0, "train", first=3)
    assert y[3:].tobytes() == later.tobytes() and told[3:].tobytes() == later_told.tobytes()
    fewer, fewer_told = measure.measure(clean[:4], model, 0, "train")
    assert y[:4].tobytes() == fewer.tobytes() and told[:4].tobytes() == fewer_told.tobytes()
    forwards = flat(measure.draw(model, SHAPE, 0, "train", range(11)))
    assert torch.equal(flat(measure.draw(model, SHAPE, 0, "train", range(10, -1, -1))), forwards.flip(0))
    assert torch.equal(flat(measure.draw(model, SHAPE, 0, "train", range(7, 8))), forwards[7:8])


@every_model
def test_theta_does_not_depend_on_the_image(model):
    black, white = (measure.measure(np.full((6, *SHAPE), v, np.uint8), model, 0, "train") for v in (0, 255))
    assert np.array_equal(black[1], white[1])
    informs = model.informs(from_disk(black[1], black[0].shape), black[0].shape)
    np.testing.assert_allclose(white[0][informs] - 1.0, black[0][informs], atol=2e-3)  # the noise that was added


@every_model
def test_measuring_twice_gives_identical_bytes(model):
    runs = [measure.measure(some_clean(5), model, 0, "test") for _ in range(2)]
    assert [part.tobytes() for part in runs[0]] == [part.tobytes() for part in runs[1]]


@every_model
def test_theta_differs_between_images_seeds_and_splits(model):
    shape, n = (28, 28, 1), 30
    named = [(seed, split) for seed in (0, 1) for split in ("train", "validation", "test")]
    thetas = torch.cat([flat(measure.draw(model, shape, *key, range(n))) for key in named])
    if isinstance(model, DropPatch):  # 625 places for 180 squares: few may coincide by chance
        assert len(thetas.unique(dim=0)) > 140
        for start in range(0, len(thetas), n):
            assert (thetas != thetas.roll(n, 0)).any(1)[start : start + n].sum() > n - 3
    else:
        assert len(thetas.unique(dim=0)) == len(thetas)


@pytest.mark.parametrize(
    ("model", "y", "told"),
    [
        (DropIndependent(0.4, 0.7), "0b9c43e539cd", "1961aec540f0"),
        (DropIndependent(0.4, 0.7, False), "b8e77a894977", "23ccc91fcbc9"),
        (DropPatch(4, 0.4), "47114f8b3f86", "7d25b01354c7"),
        (DropPatch(4, 0.4, False), "99f446079611", "9fa6e5bff76e"),
    ],
    ids=str,
)
def test_drops_are_those_of_the_first_edition_byte_for_byte(model, y, told):
    assert tuple(map(store.digest, measure.measure(some_clean(5), model, 3, "test"))) == (y, told)


def test_noise_is_that_of_the_first_edition():
    """By a few values: the last bit of a normal number may depend on the processor."""
    y, _ = measure.measure(some_clean(5), AddNoise(0.4), 3, "test")
    np.testing.assert_allclose(y[0, :2, 0].ravel(), [0.567, 0.411, 0.1671, 0.6953], atol=5e-4)
    np.testing.assert_allclose(y[4, -1, -1], [-0.288, 0.4338], atol=5e-4)


# Side information in its files


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3), (9, 6, 2), (3, 3, 3)])
@pytest.mark.parametrize("whole_pixels", [False, True])
def test_a_mask_takes_a_bit_per_value_and_comes_back(shape, whole_pixels):
    seen = np.random.default_rng(0).random((5, *shape[:2], 1 if whole_pixels else shape[2])) < 0.5
    bits = side_info.pack(seen)
    assert bits.dtype == np.uint8 and bits.shape == (5, math.ceil(seen[0].size / 8))
    back = side_info.unpack(bits, shape)
    assert back.dtype == bool and back.shape == seen.shape and np.array_equal(back, seen)
    assert np.array_equal(side_info.unpack(bits[2], shape), seen[2])
    assert np.array_equal(from_disk(to_disk(seen), (5, *shape)), seen)


@pytest.mark.parametrize(
    "stored",
    [np.zeros((2, 8), np.uint8), np.zeros((2, 9, 6, 2), bool)],
    ids=["bits of other images", "a byte per value"],
)
def test_side_information_that_is_not_of_the_images_is_refused_in_one_line(stored):
    """As it would be read wrongly: neither as a mask of these images nor as a noise level."""
    with pytest.raises(SystemExit, match="^side information: .*; measure again$"):
        from_disk(stored, (2, *SHAPE))


def test_an_image_of_eight_values_cannot_tell_pixels_from_values():
    with pytest.raises(SystemExit, match="^side information: "):
        side_info.channels(1, (2, 2, 2))


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
    measurement = DropIndependent(0.3, fill=1.0, per_channel=per_channel)  # no clean value below, so the mask shows in y
    y, _ = measure.measure(some_clean(200, (8, 8, 3)) // 2, measurement, 0, "test")
    together = (y == 1).all(-1).mean()
    chance, n = (0.3**3, 200 * 64) if per_channel else (0.3, 200 * 64)
    assert abs(together - chance) <= 4 * (chance * (1 - chance) / n) ** 0.5
    assert ((y == 1).all(-1) == (y == 1).any(-1)).all() != per_channel


@pytest.mark.parametrize("measurement", [DropIndependent(0.5), DropIndependent(0.5, 0.25), DropPatch(4), DropPatch(4, 0.5)])
def test_lost_values_read_as_fill_and_seen_ones_stay(measurement):
    theta = draws(measurement, 20)
    x = some_image().expand(20, *SHAPE)
    y, kept = measurement.forward(x, theta), theta.expand(20, *SHAPE)
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


# Several of an image, by hand


@pytest.mark.parametrize(("axis", "lost"), [("rows", (4, 1, 1)), ("columns", (1, 5, 1))])
def test_drop_rows_loses_whole_rows_or_columns(axis, lost):
    kept = draws(DropRows(0.3, axis), 4000, (4, 5, 3))
    assert kept.shape == (4000, 4, 5, 1)
    own = kept[:, :, :1] if axis == "rows" else kept[:, :1]
    assert torch.equal(kept, own.expand_as(kept)) and own.shape[1:] == lost
    each = own.flatten(1).double()
    assert ((each.mean(0) - 0.7).abs() <= 5 * (0.3 * 0.7 / 4000) ** 0.5).all()
    assert torch.corrcoef(each.T).fill_diagonal_(0).abs().max() < 5 / 4000**0.5


def test_drop_rows_by_hand():
    model, x = DropRows(0.25, fill=0.5), np.array([[0.1, 0.2], [0.3, 0.4]]).reshape(1, 2, 2, 1)
    mask = np.array([[True], [False]]).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(model.forward(x, mask).ravel(), [0.1, 0.2, 0.5, 0.5])
    np.testing.assert_allclose(model.mean(x).ravel(), [0.2, 0.275, 0.35, 0.425])
    np.testing.assert_allclose(model.unbiased(model.forward(x, mask)).ravel(), [-0.1 / 3, 0.1, 0.5, 0.5])


@pytest.mark.parametrize(
    ("model", "share"), [(DropRows(0.5), 0.25), (DropIndependent(0.5), 0.25), (DropIndependentNoise(0.5, 0.1), 0.25)]
)
def test_the_share_of_what_is_seen_is_hidden(model, share):
    _, y, s = measured(model, 4000, (8, 4, 2))
    _, told = model.hide(y, s, share, seeded(5))
    n = int(s.sum()) if not isinstance(model, DropRows) else int(s[:, :, 0].sum())
    assert 1 - told.sum().item() / s.sum().item() == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5)


def test_hiding_rows_hides_whole_rows_and_a_patch_one_more_square():
    _, y, s = measured(DropRows(0.4), 50)
    _, told = DropRows(0.4).hide(y, s, 0.5, seeded(5))
    assert torch.equal(told, told[:, :, :1].expand_as(told))
    _, y, s = measured(DropPatch(3), 50)
    _, told = DropPatch(3).hide(y, s, 0.1, seeded(5))
    assert torch.equal(told, s & DropPatch(3).draw(50, SHAPE, seeded(5)))


def test_blur_by_hand():
    """A width of a quarter pixel reaches one neighbour, whose weight is e⁻⁸ before the sum is made 1."""
    near, all_ = math.exp(-8), 1 + 2 * math.exp(-8)
    np.testing.assert_allclose(gaussian(3, 0.25) * all_, [[1 + near, near, 0], [near, 1, near], [0, near, 1 + near]], atol=1e-12)
    x = np.zeros((1, 3, 3, 1))
    x[0, 0, 1] = 1
    blurred = BlurNoise(0.1, 0.25).predict(x, None)[0, :, :, 0] * all_**2
    np.testing.assert_allclose(blurred, np.outer([1 + near, near, 0], [near, 1, near]), atol=1e-12)


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0])
def test_blur_is_that_of_scipy_with_the_edge_repeated(width):
    x = np.random.default_rng(0).random((2, 9, 6, 3))
    expected = gaussian_filter(x, (0, width, width, 0), mode="nearest", truncate=4.0)
    np.testing.assert_allclose(BlurNoise(0.1, width).predict(x, None), expected, atol=1e-12)
    constant = np.full((1, 5, 7, 1), 0.3)
    np.testing.assert_allclose(BlurNoise(0.1, width).mean(constant), constant)


def test_drop_independent_noise_by_hand():
    model = DropIndependentNoise(0.75, 0.2, fill=0.4)
    mask, noise = np.array([True, False]).reshape(1, 1, 2, 1), np.array([0.3, -0.5]).reshape(1, 1, 2, 1)
    x = np.array([0.8, 0.9]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(model.forward(x, (mask, noise)).ravel(), [1.1, 0.4])
    assert model.side_info((mask, noise)) is mask
    np.testing.assert_allclose(model.predict(x, mask).ravel(), [0.8, 0.4])
    np.testing.assert_allclose(model.mean(x).ravel(), [0.25 * 0.8 + 0.3, 0.25 * 0.9 + 0.3])
    np.testing.assert_allclose(model.unbiased(np.array([0.4, 0.8])), [0.4, 2.0])


def test_recorrupting_what_is_lost_and_noisy_by_hand():
    """Lost before, just hidden, still seen: only the first does not count; noise comes to the last alone."""
    model, tau = DropIndependentNoise(0.5, 0.2, fill=0.4), 0.5
    y = torch.tensor([0.4, 0.6, 0.7]).reshape(1, 1, 3, 1)
    s = torch.tensor([False, True, True]).reshape(1, 1, 3, 1)
    seed = next(i for i in range(100) if model.hide(y, s, 0.5, seeded(i))[1].ravel().tolist() == [False, False, True])
    made = model.recorrupt(y, s, seeded(seed), share=0.5, tau=tau)
    n = (made.input - y)[0, 0, 2, 0].item() / tau
    assert n != 0 and made.counts.ravel().tolist() == [False, True, True]
    assert made.input.ravel().tolist() == pytest.approx([0.4, 0.4, 0.7 + tau * n])
    assert made.target.ravel().tolist() == pytest.approx([0.4, 0.6, 0.7 - n / tau])
    assert made.sigma.ravel()[1:].tolist() == pytest.approx([0.2, 0.2 * 5**0.5])


def test_noise_of_no_width_leaves_values_exact():
    """Then lost values are all that a further corruption can ask for."""
    model = DropIndependentNoise(0.5, 0.0)
    x, y, s = measured(model, 50)
    made = model.recorrupt(y, s, seeded(2), share=0.5, tau=0.5)
    assert torch.equal(model.observed(s, y.shape), s) and torch.equal(y[s], x[s]) and made.sigma == 0
    assert torch.equal(made.counts, s & ~made.side_info)


@pytest.mark.parametrize(("last_offset", "side"), [(True, 24), (False, 25)])
def test_pixels_that_no_measurement_shows_are_counted(last_offset, side, tmp_path, monkeypatch):
    """A square of 44 in 64×64 begins at 0..20, so it always covers 20..43, 24 rows; without the last offset at 0..19: 19..43, 25.

    Rows and columns that it covers always are lost together: 24² or 25² pixels of three channels.
    """
    np.save(tmp_path / "clean.npy", some_clean(400, (64, 64, 3)))
    options = ["--size", "44", "--last-offset", str(last_offset), "--clean", str(tmp_path / "clean.npy"), "--dataset", "celeba"]
    monkeypatch.setattr(sys, "argv", ["measure", "drop_patch", *options, "--split", "train", "--output", str(tmp_path)])
    measure.main()
    shown = np.load(tmp_path / "train.shown.npy")
    never = np.zeros(shown.shape, bool)
    never[44 - side : 44, 44 - side : 44] = True
    assert np.array_equal(shown == 0, never) and shown.sum() == 400 * 3 * (64**2 - 44**2)
    assert json.loads((tmp_path / "train.json").read_text())["never_shown"] == 3 * side**2


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
        ("drop_rows", {"p": 0.5, "axis": "diagonal"}, "axis"),
        ("blur_noise", {"sigma": 0.1, "width": 0.0}, "width"),
        ("drop_independent_noise", {"p": 0.5, "sigma": 0.1, "fill": 1.5}, "fill"),
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
    places = ["--clean", clean, "--dataset", "mnist5k", "--split", "test", "--seed", 5, "--output", tmp_path / "out"]
    return [family, *flags, *map(str, places)]


def command(*args: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "measurements.measure", *args]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def check_files(folder: Path, family: str, options: dict, name: str) -> None:
    measurement = FAMILIES[family](**options)
    y, told, shown = (np.load(folder / f"test.{part}.npy") for part in ("y", "side_info", "shown"))
    expected = measure.measure(some_clean(7), measurement, 5, "test")
    assert y.dtype == np.float16 and y.shape == (7, *SHAPE) and y.tobytes() == expected[0].tobytes()
    assert told.tobytes() == expected[1].tobytes()
    informs = measurement.informs(from_disk(told, y.shape), y.shape)
    assert shown.dtype == np.uint32 and shown.shape == SHAPE and np.array_equal(shown, informs.sum(0))
    facts = json.loads((folder / "test.json").read_text())
    assert forward.from_facts(facts) == measurement
    assert facts["value_range"] == [0, 1] and facts["never_shown"] == (~informs.any(0)).sum()
    described = {"dataset": "mnist5k", "measurement": name, "family": family, "split": "test", "seed": 5, "images": 7}
    assert facts.items() >= described.items() and facts["shape"] == list(SHAPE)
    held = {"y": y, "side_info": told, "shown": shown, "clean": some_clean(7)}
    assert facts["digests"] == {name: store.digest(array) for name, array in held.items()}
    assert {path.name for path in folder.iterdir()} == {"test.y.npy", "test.side_info.npy", "test.shown.npy", "test.json"}


@every_model
@pytest.mark.parametrize("chunk", [3, 1000])
def test_command_writes_y_side_information_counts_and_facts(model, chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "IMAGES_AT_A_TIME", chunk)
    name, options = model.name(), dataclasses.asdict(model)
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
    monkeypatch.setattr(measure, "IMAGES_AT_A_TIME", 2)
    monkeypatch.setattr(sys, "argv", ["measure", *arguments("drop_patch", {"size": 3}, tmp_path)])
    with pytest.raises(MemoryError):
        measure.main()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("protocol", ["sound", "paper", "batch_statistics+mosaic"])
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
    assert done.stderr.splitlines()[-1].endswith("argument --p: p is 1.0; it must be a number, at least 0 and below 1")


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
