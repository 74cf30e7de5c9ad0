"""What a run costs: the sums by hand, from a table of rates made here; and the README's table, from the one that was measured."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from declared import LEARNED

import datasets
from bench.clock import timed
from bench.measured import Measured
from benchmarks import calibration as benchmark
from benchmarks import rates as measuring
from config import calibration, rates
from config.check import check
from config.cost import markdown, report, summary, total
from config.jobs import Job, data, kept, plan, timing_seconds
from config.planned import planned
from config.rates import Rate, differing, rate_of, table
from config.runs import mismatch
from config.schema import forward_model
from measurements import measure
from measurements.forward import from_facts

ROOT = Path(__file__).parent.parent
HERE = {"networks": 0.1, "arrays": 0.01}  # seconds of the calibration
SHAPE = "28x28x1"


def rate(fixed: float, each: float, bytes: float = 0) -> Rate:
    return Rate(fixed, each, bytes, **HERE)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A configuration, its runs and its plan, by rates with simple numbers; drop_patch alone was measured for `harmonic`."""
    known = {
        ("train", "acsg", SHAPE): [
            ("", "", rate(0.5, 0.25, 1000)),
        ],
        ("restore", "acsg", SHAPE): [("", "", rate(0, 0.001))],
        ("train", "supervised_elbo", SHAPE): [("", "", rate(0, 2, 10)), ("adversary=0", "", rate(0, 1, 5))],
        ("restore", "supervised_elbo", SHAPE): [("", "", rate(0, 0.01))],
        ("sample", "supervised_elbo", SHAPE): [("", "", rate(0, 0.002))],
        ("restore", "linear_mmse", SHAPE): [("", "drop_independent", rate(0, 9)), ("", "drop_patch", rate(0, 0.02))],
        ("fit", "linear_mmse", SHAPE): [("", "drop_independent", rate(0, 9)), ("", "drop_patch", rate(3, 0.01))],
        ("restore", "kernel_regression", SHAPE): [("", "drop_patch", rate(0, 1e-5))],
        ("fit", "kernel_regression", SHAPE): [("", "drop_patch", rate(1, 0.01))],
        ("restore", "deep_image_prior", SHAPE): [("", "drop_patch", rate(0, 0.004))],
    }
    monkeypatch.setattr(rates, "table", lambda: known)
    config = {
        "datasets": {"mnist5k": {"drop_patch_9": {"size": 9}}},
        "images": {"mnist5k": {"train": 1000}},
        "methods": {
            "acsg": {"train": {"steps": 7, "batch_size": 10}, "restore": {"steps": 20, "restarts": 3, "first_images": 300}},
            "supervised_elbo": {"train": {"steps": 10, "batch_size": 8}},
            "bound": {"like": "supervised_elbo", "train": {"steps": 10, "batch_size": 8, "adversary": 0}},
            "linear_mmse": None,
            "harmonic": None,
            "kernel_regression": None,
            "few_neighbours": {"like": "kernel_regression", "restore": {"neighbours": 50}},
            "deep_image_prior": {"restore": {"steps": 100, "first_images": 20}},
        },
        "seeds": [3, 5],
        "results": "made",
    }
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    with planned([tmp_path / "toy.yaml"]) as (complete, runs):
        yield complete, runs, {job.path: job for job in plan(complete, runs)}


AT = "mnist5k/drop_patch_9"


def test_a_training_costs_its_steps_at_its_batch_size(toy):
    *_, jobs = toy
    assert jobs[f"made/models/{AT}/acsg/3/model.pt"][4:] == (7 * (0.5 + 0.25 * 10), 1000)
    assert jobs[f"made/models/{AT}/supervised_elbo/5/model.pt"][4:] == (10 * 2 * 8, 10)


def test_a_variant_has_the_rate_of_its_own_options(toy):
    *_, jobs = toy
    assert jobs[f"made/models/{AT}/bound/3/model.pt"].seconds == 10 * 8
    assert jobs[f"made/restored/{AT}/bound/3/test.npy"].seconds == pytest.approx(500 * 0.01)


def test_a_search_costs_its_steps_and_restarts_on_the_images_that_it_is_given(toy):
    *_, jobs = toy
    search = jobs[f"made/restored/{AT}/acsg/5/test.npy"]
    assert search.seconds == pytest.approx(300 * 20 * 3 * 0.001) and search.bytes == 300 * 784 * 2


def test_a_method_that_learns_without_networks_also_costs_its_training_measurements(toy):
    *_, jobs = toy
    assert jobs[f"made/restored/{AT}/linear_mmse/test.npy"].seconds == pytest.approx(500 * 0.02 + 3 + 1000 * 0.01)


def test_a_comparison_with_the_training_measurements_costs_as_many_of_them_as_there_are(toy):
    *_, jobs = toy
    assert jobs[f"made/restored/{AT}/kernel_regression/test.npy"].seconds == pytest.approx(1 + 1000 * 0.01 + 500 * 1000 * 1e-5)
    assert jobs[f"made/restored/{AT}/few_neighbours/test.npy"].seconds == pytest.approx(1 + 50 * 0.01 + 500 * 50 * 1e-5)


def test_a_network_that_is_fitted_to_each_image_costs_its_steps_and_counts_as_a_network(toy):
    config, runs, jobs = toy
    path = f"made/restored/{AT}/deep_image_prior/5/test.npy"
    assert jobs[path].seconds == pytest.approx(20 * 100 * 0.004)
    slower = {job.path: job for job in plan(config, runs, {"networks": 0.2, "arrays": 0.05})}
    assert slower[path].seconds == pytest.approx(2 * jobs[path].seconds)


def test_samples_are_of_every_seed_and_timings_of_the_first(toy):
    config, _, jobs = toy
    samples, _ = [job for job in jobs.values() if job.part == "sample" and job.method == "bound"]
    assert samples.seconds == pytest.approx(32 * 256 * 0.002) and samples.bytes == 32 * 256 * 784 * 2
    timed = [job for job in jobs.values() if job.part == "timing"]
    assert [job.method for job in timed] == [*config["methods"]]
    assert timed[0].bytes == kept(20) * 64 * 784 * 2


def test_a_timing_with_other_settings_costs_each_of_them(toy, tmp_path):
    config, runs, jobs = toy
    config["methods"]["acsg"]["timing"] = {"restarts": [1, 3], "steps": [2]}  # 3 is the row's own
    (timing,) = [job for job in plan(config, runs) if job.part == "timing" and job.method == "acsg"]
    assert timing.seconds == pytest.approx(sum(timing_seconds(0.001 * n, steps) for n, steps in ((60, 20), (20, 20), (6, 2))))
    assert timing.bytes == (2 * kept(20) + kept(2)) * 64 * 784 * 2


def test_a_slower_machine_takes_longer_by_its_own_two_numbers(toy):
    config, runs, jobs = toy
    slower = {job.path: job for job in plan(config, runs, {"networks": 0.2, "arrays": 0.05})}
    learned, classical = f"made/models/{AT}/acsg/3/model.pt", f"made/restored/{AT}/linear_mmse/test.npy"
    assert slower[learned].seconds == pytest.approx(2 * jobs[learned].seconds)
    assert slower[classical].seconds == pytest.approx(5 * jobs[classical].seconds)


def test_what_has_no_rate_is_unknown_and_in_no_sum(toy):
    config, runs, jobs = toy
    assert jobs[f"made/restored/{AT}/harmonic/test.npy"].seconds is None
    whole = total(jobs.values())
    assert whole.unknown == ["harmonic"]
    assert whole.restoring == total(job for job in jobs.values() if job.method != "harmonic").restoring
    text = report(config, list(jobs.values()), 2)
    assert re.search(r"^harmonic +0 +0 +unknown ", text, re.MULTILINE) and text.endswith(": harmonic")
    assert re.search(r"^total +6 .* \+ unknown", text, re.MULTILINE)
    assert summary(list(jobs.values()), 2).endswith(": harmonic")


def test_a_method_of_the_same_name_from_outside_has_no_rate(toy, tmp_path):
    config, *_ = toy
    outside = config["methods"]["acsg"] | {"folder": str(tmp_path / "acsg")}
    assert rate_of("train", config["methods"]["acsg"], (28, 28, 1), "", "add_noise") is not None
    assert rate_of("train", outside, (28, 28, 1), "", "add_noise") is None


def test_hours_on_many_cores_are_not_less_than_the_longest_job_and_timings_are_alone():
    jobs = [Job(part, part, "mnist", "a", 3600.0 * hours, 0) for part, hours in {"train": 4, "restore": 2, "timing": 1}.items()]
    assert [total(jobs, cores).hours for cores in (1, 2, 100)] == [7, 4 + 1, 4 + 1]
    assert total(jobs)[:3] == (1, 4, 3)


def test_the_disk_holds_what_measuring_writes(toy):
    config, *_ = toy
    written = {}
    for split, count in {"train": 1000, "test": 500}.items():
        clean = np.zeros((count, 28, 28, 1), np.uint8)
        y, side_info = measure.measure(clean, from_facts({"family": "drop_patch", "options": {"size": 9}}), 0, split)
        written[f"made/clean/mnist5k/{split}.npy"] = clean.nbytes
        written[f"made/measured/{AT}/{split}.y.npy"] = y.nbytes + side_info.nbytes
    assert {job.path: job.bytes for job in data(config, "mnist5k")} == written


@pytest.mark.parametrize(("seconds", "steps"), [(0.01, 1), (0.3, 1), (0.3, 3), (2.0, 1), (7.0, 10)])
def test_a_timing_takes_as_long_and_keeps_as_much_as_the_clock_does(seconds, steps, monkeypatch):
    """The clock itself, with a time that only passes when the method computes."""
    now = [0.0]
    monkeypatch.setattr("bench.clock.time", SimpleNamespace(monotonic=lambda: now[0], perf_counter=lambda: now[0]))

    def restore(measured):
        for _ in range(steps):
            now[0] += len(measured.y) * seconds / steps
            yield measured.y

    y = np.zeros((3, 4, 4, 1), np.float32)
    estimates, _ = timed(restore, Measured(y, from_facts({"family": "add_noise", "options": {"sigma": 0.2}})))
    assert now[0] == pytest.approx(timing_seconds(seconds, steps, batch=3)) and len(estimates) == kept(steps)


@pytest.mark.parametrize("name", [name for name in datasets.names() if datasets.images(name)])
def test_numbers_of_images_are_those_of_the_formats(name):
    (line,) = [line for line in (ROOT / "docs/formats.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
    said = [int(re.match(r"[\d,]+", cell.strip())[0].replace(",", "")) for cell in line.split("|")[2:5]]
    assert list(datasets.images(name).values()) == said


def test_a_mistake_in_a_configuration_is_one_line(tmp_path):
    (tmp_path / "wrong.yaml").write_text("datasets: {mnist5k: {add_noise: {sigma: 0.2}}}\nmethods: {harmonik: }\n")
    with pytest.raises(SystemExit) as stop, planned([tmp_path / "wrong.yaml"]):
        pass
    assert stop.value.code == "configuration: methods.harmonik: no such method; did you mean harmonic?"


@pytest.mark.parametrize("content", [b"- a list", b"a:\n\t- tab", "note: é".encode("latin-1")])
def test_a_file_that_is_no_configuration_is_one_line(tmp_path, content):
    (tmp_path / "wrong.yaml").write_bytes(content)
    with pytest.raises(SystemExit) as stop, planned([tmp_path / "wrong.yaml"]):
        pass
    assert isinstance(stop.value.code, str) and "\n" not in stop.value.code


# --- calibration ---------------------------------------------------------------------------------------------------------------


def test_a_machine_is_calibrated_once(tmp_path, monkeypatch):
    calls = []

    def run(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(HERE))

    monkeypatch.setattr(subprocess, "run", run)
    assert [calibration.calibrated(tmp_path / "cache") for _ in range(2)] == [HERE, HERE] and len(calls) == 1


def test_a_machine_that_cannot_be_calibrated_counts_as_that_of_the_table(tmp_path, monkeypatch):
    def run(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", run)
    assert calibration.calibrated(tmp_path) is None and not list(tmp_path.iterdir())


def test_the_calibration_shows_a_processor_without_bfloat16(monkeypatch):
    """Its networks compute in the precision of trainings: what autocast is asked for is what the device has."""
    asked = []
    real = benchmark.autocast
    monkeypatch.setattr(benchmark, "autocast", lambda where: asked.append(where.type) or real(where))
    found = benchmark.calibration(seconds=0)
    assert found.keys() == HERE.keys() and min(found.values()) > 0
    assert asked == ["cpu"] * 2


# --- the table -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", measuring.DATASETS)
def test_every_learned_method_of_the_default_configuration_has_rates(dataset):
    """`python -m benchmarks.rates --methods NAME` measures those that are missing."""
    config = check(yaml.safe_load(measuring.CONFIGURATION.read_text()))
    traits = [forward_model(name, options).traits() for name, options in config["datasets"][dataset].items()]
    shape = "x".join(map(str, datasets.of(dataset).SHAPE))
    run = [row for row in config["methods"].values() if row["learned"] and not all(mismatch(row["applies"], t) for t in traits)]
    asked = {(part, Path(row["folder"]).name, shape) for row in run for part in ("train", "restore")}
    assert asked - table().keys() == set()


def test_every_rate_says_where_and_when_it_was_measured():
    with open(rates.TABLE, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert all(row[fact] for fact in measuring.FACTS)
            assert float(row["each"]) >= 0 and float(row["fixed"]) >= 0
            assert float(row["each"]) > 0 or row["method"] == "as_measured"
            assert (int(float(row["bytes"])) > 0) == (row["part"] == "train")


def test_the_reference_is_the_machine_of_most_rates(monkeypatch):
    rates.reference.cache_clear()
    slow, fast = Rate(0, 1, 0, networks=0.5, arrays=0.05), Rate(0, 1, 0, **HERE)
    monkeypatch.setattr(rates, "table", lambda: {"a": [("", "", slow), ("", "", fast)], "b": [("", "", fast)]})
    assert rates.reference() == HERE
    rates.reference.cache_clear()


def test_rates_are_measured_with_one_thread_of_every_library(monkeypatch):
    """The processor's seconds of threads that wait for each other count too: with two, some rates were ten times as high."""
    monkeypatch.setattr("sys.argv", ["rates", "--methods", "median"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    started = []
    monkeypatch.setattr("os.execve", lambda program, arguments, environment: sys.exit(started.append((arguments, environment))))
    with pytest.raises(SystemExit):
        measuring.main()
    ((arguments, environment),) = started
    assert arguments == sys.orig_argv and {environment[name] for name in measuring.THREADS} == {"1"}


def test_a_line_through_two_timings():
    assert measuring.line(3.0, 9.0, (16, 64)) == {"fixed": 1.0, "each": 0.125}
    assert measuring.line(1.0, 9.0, (16, 64)) == {"fixed": 0.0, "each": 9 / 64}


def test_rows_of_the_default_configuration_that_differ_are_measured_too():
    config = yaml.safe_load(measuring.CONFIGURATION.read_text())
    found = {(name, differing(row, "train", row["train"])) for name, row in measuring.methods_of(config) if row["learned"]}
    assert found >= {("ambient_vaegan_elbo", ""), ("ambient_vaegan_elbo", "adversary=0")}
    assert {name for name, _ in found} == set(LEARNED)


# --- README --------------------------------------------------------------------------------------------------------------------


def test_the_readme_s_table_is_what_is_reckoned(tmp_path, monkeypatch):
    """`python -m config.cost --markdown --configfile …` writes it."""
    monkeypatch.chdir(ROOT)
    section = (ROOT / "README.md").read_text().split("## What it costs\n", 1)[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    files = list(dict.fromkeys(re.findall(r"^\| `(\S+)`", "\n".join(lines), re.MULTILINE)))
    assert lines == [line for path in files for line in markdown(Path(path))]
    assert {"config/quick.yaml", "config/paper.yaml"} <= set(files)
