"""Measurements through a method, a part of them at a time, into arrays of estimates or posterior samples."""

import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import store
from bench.measured import Measured

CPU_VALUES = 400_000  # restored at a time, 510 images of MNIST or 32 of CelebA: more leave a CPU's cache and are no faster …
GPU_VALUES = 16 * CPU_VALUES  # … and on a GPU
ORIGINAL_BATCH = 64  # images; with batch statistics at test, the estimates depend on the size of the batch
FAR = (0.5, 2, 8)  # how far outside [0, 1] a value may be said to lie …
DOUBTFUL, WRONG = 0.01, 0.1  # … and how many more of an estimate's values than of the measurement's: said aloud, refused
OUTSIDE, MANY = 0.1, 0.25  # so many values so far outside are said aloud, too: images in [-0.5, 0.5], say
SAMPLES, SAMPLED_IMAGES = 32, 256  # posterior samples, and of how many images

Restorer = Callable[[Measured], Iterator]


def images_at_a_time(measured: Measured) -> int:
    if "batch_statistics" in measured.protocol:
        return ORIGINAL_BATCH
    on_gpu = (torch := sys.modules.get("torch")) and torch.cuda.is_available()
    return max(1, (GPU_VALUES if on_gpu else CPU_VALUES) // math.prod(measured.y.shape[1:]))


def restored(restore: Restorer, measured: Measured, path: Path, at_end: Callable[[], object] = lambda: None) -> dict:
    """Write the last estimate of every image, float16 [N, H, W, C], a part of the images at a time; no more is in memory.

    `at_end` is called when all are there; where it raises, no file appears.
    """
    began, parts = time.monotonic(), last_estimates(restore, measured)
    first = next(parts)
    with store.writing_array(path, len(measured.y), first) as rows:
        for part in itertools.chain([first], parts):
            rows.append(part)
            store.let_go(measured.y)
        at_end()
    return {"seconds": time.monotonic() - began}


def last_estimates(restore: Restorer, measured: Measured) -> Iterator[np.ndarray]:
    """The last estimate of the images, float16 [n, H, W, C] for one part of them after the other."""
    count, began, spoke = len(measured.y), time.monotonic(), time.monotonic()
    step = images_at_a_time(measured)
    for start in range(0, count, step):
        part = measured[start : start + step].loaded()
        last = None
        for last in restore(part):  # noqa: B007 - only the last one counts
            pass
        if last is None:
            sys.exit("the method yields no estimate")
        yield checked(last, part)
        done, now = min(start + step, count), time.monotonic()
        if now - spoke > 10 or done == count:
            print(f"restored {done}/{count}  {(now - began) / done * (count - done):.0f} s to go", flush=True)
            spoke = now


def sampled(sample: Callable[[Measured], object], measured: Measured, count: int) -> tuple[np.ndarray, dict]:
    """`count` posterior samples of every image, float16 [K, N, H, W, C]; as many at a time as there are estimates at a time."""
    began, step = time.monotonic(), max(1, images_at_a_time(measured) // count)
    samples = np.empty((count, *measured.y.shape), np.float16)
    for start in range(0, len(measured.y), step):
        part = measured[start : start + step].loaded()
        samples[:, start : start + step] = checked(sample(part), part, count)
    return samples, {"samples": count, "images": len(measured.y), "seconds": time.monotonic() - began}


def checked(estimate, part: Measured, samples: int | None = None) -> np.ndarray:
    """The estimate clipped to [0, 1], float16 [N, H, W, C], or its samples [K, N, H, W, C].

    Raises SystemExit where it is misshapen, not of real numbers, not finite, or in another range, such as 0 to 255 or [-1, 1].
    """
    array = np.asarray(estimate.detach().cpu() if hasattr(estimate, "detach") else estimate)
    what, shape = ("estimate has", part.y.shape) if samples is None else ("samples have", (samples, *part.y.shape))
    if array.shape != shape:
        sys.exit(f"the {what} shape {array.shape}, where the measurements ask for {shape}")
    if array.dtype.kind != "f":
        sys.exit(f"the {what} the type {array.dtype}, not real numbers; yield floating-point images in [0, 1]")
    if not np.isfinite(array).all():
        sys.exit(f"the {what} values that are not finite")
    far, outside = (more_outside(array, part.y, *distances) for distances in (FAR, (OUTSIDE,)))
    if far > DOUBTFUL or outside > MANY:
        share = f"{far:.0%} of values far" if far > DOUBTFUL else f"{outside:.0%} of values"
        says = f"the {what} {share} outside [0, 1] (they lie in [{array.min():.3g}, {array.max():.3g}])"
        if far > WRONG:
            sys.exit(f"{says}; yield images in [0, 1], or clip them where this is meant")
        print(f"warning: {says}; they are clipped", file=sys.stderr, flush=True)
    return np.clip(array, 0, 1).astype(np.float16)


def more_outside(images: np.ndarray, y: np.ndarray, *distances: float) -> float:
    """How many more of the images' values than of the measurements' lie so far outside [0, 1]: the largest share.

    Measurements may do so themselves, by noise, and so may what is near them.
    """

    def share(values: np.ndarray, distance: float) -> float:
        return float(np.mean((values < -distance) | (values > 1 + distance)))

    return max(share(images, distance) - share(y, distance) for distance in distances)
