"""The mean image of the training measurements: what is known before looking at the measurement."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import store
from measurements.forward import ForwardModel
from measurements.side_info import from_disk
from methods.contract import Measured, main


@functools.cache
def mean_image(train_y: Path, train_side_info: Path, forward: ForwardModel) -> np.ndarray:
    """Σ m ⊙ y / Σ m over the training measurements, m where they inform: [H, W, C]; where none does, the mean of the rest."""
    y, side_info = store.load_array(train_y), store.load_array(train_side_info)
    total, seen = np.zeros(y.shape[1:]), np.zeros(y.shape[1:])
    for start in range(0, len(y), 1000):
        part = y[start : start + 1000].astype(np.float64)
        mask = forward.informs(from_disk(side_info[start : start + 1000], part.shape), part.shape)
        total += (mask * part).sum(0)
        seen += mask.sum(0)
    return np.where(seen > 0, total / np.maximum(seen, 1), total.sum() / seen.sum())


def restore(measured: Measured, *, train_y: Path, train_side_info: Path) -> Iterator[np.ndarray]:
    """Observed values stay; those that are lost or noisy come from the mean of the training measurements."""
    yield np.where(measured.observed, measured.y, mean_image(train_y, train_side_info, measured.forward))


if __name__ == "__main__":
    main(restore)
