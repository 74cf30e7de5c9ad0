"""Learning curves: the criterion on held-out measurements, when a training is looked at, and trainings that go on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from declared import FAMILIES, LEARNED, learner_class
from torch import nn

import metrics.learning
import reports.learning
import store
from networks.architectures import ImageFormat
from training import checkpoints
from training.learner import Learner
from training.learning import FIRST, HIDDEN, Criterion, LearningCurve
from training.loop import fit

ROOT = Path(__file__).parent.parent
SHAPE = (28, 28, 1)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


class Blurred(Learner):
    """Estimates by a fixed affine map of the measurement, whatever it has learned."""

    def __init__(self):
        self.networks, self.optimizers = {"nothing": nn.Linear(1, 1)}, {}
        self.given = []

    def step(self, batch, generator):
        return {"loss": torch.rand((), generator=generator)}

    def estimate(self, batch, generator=None):
        self.given.append(batch)
        return 0.3 + 0.4 * batch["y"]


def held_out(family, count=200):
    x = torch.rand(count, *SHAPE, generator=seeded(0))
    theta = family.draw(count, SHAPE, seeded(1))
    return x, {"y": family.forward(x, theta), "side_info": family.side_info(theta)}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_criterion_is_the_clean_error_of_what_the_network_was_given(family):
    """The noise of the target is independent of the input, and its variance is taken off; what is exact is compared as it is."""
    x, batch = held_out(family)
    criterion = Criterion(family, batch, sees_side_info=True)
    example = criterion.example
    estimate = (0.3 + 0.4 * example.input).clamp(0, 1)
    off = (family.predict(estimate, batch["side_info"]) - family.predict(x, batch["side_info"])) ** 2
    wanted = float(off[example.counts].mean())
    noise = (
        float(torch.as_tensor(example.sigma).max()) ** 2 * (2 / int(example.counts.sum())) ** 0.5
    )  # standard error of the mean of its squares
    assert criterion.error(Blurred()) == pytest.approx(wanted, rel=1e-4, abs=5 * noise)


@pytest.mark.parametrize("family", [family for family in FAMILIES.values() if family.has_mask and not family.sigma], ids=str)
def test_the_criterion_asks_for_values_that_were_seen_and_are_hidden(family):
    x, batch = held_out(family)
    input_, s, target, counts, _ = Criterion(family, batch, True).example
    assert torch.equal(target[counts], x[counts]) and not family.informs(s, x.shape)[counts].any()
    assert not torch.equal(input_, batch["y"]) and counts.float().mean() <= max(HIDDEN, float(counts.any((0, 3)).float().mean()))


@pytest.mark.parametrize("sees", [True, False])
def test_a_learner_is_given_the_side_information_where_its_training_has_it(sees):
    _, batch = held_out(FAMILIES["drop_patch"], 3)
    learner = Blurred()
    Criterion(FAMILIES["drop_patch"], batch, sees).error(learner)
    assert {name for given in learner.given for name in given} == ({"y", "side_info"} if sees else {"y"})


def test_a_training_is_looked_at_after_every_doubling_and_at_its_end(tmp_path):
    _, batch = held_out(FAMILIES["add_noise"], 3)
    learner = Blurred()
    curve = LearningCurve(Criterion(FAMILIES["add_noise"], batch, True), batch)
    fit(learner, {"y": torch.rand(4, *SHAPE)}, seeded(0), steps=1100, batch_size=2, checkpoint=tmp_path / "c.pt",
        callbacks=[curve], say=lambda line: None)  # fmt: skip
    assert [row["step"] for row in curve.rows(2)] == [125, 250, 500, 1000, 1100]
    assert [row["images_seen"] for row in curve.rows(2)] == [250, 500, 1000, 2000, 2200]
    estimates = curve.estimates()
    assert estimates.shape == (5, 3, *SHAPE) and estimates.dtype == np.float16
    np.testing.assert_allclose(estimates[0], (0.3 + 0.4 * batch["y"]).clamp(0, 1).numpy(), atol=1e-3)
    assert FIRST == 125


GO_ON = [name for name in LEARNED if learner_class(name).goes_on]


@pytest.mark.parametrize("method", GO_ON)
def test_a_finished_training_goes_on_to_the_model_of_a_longer_one(method, learner, tmp_path):
    """4 steps and then 7 are 7 steps, bit for bit; the log is that of 7 but for the row at the end of the first part."""
    data = {name: torch.rand(12, *SHAPE, generator=seeded(1)) for name in ("y", "x")}
    common = {"batch_size": 3, "say": lambda line: None}

    def learner_of(seed=0):
        return learner(method, ImageFormat(SHAPE), FAMILIES["drop_independent"], seeded(seed)), seeded(seed)

    straight, generator = learner_of()
    log = fit(straight, data, generator, steps=7, checkpoint=tmp_path / "straight-7.pt", **common)
    first, generator = learner_of()
    fit(first, data, generator, steps=4, checkpoint=tmp_path / "c-4.pt", keep=True, **common)
    second, generator = learner_of(seed=8)
    shorter = checkpoints.shorter(tmp_path / "c-7.pt")
    assert shorter == tmp_path / "c-4.pt"
    again = fit(second, data, generator, steps=7, checkpoint=tmp_path / "c-7.pt", shorter=shorter, keep=True, **common)
    for name, network in straight.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, second.networks[name].state_dict()[key]), (name, key)
    assert [row["step"] for row in again] == [4, 7]
    for name in set(log[0]) - {"step", "seconds"}:  # means over 4 and over 3 steps
        assert (4 * again[0][name] + 3 * again[1][name]) / 7 == pytest.approx(log[0][name], rel=1e-4)


def test_the_longest_shorter_training_is_continued_and_no_other(tmp_path):
    for name in ("a-100.pt", "a-900.pt", "a-4000.pt", "b-2000.pt"):
        (tmp_path / name).touch()
    assert checkpoints.shorter(tmp_path / "a-2000.pt") == tmp_path / "a-900.pt"
    assert checkpoints.shorter(tmp_path / "a-100.pt") is None


@pytest.mark.parametrize("method", LEARNED)
def test_only_a_training_that_goes_on_has_its_steps_outside_the_digest(method):
    kind = learner_class(method)
    made_of = {
        "method": method,
        "options": {"steps": 100},
        "seed": 0,
        "data": {"dataset": "toy", "measurement": "drop", "family": "drop_patch"},
    }
    folder = ROOT / "methods" / method
    name, longer = (checkpoints.name(kind, made_of | {"options": {"steps": steps}}, folder) for steps in (100, 200))
    assert (name.removesuffix("-100.pt") == longer.removesuffix("-200.pt")) == kind.goes_on and name != longer


# --- scores and figure ---------------------------------------------------------------------------------------------------------


def test_a_look_is_scored_by_the_mean_psnr_of_its_images():
    clean = np.zeros((3, 2, 2, 1), np.uint8)
    estimates = np.stack([np.full((2, 2, 2, 1), 0.1), np.full((2, 2, 2, 1), 0.01)]).astype(np.float16)
    estimates[1, 1] = 0.1
    table = metrics.learning.scored(clean, estimates, pd.DataFrame({"step": [125, 250]}))
    assert table["psnr"].tolist() == pytest.approx([20, 30], abs=0.02)  # -10 log10 of .01 and .01; of .0001 and .01
    assert table["psnr_error"].tolist() == pytest.approx([0, 10], abs=0.02)  # standard error of 40 and 20
    assert table["images"].tolist() == [2, 2]
    assert metrics.learning.scored(clean, estimates[:0], pd.DataFrame({"step": []})).empty


def test_the_last_doubling_gains_what_the_criterion_fell():
    points = pd.DataFrame(
        {"measurement": "drop", "method": "m", "seed": 0, "images_seen": [100, 200, 300], "held_out": [0.1, 0.01, 0.001]}
    )
    gained = reports.learning.with_gains(points)["doubling_gain"]
    assert np.isnan(gained[0]) and gained[1] == pytest.approx(10)
    # from 150 images, where the line over log2 of the images is at 10 + 10 log2(1.5) dB, to 30 dB at 300
    assert gained[2] == pytest.approx(30 - (10 + 10 * np.log2(1.5)))


def test_the_figure_names_the_methods_without_a_curve(tmp_path):
    rows = [["toy", "drop", "unet", 0, step, 64 * step, 1 / step, 20.0, 128] for step in (125, 250)]
    pd.DataFrame(rows, columns=reports.learning.COLUMNS).to_csv(tmp_path / "unet.csv", index=False)
    pd.DataFrame(columns=reports.learning.COLUMNS).to_csv(tmp_path / "acsg.csv", index=False)
    arguments = ["--dataset", "toy", "--curves", str(tmp_path / "unet.csv"), str(tmp_path / "acsg.csv"), "--order", "acsg unet"]
    reports.learning.main(
        [*arguments, "--measurements", "drop", "--titles", '{"acsg": "ACSG"}', "--output", str(tmp_path / "learning")]
    )
    facts = store.load_json(tmp_path / "learning.json")
    assert facts == {"dataset": "toy", "images": 128, "without": ["ACSG"]}
    assert pd.read_csv(tmp_path / "learning.csv")["doubling_gain"].dropna().tolist() == pytest.approx(
        [10 * np.log10(2)], rel=1e-4
    )
    assert (tmp_path / "learning.png").stat().st_size > 5000
