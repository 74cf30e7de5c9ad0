"""Whole rows or columns of each image are lost, as by a line sensor that drops out."""

from dataclasses import dataclass

from measurements.dropping import DroppingWithProbability
from options import option


@dataclass(frozen=True)
class DropRows(DroppingWithProbability):
    """Every row of an image, in all channels, is lost independently with probability p; with `axis: columns` every column is.

    y = m ⊙ x + (1 - m) · fill,   θ = m,   E_θ f_θ(x) = (1 - p) x + p · fill
    """

    p: float = option("Probability that a row is lost.", minimum=0, exclusiveMaximum=1)
    axis: str = option("What is lost: rows or columns.", "rows", enum=["rows", "columns"])
    fill: float = option("What a lost value reads as.", 0.0, minimum=0, maximum=1)

    EXAMPLES = ({"p": 0.4, "fill": 0.7}, {"p": 0.4, "axis": "columns", "fill": 0.7})

    def draw_mask(self, n, shape, p, generator):
        import torch

        height, width, _ = shape
        drawn = (n, height, 1, 1) if self.axis == "rows" else (n, 1, width, 1)
        return (torch.rand(drawn, generator=generator, device=generator.device) >= p).expand(n, height, width, 1)
