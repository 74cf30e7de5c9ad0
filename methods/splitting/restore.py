"""Restore with a U-Net that was trained by measurement splitting: one forward pass, or an average over several splits."""

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Generator, Tensor

from bench.command import main
from bench.measured import Measured
from training.models import trained


def split(measured: Measured, count: int, share: float, tau: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Each measurement corrupted once more, `count` times: ỹ [N, H, W, C] and its side information.

    The random numbers of an image follow from its measurement alone, so that its estimate does not depend on its neighbours.
    """
    each = []
    for y, s in zip(torch.from_numpy(measured.y), torch.from_numpy(measured.side_info.copy()), strict=True):
        generator = Generator().manual_seed(crc32(np.ascontiguousarray(y.numpy())))
        y, s = (part.expand(count, *part.shape) for part in (y, s))
        each.append(measured.forward.recorrupt(y, s, generator, share=share, tau=tau)[:2])
    yield from zip(*(torch.stack(parts, 1) for parts in zip(*each, strict=True)), strict=True)


@torch.no_grad()
def restore(measured: Measured, *, model: Path, splits: int, share: float, tau: float) -> Iterator[Tensor]:
    """U(y, m), or the mean of U(ỹ, m̃) over several splits; values that were measured exactly stay."""
    (unet,) = trained(model, measured, "unet")
    where = unet.image.weight.device
    y, observed = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.observed))

    def restored(seen: Tensor, s: Tensor) -> Tensor:
        mask = measured.forward.mask(s, seen.shape)
        return unet(seen.to(where), None if mask is None else mask.to(where))

    if not splits:
        yield torch.where(observed, y, restored(y, torch.from_numpy(measured.side_info.copy())))
    total = torch.zeros_like(y)
    for done, (seen, s) in enumerate(split(measured, splits, share, tau), start=1):
        total += restored(seen, s)
        yield torch.where(observed, y, total / done)


if __name__ == "__main__":
    main(restore)
