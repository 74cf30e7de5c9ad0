"""Restore with a U-Net that was trained by equivariant splitting: the average over elements of the group."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from methods.equivariant_splitting.group import elements
from training.models import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path, average: int) -> Iterator[Tensor]:
    """The mean of T_g U(T_g⁻¹ y, T_g⁻¹ m) over the first elements of the group; values that were measured exactly stay."""
    (unet,) = trained(model, measured, "unet")
    where = next(unet.parameters()).device
    y, observed = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.observed))
    mask = torch.from_numpy(measured.informs.copy()).to(where) if unet.planes == 2 else None
    total = torch.zeros_like(y)
    for done, g in enumerate(elements(unet.group, unet.reach)[:average], start=1):
        total += unet(y, mask, torch.tensor(g, device=where).expand(len(y), 3))
        yield torch.where(observed, y, total / done)


if __name__ == "__main__":
    main(restore)
