"""Restore with the VAE-GAN with skip connections: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from methods.ambient_vaegan_elbo.restore import latent, latents, scattered, seen_by
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
    """N(Dec(z; y, m), s²) with z ~ q(z|y, m), `count` times for each image; seen values stay: [K, N, H, W, C]."""
    parts = "encoder", "decoder", "spread"
    encoder, decoder, spread = trained(model, measured.y.shape[1:], *parts, protocol=measured.protocol)
    given = seen_by(encoder, measured)
    x = torch.stack([decoder(z, *given) for z in latents(encoder(*given), measured, seed, count)])
    return kept(scattered(x, spread, given[1:], measured, seed), *given)


def kept(x: Tensor, y: Tensor, seen: Tensor | None = None) -> Tensor:
    """The estimate with the seen values in their places."""
    return x if seen is None else torch.where(seen, y, x)


if __name__ == "__main__":
    main(restore, sample=sample)
