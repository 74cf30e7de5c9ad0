"""Restore with a trained DnCNN: one forward pass."""

from pathlib import Path

import torch

from bench.command import main
from training.models import trained


@torch.no_grad()
def restore(measured, *, model: Path):
    """x̂ = y - CNN(y)."""
    (dncnn,) = trained(model, measured, "dncnn")
    yield dncnn(torch.from_numpy(measured.y).to(dncnn.body[0].weight.device))


if __name__ == "__main__":
    main(restore)
