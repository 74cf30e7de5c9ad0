"""A mixture of factor analysers, fitted to incomplete and noisy data by expectation and maximisation.

    component k    x = μ_k + F_k z + e,   z ~ N(0, I_q),   e ~ N(0, diag ψ_k):   a Gaussian, covariance F_k F_kᵀ + diag ψ_k
    data           y = x + n at the values o that are seen,   n ~ N(0, σ²)

Lost values are integrated out exactly: o alone enters the likelihood, the posterior of (k, z) and the maximisation.
"""

from typing import NamedTuple

import numpy as np

LEAST_SPREAD = 1e-3  # of ψ …
LEAST_VARIANCE = 0.03  # … and of ψ + σ²: without noise, values that hardly vary would choose the component by themselves
PRIOR = 10.0  # observations of μ = 0, F = 0 and a typical ψ that each value has besides its own: where few are seen it needs some


class Component(NamedTuple):
    weight: float
    loading: np.ndarray  # [n, q + 1], F and μ side by side
    spread: np.ndarray  # ψ of each value, [n]


class Posterior(NamedTuple):
    """Of a component, given each of B rows."""

    log_density: np.ndarray  # [B], of the row's seen values, with the component's weight
    factors: np.ndarray  # [B, q + 1], the mean of (z, 1)
    covariance: np.ndarray  # [B, q, q], of z


def posterior(component: Component, y: np.ndarray, seen: np.ndarray, noise: float) -> Posterior:
    """y float32 [B, n], 0 where not seen; seen float32 [B, n]; `noise` is σ²."""
    F, mean, variance = component.loading[:, :-1], component.loading[:, -1], component.spread + np.float32(noise)
    rest, q = y - seen * mean, F.shape[1]
    weighed = F / variance[:, None]
    products = np.einsum("ni,nj->nij", weighed, F).reshape(len(F), q * q)
    A = (seen @ products).reshape(len(seen), q, q).astype(float) + np.eye(q)
    projected = (rest @ weighed).astype(float)
    inverse = np.linalg.inv(A)
    z = (inverse @ projected[..., None])[..., 0]
    distance = rest**2 @ (1 / variance) - (projected * z).sum(1)
    volume = np.linalg.slogdet(A)[1] + seen @ np.log(2 * np.pi * variance)
    log_density = np.log(component.weight) - (distance + volume) / 2
    return Posterior(log_density, np.c_[z, np.ones(len(z))].astype(np.float32), inverse.astype(np.float32))


def responsibilities(posteriors: list[Posterior]) -> np.ndarray:
    """The probability of each component given each row, [K, B]."""
    logs = np.stack([each.log_density for each in posteriors])
    found = np.exp(logs - logs.max(0))
    return found / found.sum(0)


class Sums:
    """What the maximisation of one component needs of all rows."""

    def __init__(self, n: int, q: int):
        self.weight, self.values, self.squares = 0.0, np.zeros(n), np.zeros(n)
        self.zz, self.yz = np.zeros((n, (q + 1) ** 2), np.float32), np.zeros((n, q + 1), np.float32)

    def add(self, found: Posterior, share: np.ndarray, y: np.ndarray, seen: np.ndarray) -> None:
        """Rows with their shares in the component; those of almost none are left out."""
        self.weight += share.sum()
        some = share > 1e-3
        r, z, y, seen = share[some, None].astype(np.float32), found.factors[some], y[some], seen[some]
        second = z[:, :, None] * z[:, None, :]
        second[:, :-1, :-1] += found.covariance[some]
        self.zz += seen.T @ (r * second.reshape(len(z), self.zz.shape[1]))
        self.yz += y.T @ (r * z)
        self.squares += (r * y**2).sum(0)
        self.values += (r * seen).sum(0)

    def component(self, rows: int, noise: float) -> Component:
        """The component of the greatest expected likelihood: a regression on the factors for each value."""
        size = self.yz.shape[1]
        zz = self.zz.reshape(len(self.zz), size, size).astype(float)
        loading = np.linalg.solve(zz + PRIOR * np.eye(size), self.yz[..., None].astype(float))[..., 0]
        unexplained = self.squares - 2 * (loading * self.yz).sum(1) + np.einsum("ni,nij,nj->n", loading, zz, loading)
        typical = unexplained.sum() / max(self.values.sum(), 1)
        spread = (unexplained + PRIOR * typical) / (self.values + PRIOR) - noise
        spread = spread.clip(max(LEAST_SPREAD, LEAST_VARIANCE - noise))
        return Component(max(self.weight / rows, 1e-12), loading.astype(np.float32), spread.astype(np.float32))


def improved(components: list[Component], blocks, noise: float) -> list[Component]:
    """One step of expectation and maximisation; `blocks` gives (y, seen), a part of the rows at a time."""
    sums, rows = [Sums(len(each.loading), each.loading.shape[1] - 1) for each in components], 0
    for y, seen in blocks:
        posteriors = [posterior(each, y, seen, noise) for each in components]
        for each, found, share in zip(sums, posteriors, responsibilities(posteriors), strict=True):
            each.add(found, share, y, seen)
        rows += len(y)
    return [each.component(rows, noise) for each in sums]


def conditional_mean(components: list[Component], y: np.ndarray, seen: np.ndarray, noise: float) -> np.ndarray:
    """E[x | y], [B, n]: that of each component, by its probability. Of what a component leaves of y, ψ / (ψ + σ²) is x's."""
    posteriors = [posterior(each, y, seen, noise) for each in components]
    total = np.zeros(y.shape, np.float32)
    for each, found, share in zip(components, posteriors, responsibilities(posteriors), strict=True):
        explained = found.factors @ each.loading.T
        kept = each.spread / (each.spread + np.float32(noise))
        total += share[:, None].astype(np.float32) * (explained + kept * seen * (y - explained))
    return total
