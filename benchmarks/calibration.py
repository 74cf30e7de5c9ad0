"""How fast one core of this machine is, in two numbers: `python -m benchmarks.calibration`, two seconds beyond the imports.

    networks    seconds of a forward and a backward pass of a few convolutions, in the precision that networks train in here
                (networks/precision.py), so that a processor without bfloat16 shows as the slower machine that it is
    arrays      seconds of filters, sorting and a small linear system in NumPy and SciPy, what classical methods do

Seconds are those of the processor, so that other programs that take turns with this one do not count, and the least of many short
repetitions, as others can still make one slower. Every row of benchmarks/rates.csv holds
both numbers of the machine and the hour at which it was measured, and config/cost.py scales by the ratio. What is computed here
must therefore never change without measuring all rates again.
"""

import json
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import gaussian_filter, median_filter
from torch import nn

from bench import machine
from networks.precision import autocast
from training import device

SECONDS = 1.0  # for each of the two


def networks() -> Callable[[], object]:
    torch.manual_seed(0)
    widths = [(3, 64), (64, 128), (128, 256)]
    layers = [layer for pair in widths for layer in (nn.Conv2d(*pair, 5, stride=2, padding=2), nn.ReLU())]
    body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256 * 8 * 8, 128)).to(memory_format=torch.channels_last)
    x = torch.rand(8, 3, 64, 64).to(memory_format=torch.channels_last)

    def step() -> None:
        with autocast(x.device):
            loss = body(x).float().square().mean()
        loss.backward()

    return step


def arrays() -> Callable[[], object]:
    images = np.random.default_rng(0).random((8, 64, 64), np.float32)
    system = images.reshape(256, 128) @ images.reshape(256, 128).T + np.eye(256, dtype=np.float32)

    def work() -> None:
        gaussian_filter(images, sigma=(0, 1.5, 1.5))
        median_filter(images, size=(1, 3, 3))
        np.sort(images.reshape(len(images), -1), axis=1)
        cho_solve(cho_factor(system), images.reshape(256, 128))

    return work


def least(work: Callable[[], object], seconds: float = SECONDS) -> float:
    """Seconds of the processor of the fastest of as many calls as fit into `seconds`, two at least."""
    fastest, spent, calls = math.inf, 0.0, 0
    while calls < 2 or spent < seconds:
        began = time.process_time()
        work()
        took = time.process_time() - began
        fastest, spent, calls = min(fastest, took), spent + took, calls + 1
    return fastest


def calibration(seconds: float = SECONDS) -> dict[str, float]:
    """Seconds of each of the two on one thread of this process."""
    return {"networks": least(networks(), seconds), "arrays": least(arrays(), seconds)}  # the first call is never the fastest


if __name__ == "__main__":
    machine.limit_threads(1)
    device.keep_memory()
    print(json.dumps(calibration()))
