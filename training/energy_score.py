"""The energy score of two samples in blocks of an image: a strictly proper score of a distribution, learnt from its samples.

    ES_B = ½ Σ_k ‖x^k_B - t_B‖ - ½ ‖x¹_B - x²_B‖,   divided by √|B|        x¹, x² independent, t the target

Its expectation is least where x^k_B has the distribution of t_B (Gneiting and Raftery, JASA 2007). The score of a large block
hardly tells how its values depend on each other, so there are blocks of several kinds: single values (this is their CRPS),
differences of two values, windows, the whole image. A block has the values of it that count, a difference counts where both do.

Legend: B batch, H W C image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LAGS = (1, 2, 4)  # pixels between the two values of a difference


def energy_score(target: Tensor, one: Tensor, two: Tensor, counts: Tensor) -> Tensor:
    """The sum over the kinds of blocks of the mean score of a block that counts: [B, H, W, C] each -> []."""
    images = target, one, two
    windows = [window_score(*images, counts, size) for size in sides(*target.shape[1:3])]
    return (
        value_score(*images, counts)
        + difference_score(*images, counts)
        + sum(windows) / len(windows)
        + window_score(*images, counts, None)
    )


def sides(height: int, width: int) -> list[int]:
    """Windows have a quarter of the image's shorter side, and of large images also an eighth; 28 -> [7], 64 -> [16, 8]."""
    shorter = min(height, width)
    return [shorter // 4] + ([shorter // 8] if shorter >= 64 else [])


def value_score(target: Tensor, one: Tensor, two: Tensor, counts: Tensor) -> Tensor:
    """The mean CRPS of the values that count."""
    each = 0.5 * ((one - target).abs() + (two - target).abs() - (one - two).abs())
    return torch.where(counts, each, 0).sum() / counts.sum().clamp_min(1)


def difference_score(target: Tensor, one: Tensor, two: Tensor, counts: Tensor) -> Tensor:
    """The mean CRPS of differences of two values that count, LAGS pixels apart, down and across, the mean over these."""
    scores = []
    for axis in (1, 2):
        for lag in LAGS:
            length = target.shape[axis] - lag
            ends = [(each.narrow(axis, lag, length), each.narrow(axis, 0, length)) for each in (target, one, two)]
            both = counts.narrow(axis, lag, length) & counts.narrow(axis, 0, length)
            scores.append(value_score(*(far - near for far, near in ends), both))
    return sum(scores) / len(scores)


def window_score(target: Tensor, one: Tensor, two: Tensor, counts: Tensor, size: int | None) -> Tensor:
    """The mean score of windows of size × size pixels, half of which overlap; with None of the whole image."""

    def total(values: Tensor) -> Tensor:  # [B, H, W, C] -> [B, windows]
        maps = values.sum(3)[:, None]  # [B, 1, H, W]
        area = maps.shape[-2:] if size is None else (size, size)
        return (F.avg_pool2d(maps, area, stride=max(1, (size or 2) // 2)) * (area[0] * area[1])).flatten(1)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return (total(torch.where(counts, a - b, 0).square()) / n.clamp_min(1) + 1e-8).sqrt()  # with a slope at 0

    n = total(counts.to(target.dtype))
    each = 0.5 * (distance(one, target) + distance(two, target) - distance(one, two))
    asked = n > 0.5
    return torch.where(asked, each, 0).sum() / asked.sum().clamp_min(1)
