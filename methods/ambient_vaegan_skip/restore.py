"""Restore with the VAE-GAN with skip connections: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from methods.ambient_vaegan_elbo.restore import seen_by
from methods.contract import Measured, main
from methods.training import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """Dec(μ(y, m); y, m), in evaluation mode; of drops, seen values stay."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    y, *seen = seen_by(encoder, measured)
    x = decoder(encoder(y, *seen).mean, y, *seen)
    yield torch.where(seen[0], y, x) if seen else x


if __name__ == "__main__":
    main(restore)
