"""Restore with a trained VAE-GAN: one forward pass."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from measurements.families import from_facts
from methods.contract import Measured, main
from methods.training import trained


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """Dec(μ(y)): the decoded posterior mean, in evaluation mode, so that an estimate does not depend on its neighbours."""
    encoder, decoder = trained(model, measured.y.shape[1:], "encoder", "decoder")
    y = torch.from_numpy(measured.y).to(encoder.heads.weight.device)
    yield decoder(encoder(from_facts(measured.family).unbiased(y)).mean)


if __name__ == "__main__":
    main(restore)
