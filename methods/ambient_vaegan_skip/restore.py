"""Restore with the VAE-GAN with skip connections: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from methods.ambient_vaegan_elbo.restore import latent, latents, seen_by
from methods.contract import Measured, main
from methods.training import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path, seed: int) -> Iterator[Tensor]:
    """Dec(μ(y, m); y, m), in evaluation mode; of drops, seen values stay."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder", protocol=measured.protocol)
    given = seen_by(encoder, measured)
    yield kept(decoder(latent(encoder(*given), measured, seed), *given), *given)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """Dec(z; y, m) with z ~ q(z|y, m), `count` times for each image: [K, N, H, W, C]."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder", protocol=measured.protocol)
    given = seen_by(encoder, measured)
    return torch.stack([kept(decoder(z, *given), *given) for z in latents(encoder(*given), measured, seed, count)])


def kept(x: Tensor, y: Tensor, seen: Tensor | None = None) -> Tensor:
    """The estimate with the seen values in their places."""
    return x if seen is None else torch.where(seen, y, x)


if __name__ == "__main__":
    main(restore, sample=sample)
