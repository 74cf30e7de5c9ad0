"""Mixture of Gaussians, E[x | y], fitted to the training measurements alone (Ghahramani and Jordan 1994; mixture.py).

Each Gaussian is a factor analyser (Ghahramani and Hinton 1996). It starts from the linear estimate: μ_k are estimates of
training images, moved by a few steps without factors, and F_k the leading directions of the covariance. Images of more than 4,096
values are cut into windows and averaged again, as in methods/linear_mmse.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.command import main
from bench.held_out import training_parts
from bench.measured import Measured
from measurements.forward import ForwardModel
from methods.gaussian_mixture.mixture import Component, conditional_mean, improved
from methods.linear_mmse.restore import centred, moments
from methods.linear_mmse.restore import conditional_mean as linear_estimate
from methods.linear_mmse.windows import Windows

ROWS = 1000  # windows at a time
STEPS_OF_MEANS, RIDGE = 5, 0.01  # for the start


def blocks(measured: Measured, mean: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Windows of y - mean, 0 where they are not seen, and where they are: float32 [B, n], a part at a time."""
    step = max(1, ROWS // len(Windows(mean.shape).places))
    for start in range(0, len(measured.y), step):
        rows, seen = centred(measured[start : start + step], mean)
        yield rows.astype(np.float32), seen.astype(np.float32)


@functools.cache
def fitted(
    train_y: Path, train_side_info: Path, forward: ForwardModel, count: int, factors: int, steps: int, windows: int
) -> tuple[np.ndarray, list[Component]]:
    """The mean image and the mixture of what is away from it."""
    whole, _ = training_parts(train_y, train_side_info, forward, windows)
    cutting = Windows(whole.y.shape[1:])
    training, noise = whole[: max(1, windows // len(cutting.places))], forward.sigma**2
    found = moments(training)
    examples = cutting.cut(linear_estimate(training[:count], found, RIDGE) - found.mean)
    chosen = examples[np.linspace(0, len(examples) - 1, count).astype(int)]
    values, vectors = np.linalg.eigh(found.covariance)
    leading = (vectors * np.sqrt(values.clip(0)))[:, -factors:]

    components = [Component(1 / count, each[:, None].astype(np.float32), float(values.mean())) for each in chosen]
    for _ in range(STEPS_OF_MEANS):
        components = improved(components, blocks(training, found.mean), noise)
    components = [each._replace(loading=np.c_[leading, each.loading].astype(np.float32)) for each in components]
    for _ in range(steps):
        components = improved(components, blocks(training, found.mean), noise)
    return found.mean, components


def restore(
    measured: Measured, *, train_y: Path, train_side_info: Path, components: int, factors: int, steps: int, windows: int
) -> Iterator[np.ndarray]:
    """The conditional mean of a mixture of Gaussians that was fitted to the training measurements."""
    forward = measured.forward
    mean, mixture = fitted(train_y, train_side_info, forward, components, factors, steps, windows)
    rows = [conditional_mean(mixture, y, seen, forward.sigma**2) for y, seen in blocks(measured, mean)]
    yield np.where(measured.observed, measured.y, mean + Windows(mean.shape).paste(np.concatenate(rows)))


if __name__ == "__main__":
    main(restore)
