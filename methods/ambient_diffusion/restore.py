"""Restore with a diffusion model that was trained on images with holes: its conditional mean, in one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from methods.ambient_diffusion.model import denoised
from training.models import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """E[x | y] = h(y, m, 0); values that were measured stay."""
    (unet,) = trained(model, measured, "unet")
    where = unet.image.weight.device
    y, mask = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.informs))
    yield torch.where(mask, y, denoised(unet, mask * y, mask, torch.zeros(1, 1, 1, 1, device=where)))


if __name__ == "__main__":
    main(restore)
