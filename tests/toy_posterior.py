"""Images with a known posterior: correlated Gaussian images, measured by any forward model, and the exact law of x given y.

    toy = GaussianImages()
    x, y, s = toy.measured(model, 256, seeded(0))     # float32 tensors [N, H, W, C], side information
    exact = toy.posterior(model, y, s)
    exact.draw(32, rng)                               # samples [K, N, H, W, C]

A forward model with σ and s known is linear-Gaussian, y = A_s x + b_s + σ n where y informs; A_s and b_s are read off `predict`.
"""

from typing import NamedTuple

import numpy as np
import torch

from measurements.forward import ForwardModel


class Gaussian(NamedTuple):
    """A normal law of each of N images, D = H · W · C values."""

    shape: tuple[int, int, int]
    mean: np.ndarray  # [N, D]
    covariance: np.ndarray  # [N, D, D]

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of each value, [N, H, W, C]."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2).clip(0)).reshape(-1, *self.shape)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Samples [K, N, H, W, C]."""
        return self.about(rng.standard_normal((count, *self.mean.shape)), self.roots())

    def independent(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Samples with the right mean and variance of each value, and no correlation: [K, N, H, W, C]."""
        noise = rng.standard_normal((count, len(self.mean), *self.shape))
        return self.mean.reshape(-1, *self.shape) + self.deviation * noise

    def about(self, noise: np.ndarray, roots: np.ndarray) -> np.ndarray:
        """mean + root · noise, noise [K, N, D], as images."""
        return (self.mean + np.einsum("nij,knj->kni", roots, noise, optimize=True)).reshape(len(noise), -1, *self.shape)

    def roots(self) -> np.ndarray:
        """A symmetric root of each covariance, which has directions without variance where values are observed."""
        values, vectors = np.linalg.eigh(self.covariance)
        return (vectors * np.sqrt(values.clip(0))[:, None]) @ vectors.swapaxes(1, 2)

    def energy(self, rng: np.random.Generator, pairs: int = 4000) -> float:
        """The expected energy score of exact samples, ½ E‖s - s'‖ / √D, by Monte Carlo: s - s' = √2 Σ_i √λ_i n_i v_i."""
        values = np.linalg.eigvalsh(self.covariance).clip(0)  # [N, D]
        squares = rng.standard_normal((pairs, values.shape[1])) ** 2
        return float(np.sqrt(2 * values @ squares.T / values.shape[1]).mean() / 2)


class GaussianImages:
    """x ~ N(½, C), C_ij = s.d.² exp(-distance of the pixels / length), channels independent of each other.

    The standard deviation is small enough that values leave [0, 1] once in 10⁵ at most.
    """

    def __init__(self, shape: tuple[int, int, int] = (14, 14, 1), deviation: float = 0.11, length: float = 4.0):
        self.shape = shape
        height, width, colours = shape
        at = np.stack(np.meshgrid(range(height), range(width), range(colours), indexing="ij"), -1).reshape(-1, 3)
        distance = np.sqrt(((at[:, None, :2] - at[None, :, :2]) ** 2).sum(-1))
        self.covariance = deviation**2 * np.exp(-distance / length) * (at[:, None, 2] == at[None, :, 2])
        self.root = np.linalg.cholesky(self.covariance)

    def draw(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Images float32 [N, H, W, C]."""
        noise = torch.randn(count, len(self.root), generator=generator, dtype=torch.float64)
        return (0.5 + noise @ torch.from_numpy(self.root).T).reshape(count, *self.shape).float()

    def measured(self, model: ForwardModel, count: int, generator: torch.Generator):
        """Images x, their measurements y and side information s."""
        x = self.draw(count, generator)
        theta = model.draw(count, self.shape, generator)
        return x, model.forward(x, theta), model.side_info(theta)

    def posterior(self, model: ForwardModel, y, s) -> Gaussian:
        """The exact law of x given y and s:  mean ½ + G (y - E y),  covariance C - G A C,  G = C Aᵀ (A C Aᵀ + σ² I)⁻¹."""
        y, s = (np.asarray(part) for part in (y, s))
        size, means, covariances = len(self.covariance), [], []
        basis = np.eye(size).reshape(size, *self.shape)
        for one, known in zip(y, s, strict=True):
            told = model.informs(known[None], (1, *self.shape)).ravel()
            offset = model.predict(np.zeros((1, *self.shape)), known[None]).ravel()
            A = (model.predict(basis, np.repeat(known[None], size, 0)).reshape(size, size) - offset).T[told]  # [told, D]
            gain = np.linalg.solve(A @ self.covariance @ A.T + model.sigma**2 * np.eye(told.sum()), A @ self.covariance).T
            means.append(0.5 + gain @ (one.ravel()[told] - offset[told] - A.sum(1) * 0.5))
            covariances.append(self.covariance - gain @ A @ self.covariance)
        return Gaussian(self.shape, np.array(means), np.array(covariances))


def as_stored(x, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images and samples as files hold them: uint8 [N, H, W, C], float16 [K, N, H, W, C], in [0, 1]."""
    return np.rint(255 * np.asarray(x, np.float64).clip(0, 1)).astype(np.uint8), drawn.clip(0, 1).astype(np.float16)
