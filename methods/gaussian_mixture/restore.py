"""Mixture of Gaussians, E[x | y], fitted to the training measurements alone (Ghahramani and Jordan 1994; mixture.py).

Each Gaussian is a factor analyser (Ghahramani and Hinton 1996). It starts from the linear estimate: μ_k are estimates of training
images, moved by a few steps without factors, and F_k the leading directions of the covariance. Images of more than 4,096 values
are cut into windows and averaged again, as in methods/linear_mmse. A ridge r, chosen on training measurements that are held out,
makes up for a mixture that is over-confident.

The settings were compared on measurements alone: 1,000 of the validation split of MNIST, corrupted once more as in
benchmarks/choose.py, with 10,000 windows. Under noise 20 components of 10 factors were better than 10 or 40 of them and than 5
factors, and a spread for each value better than one for all. Where values are lost, the least variance was the best of 0.001,
0.01 and 0.03, with 20 components of 10 factors. There one spread for all was nearly as good where single values are lost; other
numbers of components and factors were not compared there, nor were windows and steps anywhere.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.command import main
from bench.held_out import best, training_parts
from bench.measured import Measured
from measurements.forward import ForwardModel
from methods.gaussian_mixture.mixture import LEAST_SPREAD, Component, conditional_mean, improved
from methods.linear_mmse.restore import centred, moments
from methods.linear_mmse.restore import conditional_mean as linear_estimate
from methods.linear_mmse.windows import Windows

ROWS = 1000  # windows at a time
STEPS_OF_MEANS, START_RIDGE = 5, 0.01  # for the start
RIDGES = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)


def blocks(measured: Measured, mean: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windows of y - mean, 0 where they are not seen, and where they are: float32 [B, n], a part at a time."""
    step = max(1, ROWS // len(Windows(mean.shape).places))
    for start in range(0, len(measured.y), step):
        rows, seen = centred(measured[start : start + step], mean)
        yield rows.astype(np.float32), seen.astype(np.float32)


@functools.cache
def fitted(
    train_y: Path, train_side_info: Path, forward: ForwardModel, count: int, factors: int, steps: int, windows: int
) -> tuple[np.ndarray, list[Component], float]:
    """The mean image, the mixture of what is away from it, and the ridge."""
    whole, held = training_parts(train_y, train_side_info, forward, windows)
    cutting = Windows(whole.y.shape[1:])
    training, noise = whole[: max(1, windows // len(cutting.places))], forward.sigma**2
    found = moments(training)
    examples = cutting.cut(linear_estimate(training[:count], found, START_RIDGE) - found.mean)
    chosen = examples[np.linspace(0, len(examples) - 1, count).astype(int)]
    values, vectors = np.linalg.eigh(found.covariance)
    leading = (vectors * np.sqrt(values.clip(0)))[:, -factors:]

    spread = np.full(len(values), max(values.mean(), LEAST_SPREAD), np.float32)
    components = [Component(1 / count, each[:, None].astype(np.float32), spread) for each in chosen]
    for _ in range(STEPS_OF_MEANS):
        components = improved(components, blocks(training, found.mean), noise)
    components = [each._replace(loading=np.c_[leading, each.loading].astype(np.float32)) for each in components]
    for _ in range(steps):
        components = improved(components, blocks(training, found.mean), noise)
    return found.mean, components, best(RIDGES, lambda part, r: estimate(part, found.mean, components, r), held)


def estimate(measured: Measured, mean: np.ndarray, mixture: list[Component], ridge: float) -> np.ndarray:
    """E[x | y] as if the noise had the variance σ² + r. Exact values stay."""
    variance = measured.forward.sigma**2 + ridge
    rows = [conditional_mean(mixture, y, seen, variance) for y, seen in blocks(measured, mean)]
    return np.where(measured.observed, measured.y, mean + Windows(mean.shape).paste(np.concatenate(rows)))


def restore(
    measured: Measured, *, train_y: Path, train_side_info: Path, components: int, factors: int, steps: int, windows: int
) -> Iterator[np.ndarray]:
    """The conditional mean of a mixture of Gaussians that was fitted to the training measurements."""
    yield estimate(measured, *fitted(train_y, train_side_info, measured.forward, components, factors, steps, windows))


if __name__ == "__main__":
    main(restore)
