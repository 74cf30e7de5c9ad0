"""Forward models: how a clean image x becomes the measurement y = f_θ(x), and what y tells of x.

A forward model is one file of this folder. `NAME.py` holds a frozen dataclass called Name in CamelCase whose base is ForwardModel
and whose fields are its options (`option`). The folder is the list: nothing else has to be edited to add one.

Images are [B, H, W, C] in [0, 1]. What may be told of θ is its side information s: a mask of the seen values, bool [B, H, W, c]
with c = C or 1, or else the noise level, float32 [B, 1, 1, 1]. All but `draw` take NumPy arrays and PyTorch tensors alike.
"""

import functools
import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from options import checked, schemas_of

Array = Any  # a NumPy array or a PyTorch tensor; this module imports no PyTorch, as programs that need none import it
HERE = Path(__file__).parent
LARGEST_SIGMA = 10_000  # of noise: 6σ, beyond which hardly a number is drawn, still fits into float16, which ends at 65,504


class Example(NamedTuple):
    """An example to learn from, made of a measurement alone: the target tells how far predict(x̂, s) is off where it counts."""

    input: Array  # what a network sees, [B, H, W, C] …
    side_info: Array  # … and what it may be told of it
    target: Array  # unbiased for predict(x, s) at the values that count
    counts: Array  # the target mask, bool [B, H, W, C]
    sigma: Any  # standard deviation of the target about predict(x, s): a number or an array; 0.0 where it is exact


class ForwardModel(ABC):
    """What the rest of the benchmark knows of a corruption. Nothing outside this folder asks which one it is."""

    has_mask: ClassVar[bool] = False  # whether the side information is a mask of the seen values
    mixes: ClassVar[bool] = False  # whether y_i depends on other values of the image than x_i
    EXAMPLES: ClassVar[tuple[dict, ...]] = ()  # options that show what it can do, for tests and documentation

    sigma: float  # standard deviation of y about predict(x, s) where y informs; 0.0 is exact

    def __post_init__(self):
        for name, schema in schemas_of(type(self)).items():
            try:
                object.__setattr__(self, name, checked(name, getattr(self, name), schema))
            except ValueError as error:
                raise ValueError(f"{self.name()}: {error}") from None

    @classmethod
    def name(cls) -> str:
        """The family, as configurations and facts have it: the file's name."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def traits(cls) -> dict[str, bool]:
        """What a method may ask for in its method.yaml (`applies`)."""
        return {"mask": cls.has_mask, "noise": "sigma" in {each.name for each in fields(cls)}, "mixing": cls.mixes}

    def check(self, shape: tuple[int, int, int]) -> None:
        """Raise ValueError, in one line, where images of shape (H, W, C) cannot be measured so."""
        return

    @abstractmethod
    def draw(self, n: int, shape: tuple[int, int, int], generator) -> Any:
        """n independent draws of θ for images of shape (H, W, C), on the generator's device: a tensor or a tuple of tensors."""

    @abstractmethod
    def forward(self, x: Array, theta: Any) -> Array:
        """The measurement y = f_θ(x); differentiable in x."""

    @abstractmethod
    def side_info(self, theta: Any) -> Array:
        """What may be told of θ."""

    @abstractmethod
    def predict(self, x: Array, s: Array) -> Array:
        """E[y | x, s]; differentiable in x."""

    @abstractmethod
    def mean(self, x: Array) -> Array:
        """E_θ f_θ(x), in closed form."""

    def unbiased(self, y: Array) -> Array:
        """An affine map with E_θ unbiased(f_θ(x)) = x where there is one that methods use, else y itself."""
        return y

    def informs(self, s: Array | None, shape: tuple[int, ...]) -> Array:
        """Where y says anything of x: bool of that shape."""
        return spread_over(s if self.has_mask else True, shape, s)

    def observed(self, s: Array | None, shape: tuple[int, ...]) -> Array:
        """Where y is a value of x: bool of that shape. Nowhere where there is noise, or a value of y mixes several of x."""
        exact = self.sigma == 0 and not self.mixes
        return self.informs(s, shape) if exact else spread_over(False, shape, s)

    def mask(self, s: Array, shape: tuple[int, ...]) -> Array | None:
        """What a network sees of the side information, beside y: `informs` where that is a mask, else nothing."""
        return self.informs(s, shape) if self.has_mask else None

    def hide(self, y: Array, s: Array, share: float, generator) -> tuple[Array, Array]:
        """A measurement that says less, and its side information: masks hide more, in their own shape.

        `share` is how much of what is seen they hide, where they can choose. Nothing changes, and no random number is drawn,
        where it is 0 or where the side information is no mask.
        """
        return y, s

    def recorrupt(self, y: Array, s: Array, generator, *, share: float, tau: float) -> Example:
        """An example for learning from measurements alone: corrupt y once more, ask for what that took away.

        Exact values    ỹ = y with more hidden, s̃;   target y where it was just hidden              (SSDU, Yaman et al. 2020)
        Noise           ỹ = y + τ n,  n ~ N(0, σ²);   target y - n / τ, spread σ √(1 + 1 / τ²)       (R2R, Pang et al. 2021)
        Both            more is hidden, then noise on what is still seen; target y where it was just hidden, y - n / τ elsewhere

        The noise of the target is independent of that of ỹ: Cov(ε + τ n, ε - n / τ) = σ² - σ² = 0.
        """
        fewer, s_fewer = self.hide(y, s, share, generator)
        informs = self.informs(s, y.shape)
        if self.has_mask and self.sigma == 0:
            return Example(fewer, s_fewer, y, informs & ~self.informs(s_fewer, y.shape), 0.0)
        n = self.sigma * standard_normal(y, generator)
        spread = self.sigma * (1 + tau**-2) ** 0.5
        if not self.has_mask:
            return Example(y + tau * n, s, y - n / tau, informs, spread)
        still = self.informs(s_fewer, y.shape)
        target = where(still, y - n / tau, y)
        return Example(where(still, y + tau * n, fewer), s_fewer, target, informs, where(still, spread + 0 * y, self.sigma))


def where(condition: Array, x: Array, other) -> Array:
    """x where the condition holds, else `other`, an array or a number; NumPy's or PyTorch's, as x is of one or the other."""
    return np.where(condition, x, other) if isinstance(x, np.ndarray | np.generic) else x.where(condition, other)


def spread_over(mask: Array | bool, shape: tuple[int, ...], like: Array | None = None) -> Array:
    """A mask broadcast to a shape; True or False become one of the library and device of `like`, of NumPy where that is None."""
    if isinstance(mask, bool):
        numpy = like is None or isinstance(like, np.ndarray)
        mask = np.full((), mask) if numpy else like.new_full((), mask).bool()
    return np.broadcast_to(mask, shape) if isinstance(mask, np.ndarray) else mask.expand(*shape)


def computed(make: Callable[..., np.ndarray], *arguments, like: Array) -> Array:
    """The array `make(*arguments)` in the library, of the type and on the device of `like`."""
    if isinstance(like, np.ndarray):
        return make(*arguments).astype(like.dtype)
    return _on_device(make, arguments, like.dtype, like.device)


@functools.cache  # so that no step of a training waits for a copy to its device
def _on_device(make: Callable[..., np.ndarray], arguments: tuple, dtype, device):
    import torch

    return torch.from_numpy(make(*arguments)).to(device, dtype)


def standard_normal(like, generator):
    """Numbers of N(0, 1) of the shape and device of a tensor."""
    import torch

    return torch.randn(like.shape, generator=generator, device=like.device)


@functools.cache
def names() -> tuple[str, ...]:
    """Every forward model: the modules of this folder that define the class they are named after."""
    defines = {path.stem: rf"^class {camel_case(path.stem)}\(" for path in sorted(HERE.glob("*.py"))}
    return tuple(
        name for name, line in defines.items() if re.search(line, (HERE / f"{name}.py").read_text(encoding="utf-8"), re.MULTILINE)
    )


@functools.cache
def find(name: str) -> type[ForwardModel]:
    """The class of a forward model. Raises ValueError, in one line, where there is none of that name."""
    if name not in names():
        raise ValueError(f"{name}: no such forward model; there are {', '.join(names())}")
    return getattr(importlib.import_module(f"measurements.{name}"), camel_case(name))


def camel_case(name: str) -> str:
    """drop_patch -> DropPatch."""
    return "".join(word.capitalize() for word in name.split("_"))


def from_facts(facts: dict) -> ForwardModel:
    """The forward model that a measurement's facts describe: {"family": …, "options": {…}}."""
    return find(facts["family"])(**facts["options"])
