"""Restore with the VAE-GAN with skip connections: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bench.command import main
from bench.measured import Measured
from methods.ambient_vaegan_elbo.restore import latent, latents, network_input, with_spread
from training.models import trained


def pasted(x: Tensor, measured: Measured) -> Tensor:
    """Images [..., N, H, W, C] with the values that the measurements hold exactly in their places."""
    y, observed = (torch.from_numpy(part.copy()).to(x.device) for part in (measured.y, measured.observed))
    return torch.where(observed, y, x)


@torch.no_grad()
def restore(measured: Measured, *, model: Path, seed: int) -> Iterator[Tensor]:
    """Dec(μ(y, m); y, m), in evaluation mode; values that were measured exactly stay."""
    encoder, decoder = trained(model, measured, "encoder", "decoder")
    given = network_input(encoder, measured)
    yield pasted(decoder(latent(encoder(*given), measured, seed), *given), measured)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """N(Dec(z; y, m), s²) with z ~ q(z|y, m), `count` times for each image; values measured exactly stay: [K, N, H, W, C]."""
    encoder, decoder, spread = trained(model, measured, "encoder", "decoder", "spread")
    y, mask = network_input(encoder, measured)
    x = torch.stack([decoder(z, y, mask) for z in latents(encoder(y, mask), measured, seed, count)])
    return pasted(with_spread(x, spread, mask, measured, seed), measured)


if __name__ == "__main__":
    main(restore, sample=sample)
