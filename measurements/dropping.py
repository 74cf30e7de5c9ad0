"""What forward models share that lose values: y = m ⊙ x + (1 - m) · fill with a mask m, which is θ and may be told."""

from abc import abstractmethod
from typing import ClassVar

from measurements.forward import Array, ForwardModel, where


class MaskedModel(ForwardModel):
    """Values where the mask m is false are lost and read as `fill`; the others are exact unless a family adds noise.

    The side information s is m: bool [B, H, W, c], c = C, or 1 where all channels of a pixel are lost together.
    """

    has_mask: ClassVar[bool] = True
    sigma: ClassVar[float] = 0.0
    fill: float

    def forward(self, x: Array, theta: Array) -> Array:
        return where(theta, x, self.fill)

    def side_info(self, theta: Array) -> Array:
        return theta

    def predict(self, x: Array, s: Array) -> Array:
        return where(s, x, self.fill)

    def hide(self, y: Array, s: Array, share: float, generator) -> tuple[Array, Array]:
        if not share:
            return y, s
        still = s & self.draw_further_mask(len(s), tuple(y.shape[1:]), share, generator)
        return where(still, y, self.fill), still

    @abstractmethod
    def draw_further_mask(self, n: int, shape: tuple[int, int, int], share: float, generator) -> Array:
        """Masks of the corruption's own shape that lose `share` of the values, where it can choose."""


class DroppingWithProbability(MaskedModel):
    """Every part of an image (a value, a pixel, a row) is lost with probability p.

    E_θ f_θ(x) = (1 - p) x + p · fill
    """

    p: float

    @abstractmethod
    def draw_mask(self, n: int, shape: tuple[int, int, int], p: float, generator) -> Array:
        """Masks with a given probability of loss."""

    def draw(self, n: int, shape: tuple[int, int, int], generator) -> Array:
        return self.draw_mask(n, shape, self.p, generator)

    def draw_further_mask(self, n: int, shape: tuple[int, int, int], share: float, generator) -> Array:
        return self.draw_mask(n, shape, share, generator)

    def mean(self, x: Array) -> Array:
        return (1 - self.p) * x + self.p * self.fill

    def unbiased(self, y: Array) -> Array:
        """Inverted dropout about the fill value; E y = x at the price of variance."""
        return self.fill + (y - self.fill) / (1 - self.p)
