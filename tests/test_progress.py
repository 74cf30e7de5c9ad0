"""What a run says while it goes on: the short lines by themselves, and a run of the workflow with a job that fails."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake_interface_logger_plugins.common import LogEvent
from test_workflow import RESTORE, RULES, snakemake

from config.progress import Progress, Todo, duration

ROOT = Path(__file__).parent.parent


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tell(progress: Progress, event: LogEvent, **about) -> None:
    progress.handle(logging.makeLogRecord({"event": event, **about}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_time_to_go_is_of_rates_then_of_jobs_alike(clock):
    jobs = {number: Todo("acsg_train", f"mnist add_noise {number}", "mnist", 1, 100.0) for number in range(4)}
    progress = Progress(jobs, cores=2, clock=clock)
    assert progress.seconds_to_go() == 4 * 100 / 2
    for number in (0, 1):
        tell(progress, LogEvent.JOB_INFO, jobid=number)
    clock.now = 30.0
    assert progress.seconds_to_go() == (2 * 70 + 2 * 100) / 2
    tell(progress, LogEvent.JOB_FINISHED, job_id=0)  # in 30 s, so that all take 30 s: the running one is about to end
    assert progress.seconds_to_go() == (0 + 2 * 30) / 2
    assert progress.line() == "1 of 4 jobs done, about 30 s to go; now: acsg_train (mnist add_noise 1)"


def test_time_to_go_is_not_less_than_the_longest_job(clock):
    jobs = {0: Todo("a", "", "", 1, 100.0), 1: Todo("b", "", "", 1, 10.0)}
    assert Progress(jobs, cores=8, clock=clock).seconds_to_go() == 100


def test_a_timing_takes_all_cores(clock):
    jobs = {0: Todo("a", "", "", 8, 100.0), 1: Todo("b", "", "", 8, 50.0)}
    assert Progress(jobs, cores=8, clock=clock).seconds_to_go() == 150


def test_nothing_is_said_of_the_time_before_anything_is_known(clock):
    progress = Progress({0: Todo("page", "", "", 1, None), 1: Todo("table", "mnist", "mnist", 1, None)}, cores=1, clock=clock)
    assert progress.line() == "0 of 2 jobs done"
    tell(progress, LogEvent.JOB_INFO, jobid=0)
    clock.now = 7.0
    tell(progress, LogEvent.JOB_FINISHED, job_id=0)
    assert progress.line() == "1 of 2 jobs done, about 7 s to go"


def test_what_fails_is_counted_apart_and_many_jobs_are_not_all_named(clock):
    progress = Progress({number: Todo("job", str(number), "", 1, 1.0) for number in range(9)}, cores=9, clock=clock)
    for number in range(6):
        tell(progress, LogEvent.JOB_INFO, jobid=number)
    clock.now = 1.0
    tell(progress, LogEvent.JOB_ERROR, jobid=0)
    tell(progress, LogEvent.JOB_FINISHED, job_id=1)
    assert progress.line() == "1 of 9 jobs done, 1 failed, about 1 s to go; now: job (2), job (3), job (4), 1 more"


def test_the_same_line_is_not_said_twice(clock, caplog):
    progress = Progress({0: Todo("a", "", "", 1, 60.0)}, cores=1, clock=clock)
    with caplog.at_level(logging.INFO, "snakemake.logging"):
        progress.say()
        progress.say()
        tell(progress, LogEvent.JOB_INFO, jobid=0)
        progress.say()
    assert [record.getMessage() for record in caplog.records] == [
        "0 of 1 jobs done, about 1 min to go",
        "0 of 1 jobs done, about 1 min to go; now: a",
    ]


def test_durations():
    said = {0: "0 s", 59.4: "59 s", 61: "1 min", 3599: "1 h 00 min", 3600: "1 h 00 min", 90_000: "25 h 00 min"}
    assert {seconds: duration(seconds) for seconds in said} == said


# --- the workflow --------------------------------------------------------------------------------------------------------------

END = "    print('the last line before the end')\n    raise SystemExit('no such luck')"
FAILING = RESTORE.replace("    yield measured.y / 2", END)
RUNS = "add_noise/as_measured", "add_noise/failing", "drop_patch/as_measured"
TARGETS = [f"results/restored/mnist5k/{run}/test.npy" for run in RUNS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A configuration with a method from outside that fails."""
    folder = tmp_path_factory.mktemp("progress")
    outside = folder / "failing"
    outside.mkdir()
    (outside / "rules.smk").write_text(RULES)
    (outside / "restore.py").write_text(FAILING)
    measurements = {"add_noise": {"sigma": 0.2}, "drop_patch": {"size": 14}}
    config = {"datasets": {"mnist5k": measurements}, "methods": {"as_measured": None, "failing": {"folder": str(outside)}}}
    (folder / "toy.yaml").write_text(yaml.safe_dump(config | {"seeds": [0]}))
    return folder


@pytest.fixture(scope="module")
def planned(folder) -> subprocess.CompletedProcess:
    return snakemake(folder, "-n", *TARGETS)


@pytest.fixture(scope="module")
def run(folder, planned) -> subprocess.CompletedProcess:
    assert not (folder / ".cache").exists()  # a dry run measures nothing
    return snakemake(folder, *TARGETS)


def test_a_dry_run_says_all_that_snakemake_says(planned):
    said = planned.stdout + planned.stderr
    assert planned.returncode == 0
    assert all(f"rule {name}:" in said for name in ("clean", "measure", "as_measured_restore", "failing_restore"))


def test_a_run_is_short_and_ends_with_what_failed(run):
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert (
        re.search(r"^rule (?!failing)", said, re.MULTILINE) is None and "Finished jobid" not in said and "Select jobs" not in said
    )
    before, _, after = said.partition("Error in rule failing_restore:")
    assert len(before.split("to watch:")[1].splitlines()) < 20
    assert "logs/failing/restore/mnist5k.add_noise/test.log" in after
    assert "the last line before the end" in after and "no such luck" in after


def test_a_run_says_what_it_will_cost_and_that_a_method_without_a_rate_is_unknown(run):
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("To be run: ")]
    assert re.fullmatch(
        r"To be run: restorations \(.* core-hours\): about .* hours on 2 cores; .* GiB; not all .*: failing", line
    )


def test_the_long_form_comes_back(folder, run):
    again = snakemake(folder, "--printshellcmds", TARGETS[1])
    said = again.stdout + again.stderr
    assert "rule failing_restore:" in said and "python -m failing.restore" in said and " jobs done" not in said


def test_planning_imports_no_torch():
    modules = "config.cost, config.messages, config.progress, config.planned"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ).returncode == 0
