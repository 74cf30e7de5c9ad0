"""The device that a learned method runs on, and the lease that keeps a GPU to one job."""

import contextlib
import ctypes
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from filelock import FileLock, Timeout

_lease: FileLock | None = None  # held until the process ends, however it ends


def take() -> torch.device:
    """A CUDA GPU that no other job of this benchmark holds (waiting for one if need be), else Apple's, else the CPU.

    A file lock per GPU is the lease: Snakemake counts GPUs but does not say which one a job gets.
    """
    global _lease
    if not torch.cuda.is_available():
        keep_memory()
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True  # every batch has the same shape
    if _lease is None:
        folder = Path(tempfile.gettempdir())
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count()))))
        names = visible.split(",")
        locks = [FileLock(folder / f"ambient-benchmark-gpu-{name.strip()}.lock") for name in names]
        while _lease is None:
            for index, lock in enumerate(locks):
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                torch.cuda.set_device(index)
                _lease = lock
                break
            else:
                print("every GPU is in use; waiting for one", file=sys.stderr, flush=True)
                time.sleep(10)
    return torch.device("cuda", torch.cuda.current_device())


def keep_memory() -> None:
    """Let glibc keep what is freed for the next step, as PyTorch does on a GPU; other C libraries are left alone.

    By default it gives large tensors back to the system, and fetching their pages anew costs more than a sum over them.
    """
    M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1, M_TOP_PAD: 64 * 2**20}.items():
            mallopt(name, value)
