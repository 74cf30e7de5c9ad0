"""Values are lost independently of each other and the rest are noisy: what cameras and scanners often give."""

from dataclasses import dataclass

from measurements.drop_independent import DropIndependent
from measurements.dropping import DroppingWithProbability
from measurements.forward import LARGEST_SIGMA, Array, where
from options import option


@dataclass(frozen=True)
class DropIndependentNoise(DroppingWithProbability):
    """Every value is lost independently with probability p; the others have Gaussian noise of standard deviation sigma.

    y = m ⊙ (x + n) + (1 - m) · fill,   θ = (m, n),  n ~ N(0, σ²),   E_θ f_θ(x) = (1 - p) x + p · fill

    With `per_channel: false` whole pixels are lost. The noise is not clipped. What may be told of θ is the mask m.
    """

    p: float = option("Probability that a value is lost.", minimum=0, exclusiveMaximum=1)
    sigma: float = option("Standard deviation of the noise; images are in [0, 1].", minimum=0, maximum=LARGEST_SIGMA)
    fill: float = option("What a lost value reads as.", 0.0, minimum=0, maximum=1)
    per_channel: bool = option("Lose each channel for itself (true) or whole pixels (false).", True)

    EXAMPLES = ({"p": 0.4, "sigma": 0.2, "fill": 0.7}, {"p": 0.4, "sigma": 0.2, "fill": 0.7, "per_channel": False})

    def draw(self, n, shape, generator):
        import torch

        mask = self.draw_mask(n, shape, self.p, generator)
        return mask, self.sigma * torch.randn((n, *shape), generator=generator, device=generator.device)

    def draw_mask(self, n, shape, p, generator):
        return DropIndependent(p, per_channel=self.per_channel).draw(n, shape, generator)

    def forward(self, x: Array, theta: tuple[Array, Array]) -> Array:
        mask, noise = theta
        return where(mask, x + noise, self.fill)

    def side_info(self, theta: tuple[Array, Array]) -> Array:
        return theta[0]
