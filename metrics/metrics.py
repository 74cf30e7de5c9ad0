"""What is measured of an estimate, one value per image. The only stage where an estimate meets the truth.

`METRICS` is the one table of names, units and directions, from which tables, axes and captions are read.
Images are float64 [H, W, C] in [0, 1], so `data_range` is 1 everywhere but in `ssim_range_2`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from skimage.metrics import structural_similarity

PSNR_CEILING = 60.0  # dB; a patch may hide nothing but background, and an exact estimate would make a mean infinite


class Metric(NamedTuple):
    title: str
    unit: str
    better: str  # "higher", "lower" or "near 1"
    of: Callable[..., float] | None  # (x, estimate, y, mask, family) -> float, nan where it does not apply; None: from a file
    says: str  # one sentence for the reader of a table


def mse(x, estimate, y, mask, family) -> float:
    return float(np.mean((estimate - x) ** 2))


def psnr(x, estimate, y, mask, family) -> float:
    """10 log10(1 / MSE), at most PSNR_CEILING."""
    return float(-10 * np.log10(max(mse(x, estimate, y, mask, family), 10 ** (-PSNR_CEILING / 10))))


def ssim(x, estimate, y, mask, family) -> float:
    """Wang et al. 2004 with a 7×7 uniform window, mean over channels."""
    return float(structural_similarity(x, estimate, win_size=7, data_range=1.0, channel_axis=2))


def ssim_range_2(x, estimate, y, mask, family) -> float:
    """SSIM as the original's call has it: `data_range` not given, so scikit-image guessed 2, the range of float images.

    Its grey images (MNIST) are in [0, 1], where 2 is twice their range, so that both constants of the SSIM are four times as
    large, which flatters. Its colour images (CelebA) are in [-1, 1], where 2 is their range, but the means are shifted.
    """
    low, high = (-1, 1) if x.shape[2] == 3 else (0, 1)
    scaled = (low + (high - low) * image for image in (x, estimate))
    return float(structural_similarity(*scaled, win_size=7, data_range=2.0, channel_axis=2))


def mse_observed(x, estimate, y, mask, family) -> float:
    return float(np.mean((estimate - x)[mask] ** 2)) if mask.any() else np.nan


def mse_unobserved(x, estimate, y, mask, family) -> float:
    return float(np.mean((estimate - x)[~mask] ** 2)) if not mask.all() else np.nan


def consistency(x, estimate, y, mask, family) -> float:
    """Drops: mean of (x̂ - y)² over observed values (0 is consistent). Noise: mean of (x̂ - y)² / σ² (1 is expected)."""
    residual = mse_observed(y, estimate, y, mask, family)
    if "sigma" not in family["options"]:
        return residual
    variance = family["options"]["sigma"] ** 2
    return residual / variance if variance else np.nan


METRICS = {
    "mse": Metric("MSE", "", "lower", mse, "Mean squared error, images in [0, 1]."),
    "psnr": Metric("PSNR", "dB", "higher", psnr, f"10 log10(1 / MSE) of each image, at most {PSNR_CEILING:.0f} dB."),
    "ssim": Metric("SSIM", "", "higher", ssim, "Structural similarity, 7×7 uniform window, data range 1."),
    "accuracy": Metric(
        "digit accuracy",
        "",
        "higher",
        None,  # metrics/classifier.py, a program of its own because it needs torch
        "Share of the estimates that a classifier of clean images takes for the right digit.",
    ),
    "mse_observed": Metric("MSE observed", "", "lower", mse_observed, "MSE over the values that were seen."),
    "mse_unobserved": Metric("MSE unobserved", "", "lower", mse_unobserved, "MSE over the values that were lost: shows skill."),
    "consistency": Metric(
        "data consistency",
        "",
        "near 1",
        consistency,
        "Squared distance between estimate and measurement: over observed values for drops, in units of σ² for noise.",
    ),
}

# What the paper's protocol scores
PAPER_METRICS = METRICS | {
    "ssim_range_2": Metric(
        "SSIM, range 2",
        "",
        "higher",
        ssim_range_2,
        "Structural similarity with the data range that the original left to a guess.",
    )
}
