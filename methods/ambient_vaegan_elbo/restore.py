"""Restore with networks trained by the evidence bound: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from methods.contract import Measured, main
from methods.training import trained


def seen_by(encoder, measured: Measured) -> tuple[Tensor, ...]:
    """y, and beside it the mask where the encoder was trained with one, on its device: [N, H, W, C] each."""
    where = encoder.heads.weight.device
    y = torch.from_numpy(measured.y).to(where)
    return (y,) if encoder.made_with["planes"] == 1 else (y, torch.from_numpy(measured.mask.copy()).to(where))


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """Dec(μ(y, m)), in evaluation mode."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    yield decoder(encoder(*seen_by(encoder, measured)).mean)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """Dec(z) with z ~ q(z|y, m), `count` times for each image: [K, N, H, W, C]."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    q = encoder(*seen_by(encoder, measured))
    noise = torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean)  # [K, N, D]
    return decoder(q.at(noise).flatten(0, 1)).unflatten(0, (count, -1))


if __name__ == "__main__":
    main(restore, sample=sample)
