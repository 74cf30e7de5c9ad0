"""Jobs on a machine without Snakemake: the plan that is read off a dry run, and the order in which its jobs run."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from remote.jobs import Job, read
from remote.plan import jobs_of, needed
from remote.run import may_start, run

ROOT = Path(__file__).parent.parent


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(output: str, *inputs: str, command: str = "", rule: str = "any") -> Job:
    """A job that says its name in order.txt and makes its file."""
    return Job(rule, list(inputs), [output], "job.log", command or f"echo {output} >> order.txt; touch {output}")


def test_a_plan_is_what_snakemake_would_run(tmp_path):
    """The commands of a real dry run: those that want the GPU, what they need and nothing else, and all of it when asked."""
    plan = [sys.executable, "-m", "remote.plan", "--configfile", "config/quick.yaml", "--output"]
    for name, more in (("gpu.json", []), ("all.json", ["--everything"])):
        subprocess.run([*plan, tmp_path / name, *more], cwd=ROOT, check=True, capture_output=True)
    some, every = ([Job(**each) for each in json.loads((tmp_path / f"{name}.json").read_text())] for name in ("gpu", "all"))
    assert {each.rule for each in every} >= {"score_quality", "table", "page", "harmonic_restore"}
    rules = {each.rule for each in some}
    assert {"clean", "measure", "acsg_train", "acsg_restore", "ambient_vaegan_skip_sample"} <= rules
    assert not rules & {"score_quality", "table", "page", "harmonic_restore", "classifier"}
    made = set()
    for each in some:  # in an order in which they can run
        assert made.issuperset(each.inputs)
        made.update(each.outputs)
    train = next(each for each in some if each.rule == "acsg_train")
    assert train.command.startswith("python -m methods.acsg.train --held-out ") and "--steps 400" in train.command
    assert train.on_gpu and not train.alone
    assert not next(each for each in some if each.rule == "measure").on_gpu
    assert sum(each.alone for each in some) == 8  # four learned methods on two forward models


def test_a_plan_has_the_run_s_caps_and_options_and_its_first_seed_first(tmp_path):
    asked = ["seeds=[5,1]", "images={mnist5k: {train: 90}}", "methods={acsg: {for: {mnist5k: {train: {steps: 7}}}}}"]
    plan = [sys.executable, "-m", "remote.plan", "--configfile", "config/quick.yaml", "--output", tmp_path / "jobs.json"]
    subprocess.run([*plan, "--config", *asked], cwd=ROOT, check=True, capture_output=True)
    planned = read(tmp_path / "jobs.json")
    assert [" --images 90 " in each.command for each in planned if each.rule == "clean"].count(True) == 1
    assert all(" --steps 7 " in each.command for each in planned if each.rule == "acsg_train")
    seeds = [re.search(r"--seed (\d)", each.command)[1] for each in planned if each.rule.endswith(("_train", "_restore"))]
    assert seeds == sorted(seeds, reverse=True) and set(seeds) == {"5", "1"}


def test_a_run_that_cannot_be_planned_says_why(tmp_path):
    plan = [sys.executable, "-m", "remote.plan", "--configfile", "config/quick.yaml", "--config", "nonsense=1"]
    done = subprocess.run([*plan, "--output", tmp_path / "x.json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode and "nonsense" in done.stderr
    assert not (tmp_path / "x.json").exists()


def test_rules_that_only_gather_are_no_jobs():
    said = "[Mon Nov 23 12:00:00 2026]\nrule all:\n    input: a\n    jobid: 0\nShell command: None\nJob stats:\n"
    assert jobs_of(said) == []


def test_jobs_run_after_what_they_need_and_are_not_made_again(here):
    jobs = [job("c", "a", "b"), job("b", "a"), job("a")]
    assert run(jobs, cores=2, minutes=1) == 0
    assert Path("order.txt").read_text().split() == ["a", "b", "c"]
    assert run(jobs, cores=2, minutes=1) == 0
    assert len(Path("order.txt").read_text().split()) == 3


def test_a_failed_job_stops_those_that_need_it_alone(here, capsys):
    jobs = [job("a", command="false"), job("b", "a"), job("c")]
    assert run(jobs, cores=1, minutes=1) == 2
    assert Path("order.txt").read_text().split() == ["c"]
    assert "FAILED, see job.log  any: a" in capsys.readouterr().out


def test_no_job_is_begun_after_its_time(here):
    assert run([job("a")], cores=1, minutes=0) == 1
    assert not Path("order.txt").exists()


def test_the_python_that_runs_the_plan_runs_its_jobs(here):
    made = job("a", command="python -m platform > a; python -c 0 2> nowhere || true")
    assert run([made], cores=1, minutes=1) == 0
    assert "Python" in Path("a").read_text() or Path("a").stat().st_size


def test_who_may_start(here):
    """One job on the GPU at a time; a timing alone, when nothing else could run."""
    Path("model.pt").touch()
    train = job("x", command="python -m methods.acsg.train --y y")
    restore, timing = job("y", "model.pt"), job("z", "model.pt", command="python -m m.restore --timing")
    other, late = job("o"), job("l", "not there")
    assert may_start(train, [], [other], cores=2)
    assert not may_start(train, [], [other], cores=1)
    assert not may_start(train, [], [restore], cores=8)
    assert not may_start(late, [], [], cores=8)
    assert may_start(timing, [timing, late], [], cores=8)
    assert not may_start(timing, [timing, other], [], cores=8)
    assert not may_start(timing, [timing], [other], cores=8)
    assert not may_start(other, [other], [timing], cores=8)


def test_what_the_gpu_s_jobs_need():
    jobs = [job("y"), job("clean"), job("w", "y", command="python -m methods.acsg.train --y y"), job("score", "w", "clean")]
    assert [each.outputs[0] for each in needed(jobs)] == ["y", "w"]


def test_what_was_made_is_packed(here):
    Path("jobs.json").write_text(json.dumps([job("a.csv")._asdict(), job("b.npy")._asdict(), job("c.csv")._asdict()]))
    for name in ("a.csv", "b.npy"):
        Path(name).write_text(name)
    command = [sys.executable, "-m", "remote.pack", "jobs.json", "--only", "csv$"]
    subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    with tarfile.open("made.tar.gz") as archive:
        assert archive.getnames() == ["a.csv"]


def test_a_file_that_is_no_plan_is_refused_in_one_line(here):
    Path("jobs.json").write_text("[1]")
    command = [sys.executable, "-m", "remote.run", "jobs.json"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("jobs.json: not a file of jobs (") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "pack"])
def test_the_commands_of_the_other_machine_need_no_package(command):
    """They start with Python alone: none of the site's packages can be imported."""
    subprocess.run([sys.executable, "-S", "-m", f"remote.{command}", "--help"], cwd=ROOT, check=True, capture_output=True)
