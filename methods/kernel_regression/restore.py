"""Kernel regression on the training measurements (Nadaraya 1964, Watson 1964): an average of those that look alike.

    d²(y, y') = Σ m m' (y - y')² / Σ m m'                 over the values that both show      m, m': where y, y' inform
    x̂ = Σ' w m' y' / Σ' w m',    w = exp(-d² / 2h²)       sums over the training measurements y'

The bandwidth h is chosen on training measurements that are held out. Noise adds 2σ² to each d² on average, which cancels.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.command import main
from bench.held_out import best, blocks, rows, training_parts
from bench.measured import Measured
from measurements.forward import ForwardModel
from methods.mean_image.restore import mean_of

BANDWIDTHS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2)
MEAN_WEIGHT = 1e-6  # of the mean image in the average, where the nearest measurement weighs 1: it fills what none alike shows


def squared_distances(measured: Measured, training: Measured) -> np.ndarray:
    """d² of each measurement from each of training: float32 [N, training]; infinite where no value is shown by both."""
    y, seen = rows(measured)
    mask, found = seen.astype(np.float32), []
    for other, shows in blocks(training):
        total = (y**2) @ shows.T.astype(np.float32) + mask @ (other**2).T - 2 * y @ other.T
        common = mask @ shows.T.astype(np.float32)
        found.append(np.where(common > 0, total.clip(0) / np.maximum(common, 1), np.inf))
    return np.concatenate(found, axis=1)


def averages(measured: Measured, training: Measured, mean: np.ndarray, bandwidth: float) -> np.ndarray:
    """x̂ of each measurement; exact values stay."""
    d2 = squared_distances(measured, training)
    nearest = d2.min(1, keepdims=True)
    weights = np.exp(-(d2 - np.where(np.isfinite(nearest), nearest, 0)) / (2 * bandwidth**2))
    total, weight = MEAN_WEIGHT * mean.ravel(), MEAN_WEIGHT
    for start, (other, shows) in enumerate(blocks(training)):
        part = weights[:, start * 1000 : start * 1000 + len(other)]
        total, weight = total + part @ other, weight + part @ shows.astype(np.float32)
    return np.where(measured.observed, measured.y, (total / weight).reshape(measured.y.shape))


@functools.cache
def fitted(train_y: Path, train_side_info: Path, forward: ForwardModel, neighbours: int) -> tuple[Measured, np.ndarray, float]:
    """What to average, its mean image, and the bandwidth."""
    training, held = training_parts(train_y, train_side_info, forward, neighbours)
    mean = mean_of(training)
    return training, mean, best(BANDWIDTHS, lambda part, h: averages(part, training, mean, h), held)


def restore(measured: Measured, *, train_y: Path, train_side_info: Path, neighbours: int) -> Iterator[np.ndarray]:
    """Values that are lost or noisy are averages of the training measurements that are nearest where both show something."""
    yield averages(measured, *fitted(train_y, train_side_info, measured.forward, neighbours))


if __name__ == "__main__":
    main(restore)
