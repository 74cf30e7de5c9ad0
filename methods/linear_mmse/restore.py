"""Linear minimum-mean-square-error estimate: E[x | y] if images were Gaussian, with moments from the training measurements alone.

    μ_i  = Σ m_i y_i / Σ m_i                                      m: where a training measurement informs
    C_ij = Σ m_i m_j (y_i - μ_i) (y_j - μ_j) / Σ m_i m_j          available pairs; σ² less on the diagonal
    x̂    = μ + C_:o (C_oo + (σ² + r) I)⁻¹ (y - μ)_o               o: where y informs

Negative eigenvalues of C are set to 0, and so are the covariances of pairs that are never available. The ridge r is chosen on
training measurements that are held out. An image of more than 4,096 values is cut into overlapping windows of 16 × 16 pixels that
have one covariance, pooled over all places, and whose estimates are averaged: 64 × 64 × 3 values have 2·10⁸ covariances, too many
to store and, under losses, to estimate.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from bench.command import main
from bench.held_out import best, training_parts
from bench.measured import Measured
from measurements.forward import ForwardModel
from methods.linear_mmse.windows import Windows
from methods.mean_image.restore import mean_of

RIDGES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
VALUES = 10**6  # of training measurements in memory at a time


class Moments(NamedTuple):
    mean: np.ndarray  # μ of an image, [H, W, C]
    covariance: np.ndarray  # C of a window, [n, n]


def centred(measured: Measured, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y - μ, 0 where y does not inform, and where it does, of each window: [N · P, n]."""
    windows = Windows(mean.shape)
    y = np.where(measured.informs, measured.y - mean, 0)
    return windows.cut(y), windows.cut(measured.informs)


def moments(training: Measured) -> Moments:
    """Mean and covariance, made of one part of the training measurements after the other."""
    mean = mean_of(training)
    products, pairs, step = 0, 0, max(1, VALUES // mean.size)
    for start in range(0, len(training.y), step):
        rows, seen = (each.astype(np.float32) for each in centred(training[start : start + step], mean))
        products, pairs = products + (rows.T @ rows).astype(float), pairs + (seen.T @ seen).astype(float)
    covariance = products / np.maximum(pairs, 1)
    covariance[np.diag_indices_from(covariance)] -= training.forward.sigma**2
    values, vectors = np.linalg.eigh(covariance)
    return Moments(mean, (vectors * values.clip(0)) @ vectors.T)


def conditional_mean(measured: Measured, moments: Moments, ridge: float) -> np.ndarray:
    """x̂, [N, H, W, C]; windows that show the same values share the work. Exact values stay."""
    (mean, C), variance = moments, measured.forward.sigma**2 + ridge
    rows, seen = centred(measured, mean)
    estimates = np.zeros(rows.shape)
    _, first, which = np.unique(np.packbits(seen, axis=1), axis=0, return_index=True, return_inverse=True)
    for group, index in enumerate(first):
        o, of_group = np.flatnonzero(seen[index]), np.flatnonzero(which.ravel() == group)
        if len(o):
            K = C[np.ix_(o, o)]
            K[np.diag_indices_from(K)] += variance
            estimates[of_group] = (C[:, o] @ cho_solve(cho_factor(K, overwrite_a=True), rows[np.ix_(of_group, o)].T)).T
    return np.where(measured.observed, measured.y, mean + Windows(mean.shape).paste(estimates))


@functools.cache
def fitted(train_y: Path, train_side_info: Path, forward: ForwardModel, images: int) -> tuple[Moments, float]:
    """The moments and the ridge."""
    training, held = training_parts(train_y, train_side_info, forward, images)
    found = moments(training)
    return found, best(RIDGES, lambda part, ridge: conditional_mean(part, found, ridge), held)


def restore(measured: Measured, *, train_y: Path, train_side_info: Path, images: int) -> Iterator[np.ndarray]:
    """The conditional mean of a Gaussian whose mean and covariance are those of the training measurements."""
    yield conditional_mean(measured, *fitted(train_y, train_side_info, measured.forward, images))


if __name__ == "__main__":
    main(restore)
