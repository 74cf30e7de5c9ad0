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
    given = seen_by(encoder, measured)
    yield kept(decoder(encoder(*given).mean, *given), *given)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """Dec(z; y, m) with z ~ q(z|y, m), `count` times for each image: [K, N, H, W, C]."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    given = seen_by(encoder, measured)
    q = encoder(*given)
    noise = torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean)  # [K, N, D]
    return torch.stack([kept(decoder(z, *given), *given) for z in q.at(noise)])


def kept(x: Tensor, y: Tensor, seen: Tensor | None = None) -> Tensor:
    """The estimate with the seen values in their places."""
    return x if seen is None else torch.where(seen, y, x)


if __name__ == "__main__":
    main(restore, sample=sample)
