"""How a method without networks learns and chooses: from the training measurements, of which it holds some out.

Those that are held out are corrupted once more. What predicts best what that took away is chosen; no clean image is needed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import store
from bench.measured import Measured
from measurements.forward import ForwardModel
from measurements.side_info import to_disk

HELD_OUT = 256  # measurements at most, and a tenth at most
SHARE, TAU = 0.5, 0.2  # of the further corruption: it hides half of what is seen, or adds noise of a fifth of σ


def training_parts(train_y: Path, train_side_info: Path, forward: ForwardModel, limit: int) -> tuple[Measured, Measured]:
    """The first training measurements, `limit` at most, and those that are held out, the last ones."""
    whole = Measured(store.load_array(train_y), forward, store.load_array(train_side_info))
    held = min(HELD_OUT, max(1, len(whole.y) // 10))
    return whole[: max(1, min(limit, len(whole.y) - held))], whole[-held:]


def best(values: Sequence[float], estimate: Callable[[Measured, float], np.ndarray], held: Measured) -> float:
    """The value with which `estimate(measured, value)` has the least squared error of prediction after a further corruption."""
    import torch  # here, as a module of this room that most methods import must not

    held = held.loaded()
    y, s = torch.from_numpy(np.array(held.y)), torch.from_numpy(np.array(held.side_info))
    example = held.forward.recorrupt(y, s, torch.Generator().manual_seed(0), share=SHARE, tau=TAU)
    input_, target, counts = (each.numpy() for each in (example.input, example.target, example.counts))
    harder = Measured(input_, held.forward, to_disk(example.side_info.numpy()))

    def error(value: float) -> float:
        images = estimate(harder, value).clip(0, 1)  # as the bench takes them
        return float(((held.forward.predict(images, held.side_info) - target)[counts] ** 2).mean())

    return min(values, key=error)


def blocks(measured: Measured, size: int = 1000):
    """Measurements as rows, `size` at a time: float32 [size, H·W·C], 0 where they do not inform, and where they do, bool."""
    for start in range(0, len(measured.y), size):
        yield rows(measured[start : start + size])


def rows(measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Measurements as rows, float32 [N, H·W·C], 0 where they do not inform, and where they do, bool."""
    count = len(measured.y)
    seen = measured.informs.reshape(count, -1)
    return np.where(seen, np.asarray(measured.y, np.float32).reshape(count, -1), np.float32(0)), seen
