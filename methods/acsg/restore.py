"""CSGM (Bora, Jalal, Price and Dimakis, ICML 2017): search the latent space of a generator for each measurement.

ẑ = argmin_z ‖f_θ(G(z)) - y‖² + λ ‖z‖²,    x̂ = G(ẑ)
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from methods.contract import Measured, main
from methods.networks import folded
from methods.training import trained


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
    every image starts from the same points. (Under the paper's protocol batch norm uses the statistics of all images and restarts
    together.) `loss` is `measurement` (CSGM, with the θ of the image) or `features` (as published:
    5 · mean (Dis_l(f_θ'(G(z))) - Dis_l(y))² with a fresh θ' each step).
    """
    shape = measured.y.shape[1:]
    gen, dis = trained(model, shape, "decoder", "discriminator", protocol=measured.protocol)
    device, latent = next(gen.parameters()).device, gen.made_with["latent"]
    if measured.protocol == "sound":
        gen = folded(gen)
    family = measured.forward
    draws = Generator(device).manual_seed(seed)
    y = torch.from_numpy(measured.y).to(device)
    seen = torch.from_numpy(measured.informs.astype(np.float32)).to(device)  # [N, H, W, C]
    n = len(y)
    z = torch.randn(restarts, 1, latent, generator=draws, device=device).repeat(1, n, 1).requires_grad_()
    optimizer = torch.optim.Adam([z], lr=learning_rate)
    if loss == "features":
        with torch.no_grad():
            wanted = dis(family.unbiased(y)).features

    def error(x: Tensor) -> Tensor:
        """‖f_θ(x) - y‖² of each image with its own θ, [R, N]; a lost value tells nothing."""
        return ((x - y) * seen).square().sum((2, 3, 4))

    def mismatch(x: Tensor) -> Tensor:
        """The published feature loss of each image, [R, N]."""
        again = family.forward(x.flatten(0, 1), family.draw(restarts * n, shape, draws))
        features = dis(family.unbiased(again)).features.unflatten(0, (restarts, n))
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
