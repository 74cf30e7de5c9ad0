"""The training engine: stopping and continuing, what it refuses, what it writes."""

import csv
import functools
import io
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import flags, forget_code, seeded
from declared import LEARNED, MODELS, ROOT
from torch import Generator, nn

import store
from bench import machine
from measurements.drop_independent import DropIndependent
from measurements.side_info import pack
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.spread import Spread
from training import checkpoints, loop, models
from training.batches import as_float, draw_batch, measure_afresh, on_device
from training.callbacks import Callback, CleanSelection, estimated
from training.learner import Learner
from training.loop import Interrupted, fit
from training.optimizers import rise_and_fall, rmsprop
from training.recording import Unrecordable

SHAPE, IMAGES = (28, 28, 1), 16
HAS_GPU = torch.cuda.is_available()  # before conftest.py hides it
STEPS = 130  # of the commands below: two rows of the log, the last of them short


# --- the command ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(tmp_path_factory, command):
    """Sixteen random images with half of their values lost, by the measuring command; the folder."""
    folder = tmp_path_factory.mktemp("measured")
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPE), np.uint8)
    store.save_array(folder / "clean.npy", images)
    given = {"p": 0.5, "clean": folder / "clean.npy", "dataset": "toy", "split": "train", "output": folder}
    assert command("measurements.measure", "drop_independent", *flags(given)).code == 0
    return folder


@pytest.fixture(scope="module")
def train(measured, command):
    """A function: what `python -m methods.ambient_vaegan.train` does."""

    def run(output, folder, *more, y=None, steps=STEPS, **options):
        given = {"y": y or measured / "train.y.npy", "output": output, "checkpoints": folder, "steps": steps, "batch_size": 2}
        return command("methods.ambient_vaegan.train", *flags(given | options), *more)

    return run


def program_of(method, measured, output, *more, **environment):
    """The same as a program of its own."""
    given = {"y": measured / "train.y.npy", "output": output, "checkpoints": output.parent / "checkpoints", "batch_size": 2}
    line = [sys.executable, "-m", f"methods.{method}.train", *map(str, [*flags(given), *more])]
    around = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)} | environment
    return subprocess.Popen(line, env=around, cwd=output.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listens(child):
    """Wait until a process handles SIGTERM, that is, until it trains."""
    for _ in range(6000):
        assert child.poll() is None, child.communicate()
        caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{child.pid}/status").read_text(), re.M)[1]
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.05)
    pytest.fail("never came to train")


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(log):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in log]


def states(learner):
    return {name: {key: value.clone() for key, value in net.state_dict().items()} for name, net in learner.networks.items()}


def assert_same_state(ours, theirs):
    assert ours.keys() == theirs.keys()
    for network, weights in theirs.items():
        assert ours[network].keys() == weights.keys()
        for name, value in weights.items():
            assert torch.equal(ours[network][name], value), f"{network}.{name}"


@pytest.mark.parametrize("wrong", ["the same", "another family", "other images"])
def test_a_second_measurement_must_be_one_of_the_same_images(measured, command, tmp_path, wrong):
    folder, family, clean = tmp_path / "again", "drop_independent", np.load(measured / "clean.npy")
    if wrong == "the same":
        folder = measured
    else:
        family, images = ("drop_rows", clean) if wrong == "another family" else (family, clean[:9])
        store.save_array(tmp_path / "clean.npy", images)
        given = {"p": 0.5, "clean": tmp_path / "clean.npy", "dataset": "toy", "split": "train", "output": folder}
        assert command("measurements.measure", family, *flags(given)).code == 0
    files = {"y": measured / "train.y.npy", "side_info": measured / "train.side_info.npy", "output": tmp_path / "model"}
    files |= {"y_again": folder / "train.y.npy", "side_info_again": folder / "train.side_info.npy"}
    outcome = command("methods.noise2noise.train", *flags(files | {"checkpoints": tmp_path}))
    assert outcome.code == 1 and "not a second measurement of the images of" in outcome.line
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="waits for the signal handler by way of /proc")
def test_the_command_stops_continues_and_refuses_a_second(train, measured, tmp_path):
    """One story: killed in the middle, refused while another trains, started again; the result is that of training straight."""
    straight = train(tmp_path / "straight", tmp_path / "elsewhere")
    assert straight.code == 0, straight.err
    child = program_of("ambient_vaegan", measured, tmp_path / "model", "--steps", STEPS, OMP_NUM_THREADS="1")
    try:
        listens(child)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=300)
    finally:
        child.kill()
    assert child.returncode == 143 and "Traceback" not in err, err
    (step,) = re.findall(rf"stopped at step (\d+) of {STEPS}", out)
    assert not (tmp_path / "model").exists()
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.pt")
    assert str(checkpoint) in out

    with checkpoints.alone(checkpoint):
        second = train(tmp_path / "model", tmp_path / "checkpoints")
    assert second.code == 1 and "another process is training this model" in second.line
    assert not (tmp_path / "model").exists()

    again = train(tmp_path / "model", tmp_path / "checkpoints")
    assert f"continuing at step {step} of {STEPS}" in again.out
    (kept,) = (tmp_path / "elsewhere").glob("*.pt")  # this method's training can go on with more steps
    assert not list(tmp_path.glob("*/*.pt.lock")) and kept.name == checkpoint.name
    ours, theirs = (torch.load(tmp_path / name / "model.pt", weights_only=True)["networks"] for name in ("model", "straight"))
    assert_same_state(*({name: each["weights"] for name, each in saved.items()} for saved in (ours, theirs)))
    assert (tmp_path / "model/model.pt").read_bytes() == (tmp_path / "straight/model.pt").read_bytes()
    log = rows(tmp_path / "model" / "train.csv")
    assert without_seconds(log) == without_seconds(rows(tmp_path / "straight" / "train.csv"))
    check_csv(log)
    check_facts(json.loads((tmp_path / "model" / "train.json").read_text()), measured, log)


def check_csv(log):
    """A row per hundred steps and one for the rest, with the time and every loss."""
    assert list(log[0]) == ["step", "seconds", "L_prior", "L_pixel", "L_feat", "L_G", "L_D"]
    assert [int(row["step"]) for row in log] == [100, STEPS]
    assert all(math.isfinite(float(value)) for row in log for value in row.values())
    seconds = [float(row["seconds"]) for row in log]
    assert 0 < seconds[0] < seconds[1]


def check_facts(facts, measured, log):
    """train.json: how the model was made and what it took."""
    assert facts["method"] == "ambient_vaegan"
    own = {"alpha": 10, "beta": 1, "gamma": 1e-6, "pixel_term": "direct"}
    assert facts["options"] == {"steps": STEPS, "batch_size": 2} | own
    assert facts["seed"] == 0
    assert facts["threads"] == 1
    assert facts["data"] == json.loads((measured / "train.json").read_text())
    assert facts["data"]["options"] == {"p": 0.5, "fill": 0.0, "per_channel": True}
    assert facts["parameters"] == {"encoder": 64520, "decoder": 37793, "discriminator": 24513}
    assert facts["seconds"] == float(log[-1]["seconds"])
    assert facts["images_per_second"] == pytest.approx(2 * STEPS / facts["seconds"])
    assert facts["device"] == machine.device_name()
    assert facts["torch"] == torch.__version__
    assert "selected" not in facts


@pytest.mark.parametrize(
    ("old", "new", "another"),
    [
        ("nn.ReLU()", "nn.Tanh()", True),
        ("a plain stack", "a short stack", False),
    ],
)
def test_a_training_with_other_options_or_other_code_is_another(old, new, another, tmp_path):
    """Its checkpoint has another name, so that it starts afresh: also where a file that it imports was edited."""

    def name(steps: int = 3) -> str:
        forget_code()
        data = {"dataset": "toy", "measurement": "drop", "family": "drop_patch"}
        made_of = {"method": "dncnn", "options": {"steps": steps}, "seed": 0, "data": data}
        return checkpoints.name(Learner, made_of, folder)

    folder = shutil.copytree(ROOT / "docs/examples/dncnn", tmp_path / "dncnn")
    first = name()
    assert first.startswith("toy-drop-dncnn-0-") and name() == first != name(steps=4)
    text = (folder / "model.py").read_text()
    assert old in text
    (folder / "model.py").write_text(text.replace(old, new))
    assert (name() != first) == another


def test_the_command_stops_at_a_loss_that_is_not_finite(train, measured, tmp_path):
    y = np.array(store.load_array(measured / "train.y.npy"))
    y[:, 3, 3] = np.inf
    store.save_array(tmp_path / "train.y.npy", y)
    facts = store.load_json(measured / "train.json")
    store.save_json(tmp_path / "train.json", facts | {"digests": {}})  # or it would be refused as altered
    outcome = train(tmp_path / "model", tmp_path / "checkpoints", y=tmp_path / "train.y.npy", steps=2)
    assert outcome.code == 1
    assert "L_pixel" in outcome.line and "not finite at step 2" in outcome.line
    assert not (tmp_path / "model").exists()
    assert list((tmp_path / "checkpoints").glob("*.pt")) == []


THREADS = """
import runpy, sys, torch
torch.set_num_threads(3)
runpy.run_module("methods.acsg.train", run_name="__main__", alter_sys=True)
print("threads", torch.get_num_threads(), torch.get_num_interop_threads())
"""


def test_training_keeps_to_one_thread(measured, tmp_path):
    """Asked of torch where the training command ends; without OMP_NUM_THREADS, and although three were set before."""
    given = {"y": measured / "train.y.npy", "output": tmp_path / "model", "checkpoints": tmp_path / "checkpoints"}
    line = [sys.executable, "-c", THREADS, *map(str, flags(given | {"steps": 1, "batch_size": 2, "threads": 1}))]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    child = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert "threads 1 1" in child.stdout


def test_where_a_step_cannot_be_recorded_the_training_starts_again_without(train, tmp_path, monkeypatch):
    started = []

    def unrecordable(*arguments, **options):
        raise Unrecordable("operation not permitted when stream is capturing")

    def execute(program, line):
        started.append((program, line))
        sys.exit(0)  # as this process has no more to say

    monkeypatch.setattr("training.command.fit", unrecordable)
    monkeypatch.setattr("os.execv", execute)
    outcome = train(tmp_path / "model", tmp_path / "checkpoints", steps=3)
    assert "starting again with --plain, as a step could not be recorded: operation not permitted" in outcome.out
    assert started == [(sys.executable, [*sys.orig_argv, "--plain"])]


# --- the loop ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def learner_of(learner):
    """A function: a method's learner with its generator, as the command makes them."""

    def make(method, seed=0):
        generator = seeded(seed)
        return learner(method, ImageFormat(SHAPE), DropIndependent(0.5), generator), generator

    return make


class Counting(Learner):
    """A learner made for the tests: one weight that goes up with the noise it draws, a loss that is the number of its step."""

    def __init__(self, at=None, then=None):
        self.net = nn.Linear(1, 1, bias=False)
        self.networks = {"net": self.net}
        self.optimizers = {"net": rmsprop(self.net)}
        self.count, self.at, self.then, self.batches, self.rates = 0, at, then, [], []

    def learning_rate(self, step):
        return 1.0 / (1 + step)

    def step(self, batch, generator):
        self.count += 1
        self.batches.append(batch)
        self.rates.append(self.optimizers["net"].param_groups[0]["lr"])
        loss = torch.tensor(float(self.count))
        if self.count == self.at:
            loss = self.then() or loss
        return {"ones": torch.ones(()), "count": loss}


def counting_fit(learner, folder, steps, **options):
    data = {"y": torch.arange(10.0).view(10, 1, 1, 1)}
    return fit(learner, data, seeded(), steps=steps, batch_size=4, checkpoint=folder / "c.pt", **options)


@pytest.fixture
def often(monkeypatch):
    """A row of the log every five steps."""
    monkeypatch.setattr(loop, "LOG_EVERY", 5)


def interrupt_at(learner, at, number):
    """Let a learner's own process be told to stop in the middle of its step `at`."""
    step, count = learner.step, iter(range(1, 1000))

    def told(batch, generator):
        if next(count) == at:
            os.kill(os.getpid(), number)
        return step(batch, generator)

    learner.step = told


@pytest.mark.parametrize(("method", "number"), [*((m, signal.SIGTERM) for m in LEARNED), ("acsg", signal.SIGINT)])
def test_stopping_and_continuing_is_bit_for_bit(learner_of, method, number, often, tmp_path):
    """Stopped after step 7 of 13, in the middle of a row, and continued by a learner that started from other weights."""
    data = {name: torch.rand(12, *SHAPE, generator=seeded(1)) for name in ("y", "x")}
    data["side_info"] = torch.from_numpy(pack((data["y"] > 0.5).numpy()))
    data |= {"y_again": data["y"], "side_info_again": data["side_info"]}
    budget = {"steps": 13, "batch_size": 3, "say": lambda line: None}
    straight, generator = learner_of(method)
    log = fit(straight, data, generator, checkpoint=tmp_path / "straight.pt", **budget)

    first, generator = learner_of(method)
    interrupt_at(first, 7, number)
    with pytest.raises(Interrupted, match="stopped at step 7 of 13"):
        fit(first, data, generator, checkpoint=tmp_path / "c.pt", **budget)
    second, generator = learner_of(method, seed=8)
    again = fit(second, data, generator, checkpoint=tmp_path / "c.pt", **budget)

    assert_same_state(states(second), states(straight))
    assert without_seconds(again) == without_seconds(log)
    assert [row["step"] for row in again] == [5, 10, 13]


def flipped(data: bytes) -> bytes:
    """One bit in the middle of the largest stretch that is not zero, a tensor, is another."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]


DAMAGES = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "one bit": flipped,
    "a page": lambda data: b"<html>no such file</html>",
    "other content": lambda data: saved([1, 2]),
    "lacks a part": lambda data: saved({"step": 3}),
}
NO_STATE = {"no step": {"step": None}, "no list": {"log": 3, "callbacks": 1}, "other weights": {"networks": {"generator": {}}}}


def saved(value) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_kept_aside_and_the_training_starts_afresh(learner_of, damage, tmp_path, capsys):
    data = {"y": torch.rand(12, *SHAPE, generator=seeded(1))}
    budget = {"steps": 5, "batch_size": 3}
    straight, generator = learner_of("acsg")
    log = fit(straight, data, generator, checkpoint=tmp_path / "straight.pt", **budget)
    first, generator = learner_of("acsg")
    interrupt_at(first, 2, signal.SIGTERM)
    with pytest.raises(Interrupted):
        fit(first, data, generator, checkpoint=tmp_path / "c.pt", **budget)
    damaged = DAMAGES[damage]((tmp_path / "c.pt").read_bytes())
    (tmp_path / "c.pt").write_bytes(damaged)
    capsys.readouterr()
    second, generator = learner_of("acsg")
    again = fit(second, data, generator, checkpoint=tmp_path / "c.pt", **budget)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and said.startswith(f"warning: {tmp_path / 'c.pt'}: damaged (")
    assert (tmp_path / "c.pt.damaged").read_bytes() == damaged
    assert_same_state(states(second), states(straight))
    assert without_seconds(again) == without_seconds(log)


@pytest.mark.parametrize("wrong", NO_STATE)
def test_a_checkpoint_of_the_right_parts_with_other_values_is_kept_aside(learner_of, wrong, tmp_path):
    data = {"y": torch.rand(12, *SHAPE, generator=seeded(1))}
    budget = {"steps": 5, "batch_size": 3, "checkpoint": tmp_path / "c.pt"}
    first, generator = learner_of("acsg")
    interrupt_at(first, 2, signal.SIGTERM)
    with pytest.raises(Interrupted):
        fit(first, data, generator, **budget)
    torch.save(torch.load(tmp_path / "c.pt", weights_only=True) | NO_STATE[wrong], tmp_path / "c.pt")
    second, generator = learner_of("acsg")
    with pytest.raises(
        SystemExit, match=r"c\.pt: damaged \(.*\); kept as c\.pt\.damaged; run again, and the training starts afresh"
    ):
        fit(second, data, generator, **budget)
    third, generator = learner_of("acsg")
    assert fit(third, data, generator, **budget)[-1]["step"] == 5


def test_a_model_of_which_one_bit_is_another_is_refused(tmp_path):
    net = with_default_weights(Spread, seeded(0), SHAPE, planes=2)
    models.save(tmp_path / "model.pt", {"net": net}, SHAPE)
    data = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(flipped(data))
    with pytest.raises(SystemExit, match=r"model\.pt: not the weights of this method \(.* is not as it was written\); delete it"):
        models.load(tmp_path / "model.pt", SHAPE, ("net",))


def test_a_lock_of_another_user_is_named(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError

    monkeypatch.setattr(checkpoints.FileLock, "acquire", refused)
    of_mine = "c.lock: of another user; give a folder of your own after --checkpoints"
    with pytest.raises(SystemExit, match=of_mine), checkpoints.alone(tmp_path / "c.pt"):
        pass


def test_a_crash_costs_only_the_steps_since_the_last_checkpoint(learner_of, often, monkeypatch, tmp_path):
    monkeypatch.setattr(loop, "SAVE_EVERY", -1)
    data = {"y": torch.rand(12, *SHAPE, generator=seeded(1))}
    budget = {"steps": 13, "batch_size": 3}
    straight, generator = learner_of("acsg")
    log = fit(straight, data, generator, checkpoint=tmp_path / "straight.pt", **budget)
    crashing, generator = learner_of("acsg")
    step, count = crashing.step, iter(range(1, 100))
    crashing.step = lambda batch, g: step(batch, g) if next(count) < 9 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        fit(crashing, data, generator, checkpoint=tmp_path / "c.pt", **budget)
    heard = []
    second, generator = learner_of("acsg", seed=8)
    again = fit(second, data, generator, checkpoint=tmp_path / "c.pt", say=heard.append, **budget)
    assert heard[0].startswith("continuing at step 8 of 13")
    assert without_seconds(again) == without_seconds(log)
    for ours, theirs in zip(second.gen.parameters(), straight.gen.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_stop_in_the_last_row_still_ends_with_the_model_s_log(often, tmp_path):
    """The interruption comes after the last step: starting again has nothing left to do."""
    learner = Counting(12, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted, match="stopped at step 12 of 12"):
        counting_fit(learner, tmp_path, 12)
    again = Counting()
    assert [row["step"] for row in counting_fit(again, tmp_path, 12)] == [5, 10, 12]
    assert again.count == 0


def test_rows_are_means_over_their_steps(often, tmp_path):
    """Losses 1, 2, …, 12 average to 3, 8 and 11.5."""
    log = counting_fit(Counting(), tmp_path, 12)
    assert [(row["step"], row["ones"], row["count"]) for row in log] == [(5, 1, 3), (10, 1, 8), (12, 1, 11.5)]
    assert list(log[0]) == ["step", "seconds", "ones", "count"]
    assert not (tmp_path / "c.pt").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_its_name_and_step(often, tmp_path, monkeypatch, value):
    """Found before the next checkpoint; the last one stays as it was."""
    monkeypatch.setattr(loop, "SAVE_EVERY", -1)
    with pytest.raises(SystemExit) as stop:
        counting_fit(Counting(7, lambda: torch.tensor(value)), tmp_path, 12)
    assert "count not finite at step 7" in stop.value.code
    assert "ones" not in stop.value.code
    assert str(tmp_path / "c.pt") in stop.value.code
    assert "\n" not in stop.value.code
    assert torch.load(tmp_path / "c.pt", weights_only=True)["step"] == 6


def test_a_learning_rate_blown_up_stops_training(learner_of, often, tmp_path):
    """The real losses of a method, at a thousand times a sane rate or more."""
    learner, generator = learner_of("ambient_vaegan")
    learner.learning_rate = lambda step: 1e30
    with pytest.raises(SystemExit, match=r"not finite at step 5: lower the learning rate$"):
        fit(learner, {"y": torch.rand(12, *SHAPE)}, generator, steps=20, batch_size=3, checkpoint=tmp_path / "c.pt")


def test_every_step_has_the_rate_of_its_number_and_images_from_all_of_the_data(often, tmp_path):
    learner = Counting()
    counting_fit(learner, tmp_path, 40)
    assert learner.rates == [1 / step for step in range(1, 41)]
    assert all(batch["y"].shape == (4, 1, 1, 1) for batch in learner.batches)
    assert {value.item() for batch in learner.batches for value in batch["y"].flatten()} == set(range(10))


def test_fit_gives_the_signals_back(often, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    counting_fit(Counting(), tmp_path, 3)
    with pytest.raises(ZeroDivisionError):
        counting_fit(Counting(2, lambda: 1 / 0), tmp_path, 3)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_batches_are_floats_in_the_range_of_the_files_and_masks_stay_masks():
    clean = as_float(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert clean.tolist() == [0, pytest.approx(0.2), 1]
    y = as_float(torch.tensor([-0.25, 1.5], dtype=torch.float16))
    assert (y.dtype, y.tolist()) == (torch.float32, [-0.25, 1.5])
    assert as_float(torch.tensor([True, False])).dtype == torch.bool


@pytest.mark.parametrize("shape", [(5, 3, 3), (4, 4, 1), (9, 6, 2)])  # the first and the last leave bits unused
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_batch_has_the_masks_of_its_images(shape, per_channel):
    """Packed masks are uint8 as clean images are; they come out as bool, beside the y and x that they belong to."""
    n = 20
    clean = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, *shape)  # an image tells its index
    seen = torch.rand(n, *shape[:2], shape[2] if per_channel else 1, generator=seeded(1)) < 0.5
    data = {"y": clean.half(), "side_info": torch.from_numpy(pack(seen.numpy())), "x": clean}
    batch = draw_batch(data, 50, seeded())
    drawn = batch["y"][:, 0, 0, 0].long()
    assert len(drawn.unique()) > 10
    assert batch["side_info"].dtype == torch.bool and torch.equal(batch["side_info"], seen[drawn])
    torch.testing.assert_close(batch["x"], clean[drawn] / 255)


def test_a_batch_has_the_noise_levels_of_its_images():
    data = {"y": torch.zeros(6, 4, 4, 1), "side_info": torch.full((6, 1, 1, 1), 0.2)}
    assert torch.equal(draw_batch(data, 3, seeded())["side_info"], torch.full((3, 1, 1, 1), 0.2))


@pytest.mark.filterwarnings("error")
def test_on_the_cpu_data_stay_in_their_files_and_are_not_changed(tmp_path):
    path, array = tmp_path / "y.npy", np.random.default_rng(0).random((50, *SHAPE)).astype(np.float16)
    store.save_array(path, array)
    data = on_device({"y": path, "side_info": None, "x": path}, torch.device("cpu"))
    assert set(data) == {"y", "x"} and data["y"] is data["x"]
    assert data["y"].numpy().tobytes() == array.tobytes()
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(path) in maps.read_text()
    data["y"] += 1
    assert np.load(path).tobytes() == array.tobytes()


# --- the original's protocol ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("named", [(), ("side_info",), ("side_info", "y_again", "side_info_again")])
def test_fresh_measurements_differ_between_steps_and_are_those_of_the_clean_images(model, named, often, tmp_path):
    """One image alone: all that can change from step to step is θ. `named`: what the rule names beside y."""
    clean = torch.randint(1, 256, (1, *SHAPE), generator=seeded(), dtype=torch.uint8)
    learner = Counting()
    measure = functools.partial(measure_afresh, model, named)
    budget = {"steps": 4, "batch_size": 2, "checkpoint": tmp_path / "c.pt"}
    fit(learner, {"fresh": clean, "x": clean}, seeded(), measure=measure, **budget)
    measured = torch.cat([batch["y"] for batch in learner.batches])
    assert measured.dtype == torch.float32
    assert len(measured.unique(dim=0)) == 8
    for batch in learner.batches:
        assert set(batch) == {"y", "x", *named}
        torch.testing.assert_close(batch["x"], clean.expand(2, *SHAPE) / 255)
        for again in [name.removeprefix("side_info") for name in named if name.startswith("side_info")]:
            off = (batch[f"y{again}"] - model.predict(batch["x"], batch[f"side_info{again}"])).abs()
            assert off.max() <= 7 * model.sigma + 1e-6
        assert "y_again" not in named or not torch.equal(batch["y"], batch["y_again"])


class Wandering(Counting):
    """A learner whose one weight is set to the step's; its estimate is that weight everywhere."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def step(self, batch, generator):
        nn.init.constant_(self.net.weight, self.path[self.count])
        return super().step(batch, generator)

    def estimate(self, batch, generator=None):
        self.heard = generator
        return self.net.weight.detach().expand_as(batch["y"])


def select(learner, folder, every=2):
    """Train twelve steps with a selection against images that are 0.5 everywhere."""
    selection = CleanSelection({"y": torch.zeros(3, 2, 2, 1)}, torch.full((3, 2, 2, 1), 0.5), {"posterior_sample"}, every)
    counting_fit(learner, folder, 12, callbacks=[selection])
    return selection.choose(learner)


def test_selection_keeps_the_weights_with_the_least_clean_error(often, tmp_path):
    """The error goes down and up again; looked at after steps 2, 4, …: 0.6 at step 6 is nearest to 0.5, 0.5 at step 7 unseen."""
    learner = Wandering([0.0, 0.1, 0.9, 0.2, 0.7, 0.6, 0.5, 0.3, 0.9, 0.65, 0.4, 0.8])
    facts = select(learner, tmp_path)
    assert facts == {"every": 2, "images": 3, "step": 6, "clean_mse": pytest.approx(0.01)}
    assert learner.net.weight.item() == pytest.approx(0.6)
    assert learner.heard is not None  # one posterior sample


def test_the_last_step_is_looked_at_and_the_first_of_equals_is_kept(often, tmp_path):
    assert select(Wandering([0.0] * 11 + [0.5]), tmp_path, every=100)["step"] == 12
    assert select(Wandering([0.5] * 12), tmp_path)["step"] == 2


def test_without_an_estimate_the_last_weights_are_kept_and_it_is_said(learner_of, often, tmp_path):
    learner, generator = learner_of("acsg")
    selection = CleanSelection({"y": torch.zeros(3, *SHAPE)}, torch.zeros(3, *SHAPE), frozenset(), 2)
    data = {"y": torch.rand(12, *SHAPE, generator=seeded(1))}
    fit(learner, data, generator, steps=4, batch_size=3, checkpoint=tmp_path / "c.pt", callbacks=[selection])
    last = states(learner)
    assert selection.choose(learner) == {
        "every": 2, "images": 3, "step": None, "why": "last weights: this method makes no estimate in training",
    }  # fmt: skip
    assert_same_state(states(learner), last)


def paper_fit(learner, generator, checkpoint):
    """Thirteen steps under the original's protocol with real losses; the log and the facts of the selection."""
    clean = torch.randint(0, 256, (12, *SHAPE), generator=seeded(1), dtype=torch.uint8)
    x, forward = as_float(clean[:5]), learner.forward
    batch = {"y": forward.forward(x, forward.draw(5, SHAPE, seeded(2)))}
    selection = CleanSelection(batch, x, {"batch_statistics", "posterior_sample"}, 3)
    log = fit(
        learner, {"fresh": clean, "x": clean}, generator, steps=13, batch_size=3, checkpoint=checkpoint, say=lambda line: None,
        measure=functools.partial(measure_afresh, forward, ()), callbacks=[selection],
    )  # fmt: skip
    return log, selection.choose(learner)


@pytest.mark.parametrize(("method", "stop"), [("ambient_vaegan", 4), ("supervised", 6), ("ambient_vaegan", 13)])
def test_selection_and_fresh_measurements_continue_bit_for_bit(learner_of, method, stop, often, tmp_path):
    straight, generator = learner_of(method)
    log, facts = paper_fit(straight, generator, tmp_path / "straight.pt")
    first, generator = learner_of(method)
    interrupt_at(first, stop, signal.SIGTERM)
    with pytest.raises(Interrupted, match=f"stopped at step {stop} of 13"):
        paper_fit(first, generator, tmp_path / "c.pt")
    second, generator = learner_of(method, seed=8)
    again, same = paper_fit(second, generator, tmp_path / "c.pt")
    assert same == facts and facts["step"] in (3, 6, 9, 12, 13)
    assert without_seconds(again) == without_seconds(log)
    assert_same_state(states(second), states(straight))


class Looking(Callback):
    """Asks for estimates in both ways and keeps the steps at which it did."""

    def __init__(self):
        self.state = {}

    def due(self, step, steps):
        return step % 4 == 0 or step == steps

    def after_step(self, step, learner):
        batch = {"y": torch.rand(4, *SHAPE, generator=seeded(3))}
        mean, sample = (estimated(learner, batch, protocol) for protocol in (frozenset(), {"posterior_sample"}))
        alone = estimated(learner, {"y": batch["y"][:1]})
        torch.testing.assert_close(mean[:1], alone, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(mean, sample, atol=1e-3)
        assert all(module.training for network in learner.networks.values() for module in network.modules())
        self.state.setdefault("steps", []).append(step)


@pytest.mark.parametrize("method", ["ambient_vaegan", "supervised"])
def test_a_training_with_a_callback_is_the_same_bit_for_bit(learner_of, method, often, tmp_path):
    """Weights, statistics of batch norm and losses: what is recorded of a training does not change it."""
    data = {name: torch.rand(12, *SHAPE, generator=seeded(1)) for name in ("y", "x")}
    looking, ends, logs = Looking(), [], []
    for callback in ([], [looking]):
        learner, generator = learner_of(method)
        logs.append(fit(learner, data, generator, steps=10, batch_size=3, checkpoint=tmp_path / "c.pt", callbacks=callback))
        ends.append(states(learner))
    assert looking.state["steps"] == [4, 8, 10]
    assert_same_state(*ends)
    assert without_seconds(logs[0]) == without_seconds(logs[1])


@pytest.mark.parametrize("switches", ["paper", "fresh_theta", "clean_selection"])
def test_the_command_under_the_original_s_protocol(train, measured, tmp_path, switches):
    """train.json names the weights that were kept; without the clean images, or with them under another protocol, it says so."""
    on = {"paper": ["fresh", "validation"], "fresh_theta": ["fresh"], "clean_selection": ["validation"]}
    store.save_array(tmp_path / "train.y.npy", store.load_array(measured / "train.y.npy"))
    store.save_json(tmp_path / "train.json", store.load_json(measured / "train.json") | {"protocol": switches})
    more = dict.fromkeys(on[switches], measured / "clean.npy")
    outcome = train(tmp_path / "model", tmp_path / "checkpoints", y=tmp_path / "train.y.npy", steps=3, **more)
    assert outcome.code == 0, outcome.err
    made = store.load_json(tmp_path / "model" / "train.json")
    assert made["data"]["protocol"] == switches
    if "validation" in more:
        assert made["selected"] == {"every": 500, "images": IMAGES, "step": 3, "clean_mse": made["selected"]["clean_mse"]}
        assert 0 < made["selected"]["clean_mse"] < 1
    for y, given in ((tmp_path / "train.y.npy", {}), (measured / "train.y.npy", more)):
        refused = train(tmp_path / "refused", tmp_path / "checkpoints", y=y, steps=3, **given)
        assert refused.code == 1 and '`**config["protocol"]` among the inputs' in refused.line
    assert not (tmp_path / "refused").exists()


def test_a_rate_that_rises_and_falls():
    """Over 200 steps to its peak, or a quarter of them where they are fewer than 800, and to nothing over all of them."""
    assert [rise_and_fall(2.0, step, 1000) for step in (0, 199, 500, 999)] == pytest.approx([0.01, 2 * 0.801, 1.0, 0.002])
    assert [rise_and_fall(2.0, step, 100) for step in (0, 24, 50, 99)] == pytest.approx([0.08, 2 * 0.76, 1.0, 0.02])
    assert rise_and_fall(2.0, 0, 1) == 2.0


# --- memory and a GPU ----------------------------------------------------------------------------------------------------------


REUSE = """
import resource, torch
from training import device
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24).sum()  # 64 MiB, 16,384 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
device.keep_memory()
print([faults() for _ in range(50)][-1])  # aligned blocks find room for good after a few rounds
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept_for_the_next_step():
    said = subprocess.run([sys.executable, "-c", REUSE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert int(said) < 100


@pytest.mark.skipif(not HAS_GPU, reason="no CUDA GPU")
def test_a_recorded_training_is_the_plain_one(learner, tmp_path):
    """Twenty steps with the last ones played back from a CUDA graph: the same losses and weights, to rounding."""
    made = []
    for record in (False, True):
        generator = Generator("cuda").manual_seed(0)
        one = learner("acsg", ImageFormat(SHAPE), DropIndependent(0.5), generator)
        y = torch.rand(IMAGES, *SHAPE, generator=generator, device="cuda")
        log = fit(one, {"y": y}, generator, steps=20, batch_size=8, checkpoint=tmp_path / "none.pt", record=record)
        made.append((log[-1]["L_D"], [weight.detach().cpu() for weight in one.gen.parameters()]))
    (plain, ours), (recorded, theirs) = made
    assert recorded == pytest.approx(plain, rel=1e-2)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-3)
