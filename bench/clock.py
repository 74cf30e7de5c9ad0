"""The clock of the error-against-time curve, which the bench holds and a method never sees."""

import sys
import time

import numpy as np

from bench.machine import others_busy, synchronise
from bench.measured import Measured
from bench.restoring import Restorer, checked

TIMING_BATCH = 64  # images, as in the original's figure


def timed(restore: Restorer, measured: Measured) -> tuple[np.ndarray, dict]:
    """Estimates of one batch with the time each took: float16 [T, B, H, W, C] and {"steps": [T], "seconds": [T]}.

    The clock starts with the measurements in memory and stops at each estimate when the device is done; saving is not counted.
    After an untimed warm-up the method runs for half a second, at least 5 times but not again after 5 seconds, and the median
    counts. Of a long search a geometric series of steps is kept.
    """
    batch = measured[:TIMING_BATCH].loaded()
    if next(iter(restore(batch)), None) is None:
        sys.exit("the method yields no estimate")
    runs: list[list[float]] = []
    busy, opened = others_busy(), time.monotonic()
    while not runs or (so_far := time.monotonic() - opened) < 0.5 or (len(runs) < 5 and so_far < 5):
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
        runs.append(seconds)
    median = np.median(runs, axis=0)
    if ((others := busy()) or 0) > 0.25:
        print(f"warning: other programs kept {others:.1f} cores busy meanwhile; do not trust these times", file=sys.stderr)
    kept_seconds = [float(median[step - 1]) for step in steps]
    facts = {"steps": steps, "seconds": kept_seconds, "runs": len(runs), "images": len(batch.y), "others_busy": others}
    return np.stack(estimates), facts
