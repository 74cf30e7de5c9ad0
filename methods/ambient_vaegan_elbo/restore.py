"""Restore with networks trained by the evidence bound: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, Tensor

from bench.command import main
from bench.measured import Measured
from networks.original import Encoder, Gaussian
from networks.spread import Spread
from training.models import trained


def network_input(encoder: Encoder, measured: Measured) -> tuple[Tensor, Tensor | None]:
    """y and, for an encoder that was trained with one, its mask m, [N, H, W, C] each, on the encoder's device."""
    where = encoder.heads.weight.device
    mask = torch.from_numpy(measured.informs.copy()).to(where) if encoder.planes == 2 else None
    return torch.from_numpy(measured.y).to(where), mask


def latent(q: Gaussian, measured: Measured, seed: int) -> Tensor:
    """μ of q(z|y, m), or where the protocol takes a posterior sample for the estimate, one: [N, D]."""
    return q.sample(Generator(q.mean.device).manual_seed(seed)) if "posterior_sample" in measured.protocol else q.mean


def latents(q: Gaussian, measured: Measured, seed: int, count: int) -> Tensor:
    """`count` samples of q(z|y, m), independent for each image: [K, N, D]."""
    return q.at(torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean))


def with_spread(x: Tensor, spread: Spread, mask: Tensor | None, measured: Measured, seed: int) -> Tensor:
    """Samples of N(x, s²), one for each reconstruction x, clipped to [0, 1]: [K, N, H, W, C]."""
    noise = torch.from_numpy(measured.normal(len(x), x.shape[2:], seed + 1)).to(x)  # not the numbers that made z
    return torch.stack([one + spread(one, mask) * own for one, own in zip(x, noise, strict=True)]).clamp(0, 1)


@torch.no_grad()
def restore(measured: Measured, *, model: Path, seed: int) -> Iterator[Tensor]:
    """Dec(μ(y, m)), in evaluation mode."""
    encoder, decoder = trained(model, measured, "encoder", "decoder")
    yield decoder(latent(encoder(*network_input(encoder, measured)), measured, seed))


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """N(Dec(z), s²) with z ~ q(z|y, m), `count` times for each image: [K, N, H, W, C]."""
    encoder, decoder, spread = trained(model, measured, "encoder", "decoder", "spread")
    y, mask = network_input(encoder, measured)
    z = latents(encoder(y, mask), measured, seed, count)
    return with_spread(decoder(z.flatten(0, 1)).unflatten(0, (count, -1)), spread, mask, measured, seed)


if __name__ == "__main__":
    main(restore, sample=sample)
