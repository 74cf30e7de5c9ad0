"""Many image files as one array, by threads, with progress."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

IMAGES_PER_TASK = 256  # images that a thread decodes at a time


def decode(names: list, one: Callable[..., np.ndarray], shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 [N, *shape], the only copy, of the images that `one` reads.

    By as many threads as OMP_NUM_THREADS, which Snakemake sets, or the machine has cores: Pillow decodes and resizes without
    Python's lock.
    """
    images = np.empty((len(names), *shape), np.uint8)

    def work(start: int) -> int:
        for place in range(start, end := min(start + IMAGES_PER_TASK, len(names))):
            images[place] = one(names[place])
        return end - start

    done, began, spoke = 0, time.monotonic(), time.monotonic()
    with ThreadPoolExecutor(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)) as pool:
        for count in pool.map(work, range(0, len(names), IMAGES_PER_TASK)):  # an error cancels what has not begun
            done, now = done + count, time.monotonic()
            if now - spoke > 10 or done == len(names):
                print(f"decoded {done}/{len(names)}  {(now - began) / done * (len(names) - done):.0f} s to go", flush=True)
                spoke = now
    return images
