"""Restore with a trained VAE-GAN: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from measurements.families import from_facts
from methods.contract import Measured, main
from methods.networks import Gaussian
from methods.training import trained


def posterior(measured: Measured, model: Path) -> tuple[Gaussian, nn.Module]:
    """q(z|y) of each image and the decoder, in evaluation mode, so that an image does not depend on its neighbours."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    y = torch.from_numpy(measured.y).to(encoder.heads.weight.device)
    return encoder(from_facts(measured.family).unbiased(y)), decoder


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """Dec(μ(y)): the decoded mean of the posterior over z."""
    q, decoder = posterior(measured, model)
    yield decoder(q.mean)


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """Dec(z) with z ~ q(z|y), `count` times for each image: [K, N, H, W, C]."""
    q, decoder = posterior(measured, model)
    noise = torch.from_numpy(measured.normal(count, q.mean.shape[1:], seed)).to(q.mean)  # [K, N, D]
    return decoder(q.at(noise).flatten(0, 1)).unflatten(0, (count, -1))


if __name__ == "__main__":
    main(restore, sample=sample)
