"""Restorations that were made elsewhere: what is handed out, what is handed in and refused, and the row that comes of it."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from declared import FAMILIES, ROOT
from parsed import workflow_of
from snakemake.exceptions import WorkflowError

import store
from config.check import ConfigError, check
from measurements.forward import find
from measurements.measure import measure
from measurements.side_info import from_disk
from reports import facts as report_facts
from submissions import loader
from submissions.check import checked
from submissions.hand_out import BESIDE, FILES

OUTSIDER = """#!/bin/sh
set -e
in=results/handout/mnist5k/drop_patch
mkdir -p "my images/mnist5k"
cp $in/test.y.npy "my images/mnist5k/drop_patch.npy"
cp $in/test.json "my images/mnist5k/drop_patch.json"
"""
CONFIG = {
    "datasets": {"mnist5k": {"drop_patch": {"size": 9}, "add_noise": {"sigma": 0.2}}},
    "images": {"mnist5k": {"train": 40, "test": 20}},
    "methods": {
        "as_measured": None,
        "mine": {"restored": "my images/{dataset}/{measurement}.npy", "title": "shell script", "seconds": 0.25},
    },
}


def facts_of(y: np.ndarray) -> dict:
    """Of measurements, as far as it is asked for."""
    made = {"dataset": "toy", "measurement": "add_noise", "family": "add_noise", "options": {"sigma": 0.1}}
    return made | {"digests": {"y": store.digest(y)}}


def rows(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_an_outsider_whose_method_is_a_shell_script(tmp_path):
    """It is handed measurements, hands them back as they are, and has the scores of `as_measured`, marked as submitted."""

    def snakemake(target, methods):
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(CONFIG | {"methods": methods}))
        command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--configfile", "c.yaml", "--cores", "2", target]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]

    snakemake("measurements", {"as_measured": None})
    out, measured = tmp_path / "results/handout/mnist5k", tmp_path / "results/measured/mnist5k"
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {f"{name}/{file}" for name in ("drop_patch", "add_noise") for file in (*FILES, *BESIDE)}
    for path in out.rglob("*.json"):
        said = json.loads(path.read_text())
        assert said == json.loads((measured / path.relative_to(out)).read_text())
        assert said["digests"]["y"] == store.digest(np.load(path.with_suffix(".y.npy")))

    subprocess.run(["sh", "-c", OUTSIDER], cwd=tmp_path, check=True)
    snakemake("results/report/mnist5k/table.csv", CONFIG["methods"])
    report = tmp_path / "results/report/mnist5k"
    means = {(row["method"], row["measurement"], row["metric"]): row for row in rows(report / "table.csv")}
    for metric in ("psnr", "ssim_pasted", "accuracy"):
        mine, floor = (means[method, "drop_patch", metric] for method in ("mine", "as_measured"))
        assert mine["mean"] == floor["mean"] and (mine["best"], floor["best"]) == ("", "best")
    assert ("mine", "add_noise", "psnr") not in means
    assert "shell script (was not handed in: there is no my images/mnist5k/add_noise.npy)" in (report / "table.md").read_text()
    (row,) = [row for row in rows(report / "methods.csv") if row["method"] == "mine"]
    assert (row["title"], row["clean"], row["theta"], row["ms_per_image"]) == ("shell script", "submitted", "submitted", "250")
    assert report_facts.SECTIONS["submitted"] in (report / "table.md").read_text()


# --- the loader ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 24, 3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_loader_reads_what_the_benchmark_reads(family, shape, tmp_path):
    clean = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    for at, options in enumerate(find(family).EXAMPLES):
        y, stored = measure(clean, find(family)(**options), seed=0, split="test")
        folder = tmp_path / str(at)
        store.save_array(folder / "test.y.npy", y)
        store.save_array(folder / "test.side_info.npy", stored)
        store.save_json(folder / "test.json", {"digests": {"y": "abc"}})
        loaded, side_info = loader.load(folder, "test")
        np.testing.assert_array_equal(loaded, y)
        np.testing.assert_array_equal(side_info, from_disk(stored, y.shape))
        assert side_info.dtype == from_disk(stored, y.shape).dtype
        loader.hand_in(2 * y.astype(np.float64), folder, folder / "mine.npy")
        np.testing.assert_array_equal(np.load(folder / "mine.npy"), np.clip(2 * y.astype(np.float64), 0, 1).astype(np.float16))
        assert store.load_json(folder / "mine.json") == {"digest": "abc"}


def test_what_the_handed_out_page_shows_runs_where_it_is_handed_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "submissions")
    y, stored = measure(np.full((3, 28, 28, 1), 99, np.uint8), FAMILIES["drop_patch"], seed=0, split="test")
    store.save_array(Path("test.y.npy"), y)
    store.save_array(Path("test.side_info.npy"), stored)
    store.save_json(Path("test.json"), facts_of(y))
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "submissions/README.md").read_text(), re.DOTALL)
    exec(compile(program, "README.md", "exec"), {})
    np.testing.assert_array_equal(checked(Path("mine.npy"), Path("test.y.npy")), y)


def test_the_loader_is_short_and_needs_numpy_alone():
    source = (ROOT / "submissions/loader.py").read_text()
    code = [line for line in source.splitlines() if line.strip() and not line.strip().startswith('"""')]
    assert len(code) <= 20
    imported = {line.split()[1] for line in code if line.startswith(("import ", "from "))}
    assert imported == {"json", "pathlib", "numpy"}


# --- what is checked -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def handed_in(tmp_path, command):
    """A function: what `python -m submissions.check` says to estimates and to what stands beside them, of five measurements."""
    y = np.random.default_rng(0).random((5, 8, 6, 1)).astype(np.float16)
    facts = facts_of(y)
    store.save_array(tmp_path / "test.y.npy", y)
    store.save_json(tmp_path / "test.json", facts)

    def check_in(estimates, beside=facts, *more):
        np.save(tmp_path / "mine.npy", estimates)
        if beside is not None:
            (tmp_path / "mine.json").write_text(json.dumps(beside))
        given = ["--restored", tmp_path / "mine.npy", "--y", tmp_path / "test.y.npy", "--method", "mine"]
        return command("submissions.check", *given, "--output", tmp_path / "out/test.npy", *more)

    check_in.y, check_in.out = y, tmp_path / "out"
    return check_in


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_right_is_stored_as_a_method_s_own(handed_in, dtype):
    outcome = handed_in(handed_in.y.astype(dtype))
    assert outcome.code == 0, outcome.err
    np.testing.assert_array_equal(np.load(handed_in.out / "test.npy"), handed_in.y)
    facts = store.load_json(handed_in.out / "test.json")
    assert [facts[key] for key in ("method", "dataset", "measurement", "seed", "protocol")] == [
        "mine",
        "toy",
        "add_noise",
        None,
        "sound",
    ]
    assert facts["submitted"] and "first_images" not in facts


def test_the_first_images_alone_may_be_handed_in_where_the_configuration_says_so(handed_in):
    few = handed_in.y[:2]
    assert "holds 2 images, and 5 are to be scored; where only the first N" in handed_in(few).line
    assert handed_in(few, {"digest": store.digest(handed_in.y)}, "--first-images", 2).code == 0
    assert store.load_json(handed_in.out / "test.json")["first_images"] == 2
    assert (
        "holds 5 images, and 2 are to be scored"
        in handed_in(handed_in.y, {"digest": store.digest(handed_in.y)}, "--first-images", 2).line
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda y: y[:4], "holds 4 images, and 5 are to be scored"),
        (lambda y: y.transpose(0, 2, 1, 3), "holds [5, 6, 8, 1], not images [N, H, W, C] = [5, 8, 6, 1]"),
        (lambda y: y[..., 0], "holds [5, 8, 6], not images"),
        (lambda y: (255 * y).astype(np.uint8), "holds uint8; save floating-point values"),
        (lambda y: 255 * y.astype(np.float32), "images are finite and in [0, 1]"),
        (lambda y: y - np.float16(0.5), "images are finite and in [0, 1]"),
        (lambda y: np.where(y > 0.5, np.nan, y), "holds values from nan to nan; images are finite"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_that_names_the_file(handed_in, change, said):
    outcome = handed_in(change(handed_in.y))
    assert outcome.code == 1 and "mine.npy: " in outcome.line and said in outcome.line
    assert not handed_in.out.exists()


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (None, "mine.json: no such file; copy the test.json of the measurements"),
        ({"digest": "0123456789ab"}, "mine.json: holds the digest 0123456789ab, and that of"),
        ({}, "mine.json: holds no digest, and that of"),
    ],
)
def test_estimates_of_other_measurements_are_refused(handed_in, beside, said):
    outcome = handed_in(handed_in.y, beside)
    assert outcome.code == 1 and said in outcome.line


def test_measurements_that_are_not_what_their_facts_say_are_not_handed_out(tmp_path, command):
    for split in ("train", "test"):
        store.save_array(tmp_path / f"{split}.y.npy", np.zeros((2, 4, 4, 1), np.float16))
        store.save_json(tmp_path / f"{split}.json", facts_of(np.ones((2, 4, 4, 1), np.float16)))
    outcome = command("submissions.hand_out", "--measured", tmp_path, "--output", tmp_path / "out")
    assert outcome.code == 1 and "train.y.npy: was altered after it was measured" in outcome.line
    assert not (tmp_path / "out").exists()


# --- the configuration ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"restored": "x.npy", "like": "median"}, "methods.mine.like: nothing is run where `restored` names a file"),
        ({"restored": "x.npy", "timing": {}}, "methods.mine.timing: nothing is run where `restored` names a file"),
        ({"restored": "x.npy", "train": {"steps": 3}}, "methods.mine.train: nothing is run"),
        ({"restored": "x.npy", "for": {"mnist5k": {"train": {}}}}, "methods.mine.for.mnist5k.train: nothing is run"),
        ({"restored": "x.npy", "restore": {"steps": 3}}, "methods.mine.restore.steps: no such key"),
        ({"restored": "{data}/x.npy"}, "methods.mine.restored: {data} stands for nothing; there are {dataset}, {measurement}"),
        ({"restored": "x.npy", "seconds": 0}, "methods.mine.seconds: 0 is less than or equal to the minimum of 0"),
        ({"like": "median", "seconds": 1}, "methods.mine.seconds: is for restorations from elsewhere"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(given, said):
    with pytest.raises(ConfigError) as error:
        check(CONFIG | {"methods": {"mine": given}})
    assert str(error.value).startswith(said)


def test_restorations_for_no_forward_model_at_all_are_said_before_any_job(tmp_path):
    said = (
        r"^methods\.mine: it would not run at all; shell script was not handed in: there is no my images/mnist5k/drop_patch\.npy"
    )
    with pytest.raises(WorkflowError, match=said), workflow_of(CONFIG, tmp_path):
        pass
