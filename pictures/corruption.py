"""How strongly pictures seem to be corrupted, as far as it can be read off them, to be compared with the configuration."""

import math

import numpy as np

from measurements.forward import ForwardModel
from pictures.read import Picture


def estimate(picture: Picture, forward: ForwardModel) -> dict[str, float]:
    """Of one picture "lost", the share of its pixels, and "sigma", the standard deviation of its noise, where these apply."""
    found = {} if picture.seen is None else {"lost": float(1 - picture.seen.mean())}
    if forward.traits()["noise"] and not math.isnan(sigma := noise(picture.values, picture.seen)):
        found["sigma"] = sigma
    return found


def of_all(estimates: list[dict[str, float]]) -> dict[str, float]:
    """The mean share of lost pixels and the median noise of several pictures."""
    columns = {name: [each[name] for each in estimates if name in each] for name in ("lost", "sigma")}
    average = {"lost": np.mean, "sigma": np.median}
    return {name: float(average[name](values)) for name, values in columns.items() if values}


def described(estimated: dict[str, float], forward: ForwardModel) -> str:
    """The estimates in words."""
    sentences = []
    if "lost" in estimated:
        sentences.append(f"{estimated['lost']:.0%} of their pixels are lost.")
    if "sigma" in estimated:
        sigma = f"{estimated['sigma']:.2g}; the configuration has {forward.sigma:g}"
        sentences.append(f"The standard deviation of their noise is estimated as σ = {sigma}.")
    return " ".join(sentences)


def noise(values: np.ndarray, seen: np.ndarray | None = None) -> float:
    """Standard deviation of white noise in a picture uint8 [H, W, C], on [0, 1]: the median absolute finest diagonal Haar
    coefficient over 0.6745 (Donoho and Johnstone, Biometrika 1994), in which what is smooth or a straight edge has no part.

    Of the blocks of 2×2 pixels those count of which every pixel was seen; NaN where there is none.
    """
    x00, x10, x01, x11 = blocks(values / np.float32(255))
    detail = (x00 - x10 - x01 + x11) / 2  # [H // 2, W // 2, C]
    if seen is not None:
        detail = detail[np.logical_and.reduce(blocks(seen))[:, :, 0]]
    return float(np.median(np.abs(detail)) / 0.6745) if detail.size else math.nan


def blocks(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The upper left, lower left, upper right and lower right pixel of every block of 2×2: each [H // 2, W // 2, C]."""
    height, width = (length // 2 * 2 for length in x.shape[:2])
    return tuple(x[i:height:2, j:width:2] for j in (0, 1) for i in (0, 1))
