"""Restore with a diffusion model that was trained on images with holes: its conditional mean in one pass, samples in many."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from bench.command import main
from bench.measured import Measured
from methods.ambient_diffusion.model import denoised
from training.models import trained

LEVELS, MOST, LEAST = 20, 1.5, 0.03  # of σ_t when it samples; training has σ_t between 0.014 and 1.6 for 95 % of the images


@torch.no_grad()
def restore(measured: Measured, *, model: Path) -> Iterator[Tensor]:
    """E[x | y] = h(y, m, 0); values that were measured stay."""
    (unet,) = trained(model, measured, "unet")
    where = unet.image.weight.device
    y, mask = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.informs))
    yield torch.where(mask, y, denoised(unet, mask * y, mask, torch.zeros(1, 1, 1, 1, device=where)))


@torch.no_grad()
def sample(measured: Measured, *, model: Path, seed: int, count: int) -> Tensor:
    """The reverse process from one noise n each, `count` times for each image; values that were measured stay: [K, N, H, W, C].

        x̂ = E[x | y],  x = x̂ + σ_0 n,  and for each σ_t, from the largest to the least, then 0:
        x_i = y_i + σ_t n_i where y tells of x_i
        x̂_i = h(m̃ x, m̃, σ_t)_i where m̃_i, as before elsewhere        m̃ = m or a mask of the corruption, drawn afresh
        x = x̂ + σ_{t+1} / σ_t (x - x̂)                                 DDIM (Song, Meng and Ermon, ICLR 2021)

    h never sees an image without holes. So it is shown what is measured, and in each step another part of what is not, as drawn
    so far. What m̃ hides keeps its x̂: h knows no noise of it, and would give all draws the same value. The draws are near the
    posterior, not exact: h is shown y as noisy as all else (as in RePaint: Lugmayr et al., CVPR 2022).
    """
    (unet,) = trained(model, measured, "unet")
    where, forward = unet.image.weight.device, measured.forward
    y, mask = (torch.from_numpy(part.copy()).to(where) for part in (measured.y, measured.informs))
    (mean,) = restore(measured, model=model)
    n = torch.from_numpy(measured.normal(count, y.shape[1:], seed)).to(where)
    x_hat, x = mean.expand_as(n), mean + MOST * n  # [K, N, H, W, C]
    generator = Generator(where).manual_seed(seed)
    for sigma, less in pairwise([*np.geomspace(MOST, LEAST, LEVELS).tolist(), 0.0]):
        x = torch.where(mask, y + sigma * n, x)
        # the masks of a step are those of all images, so that no draw depends on other images
        s = forward.side_info(forward.draw(count, tuple(y.shape[1:]), generator))
        shown = mask | forward.informs(s, (count, *y.shape[1:]))[:, None]
        h = denoised(unet, (shown * x).flatten(0, 1), shown.flatten(0, 1), y.new_full((1, 1, 1, 1), sigma))
        x_hat = torch.where(shown, h.view_as(x), x_hat)
        x = x_hat + less / sigma * (x - x_hat)
    return torch.where(mask, y, x)


if __name__ == "__main__":
    main(restore, sample=sample)
