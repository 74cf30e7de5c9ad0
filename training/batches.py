"""Batches for a learner: drawn from arrays on the device; with fresh θ, measured when they are drawn."""

import functools
from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import Generator, Tensor

import store
from measurements import side_info
from measurements.forward import ForwardModel
from training.learner import Batch

Measure = Callable[[Tensor, Generator], Batch]  # clean images -> "y" (and "side_info", and the two once more)


def on_device(files: dict[str, Path | None], where: torch.device) -> Batch:
    """The arrays of the files that are given; one that is named twice is held once.

    On a GPU with twice the room they are copied there. Else they stay in their files: pages are read when a batch needs them, and
    processes share them.
    """
    load = functools.cache(lambda path: torch.from_numpy(store.load_array(path, mode="c")))
    data = {name: load(path) for name, path in files.items() if path}
    size = sum(values.nbytes for values in {id(values): values for values in data.values()}.values())
    if where.type == "cuda" and 2 * size > (free := torch.cuda.mem_get_info(where)[0]):
        print(f"the data ({size / 2**30:.1f} GiB) stay on the disk: the GPU has {free / 2**30:.1f} GiB free", flush=True)
        return data
    move = functools.cache(lambda values: values.to(where))
    return {name: move(values) for name, values in data.items()}


def as_float(values: Tensor) -> Tensor:
    """uint8 images and float16 measurements as float32 in the same range; masks as they are."""
    return values if values.dtype == torch.bool else values.float() / (255 if values.dtype == torch.uint8 else 1)


def unpacked_side_info(stored: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Side information of a batch from what its file holds (measurements/side_info.py), on its device, for images (H, W, C).

    A mask bool [B, H, W, c] from its bits uint8 [B, bytes]; a noise level as it is.
    """
    if stored.dtype != torch.uint8:
        return stored
    height, width, _ = shape
    c = side_info.channels(stored.shape[1], shape)
    places = torch.arange(7, -1, -1, dtype=torch.uint8, device=stored.device)
    bits = ((stored[:, :, None] >> places) & 1).flatten(1)[:, : height * width * c]
    return bits.bool().unflatten(1, (height, width, c))


def draw_batch(data: Batch, size: int, generator: Generator, measure: Measure | None = None) -> Batch:
    """Images drawn with replacement; with `measure`, what it makes of the clean images data["fresh"] in place of these."""
    chosen = torch.randint(len(next(iter(data.values()))), (size,), generator=generator, device=generator.device)
    batch = {name: values[chosen.to(values.device)].to(chosen.device) for name, values in data.items()}
    for name in {"side_info", "side_info_again"} & batch.keys():
        batch[name] = unpacked_side_info(batch[name], batch["y"].shape[1:])
    batch = {name: as_float(values) for name, values in batch.items()}
    return batch if measure is None else measure(batch.pop("fresh"), generator) | batch


def measure_afresh(forward: ForwardModel, named: Collection[str], x: Tensor, generator: Generator) -> Batch:
    """y with a new θ for each image x [B, H, W, C]; beside it what the method's rule names of `side_info`, `y_again` and
    `side_info_again`, the last two of one more new θ."""
    batch = {}
    for again in ("", "_again") if {"y_again", "side_info_again"} & set(named) else ("",):
        theta = forward.draw(len(x), tuple(x.shape[1:]), generator)
        batch |= {f"y{again}": forward.forward(x, theta), f"side_info{again}": forward.side_info(theta)}
    return {name: values for name, values in batch.items() if name in {"y", *named}}
