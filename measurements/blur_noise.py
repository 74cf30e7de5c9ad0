"""A Gaussian blur, then Gaussian noise (AmbientGAN, "Convolve+Noise": Bora, Price and Dimakis, ICLR 2018)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from measurements.add_noise import AddNoise
from measurements.forward import Array, computed
from options import option


@dataclass(frozen=True)
class BlurNoise(AddNoise):
    """Each channel is blurred by a Gaussian of standard deviation width; then noise is added to every value; not clipped.

    y = k * x + n,   k * x = K_H x K_Wᵀ,   θ = n ~ N(0, σ²),   E_θ f_θ(x) = k * x

    Values beyond the edge are those at the edge, so a constant image stays as it is. The Gaussian is cut off at 4 widths.
    """

    width: float = option("Standard deviation of the blur in pixels.", exclusiveMinimum=0, maximum=256)

    mixes: ClassVar[bool] = True
    EXAMPLES = ({"sigma": 0.4, "width": 0.7},)

    def predict(self, x: Array, s: Array | None) -> Array:
        down, across = (computed(gaussian, length, self.width, like=x) for length in x.shape[-3:-1])  # [H, H], [W, W]
        return (down @ (across @ x).swapaxes(-3, -2)).swapaxes(-3, -2)  # [..., H, W, C]


def gaussian(length: int, width: float) -> np.ndarray:
    """K [length, length] of a blur along a side: K_ij is the weight of value j in value i; rows sum to 1."""
    radius = int(4 * width + 0.5)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (steps / width) ** 2)
    K, place = np.zeros((length, length)), np.arange(length)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        K[place, np.clip(place + step, 0, length - 1)] += weight
    return K
