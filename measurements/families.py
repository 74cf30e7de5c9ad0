"""Forward models: how a clean image x becomes what is seen, y = f_θ(x).

Images are [B, H, W, C] in [0, 1] and θ has the same leading axis. Each family has

    draw(n, shape, generator) -> θ    n independent draws of θ for images of shape (H, W, C), on the generator's device
    apply(x, θ) -> y                  the measurement; differentiable in x
    mean(x) -> E_θ f_θ(x)             in closed form
    unbiased(y)                       an affine map with E_θ unbiased(f_θ(x)) = x where the original code has one, else y
    told(θ) -> array                  what a method that is told the θ of an image is told

The families are those of AmbientGAN (Bora, Price and Dimakis, ICLR 2018). A new one is a class here and an entry among
the forward models in config/schema.yaml.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Dropping:
    """Values where the mask m is false are lost and read as `fill`.

    y = m ⊙ x + (1 - m) · fill,   θ = m (bool, broadcastable against x)
    """

    def apply(self, x: Tensor, theta: Tensor) -> Tensor:
        return torch.where(theta, x, self.fill)

    def told(self, theta: Tensor) -> Tensor:
        """The mask itself, bool."""
        return theta

    def further(self, part: float) -> "Dropping":
        """A family of masks that hide more of what was seen: another of its own, unless it can hide just a `part`."""
        return self


@dataclass(frozen=True)
class DropIndependent(Dropping):
    """Every value is lost independently with probability p; with `per_channel: false` whole pixels are.

    E_θ f_θ(x) = (1 - p) x + p · fill
    """

    p: float
    fill: float = 0.0
    per_channel: bool = True

    def __post_init__(self):
        if not 0 <= self.p < 1:
            raise ValueError(f"drop_independent: p is {self.p}; it must be at least 0 and below 1")

    def draw(self, n: int, shape: tuple[int, int, int], generator: Generator) -> Tensor:
        height, width, channels = shape
        drawn = (n, height, width, channels if self.per_channel else 1)
        return torch.rand(drawn, generator=generator, device=generator.device) >= self.p

    def mean(self, x: Tensor) -> Tensor:
        return (1 - self.p) * x + self.p * self.fill

    def unbiased(self, y: Tensor) -> Tensor:
        """Inverted dropout about the fill value; E y = x at the price of variance."""
        return self.fill + (y - self.fill) / (1 - self.p)

    def further(self, part: float) -> "DropIndependent":
        return replace(self, p=part)


@dataclass(frozen=True)
class DropPatch(Dropping):
    """One size × size square, all channels, is lost; its corner is uniform over all places inside the image.

    With `last_offset: false` it never touches the lower and the right edge: offsets 0..H-size-1, as in the released code.

    E_θ f_θ(x) = (1 - q) x + q · fill,   q_ij = P(pixel i, j is inside the square)
    """

    size: int
    fill: float = 0.0
    last_offset: bool = True

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"drop_patch: size is {self.size}; it must be at least 1")

    def offsets(self, length: int) -> int:
        """How many places the square may take along a side."""
        return length - self.size + self.last_offset

    def draw(self, n: int, shape: tuple[int, int, int], generator: Generator) -> Tensor:
        height, width, _ = shape
        if self.offsets(min(height, width)) < 1:
            fault = "is larger than" if self.size > min(height, width) else "without the last offset has no place in"
            raise ValueError(f"drop_patch: size {self.size} {fault} the image of {height}×{width}")

        def inside(length: int) -> Tensor:  # [n, length]
            corner = torch.randint(0, self.offsets(length), (n, 1), generator=generator, device=generator.device)
            place = torch.arange(length, device=generator.device)
            return (place >= corner) & (place < corner + self.size)

        return ~(inside(height)[:, :, None, None] & inside(width)[:, None, :, None])  # [n, H, W, 1]

    def mean(self, x: Tensor) -> Tensor:
        def lost(length: int) -> Tensor:  # P(the square covers place i), [length]
            place = torch.arange(length, device=x.device)
            last = self.offsets(length) - 1
            covering = place.clamp(max=last) - (place - self.size + 1).clamp(min=0) + 1
            return covering / (last + 1)

        q = (lost(x.shape[1])[:, None] * lost(x.shape[2])[None, :])[None, :, :, None]
        return (1 - q) * x + q * self.fill

    def unbiased(self, y: Tensor) -> Tensor:
        """y itself: the original does not rescale patches."""
        return y


@dataclass(frozen=True)
class AddNoise:
    """Gaussian noise of standard deviation sigma on every value; not clipped.

    y = x + n,   θ = n ~ N(0, σ²),   E_θ f_θ(x) = x
    """

    sigma: float

    def __post_init__(self):
        if not 0 <= self.sigma < math.inf:
            raise ValueError(f"add_noise: sigma is {self.sigma}; it must be a number and not negative")

    def draw(self, n: int, shape: tuple[int, int, int], generator: Generator) -> Tensor:
        return self.sigma * torch.randn((n, *shape), generator=generator, device=generator.device)

    def apply(self, x: Tensor, theta: Tensor) -> Tensor:
        return x + theta

    def mean(self, x: Tensor) -> Tensor:
        return x

    def unbiased(self, y: Tensor) -> Tensor:
        return y

    def told(self, theta: Tensor) -> Tensor:
        """The noise level of each image, [n, 1, 1, 1]: the noise itself would give the image away."""
        return torch.full((len(theta), 1, 1, 1), self.sigma, device=theta.device)


FAMILIES = {"drop_independent": DropIndependent, "drop_patch": DropPatch, "add_noise": AddNoise}


def from_facts(facts: dict):
    """The forward model that a measurement's facts describe: {"family": …, "options": {…}}."""
    return FAMILIES[facts["family"]](**facts["options"])
