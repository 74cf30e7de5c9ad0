"""Restore with a U-Net: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from training.models import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """U(y, m), in evaluation mode; values that were measured exactly stay."""
    (unet,) = trained(model, measured, "unet")
    where = unet.image.weight.device
    y, observed = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.observed))
    mask = torch.from_numpy(measured.informs.copy()).to(where) if unet.planes == 2 else None
    yield torch.where(observed, y, unet(y, mask))


if __name__ == "__main__":
    main(restore)
