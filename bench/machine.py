"""The machine that a job runs on: its threads, its device's name, what else keeps it busy, and locks among its processes."""

import contextlib
import os
import platform
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def limit_threads(threads: int) -> None:
    """Bound the threads of the libraries that this process has loaded; others read OMP_NUM_THREADS, which Snakemake sets."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
        if torch.get_num_interop_threads() != 1:  # which can be set once
            torch.set_num_interop_threads(1)
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(threads)


def synchronise() -> None:
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def device_name() -> str:
    """What stands beside every time: the name of the GPU that was used, else of the processor."""
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def others_busy() -> Callable[[], float | None]:
    """A function that says how many cores other programs have kept busy since this call; None where psutil is not installed."""
    try:
        import psutil
    except ModuleNotFoundError:  # a machine that has PyTorch and little else
        return lambda: None

    def busy() -> float:
        times = psutil.cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0)

    before, own, began = busy(), sum(os.times()[:4]), time.monotonic()
    return lambda: max(0.0, (busy() - before - sum(os.times()[:4]) + own) / max(time.monotonic() - began, 1e-9))


# --- locks among the processes of this machine -------------------------------------------------------------------------------


def own_folder() -> Path:
    """The folder of this user's locks, on this machine and readable by nobody else. Raises SystemExit where there can be none."""
    folder = Path(tempfile.gettempdir()) / f"ambient-benchmark-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        sys.exit(f"{folder}: {error.strerror or error}; set TMPDIR to a folder where you may write")
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        sys.exit(f"{folder}: is not a folder of yours; set TMPDIR to a folder where only you may write")
    return folder


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait until no other timing of this user runs on this machine, and keep others waiting, whoever started them.

    Where Snakemake runs jobs itself, it runs nothing beside a timing; on a cluster it does not know which jobs share a machine.
    """
    from filelock import FileLock, Timeout  # here, as only timings need it

    lock = FileLock(own_folder() / "timing.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("another timing runs on this machine; waiting for its end", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
