"""Harmonic inpainting: the smoothest fill, Δx = 0 on lost values (sparse solver of SciPy)."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

from methods.contract import Measured, main


def laplacian(height: int, width: int):
    """Graph Laplacian of the pixel grid, free at the border: sparse [H·W, H·W]."""

    def path(n: int):
        degree = np.full(n, 2.0)
        degree[[0, -1]] = 1
        return diags_array([degree, np.full(n - 1, -1.0), np.full(n - 1, -1.0)], offsets=[0, 1, -1])

    return (kron(path(height), eye_array(width)) + kron(eye_array(height), path(width))).tocsr()


def fill(y: np.ndarray, seen: np.ndarray, L) -> np.ndarray:
    """One channel, flat: solve L x = 0 on lost values with the seen ones fixed."""
    x = y.astype(np.float64)
    if not seen.any():
        return np.full_like(x, 0.5)
    lost = ~seen
    if lost.any():
        x[lost] = spsolve(L[lost][:, lost].tocsc(), -L[lost][:, seen] @ x[seen])
    return x


def restore(measured: Measured) -> Iterator[np.ndarray]:
    """Lost values minimise the sum of squared differences between neighbours; seen values stay."""
    n, height, width, channels = measured.y.shape
    L = laplacian(height, width)
    y, mask = measured.y.reshape(n, -1, channels), measured.informs.reshape(n, -1, channels)
    filled = [[fill(y[i, :, c], mask[i, :, c], L) for c in range(channels)] for i in range(n)]
    yield np.stack(filled).transpose(0, 2, 1).reshape(measured.y.shape)


if __name__ == "__main__":
    main(restore)
