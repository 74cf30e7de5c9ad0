"""CSGM (Bora, Jalal, Price and Dimakis, ICML 2017): search the latent space of a generator for each measurement.

ẑ = argmin_z ‖f_θ(G(z)) - y‖² + λ ‖z‖²,    x̂ = G(ẑ)
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from bench.command import main
from bench.measured import Measured
from networks.modes import folded
from training.models import trained


def restore(
    measured: Measured,
    *,
    model: Path,
    seed: int,
    steps: int,
    restarts: int,
    learning_rate: float,
    penalty: float,
    loss: str,
) -> Iterator[Tensor]:
    """Adam on all images and restarts at once; a yield per step, the restart with the least error on the measurement.

    Each image's search is its own: the loss is a sum over images, Adam is per coordinate, the generator is in evaluation mode and
    every image starts from the same points. (With batch statistics at test, batch norm uses those of all images and restarts
    together.) `loss` is `measurement` (CSGM, with the θ of the image) or `features` (as published:
    5 · mean (Dis_l(f_θ'(G(z))) - Dis_l(y))² with a fresh θ' each step).
    """
    gen, dis = trained(model, measured, "decoder", "discriminator")
    device, latent, forward = next(gen.parameters()).device, gen.latent, measured.forward
    if "batch_statistics" not in measured.protocol:
        gen = folded(gen)
    draws = Generator(device).manual_seed(seed)
    y, side_info = (torch.from_numpy(part).to(device) for part in (measured.y, measured.side_info))
    informs = torch.from_numpy(measured.informs.astype(np.float32)).to(device)  # [N, H, W, C]
    n = len(y)
    z = torch.randn(restarts, 1, latent, generator=draws, device=device).repeat(1, n, 1).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=learning_rate)
    if loss == "features":
        with torch.no_grad():
            wanted = dis(forward.unbiased(y)).features

    def error(x: Tensor) -> Tensor:
        """‖E[y | x, θ] - y‖² of each image with its own θ, [R, N]; a lost value tells nothing."""
        return ((forward.predict(x, side_info) - y) * informs).square().sum((2, 3, 4))

    def mismatch(x: Tensor) -> Tensor:
        """The published feature loss of each image, [R, N]."""
        again = forward.forward(x.flatten(0, 1), forward.draw(restarts * n, measured.y.shape[1:], draws))
        features = dis(forward.unbiased(again)).features.unflatten(0, (restarts, n))
        return 5 * ((features - wanted) ** 2).mean((2, 3, 4))

    for _ in range(steps):
        x = gen(z.flatten(0, 1)).unflatten(0, (restarts, n))  # [R, N, H, W, C]
        off = error(x)  # [R, N]
        objective = (off if loss == "measurement" else mismatch(x)) + penalty * (z**2).sum(2)
        (gradient,) = torch.autograd.grad(objective.sum(), z)
        with torch.no_grad():
            best = off.argmin(0)  # [N]
            yield x.detach()[best, torch.arange(n, device=device)]
        z.grad = gradient
        optimizer.step()


if __name__ == "__main__":
    main(restore)
