"""Gaussian noise on every value (AmbientGAN: Bora, Price and Dimakis, ICLR 2018)."""

from dataclasses import dataclass

from measurements.forward import LARGEST_SIGMA, Array, ForwardModel
from options import option


@dataclass(frozen=True)
class AddNoise(ForwardModel):
    """Gaussian noise of standard deviation sigma on every value; not clipped.

    y = x + n,   θ = n ~ N(0, σ²),   E_θ f_θ(x) = x
    """

    sigma: float = option("Standard deviation of the noise; images are in [0, 1].", minimum=0, maximum=LARGEST_SIGMA)

    EXAMPLES = ({"sigma": 0.4},)

    def draw(self, n, shape, generator):
        import torch

        return self.sigma * torch.randn((n, *shape), generator=generator, device=generator.device)

    def forward(self, x: Array, theta: Array) -> Array:
        return self.predict(x, None) + theta

    def side_info(self, theta: Array) -> Array:
        """The noise level of each image, [n, 1, 1, 1]: the noise itself would give the image away."""
        return theta.new_full((len(theta), 1, 1, 1), self.sigma)

    def predict(self, x: Array, s: Array | None) -> Array:
        return x

    def mean(self, x: Array) -> Array:
        return self.predict(x, None)
