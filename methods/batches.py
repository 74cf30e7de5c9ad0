"""Batches for a learner: drawn from arrays on the device, under the paper's protocol measured when they are drawn."""

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor

import store
from measurements.side_info import channels
from methods.learner import Batch

Measure = Callable[[Tensor, Generator], Batch]  # clean images -> "y" (and "side_info")


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


def as_told(theta: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """θ of a batch as a learner is told it, from its file (measurements/side_info.py), for images of `shape` (H, W, C).

    A mask bool [B, H, W, c] from its bits uint8 [B, bytes], on their device; a noise level as it is.
    """
    if theta.dtype != torch.uint8:
        return theta
    height, width, _ = shape
    c = channels(theta.shape[1], shape)
    places = torch.arange(7, -1, -1, dtype=torch.uint8, device=theta.device)
    bits = ((theta[:, :, None] >> places) & 1).flatten(1)[:, : height * width * c]
    return bits.bool().unflatten(1, (height, width, c))


def draw_batch(data: Batch, size: int, generator: Generator, measure: Measure | None = None) -> Batch:
    """Images drawn with replacement; with `measure`, what it makes of the clean images data["fresh"] in place of these."""
    chosen = torch.randint(len(next(iter(data.values()))), (size,), generator=generator, device=generator.device)
    batch = {name: values[chosen.to(values.device)].to(chosen.device) for name, values in data.items()}
    if "side_info" in batch:
        batch["side_info"] = as_told(batch["side_info"], batch["y"].shape[1:])
    batch = {name: as_float(values) for name, values in batch.items()}
    return batch if measure is None else measure(batch.pop("fresh"), generator) | batch


def measure_afresh(measurement, told: bool, x: Tensor, generator: Generator) -> Batch:
    """The paper's protocol: y with a new θ for each image x, and what a method is told of θ if it is to be told."""
    theta = measurement.draw(len(x), tuple(x.shape[1:]), generator)
    y = {"y": measurement.forward(x, theta)}
    return y | {"side_info": measurement.side_info(theta)} if told else y
