"""Restore with a trained VAE-GAN: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, Tensor

from methods.ambient_vaegan.model import decoded
from methods.contract import Measured, main
from methods.training import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path, seed: int) -> Iterator[Tensor]:
    """Dec(μ(y)): the decoded posterior mean, in evaluation mode, so that an estimate does not depend on its neighbours.

    Under the paper's protocol one posterior sample, and batch norm with the statistics of the batch.
    """
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder", protocol=measured.protocol)
    y = torch.from_numpy(measured.y).to(encoder.heads.weight.device)
    draws = Generator(y.device).manual_seed(seed) if measured.protocol == "paper" else None
    yield decoded(encoder, decoder, measured.forward.unbiased(y), draws)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """Dec(z) with z ~ q(z|y), `count` times for each image: [K, N, H, W, C]."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder", protocol=measured.protocol)
    y = torch.from_numpy(measured.y).to(encoder.heads.weight.device)
    q = encoder(measured.forward.unbiased(y))
    noise = torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean)  # [K, N, D]
    return decoder(q.at(noise).flatten(0, 1)).unflatten(0, (count, -1))


if __name__ == "__main__":
    main(restore, sample=sample)
