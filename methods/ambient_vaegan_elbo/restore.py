"""Restore with networks trained by the evidence bound: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from methods.contract import Measured, main
from methods.training import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """Dec(μ(y, m)), in evaluation mode."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    yield decoder(encoder(*seen_by(encoder, measured)).mean)


def seen_by(encoder, measured: Measured) -> tuple[Tensor, ...]:
    """y, and beside it the mask where the encoder was trained with one, on its device."""
    where = next(encoder.parameters()).device
    y = torch.from_numpy(measured.y).to(where)
    return (y,) if encoder.made_with["planes"] == 1 else (y, torch.from_numpy(measured.mask.copy()).to(where))


if __name__ == "__main__":
    main(restore)
