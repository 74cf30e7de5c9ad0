"""The mean image of the training measurements: what is known before looking at the measurement."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import store
from bench.command import main
from bench.measured import Measured
from measurements.forward import ForwardModel


def mean_of(training: Measured) -> np.ndarray:
    """Σ m ⊙ y / Σ m over measurements, m where they inform: [H, W, C]; where none does, the mean of the rest."""
    total, seen = np.zeros(training.y.shape[1:]), np.zeros(training.y.shape[1:])
    for start in range(0, len(training.y), 1000):
        part = training[start : start + 1000]
        total += (part.informs * part.y.astype(np.float64)).sum(0)
        seen += part.informs.sum(0)
    return np.where(seen > 0, total / np.maximum(seen, 1), total.sum() / seen.sum())


@functools.cache
def mean_image(train_y: Path, train_side_info: Path, forward: ForwardModel) -> np.ndarray:
    """That of all training measurements."""
    return mean_of(Measured(store.load_array(train_y), forward, store.load_array(train_side_info)))


def restore(measured: Measured, *, train_y: Path, train_side_info: Path) -> Iterator[np.ndarray]:
    """Observed values stay; those that are lost or noisy come from the mean of the training measurements."""
    yield np.where(measured.observed, measured.y, mean_image(train_y, train_side_info, measured.forward))


if __name__ == "__main__":
    main(restore)
