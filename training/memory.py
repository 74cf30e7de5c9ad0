"""Whether a step fits into memory, tried on the CPU with fewer images before a training begins.

Linux ends a process that takes more than there is, without a word. So steps of 4, 16, 64, … images, all smaller than the batch
(together less than half of a step), tell beforehand what a step of all of them will take.
"""

import contextlib
import copy
import math
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator

from training.learner import Batch, Learner

FEWEST, TIMES = 4, 4  # images of the first trial; how many times as many are in the next
MARGIN = 1.1  # a step that is reckoned to need up to so many times what there is, is begun: the reckoning is not exact
CGROUPS = Path("/sys/fs/cgroup")
SCARCE = ("can't allocate memory", "not enough memory")  # as PyTorch says it on a CPU


def check(learner: Learner, draw: Callable[[int], Batch], generator: Generator, batch_size: int) -> None:
    """Raise SystemExit where a step of `batch_size` images of `draw` needs more memory than this process may have.

    The learner's networks and optimisers are as before afterwards, and so is the generator.
    """
    have, of = available()
    trials = sizes(batch_size)
    if generator.device.type != "cpu" or len(trials) < 2 or math.isinf(have):
        return
    parts = [*learner.networks.values(), *learner.optimizers.values()]
    before, state = [copy.deepcopy(part.state_dict()) for part in parts], generator.get_state()
    learner.begin(0)
    learner.step(draw(FEWEST), generator)  # optimisers make what they remember in their first step
    peaks: dict[int, float] = {}
    for count, following in zip(trials, [*trials[1:], batch_size], strict=True):
        learner.step(draw(count), generator)
        peaks[count] = peak()
        if len(peaks) > 1 and (need := reckoned(peaks, following)) > MARGIN * have:
            need = reckoned(peaks, batch_size)
            sys.exit(
                f"batch_size: a step of {batch_size} images needs about {need / 2**30:,.1f} GiB of memory, and {of} "
                f"{have / 2**30:,.1f} GiB; lower it"
            )
    for part, each in zip(parts, before, strict=True):
        part.load_state_dict(each)
    for network in learner.networks.values():
        network.zero_grad(set_to_none=True)
    generator.set_state(state)


def sizes(batch_size: int) -> list[int]:
    """Images of each trial, fewer than the batch.

    >>> sizes(16), sizes(64), sizes(200)
    ([4], [4, 16], [4, 16, 64])
    """
    found = [FEWEST]
    while found[-1] * TIMES < batch_size:
        found.append(found[-1] * TIMES)
    return found


def reckoned(peaks: dict[int, float], count: int) -> float:
    """Bytes with so many images, on the line through the last two trials.

    >>> reckoned({4: 100.0, 16: 220.0, 64: 700.0}, 256)
    2620.0
    """
    (few, low), (many, high) = list(peaks.items())[-2:]
    return high + (high - low) / (many - few) * (count - many)


def peak() -> float:
    """The most bytes that this process has had in memory so far, on Linux."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def available(proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> tuple[float, str]:
    """How many bytes this process may have, and whose bound that is, in words; infinite where the system is not Linux.

    The machine's memory with its swap, or less in a container or in a job of a scheduler (control groups of version 1 or 2).
    """
    bounds = [(math.inf, "this machine has")]
    with contextlib.suppress(OSError):
        lines = dict(line.split(":") for line in (proc / "meminfo").read_text(encoding="utf-8").splitlines())
        size = sum(1024 * int(lines[name].split()[0]) for name in ("MemTotal", "SwapTotal"))
        bounds.append((size, "this machine has"))
        for line in (proc / "self/cgroup").read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds in ("", "memory"):
                root, file = (cgroups / kinds, "memory.limit_in_bytes") if kinds else (cgroups, "memory.max")
                inside = root / path.lstrip("/")
                for folder in (inside, *inside.parents):
                    with contextlib.suppress(OSError, ValueError):  # "max" is no number
                        bounds.append((int((folder / file).read_text(encoding="utf-8")), "its container or job may have"))
    return min(bounds)


@contextlib.contextmanager
def clear_errors(batch_size: int):
    """Say in one line that a step did not fit, where PyTorch says so at all: on a GPU, and on a CPU where the system refuses."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in SCARCE):
            why = " ".join(str(error).split())[:300]
            sys.exit(f"batch_size: a step of {batch_size} images does not fit into memory ({why}); lower it")
        raise
