"""Restore with a network that draws from the posterior: the mean of several draws."""

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from networks.stochastic_unet import with_opposites
from training.models import trained


@torch.no_grad()
def drawn(measured: Measured, model: Path, seed: int, count: int, *, opposites: bool = False) -> Iterator[Tensor]:
    """G(y, m, ε), `count` draws for each measurement, [N, H, W, C] each; values that were measured exactly stay.

    With `opposites` every second ε is the negative of the one before.
    """
    (sampler,) = trained(model, measured, "sampler")
    where = sampler.image.weight.device
    y, observed = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.observed))
    mask = torch.from_numpy(measured.informs.copy()).to(where) if sampler.planes == 2 else None
    noise = torch.from_numpy(measured.normal(math.ceil(count / 2) if opposites else count, (sampler.noise,), seed)).to(where)
    for x in sampler.draws(y, mask, with_opposites(noise)[:count] if opposites else noise):
        yield torch.where(observed, y, x)


def restore(measured: Measured, *, model: Path, draws: int, seed: int) -> Iterator[Tensor]:
    """The mean of the draws so far, whose ε are ε₁, -ε₁, ε₂, -ε₂, …; under the original's protocol one draw."""
    total, count = 0, 1 if "posterior_sample" in measured.protocol else draws
    for done, x in enumerate(drawn(measured, model, seed, count, opposites=True), start=1):
        total = total + x
        yield total / done


def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """G(y, m, ε), `count` times for each image, independent; values measured exactly stay: [K, N, H, W, C]."""
    return torch.stack(list(drawn(measured, model, seed, count)))


if __name__ == "__main__":
    main(restore, sample=sample)
