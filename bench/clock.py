"""The clock of the error-against-time curve, which the bench holds and a method never sees."""

import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bench.machine import others_busy, synchronise
from bench.measured import Measured
from bench.restoring import Restorer, checked

TIMING_BATCH = 64  # images, as in the original's figure
RUNS, ENOUGH, TOO_LONG = 5, 0.25, 5.0  # at least so many runs and seconds; but no further run after so many seconds


class Timed(NamedTuple):
    steps: list[int]  # those whose estimates are kept: all at first, then a geometric series, and the last; from 1
    estimates: list[np.ndarray]  # of each of them, float16 [B, H, W, C]
    seconds: np.ndarray  # of every step, the median over runs
    runs: int


def timed(restore: Restorer, measured: Measured, others: Mapping[str, Restorer] | None = None) -> tuple[np.ndarray, dict]:
    """Estimates of one batch with the time each took, in the batch and for an image by itself; float16 [T, B, H, W, C] and facts.

    Of the facts, `setting`, `steps`, `seconds` and `seconds_of_one` have an entry for each estimate. `setting` is "" for those of
    `restore`; those of `others`, the same method with other options, follow under their names. `seconds_of_one` is what the
    batch's first image takes alone. With the switch `batch_statistics` it would then be restored otherwise, and is not timed.

    The clock starts with the measurements in memory and stops at each estimate when the device is done; saving is not counted.
    Both sizes are warmed up and run several times, and the median counts.
    """
    batch = measured[:TIMING_BATCH].loaded()
    busy = others_busy()
    table: dict[str, list] = {"setting": [], "steps": [], "seconds": [], "seconds_of_one": []}
    images, runs = [], []
    for setting, each in {"": restore, **(others or {})}.items():
        whole = median_of_runs(each, batch)
        table["setting"] += [setting] * len(whole.steps)
        table["steps"] += whole.steps
        table["seconds"] += [float(whole.seconds[step - 1]) for step in whole.steps]
        if "batch_statistics" not in measured.protocol:
            alone = median_of_runs(each, batch[:1]).seconds  # which may be fewer, as of a search that ends when it has converged
            table["seconds_of_one"] += [float(alone[min(step, len(alone)) - 1]) for step in whole.steps]
        images += whole.estimates
        runs.append(whole.runs)
    if ((others_kept := busy()) or 0) > 0.25:
        print(f"warning: other programs kept {others_kept:.1f} cores busy meanwhile; do not trust these times", file=sys.stderr)
    facts = {name: values for name, values in table.items() if values}
    return np.stack(images), facts | {"runs": runs[0], "images": len(batch.y), "others_busy": others_kept}


def median_of_runs(restore: Restorer, batch: Measured) -> Timed:
    """The batch restored again and again, after an untimed warm-up. Raises SystemExit where the method yields no estimate."""
    if next(iter(restore(batch)), None) is None:
        sys.exit("the method yields no estimate")
    seconds: list[list[float]] = []
    opened = time.monotonic()
    while not seconds or (so_far := time.monotonic() - opened) < ENOUGH or (len(seconds) < RUNS and so_far < TOO_LONG):
        run = one_run(restore, batch)
        seconds.append(run.seconds)
    return run._replace(seconds=np.median(seconds, axis=0), runs=len(seconds))


def one_run(restore: Restorer, batch: Measured) -> Timed:
    estimates, steps, seconds, unsaved = [], [], [], 0.0
    synchronise()
    began = time.perf_counter()
    for step, estimate in enumerate(restore(batch), start=1):
        synchronise()
        now = time.perf_counter()
        seconds.append(now - began - unsaved)
        kept = not steps or step >= 1.1 * steps[-1]
        if kept:
            steps.append(step)
            estimates.append(checked(estimate, batch))
        unsaved += time.perf_counter() - now
    if not kept:
        steps.append(step)
        estimates.append(checked(estimate, batch))
    return Timed(steps, estimates, seconds, 1)
