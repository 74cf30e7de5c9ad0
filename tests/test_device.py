"""The lease of a GPU, with GPUs and an nvidia-smi that are none: whose lock is taken, under which name, and where it lies."""

import os
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from bench import machine
from config import environment
from training import device

UUIDS = ["11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of this user's locks."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return machine.own_folder()


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A function that puts an nvidia-smi in the way that says so many MiB in use of each GPU."""

    def install(*used: int, code: int = 0) -> None:
        listed = [f"GPU {index}: fake (UUID: GPU-{uuid})" for index, uuid in enumerate(UUIDS[: len(used)])]
        queried = [f"GPU-{uuid}, {mib}" for uuid, mib in zip(UUIDS, used, strict=False)]
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        said = "\n".join(["#!/bin/sh", 'if [ "$1" = -L ]; then', *(f"echo '{line}'" for line in listed), "else"])
        program.write_text("\n".join([said, *(f"echo '{line}'" for line in queried), "fi", f"exit {code}\n"]))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        environment.gpus.cache_clear()

    yield install
    environment.gpus.cache_clear()


@pytest.fixture
def gpus(monkeypatch, folder):
    """A function that lets PyTorch find GPUs, by their places among UUIDS; `device.take()` then says which it set."""
    chosen = []
    cudnn = torch.backends.cudnn.benchmark

    def find(*places: int) -> None:
        found = [SimpleNamespace(uuid=UUIDS[place]) for place in places]
        fake = {
            "is_available": lambda: bool(found),
            "device_count": lambda: len(found),
            "get_device_properties": lambda index: found[index],
            "set_device": chosen.append,
            "current_device": lambda: chosen[-1],
        }
        for name, function in fake.items():
            monkeypatch.setattr(torch.cuda, name, function)
        monkeypatch.setattr(device, "_lease", None)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("BENCH_GPU", raising=False)
    yield find
    torch.backends.cudnn.benchmark = cudnn
    if device._lease:
        device._lease.release()


def test_a_lease_is_named_by_the_gpu_and_not_by_its_number_in_an_allocation(gpus, folder):
    """Two allocations of a scheduler on one machine: each sees one GPU, which is number 0."""
    with FileLock(folder / f"GPU-{UUIDS[0]}.lock"):  # the other allocation's
        gpus(1)
        assert device.take() == torch.device("cuda", 0)
    assert (folder / f"GPU-{UUIDS[1]}.lock").exists()


def test_a_job_takes_a_gpu_that_no_other_job_holds(gpus, folder):
    gpus(0, 1)
    with FileLock(folder / f"GPU-{UUIDS[0]}.lock"):
        assert device.take() == torch.device("cuda", 1)
        assert device.take() == torch.device("cuda", 1)  # once for a process


def test_the_least_used_gpu_is_taken_first(gpus, smi):
    smi(9000, 12)
    gpus(0, 1)
    assert device.take() == torch.device("cuda", 1)


@pytest.mark.parametrize("code", [0, 9])
def test_an_nvidia_smi_that_tells_nothing_is_no_hindrance(gpus, smi, code):
    smi(code=code)
    gpus(0, 1)
    assert device.take() == torch.device("cuda", 0)


def test_where_every_gpu_is_held_a_job_waits_and_says_so_once(gpus, folder, monkeypatch, capsys):
    gpus(0)
    held = FileLock(folder / f"GPU-{UUIDS[0]}.lock")
    held.acquire()
    looks = iter([None, None, held.release])
    monkeypatch.setattr("time.sleep", lambda seconds: step() if (step := next(looks)) else None)
    assert device.take() == torch.device("cuda", 0)
    assert capsys.readouterr().err.splitlines() == ["every GPU is in use; waiting for one"]


def test_a_mig_instance_has_its_own_name(gpus, folder, monkeypatch):
    """Two instances of one GPU are two devices."""
    gpus(0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-GPU-11111111/1/0")
    with FileLock(folder / f"GPU-{UUIDS[0]}.lock"):
        assert device.take() == torch.device("cuda", 0)
    assert (folder / "MIG-GPU-11111111-1-0.lock").exists()


def test_the_configuration_s_key_decides(gpus, monkeypatch):
    gpus(0)
    monkeypatch.setenv("BENCH_GPU", "false")
    assert device.take() == torch.device("cpu")
    gpus()
    monkeypatch.setenv("BENCH_GPU", "true")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="^gpu: .* finds none here .*; set it to auto or false"):
        device.take()


def test_locks_lie_in_a_folder_that_nobody_else_can_open(folder):
    assert folder.stat().st_mode & 0o777 == 0o700 and str(os.getuid()) in folder.name


def test_another_user_s_folder_is_refused_in_one_line(folder, monkeypatch):
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    folder.rename(folder.with_name(f"ambient-benchmark-{os.getuid()}"))
    with pytest.raises(SystemExit, match="not a folder of yours; set TMPDIR"):
        machine.own_folder()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(SystemExit, match="Not a directory; set TMPDIR"):
        machine.own_folder()


def test_timings_wait_for_each_other(folder, capsys, monkeypatch):
    with FileLock(folder / "timing.lock") as held:
        asked = FileLock.acquire

        def acquire(lock, *args, **kwargs):
            if not kwargs:  # the wait
                held.release()
            return asked(lock, *args, **kwargs)

        monkeypatch.setattr(FileLock, "acquire", acquire)
        with machine.alone(), pytest.raises(TimeoutError):
            FileLock(folder / "timing.lock").acquire(timeout=0)
    assert "another timing runs on this machine" in capsys.readouterr().err


# --- what the workflow asks for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "visible, found", [(None, 2), ("0", 1), ("GPU-22222222,GPU-11111111", 2), ("", 0), ("-1", 0), ("NoDevFiles", 0)]
)
def test_gpus_are_those_that_a_job_would_see(smi, monkeypatch, visible, found):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    smi(0, 0)
    assert environment.gpus() == found
    assert environment.has_gpu({"gpu": "auto"}) == (found > 0)
    assert environment.has_gpu({"gpu": True}) and not environment.has_gpu({"gpu": False})


def test_an_nvidia_smi_that_fails_finds_none(smi, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    smi(0, code=9)
    assert environment.gpus() == 0
