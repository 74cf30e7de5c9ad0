"""The device that a learned method runs on, and the lease that keeps a GPU to one job."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import time

import torch
from filelock import FileLock, Timeout

from bench.machine import own_folder

AGAIN = 10  # seconds between two looks for a free GPU

_lease: FileLock | None = None  # held until the process ends, however it ends


def take() -> torch.device:
    """A CUDA GPU that no other job of this user holds (waiting for one if need be), else Apple's, else the CPU.

    A file lock per GPU is the lease: Snakemake counts GPUs but does not say which one a job gets, and a job may be started by
    another Snakemake or by a cluster's scheduler. BENCH_GPU holds the key `gpu` of the configuration (config/environment.py):
    with false it is the CPU; with true, SystemExit is raised where there is no GPU.
    """
    asked = os.environ.get("BENCH_GPU", "auto")
    if asked != "false" and torch.cuda.is_available():
        return lease()
    keep_memory()
    if asked != "false" and torch.backends.mps.is_available():
        return torch.device("mps")
    if asked == "true":
        sys.exit(
            "gpu: the configuration asks for a GPU, and PyTorch finds none here (compare `nvidia-smi` with `python -m "
            "torch.utils.collect_env`); set it to auto or false to compute on the CPU"
        )
    return torch.device("cpu")


def lease() -> torch.device:
    """The least used GPU whose lock is free; where none is, the first that becomes free."""
    global _lease
    torch.backends.cudnn.benchmark = True  # every batch has the same shape
    if _lease is None:
        used = memory_used()
        names = [name_of(index) for index in range(torch.cuda.device_count())]
        order = sorted(range(len(names)), key=lambda index: used.get(names[index], 0))
        locks = {index: FileLock(own_folder() / f"{names[index]}.lock") for index in order}
        if (index := first_free(locks)) is None:
            print("every GPU is in use; waiting for one", file=sys.stderr, flush=True)
        while index is None:
            time.sleep(AGAIN)
            index = first_free(locks)
        torch.cuda.set_device(index)
        _lease = locks[index]
    return torch.device("cuda", torch.cuda.current_device())


def first_free(locks: dict[int, FileLock]) -> int | None:
    """The first GPU whose lock could be taken."""
    for index, lock in locks.items():
        with contextlib.suppress(Timeout):
            lock.acquire(blocking=False)
            return index
    return None


def name_of(index: int) -> str:
    """What a GPU is called by every process of the machine: its UUID, or the name of a MIG instance, as a file's name.

    A scheduler numbers the GPUs of each allocation from 0 on.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if index < len(visible) and (name := visible[index].strip()).startswith("MIG-"):
        return name.replace("/", "-")
    return f"GPU-{torch.cuda.get_device_properties(index).uuid}"


def memory_used() -> dict[str, int]:
    """MiB in use of each GPU by its UUID, those of other users' jobs included; nothing where nvidia-smi does not tell."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.used", "--format=csv,noheader,nounits"]
    if not shutil.which(query[0]):
        return {}
    lines = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    stated = [line.split(",") for line in lines]
    return {line[0].strip(): int(line[1]) for line in stated if len(line) == 2 and line[1].strip().isdecimal()}


def keep_memory() -> None:
    """Let glibc keep what is freed for the next step, as PyTorch does on a GPU; other C libraries are left alone.

    By default it gives large tensors back to the system, and fetching their pages anew costs more than a sum over them.
    """
    M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 64 * 2**20}.items():
            mallopt(name, value)
