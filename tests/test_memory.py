"""Memory that a training needs: reckoned from few images before it begins, on a machine or in a job that has so much."""

import csv
import os
import re
import subprocess
import sys

import pytest
import torch
from conftest import SHAPE, batch_of, seeded
from declared import FAMILIES, ROOT

from networks.architectures import ImageFormat
from training import memory

GIB = 2**30
MEMINFO = "MemTotal:       8388608 kB\nMemFree:         100 kB\nSwapTotal:      1048576 kB\n"


@pytest.fixture
def machine(tmp_path):
    """A function: what `available` says of a machine with 8 GiB and 1 GiB of swap, and with these control groups."""

    def say(cgroup: str = "0::/\n", **limits: str) -> tuple[float, str]:
        proc = tmp_path / "proc"
        (proc / "self").mkdir(parents=True)
        (proc / "meminfo").write_text(MEMINFO)
        (proc / "self" / "cgroup").write_text(cgroup)
        for path, value in limits.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(value)
        return memory.available(proc, tmp_path / "cgroups")

    return say


def test_a_machine_has_its_memory_and_its_swap(machine):
    assert machine(**{"cgroups/memory.max": "max\n"}) == (9 * GIB, "this machine has")


def test_a_job_has_what_its_control_group_or_one_above_it_allows(machine):
    limits = {"cgroups/slurm/job_7/memory.max": f"{3 * GIB}\n", "cgroups/slurm/job_7/step_0/memory.max": "max\n"}
    assert machine("0::/slurm/job_7/step_0\n", **limits) == (3 * GIB, "its container or job may have")


def test_the_first_version_of_control_groups_counts_as_well(machine):
    limits = {"cgroups/memory/docker/x/memory.limit_in_bytes": f"{2 * GIB}\n"}
    assert machine("5:cpu:/\n4:memory:/docker/x\n0::/\n", **limits) == (2 * GIB, "its container or job may have")


def test_another_system_is_not_asked(tmp_path):
    assert memory.available(tmp_path, tmp_path)[0] == float("inf")


@pytest.fixture
def trial(learner, monkeypatch):
    """A function: `memory.check` on a machine of so many GiB, where each image takes one; all that it may have changed."""

    def run(gib: float, batch_size: int):
        drawn, generator, model = [], seeded(), FAMILIES["drop_independent"]
        made = learner("ambient_vaegan", ImageFormat(SHAPE, 0), model, generator)

        def draw(count: int) -> dict:
            drawn.append(count)
            torch.rand(1, generator=generator)
            return batch_of(model, 4)

        monkeypatch.setattr(memory, "available", lambda: (gib * GIB, "this machine has"))
        monkeypatch.setattr(memory, "peak", lambda: float(GIB * (1 + max(drawn))))
        before = {name: value.clone() for name, value in made.networks["encoder"].state_dict().items()}, generator.get_state()
        memory.check(made, draw, generator, batch_size)
        return made, generator, before, drawn

    return run


def test_a_batch_that_does_not_fit_is_refused_before_it_is_tried(trial):
    with pytest.raises(SystemExit) as refused:
        trial(100, 256)
    line = "batch_size: a step of 256 images needs about 257.0 GiB of memory, and this machine has 100.0 GiB; lower it"
    assert refused.value.code == line


def test_trials_stop_where_the_next_one_would_not_fit(trial):
    with pytest.raises(SystemExit, match=re.escape("needs about 1,024.0 GiB")):
        trial(20, 1023)


@pytest.mark.parametrize("gib", [257, 240])  # the reckoning is not exact: a little too little is tried
def test_a_batch_that_fits_leaves_everything_as_it_was(trial, gib):
    made, generator, (weights, state), drawn = trial(gib, 256)
    assert drawn == [4, 4, 16, 64]
    assert torch.equal(generator.get_state(), state)
    assert all(torch.equal(value, weights[name]) for name, value in made.networks["encoder"].state_dict().items())
    assert all(parameter.grad is None for network in made.networks.values() for parameter in network.parameters())
    assert not any(optimizer.state for optimizer in made.optimizers.values())


def test_a_small_batch_is_not_tried(trial):
    assert trial(0.001, 16)[-1] == []


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_memory_that_runs_out_is_said_in_one_line(error):
    with (
        pytest.raises(SystemExit, match="^batch_size: a step of 9 images does not fit into memory .*; lower it$"),
        memory.clear_errors(9),
    ):
        raise error
    with pytest.raises(RuntimeError, match="another"), memory.clear_errors(9):
        raise RuntimeError("another")


def test_what_a_restoration_takes_is_measured_by_one_command(tmp_path):
    command = [sys.executable, "-m", "benchmarks.memory", "--methods", "harmonic", "--datasets", "mnist", "--parts", "restore"]
    subprocess.run(
        [*command, "--output", tmp_path / "memory.csv"], cwd=ROOT, check=True, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    )
    (row,) = csv.DictReader((tmp_path / "memory.csv").open(encoding="utf-8"))
    assert (row["part"], row["method"], row["shape"]) == ("restore", "harmonic", "28x28x1") and 50 < float(row["fixed"]) < 5000
