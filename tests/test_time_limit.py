"""A method that never ends: the limit `runtime` ends it with one line, and a training keeps what it has."""

import subprocess
import sys
import threading

import pytest
from conftest import flags
from declared import ROOT

from bench import time_limit
from bench.time_limit import TimeLimit
from config.schema import assembled

ENDLESS = """
import time
from bench import command, time_limit

time_limit.GRACE = {grace}

def restore(measured):
    while True:
        {work}
    yield measured.y

if __name__ == "__main__":
    command.main(restore)
"""
DEAF = (
    "import contextlib\n        with contextlib.suppress(SystemExit): time.sleep(0.05)"  # takes every signal to stop for nothing
)
LINE = "endless: not done after 0.005 minutes, the limit `runtime`; raise or remove methods.endless.runtime, or `runtime` for all"


@pytest.mark.parametrize("work, grace", [("time.sleep(0.05)", 60), (DEAF, 0.2)], ids=["ends by itself", "has to be ended"])
def test_a_restoration_that_never_ends_is_ended_with_one_line(tmp_path, world, work, grace):
    method = tmp_path / "endless"
    method.mkdir()
    (method / "restore.py").write_text(ENDLESS.format(work=work, grace=grace))
    given = {
        "y": world.folder / "results/measured/toy/add_noise/test.y.npy",
        "output": tmp_path / "out/test.npy",
        "runtime": 0.005,
    }
    command = [sys.executable, method / "restore.py", *map(str, flags(given))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 1 and done.stderr.startswith(LINE) and len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "out").glob("*.npy"))


def test_a_training_that_takes_too_long_keeps_its_checkpoint_and_goes_on(tmp_path, world):
    inputs = world.inputs("supervised", "add_noise", "train")
    where = {"output": tmp_path / "model", "checkpoints": tmp_path / "checkpoints", "batch_size": 4, "steps": 100_000}
    command = [sys.executable, "-m", "methods.supervised.train", *map(str, flags(inputs | where))]
    said = []
    for _ in range(2):
        limited = [*command, "--runtime", "0.03"]
        done = subprocess.run(limited, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 1 and line.startswith("supervised: not done after 0.03 minutes, the limit `runtime`; ")
        assert "stopped at step" in line and "run again to continue" in line
        said.append(done.stdout)
    assert "continuing at step" in said[1] and "continuing" not in said[0]
    assert not (tmp_path / "model" / "model.pt").exists()


def test_what_ends_in_time_is_left_alone(monkeypatch):
    killed = []
    monkeypatch.setattr("os.kill", lambda *given: killed.append(given))
    with TimeLimit("quick", 0.0005) as limit:
        pass
    with TimeLimit("unlimited", 0):
        pass
    limit.watch()
    assert not killed and not limit.over


@pytest.mark.parametrize("minutes", ["-1", "nan", "525601"])
def test_a_number_of_minutes_below_zero_or_beyond_a_year_is_refused(command, minutes):
    outcome = command("methods.harmonic.restore", "--y", "y.npy", "--output", "x.npy", "--runtime", minutes)
    says = f"runtime is {float(minutes)}; it must be a number, at least 0 and at most 525600"
    assert outcome.code == 2 and outcome.err.endswith(f"{says}\n")
    assert time_limit.FLAG["default"] == 0


def test_the_longest_limit_is_one_that_a_clock_can_wait_for_and_that_of_the_configuration():
    keys = assembled()["properties"]
    assert keys["runtime"]["maximum"] == time_limit.LONGEST
    assert keys["methods"]["additionalProperties"]["properties"]["runtime"]["maximum"] == time_limit.LONGEST
    with TimeLimit("slow", time_limit.LONGEST) as limit:
        assert 60 * time_limit.LONGEST < threading.TIMEOUT_MAX and not limit.over
