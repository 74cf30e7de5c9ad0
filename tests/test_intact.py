"""Files that were altered or hold something else, and estimates in another range: refused in one line, not scored."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import IMAGES, flags
from test_guard import program

import store
from bench.measured import Measured
from bench.restoring import checked
from measurements import files
from measurements.forward import from_facts
from reports.files import read_cells

RESTORE = """
import subprocess
from bench.command import main

def restore(measured):
    words = ["bs=1", "seek=5000", "count=64", "conv=notrunc"]
    subprocess.run(["dd", "if=/dev/zero", "of={}", *words], check=True, capture_output=True)
    yield measured.y.clip(0, 1)

if __name__ == "__main__":
    main(restore)
"""


@pytest.fixture
def measured(world, tmp_path) -> Path:
    """The folder of a measured split, in a copy of a results folder that a test may alter."""
    copied = tmp_path / "results"
    for kind in ("clean", "measured"):
        shutil.copytree(world.folder / "results" / kind, copied / kind)
    return copied / "measured/toy/add_noise"


def add(path: Path, change) -> None:
    """Replace the array of a file."""
    array = change(np.load(path))
    np.save(path, array)


ALTERATIONS = {
    "one value": (lambda y: np.where(np.arange(y.size).reshape(y.shape) == 99, np.float16(0.5), y), "was altered after"),
    "other type": (lambda y: y.astype(np.float32), "holds float32"),
    "other count": (lambda y: y[:-1], f"where {IMAGES} images were measured"),
    "other shape": (lambda y: y.reshape(IMAGES, 56, 14, 1), "where images of (28, 28, 1) were measured"),
    "flat": (lambda y: y.reshape(IMAGES, -1), "not measurements float16 [N, H, W, C]"),
    "one number": (lambda y: np.array(3.0), "holds a single value"),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_measurements_that_are_not_those_that_were_made_are_refused_at_every_step(measured, alteration, tmp_path, command):
    change, says = ALTERATIONS[alteration]
    y, clean = measured / "test.y.npy", measured.parents[2] / "clean/toy/test.npy"
    estimates = tmp_path / "estimates.npy"
    assert command("methods.gaussian.restore", *flags({"y": y, "output": estimates})).code == 0
    add(y, change)
    add(measured / "train.y.npy", change)
    steps = {
        "methods.gaussian.restore": {"y": y, "output": tmp_path / "out.npy"},
        "methods.acsg.train": {
            "y": measured / "train.y.npy", "output": tmp_path, "steps": 1, "batch_size": 2, "checkpoints": tmp_path / "c",
        },
        "metrics.quality": {
            "clean": clean, "y": y, "side_info": measured / "test.side_info.npy", "shown": measured / "train.shown.npy",
            "estimates": estimates, "output": tmp_path / "out.csv",
        },
    }  # fmt: skip
    for module, given in steps.items():
        outcome = command(module, *flags(given))
        assert outcome.code == 1 and says in outcome.line and ".y.npy: " in outcome.line, (module, outcome.err)
    assert not list(tmp_path.glob("out.*")) and not (tmp_path / "model.pt").exists()


def held_out_given(measured: Path, tmp_path: Path) -> dict:
    """A training on the measurements of a folder with a learning curve."""
    given = {"y": measured / "train.y.npy", "held_out": measured / "validation.y.npy"}
    given |= {"held_out_side_info": measured / "validation.side_info.npy", "output": tmp_path / "model"}
    return given | {"steps": 2, "batch_size": 2, "checkpoints": tmp_path / "c"}


@pytest.mark.parametrize("part", ["y", "side_info"])
def test_altered_held_out_measurements_are_refused_by_a_training(measured, part, tmp_path, command):
    add(measured / f"validation.{part}.npy", lambda array: array + array.dtype.type(1))
    outcome = command("methods.unsure.train", *flags(held_out_given(measured, tmp_path)))
    assert outcome.code == 1 and f"validation.{part}.npy: was altered after it was measured" in outcome.line
    assert not (tmp_path / "model").exists()


def test_a_learning_curve_is_scored_against_the_images_and_measurements_that_it_was_made_of(measured, tmp_path, command):
    clean, model = measured.parents[2] / "clean/toy/validation.npy", tmp_path / "model"
    assert command("methods.unsure.train", *flags(held_out_given(measured, tmp_path))).code == 0
    held_out = store.digest(np.load(measured / "validation.y.npy"))
    assert store.load_json(model / "train.json")["held_out"] == held_out
    given = {"clean": clean, "held_out": measured / "validation.y.npy", "trained": model / "train.json"}
    given |= {"estimates": model / "learning.npy", "curve": model / "learning.csv", "output": tmp_path / "learning.csv"}
    given |= {"dataset": "toy", "measurement": "add_noise", "method": "unsure", "seed": 0}
    assert command("metrics.learning", *flags(given)).code == 0
    again = {"sigma": 0.4, "clean": clean, "split": "validation", "dataset": "toy", "output": measured, "seed": 7}
    assert command("measurements.measure", "add_noise", *flags(again)).code == 0
    said = command("metrics.learning", *flags(given)).line
    assert said.startswith(f"{model / 'learning.npy'}: made of other measurements than {given['held_out']}")
    add(clean, lambda x: x[::-1])
    assert f"{clean}: holds other images than those that were measured" in command("metrics.learning", *flags(given)).line


def test_a_model_from_elsewhere_keeps_its_learning_curve_only_where_it_is_of_this_run_s_measurements(measured, tmp_path, command):
    """Otherwise it would be scored against other images."""
    clean, model = measured.parents[2] / "clean/toy/validation.npy", tmp_path / "model"
    given = held_out_given(measured, tmp_path)
    assert command("methods.unsure.train", *flags(given)).code == 0
    adopted = {name: given[name] for name in ("y", "held_out")} | {"model": model / "model.pt", "method": "unsure"}
    scored = {"clean": clean, "held_out": given["held_out"], "dataset": "toy", "measurement": "add_noise", "method": "unsure"}
    rows = []
    for output, more in ((tmp_path / "same", {}), (tmp_path / "other", {"sigma": 0.4, "seed": 7})):
        if more:
            again = {"clean": clean, "split": "validation", "dataset": "toy", "output": measured} | more
            assert command("measurements.measure", "add_noise", *flags(again)).code == 0
        assert command("training.adopt", *flags(adopted | {"output": output})).code == 0
        files_of = {"trained": output / "train.json", "estimates": output / "learning.npy", "curve": output / "learning.csv"}
        outcome = command("metrics.learning", *flags(scored | files_of | {"seed": 0, "output": tmp_path / "learning.csv"}))
        assert outcome.code == 0, outcome.err
        rows.append(len(pd.read_csv(tmp_path / "learning.csv")))
    assert rows[0] > 0 and rows[1] == 0
    assert (tmp_path / "other/model.pt").read_bytes() == (model / "model.pt").read_bytes()


def test_clean_images_to_select_by_are_those_that_were_measured(measured, tmp_path, command):
    for path in measured.glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": "clean_selection"}))
    clean = measured.parents[2] / "clean/toy/validation.npy"
    add(clean, lambda x: x[::-1])
    outcome = command("methods.unsure.train", *flags(held_out_given(measured, tmp_path) | {"validation": clean}))
    assert f"{clean}: holds other images than those that were measured" in outcome.line


@pytest.mark.parametrize("part", ["side_info", "shown"])
def test_altered_side_information_is_refused(measured, part):
    path = measured / f"train.{part}.npy"
    files.load(path)
    add(path, lambda array: array + array.dtype.type(1))
    with pytest.raises(SystemExit, match=rf"train\.{part}\.npy: was altered after it was measured; delete it and run again"):
        files.load(path)


def test_clean_images_that_are_not_those_that_were_measured_are_not_scored_against(measured, tmp_path, command):
    clean = measured.parents[2] / "clean/toy/test.npy"
    given = {"y": measured / "test.y.npy", "output": tmp_path / "estimates.npy"}
    assert command("methods.gaussian.restore", *flags(given)).code == 0
    scored = {
        "clean": clean,
        "y": given["y"],
        "side_info": measured / "test.side_info.npy",
        "shown": measured / "train.shown.npy",
    }
    scored |= {"estimates": given["output"], "output": tmp_path / "quality.csv"}
    assert command("metrics.quality", *flags(scored)).code == 0
    add(clean, lambda x: x[::-1])
    assert f"{clean}: holds other images than those that were measured" in command("metrics.quality", *flags(scored)).line


def test_a_method_that_alters_the_measurements_by_another_process_ends_in_one_line(measured, tmp_path):
    """The guard does not see it; the digest does, and no estimate appears."""
    y, output = measured / "test.y.npy", tmp_path / "out/test.npy"
    (tmp_path / "altering").mkdir()
    (tmp_path / "altering/restore.py").write_text(RESTORE.format(y))
    done = program("altering.restore", tmp_path, {"y": y, "output": output})
    assert done.returncode == 1 and not output.exists()
    assert done.stderr.splitlines() == [f"{y}: was altered after it was measured; delete it and run again"]


def test_estimates_of_other_measurements_are_refused_by_scores_and_figures(measured, tmp_path, command):
    clean, y = measured.parents[2] / "clean/toy/test.npy", measured / "test.y.npy"
    results = measured.parents[2]
    estimates, scores = (results / f"{kind}/toy/add_noise/gaussian" for kind in ("restored", "scores"))
    estimates = estimates / "test.npy"
    given = {"clean": clean, "y": y, "side_info": measured / "test.side_info.npy", "shown": measured / "train.shown.npy"}
    assert command("methods.gaussian.restore", *flags({"y": y, "output": estimates})).code == 0
    assert command("metrics.quality", *flags(given | {"estimates": estimates, "output": scores / "quality.csv"})).code == 0
    again = {"sigma": 0.4, "clean": clean, "split": "test", "dataset": "toy", "output": measured, "seed": 7}
    assert command("measurements.measure", "add_noise", *flags(again)).code == 0
    said = command("metrics.quality", *flags(given | {"estimates": estimates, "output": tmp_path / "q.csv"})).line
    assert said.startswith(f"{estimates}: restored from other measurements than those given (")
    figure = {"dataset": "toy", "clean": clean, "measured": f"add_noise={y}", "restored": f"add_noise/gaussian={estimates}"}
    said = command("reports.restorations", *flags(figure | {"order": "gaussian", "output": tmp_path / "figure"})).line
    assert said.startswith(f"{estimates}: restored from other measurements than {y}")
    browser = {
        "dataset": "toy",
        "results": results,
        "runs": "add_noise/gaussian",
        "order": "gaussian",
        "measurements": "add_noise",
    }
    said = command("reports.browser", *flags(browser | {"output": tmp_path / "browser.json"})).line
    assert said.startswith(f"{estimates}: restored from other measurements than {y}")


def test_samples_of_other_measurements_are_refused_by_their_figure(measured, tmp_path, command):
    y, samples = measured / "test.y.npy", tmp_path / "posterior.npy"
    store.save_array(samples, np.zeros((2, IMAGES, 28, 28, 1), np.float16))
    store.save_json(samples.with_suffix(".json"), {"digest": "0123456789ab"})
    methods = tmp_path / "methods.csv"
    pd.DataFrame([{"method": "dice", "title": "dice", "clean": "no"}]).to_csv(methods, index=False)
    given = {"dataset": "toy", "methods": methods, "clean": measured.parents[2] / "clean/toy/test.npy"}
    given |= {"measured": f"add_noise={y}", "samples": f"add_noise/dice={samples}", "output": tmp_path / "report"}
    assert command("reports.posterior_samples", *flags(given)).line.startswith(
        f"{samples}: restored from other measurements than {y}"
    )


# --- estimates -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def part(world) -> Measured:
    path = world.folder / "results/measured/toy/add_noise/test.y.npy"
    return Measured(store.load_array(path), from_facts(store.describe(path))).loaded()


RANGES = {
    "0 to 255": (lambda x: 255 * x, "far outside [0, 1]"),
    "-1 to 1": (lambda x: 2 * x - 1, "far outside [0, 1]"),
    "bytes": (lambda x: (255 * x).astype(np.uint8), "the type uint8, not real numbers"),
    "zeros and ones": (lambda x: x > 0.5, "the type bool"),
    "complex": (lambda x: x + 0j, "the type complex64"),
    "nan": (lambda x: np.where(x > 0.9, np.nan, x), "not finite"),
    "inf": (lambda x: np.where(x > 0.9, np.inf, x), "not finite"),
    "complex tensor": (lambda x: torch.fft.fft(torch.from_numpy(x)), "the type complex64"),
}


@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("samples", [None, 2])
def test_an_estimate_in_another_range_or_of_another_kind_is_refused(part, kind, samples):
    change, says = RANGES[kind]
    x = np.kron(np.random.default_rng(1).random((IMAGES, 7, 7, 1)), np.ones((1, 4, 4, 1))).astype(np.float32)
    estimate = change(x)
    if samples:
        estimate = torch.stack([estimate] * 2) if torch.is_tensor(estimate) else np.stack([estimate] * 2)
    with pytest.raises(SystemExit) as stop:
        checked(estimate, part, samples)
    assert says in str(stop.value) and "\n" not in str(stop.value)


def test_noise_is_in_range_and_a_few_outliers_are_said_aloud_and_clipped(part, capsys):
    assert checked(part.y, part).max() == 1  # the measurement itself, whose noise leaves [0, 1]
    assert capsys.readouterr().err == ""
    estimate = part.y.clip(0, 1)
    estimate.reshape(-1)[::20] = -30
    assert checked(torch.from_numpy(estimate).requires_grad_(), part).min() == 0
    assert capsys.readouterr().err.startswith("warning: the estimate has 5% of values far outside [0, 1] (they lie in [-30, 1])")


def test_images_around_zero_are_said_aloud(part, capsys):
    """In [-0.5, 0.5] no value lies far outside [0, 1], but many do."""
    black = np.zeros_like(part.y)
    assert checked(black - 0.5, part).max() == 0
    said = capsys.readouterr().err
    assert said.startswith("warning: the estimate has ") and "of values outside [0, 1] (they lie in [-0.5, -0.5])" in said
    checked(black - 0.05, part)
    assert capsys.readouterr().err == ""


ESTIMATES = {
    "nan": lambda x: np.where(x > 0.9, np.float16(np.nan), x),
    "one hundred": lambda x: np.where(x > 0.9, np.float16(100), x),
    "negative": lambda x: x - np.float16(0.5),
    "bytes": lambda x: (255 * x).astype(np.uint8),
    "complex": lambda x: x.astype(np.complex64),
    "other count": lambda x: x[1:],
    "other shape": lambda x: x[..., 0],
    "one number": lambda x: np.array(0.5),
}


@pytest.mark.parametrize("kind", ESTIMATES)
def test_a_file_of_estimates_that_no_bench_wrote_is_refused_by_every_metric(measured, kind, tmp_path, command):
    y, clean, estimates = measured / "test.y.npy", measured.parents[2] / "clean/toy/test.npy", tmp_path / "estimates.npy"
    assert command("methods.gaussian.restore", *flags({"y": y, "output": estimates})).code == 0
    add(estimates, ESTIMATES[kind])
    np.save(labels := tmp_path / "labels.npy", np.zeros(IMAGES, np.uint8))
    seen = {"side_info": measured / "test.side_info.npy"}
    beside = seen | {"shown": measured / "train.shown.npy"}
    steps = {
        "quality": {"clean": clean, "y": y, **beside, "estimates": estimates},
        "lpips": {"clean": clean, "y": y, **seen, "estimates": estimates, "weights": tmp_path / "none", "sha256": "0"},
        "digits": {"labels": labels, "y": y, **seen, "classifier": tmp_path / "none", "estimates": estimates},
    }
    for name, given in steps.items():
        outcome = command(f"metrics.{name}", *flags(given | {"output": tmp_path / "scores.csv"}))
        assert outcome.code == 1 and "estimates.npy" in outcome.line and "Traceback" not in outcome.err, (name, outcome.err)
    assert not (tmp_path / "scores.csv").exists()


# --- files of another form -----------------------------------------------------------------------------------------------------


def test_an_archive_called_npy_and_a_single_value_are_named(tmp_path):
    path = tmp_path / "a.npy"
    with open(path, "wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(SystemExit, match=r"a\.npy: holds several arrays as \.npz files do"):
        store.load_array(path)
    np.save(path, np.float32(1))
    with pytest.raises(SystemExit, match=r"a\.npy: holds a single value"):
        store.load_array(path)


@pytest.mark.parametrize(
    ("content", "says"), [([1, 2], "holds a list"), ("text", "holds a str"), ({"dataset": "toy"}, "lacks measurement")]
)
def test_facts_of_another_form_are_named(measured, content, says, command, tmp_path):
    (measured / "test.json").write_text(json.dumps(content))
    outcome = command("methods.gaussian.restore", *flags({"y": measured / "test.y.npy", "output": tmp_path / "out.npy"}))
    assert outcome.code == 1 and outcome.line.startswith(f"{measured / 'test.json'}: {says}")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"family": "nowhere"}, "nowhere: no such forward model; there are add_noise"),
        ({"options": {"sgima": 1}}, "AddNoise.__init__() got an unexpected keyword argument 'sgima'"),
        ({"options": {"sigma": "much"}}, "add_noise: sigma is much; it must be a number, at least 0"),
        ({"protocol": "papre"}, "'papre' is no protocol; it must be sound, paper, or"),
    ],
)
def test_facts_of_no_forward_model_or_protocol_are_named(measured, changes, says):
    (path := measured / "test.json").write_text(json.dumps(store.load_json(measured / "test.json") | changes))
    with pytest.raises(SystemExit) as stop:
        files.load(measured / "test.y.npy")
    assert str(stop.value).startswith(f"{path}: {says}") and str(stop.value).endswith("; delete it and run again")


@pytest.mark.parametrize("key", store.TYPES)
def test_a_fact_of_another_type_is_named(key, tmp_path):
    (path := tmp_path / "facts.json").write_text(json.dumps({key: 0.5}))
    with pytest.raises(SystemExit, match=rf"facts\.json: {key} is 0\.5, not {store.KINDS[store.TYPES[key]]}; delete it and run"):
        store.load_json(path)
    path.write_text(json.dumps({key: None}))
    assert store.load_json(path) == {key: None}


@pytest.mark.parametrize("fact", [True, -1, [1, 2], "x,y\n"])
def test_a_seed_that_is_none_is_named(fact, tmp_path):
    (path := tmp_path / "facts.json").write_text(json.dumps({"seed": fact}))
    with pytest.raises(SystemExit, match="facts.json: seed is .*, not a whole number from 0 on; delete it and run again"):
        store.load_json(path)


ROW = {"dataset": "toy", "measurement": "noise", "method": "dice", "seed": 0, "image": 0, "digest": "12e456789012", "mse": 0.1}
SCORES = {
    "inf": ([ROW | {"mse": np.inf}], "mse is inf, not a finite number"),
    "text": ([ROW, ROW | {"mse": "much"}], "mse is much, not a finite number"),
    "header alone": ([], "holds no rows"),
    "a gap": ([ROW, ROW | {"image": 1, "mse": np.nan}], "quality.csv: lacks a number in mse; delete it and run again"),
    "other digest": (
        [ROW, ROW | {"image": 1, "digest": "12e456789013"}],
        "noise: scores of images that were restored from different",
    ),
}


@pytest.mark.parametrize("kind", SCORES)
def test_scores_that_are_no_numbers_or_of_several_measurements_are_refused(kind, tmp_path):
    rows, says = SCORES[kind]
    path = tmp_path / "quality.csv"
    pd.DataFrame(rows, columns=list(ROW)).to_csv(path, index=False)
    with pytest.raises(SystemExit) as stop:
        read_cells([path], ["dataset", "measurement", "method", "seed", "image", "mse"], "toy", ["noise"], ["dice"], ["mse"])
    assert says in str(stop.value) and "\n" not in str(stop.value)
