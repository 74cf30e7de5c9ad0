"""Restore with networks trained by the evidence bound: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, Tensor

from methods.contract import Measured, main
from methods.networks import Gaussian
from methods.training import trained


def seen_by(encoder, measured: Measured) -> tuple[Tensor, ...]:
    """y, and beside it the mask where the encoder was trained with one, on its device: [N, H, W, C] each."""
    where = encoder.heads.weight.device
    y = torch.from_numpy(measured.y).to(where)
    return (y,) if encoder.made_with["planes"] == 1 else (y, torch.from_numpy(measured.informs.copy()).to(where))


def latent(q: Gaussian, measured: Measured, seed: int) -> Tensor:
    """μ of q(z|y, m), or under the paper's protocol one sample: [N, D]."""
    return q.sample(Generator(q.mean.device).manual_seed(seed)) if measured.protocol == "paper" else q.mean


def latents(q: Gaussian, measured: Measured, seed: int, count: int) -> Tensor:
    """`count` samples of q(z|y, m), each image's its own: [K, N, D]."""
    return q.at(torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean))


def scattered(x: Tensor, spread, seen: tuple[Tensor, ...], measured: Measured, seed: int) -> Tensor:
    """Samples N(x, s²), cut to [0, 1], about reconstructions x, one of each; `seen` is empty or the mask: [K, N, H, W, C]."""
    noise = torch.from_numpy(measured.normal(len(x), x.shape[2:], seed + 1)).to(x)  # not the numbers that made z
    return torch.stack([one + spread(one, *seen) * own for one, own in zip(x, noise, strict=True)]).clamp(0, 1)


@torch.no_grad()
def restore(measured: Measured, *, model: Path, seed: int) -> Iterator[Tensor]:
    """Dec(μ(y, m)), in evaluation mode."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder", protocol=measured.protocol)
    yield decoder(latent(encoder(*seen_by(encoder, measured)), measured, seed))


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """N(Dec(z), s²) with z ~ q(z|y, m), `count` times for each image: [K, N, H, W, C]."""
    parts = "encoder", "decoder", "spread"
    encoder, decoder, spread = trained(model, measured.y.shape[1:], *parts, protocol=measured.protocol)
    given = seen_by(encoder, measured)
    z = latents(encoder(*given), measured, seed, count)
    return scattered(decoder(z.flatten(0, 1)).unflatten(0, (count, -1)), spread, given[1:], measured, seed)


if __name__ == "__main__":
    main(restore, sample=sample)
