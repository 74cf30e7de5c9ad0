"""The benchmark measures what it says: turns, medians, counts, and contenders that have our losses."""

import csv
import importlib.util

import numpy as np
import pytest
import torch
from declared import FAMILIES
from torch import Generator, nn

from bench import machine
from bench.measured import Measured
from benchmarks import choose, restoration, roofline, side_by_side, training
from benchmarks.learners import learner_of, learner_options
from benchmarks.side_by_side import MEASUREMENT, Bench, interleaved, markdown, medians
from measurements.add_noise import AddNoise
from measurements.command import write
from measurements.drop_patch import DropPatch
from measurements.dropping import MaskedModel
from measurements.measure import measure
from measurements.side_info import to_disk
from methods.ambient_vaegan.model import AmbientVAEGAN
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.modes import at_test
from networks.original import Decoder
from training.optimizers import update

SHAPE = (28, 28, 1)


class LeftHalf(MaskedModel):
    """A mask that is always the same and takes no random number."""

    fill = 0.0

    def draw(self, n, shape, generator):
        return (torch.arange(shape[1]) < shape[1] // 2).expand(n, shape[0], -1)[..., None]

    draw_further_mask = mean = None


def seeded(seed=0):
    return Generator().manual_seed(seed)


def learner(kind=AmbientVAEGAN, forward=MEASUREMENT, **changed):
    return kind(ImageFormat(SHAPE), forward, seeded(), **(learner_options("ambient_vaegan") | changed))


@pytest.fixture
def data():
    return {"y": torch.rand(8, *SHAPE, generator=seeded(1)).half()}


def test_everyone_takes_a_turn_in_every_round_and_the_first_round_does_not_count():
    turns = []
    seconds = interleaved({name: lambda name=name: turns.append(name) for name in "abc"}, repetitions=3)
    assert "".join(turns) == "abcbcacababc"
    assert {name: len(each) for name, each in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_the_median_counts():
    assert medians({"a": [5.0, 1.0, 2.0], "b": [1.0, 4.0]}) == {"a": 2.0, "b": 2.5}


def test_a_table_puts_numbers_to_the_right():
    assert markdown([{"what": "x", "ms": 1234.5}, {"what": "y", "ms": 0.012345}]).splitlines() == [
        "| what | ms |",
        "| --- | --: |",
        "| x | 1,234 |",
        "| y | 0.0123 |",
    ]


def test_the_cost_of_a_convolution_is_that_of_the_formula():
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=False)
    x = torch.zeros(2, 3, 8, 8)
    forward = 2 * 2 * (4 * 4) * 5 * (3 * 3 * 3)  # a product and a sum for each image, place, output and weight
    with torch.no_grad():
        counted = roofline.cost(lambda: layer(x))
    assert counted.flops == forward
    assert counted.bytes == 4 * (x.numel() + layer.weight.numel() + 2 * 5 * 4 * 4)
    assert roofline.cost(lambda: layer(x).sum().backward()).flops == 2 * forward  # the gradient of the weights alone


def test_a_step_of_ours_costs_fewer_operations_than_three_passes(data):
    def flops(kind):
        return roofline.cost(training.engine(learner(kind), data, 4, seeded(), record=False)).flops

    ours, three = flops(AmbientVAEGAN), flops(training.ThreePasses)
    assert 1.4 < three / ours < 1.7


def test_three_passes_have_our_losses_and_make_our_first_update(data):
    batch = {"y": data["y"].float()}
    ours, three = learner(), learner(training.ThreePasses)
    losses = [each.losses(batch, seeded(2))[0] for each in (ours, three)]
    assert losses[0] == losses[1]
    # Enc is the first that three passes update, so it alone moves as ours does; Dec then meets another Enc.
    ours, three = learner(), learner(training.ThreePasses)
    ours.step(batch, seeded(2))
    three.step(batch, seeded(2))
    pairs = {
        name: zip(ours.networks[name].parameters(), three.networks[name].parameters(), strict=True) for name in ours.networks
    }
    alike = {name: all(torch.equal(*pair) for pair in each) for name, each in pairs.items()}
    assert alike == {"encoder": True, "decoder": False, "discriminator": False}


def test_default_networks_are_the_same_functions_of_the_same_number_of_weights(data):
    ours, plain = learner(), training.with_default_networks(learner())
    for name, network in ours.networks.items():
        assert [p.numel() for p in network.parameters()] == [p.numel() for p in plain.networks[name].parameters()]
        assert plain.networks[name].state_dict().keys() == network.state_dict().keys()
    # Linear layers beside a flattening have their inputs in another order; the decoder's last layer is comparable as it is.
    ours_last, plain_last = ours.dec.body[-1], plain.dec.body[-1]
    plain_last.load_state_dict(ours_last.state_dict())
    maps = torch.rand(2, ours_last.in_channels, 14, 14, generator=seeded(3))
    torch.testing.assert_close(plain_last(maps), ours_last(maps))


def test_default_networks_compute_in_float32_where_asked(data, monkeypatch):
    """The same learner in both precisions, on a device that computes in bfloat16 by itself."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    seen = []
    for change in (training.with_default_networks, training.in_float32):
        made = change(learner())
        made.enc.body[0].register_forward_hook(lambda _, __, output: seen.append(output.dtype))
        made.enc(data["y"][:2].float())
    assert seen == [torch.bfloat16, torch.float32]


def test_the_options_of_a_learner_are_all_that_it_is_made_with():
    for method in (name for name in restoration.METHODS if (restoration.FOLDER / name / "train.py").exists()):
        made = learner_of(method)(ImageFormat(SHAPE), MEASUREMENT, seeded(), **learner_options(method))
        assert made.networks and made.optimizers


needs_deepinv = pytest.mark.skipif(not importlib.util.find_spec("deepinv"), reason="deepinv is not installed (`make bench`)")


@needs_deepinv
@pytest.mark.parametrize("pixel_term", ["direct", "fresh"])
def test_deepinv_has_our_losses_and_its_trainer_steps_down_them(data, pixel_term):
    from benchmarks import with_deepinv

    batch = {"y": data["y"].float()}
    ours, theirs = (learner(forward=LeftHalf(), gamma=0.3, pixel_term=pixel_term) for _ in range(2))
    expected, _ = ours.losses(batch, seeded(2))
    draws = seeded(2)
    model = with_deepinv.Autoencoder(theirs, draws)
    physics = with_deepinv.Physics(A=lambda x, **_: theirs.measure(x, draws))
    x_net = model(batch["y"], physics)
    given = {"x_net": x_net, "y": batch["y"], "y_hat": physics.A(x_net), "physics": physics, "model": model, "D": theirs.dis}
    generator = with_deepinv.GeneratorLoss(theirs)(**given)
    torch.testing.assert_close(generator, expected["encoder"] + expected["decoder"])
    torch.testing.assert_close(with_deepinv.DiscriminatorLoss(theirs)(**given), expected["discriminator"])


@needs_deepinv
def test_a_step_of_deepinv_goes_down_the_sum_of_our_gradients(data):
    from benchmarks import with_deepinv

    def new():
        return learner(forward=LeftHalf(), gamma=0.3)

    ours, theirs = new(), new()
    batch = {"y": with_deepinv.draw_batch(data, 4, (draws := seeded(2)))["y"]}
    losses, _ = ours.losses(batch, draws)
    both = losses["encoder"] + losses["decoder"]
    update(ours.optimizers, {"encoder": both, "decoder": both, "discriminator": losses["discriminator"]})
    with_deepinv.training(theirs, data, 4, seeded(2))()
    for name, network in ours.networks.items():
        for mine, other in zip(network.parameters(), theirs.networks[name].parameters(), strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=2e-5)


@needs_deepinv
def test_deepinv_searches_the_generator_it_is_given():
    from benchmarks import with_deepinv

    decoder = at_test(with_default_weights(Decoder, seeded(), SHAPE)).requires_grad_(False)
    with torch.no_grad():
        y = decoder(torch.randn(1, 20, generator=seeded(4)))[0]
    mask = torch.ones_like(y, dtype=torch.bool)
    torch.manual_seed(0)
    few, many = (with_deepinv.search(decoder, y, mask, steps, 1, 0.1) for steps in (1, 40))
    assert few.shape == y.shape
    assert ((many - y) ** 2).mean() < 0.5 * ((few - y) ** 2).mean()


@pytest.mark.parametrize("method", restoration.METHODS)
def test_every_method_is_timed_where_it_applies(method):
    assert any(restoration.applies_to(method, forward) for forward in (DropPatch(14), AddNoise(0.2)))


def test_the_restoration_part_writes_its_table_with_the_facts_of_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: None)  # this process has its own
    monkeypatch.setattr("sys.argv", ["restoration", "--methods", "as_measured", "--repetitions", "1", "--output", str(tmp_path)])
    restoration.main()
    rows = list(csv.DictReader((tmp_path / "restoration-mnist.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == ["as_measured"] * 2
    assert all(rows[0][fact] for fact in ("device", "threads", "torch", "date", "commit"))
    assert (tmp_path / "restoration-mnist.md").read_text() in capsys.readouterr().out


def test_measurements_are_of_the_family_asked_for(monkeypatch):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: None)
    bench = Bench(side_by_side.parser("any", None, 1).parse_args([]))
    dropped = bench.measured("drop_patch", 3)
    assert (~dropped.informs).sum((1, 2, 3)).tolist() == [14 * 14] * 3
    assert np.std(bench.measured("add_noise", 3).y) > 0.2


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_error_by_which_options_are_chosen_is_that_on_clean_images(family):
    """Of the values that count, for an estimate that does not depend on the target's noise; measured exactly it is the same."""
    x = torch.rand(200, *SHAPE, generator=seeded(0))
    theta = family.draw(len(x), SHAPE, seeded(1))
    s = family.side_info(theta).numpy()
    measured = Measured(family.forward(x, theta).numpy(), family, to_disk(s))
    example, again = choose.corrupted_again(measured, share=0.3, tau=0.5, seed=2)
    estimate = 0.9 + 0.4 * np.float32(example.input)
    found = np.nanmean(choose.errors(estimate, example, family, s))
    off = (family.predict(estimate, s) - family.predict(x.numpy(), s)) ** 2
    counted = np.broadcast_to(example.counts, off.shape)
    per_image = [each[where].mean() for each, where in zip(off, counted, strict=True) if where.any()]
    assert found == pytest.approx(np.mean(per_image), rel=0.03 if family.sigma else 1e-5)
    assert again.forward.sigma == pytest.approx(family.sigma * 1.25**0.5)
    if not family.mixes and not family.has_mask:
        assert np.std(again.y - x.numpy()) == pytest.approx(again.forward.sigma, rel=0.02)


def test_choosing_prints_the_best_first_and_marks_the_default(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: None)
    clean = np.kron(np.random.default_rng(0).integers(0, 256, (12, 7, 7, 1), np.uint8), np.ones((1, 4, 4, 1), np.uint8))
    y, stored = measure(clean, AddNoise(0.1), 0, "train")
    facts = {"dataset": "toy", "measurement": "add_noise", "family": "add_noise", "options": {"sigma": 0.1}, "split": "train"}
    write(tmp_path, facts, len(y), (y, stored), [(y, stored)])
    monkeypatch.setattr("sys.argv", ["choose", "median", "--data", str(tmp_path), "--of", "window", "1", "3", "9"])
    choose.main()
    first, columns, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("median on") and columns.split()[:2] == ["error", "dB"]
    assert sorted(line.split("window ")[1] for line in lines) == ["1", "3  *", "9"]
    assert [float(line.split()[0]) for line in lines] == sorted(float(line.split()[0]) for line in lines)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["acsg"], "no method that restores without learning"),
        (["median", "--of", "width", "1"], "no option width; it has window"),
        (["median", "--of", "window", "0"], "window is 0; it must be an integer, at least 1"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(given, says, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: None)
    monkeypatch.setattr("sys.argv", ["choose", *given, "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match=says):
        choose.main()
