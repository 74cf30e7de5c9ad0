"""Restore with a network that draws from the posterior: the mean of several draws."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from training.models import trained


@torch.no_grad()
def drawn(measured: Measured, model: Path, seed: int, count: int) -> Iterator[Tensor]:
    """G(y, m, ε), `count` draws for each measurement, [N, H, W, C] each; values that were measured exactly stay."""
    (sampler,) = trained(model, measured, "sampler")
    where = sampler.image.weight.device
    y, observed = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.observed))
    mask = torch.from_numpy(measured.informs.copy()).to(where) if sampler.planes == 2 else None
    maps = sampler.encode(y, mask)
    for noise in torch.from_numpy(measured.normal(count, (sampler.noise,), seed)):
        yield torch.where(observed, y, sampler.decode(maps, noise.to(where)))


def restore(measured: Measured, *, model: Path, draws: int, seed: int) -> Iterator[Tensor]:
    """The mean of the draws so far; under the original's protocol one draw."""
    total, count = 0, 1 if "posterior_sample" in measured.protocol else draws
    for done, x in enumerate(drawn(measured, model, seed, count), start=1):
        total = total + x
        yield total / done


def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """G(y, m, ε), `count` times for each image; values measured exactly stay: [K, N, H, W, C]."""
    return torch.stack(list(drawn(measured, model, seed, count)))


if __name__ == "__main__":
    main(restore, sample=sample)
