"""Values are lost independently of each other (AmbientGAN: Bora, Price and Dimakis, ICLR 2018)."""

from dataclasses import dataclass

from measurements.dropping import DroppingWithProbability
from options import option


@dataclass(frozen=True)
class DropIndependent(DroppingWithProbability):
    """Every value is lost independently with probability p; with `per_channel: false` whole pixels are.

    y = m ⊙ x + (1 - m) · fill,   θ = m,   E_θ f_θ(x) = (1 - p) x + p · fill
    """

    p: float = option("Probability that a value is lost.", minimum=0, exclusiveMaximum=1)
    fill: float = option("What a lost value reads as.", 0.0, minimum=0, maximum=1)
    per_channel: bool = option("Lose each channel for itself (true) or whole pixels (false).", True)

    EXAMPLES = ({"p": 0.4, "fill": 0.7}, {"p": 0.4, "fill": 0.7, "per_channel": False})

    def draw_mask(self, n, shape, p, generator):
        import torch

        height, width, channels = shape
        drawn = (n, height, width, channels if self.per_channel else 1)
        return torch.rand(drawn, generator=generator, device=generator.device) >= p
