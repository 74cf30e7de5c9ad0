"""Score posterior samples: `python -m metrics.posterior --clean … --side-info … --samples … --output posterior.csv`.

One row per image. `POSTERIOR` is the one table of names, units and directions. Coverage, CRPS and spread are over the values that
the measurement leaves open, all that it does not show exactly; the others are over the whole image.
An image x is float64 [H, W, C] in [0, 1], its samples [K, H, W, C], `free` a bool mask [H, W, C].
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist

import store
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics import metrics
from metrics.metrics import Metric
from metrics.score import IDENTITY

LEVELS = 255  # steps of an 8-bit image


def coverage(x, samples, free, *, level: float) -> float:
    """Share of the open values inside the central interval of probability `level`.

    The rank of x among its K samples is a place between 0 and 1: r samples below it and t equal to it within half an 8-bit step
    leave it anywhere in [r, r + t + 1] / (K + 1), and the part of that range that lies in the central interval counts (the
    nonrandomised PIT of Czado, Gneiting and Held, Biometrics 2009). So an exact posterior has coverage `level`, for every K, and
    also where values are certain, as the black around a digit.
    """
    x8, samples8 = np.rint(LEVELS * x[free]), np.rint(LEVELS * samples[:, free])  # [V], [K, V]
    below, equal = (samples8 < x8).sum(0), (samples8 == x8).sum(0)
    first, last = below / (len(samples) + 1), (below + equal + 1) / (len(samples) + 1)
    inside = np.minimum(last, (1 + level) / 2) - np.maximum(first, (1 - level) / 2)
    return float(np.mean(np.maximum(inside, 0) / (last - first))) if x8.size else np.nan


def crps(x, samples, free) -> float:
    """Mean over the open values of E|s - x| - ½ E|s - s'|, without bias (Gneiting and Raftery 2007); one sample: |s - x|."""
    ordered = np.sort(samples[:, free], axis=0)  # [K, V]
    k = len(ordered)
    # Σ_{i<j} |s_i - s_j| = Σ_i (2 i - K + 1) s_(i), i from 0
    pairs = ((2 * np.arange(k) - k + 1)[:, None] * ordered).sum(0) / max(1, k * (k - 1))
    return float(np.mean(np.abs(ordered - x[free]).mean(0) - pairs)) if free.any() else np.nan


def energy(x, samples, free) -> float:
    """E‖s - x‖ - ½ E‖s - s'‖, both without bias, ‖·‖ the root of the mean square over the image (‖·‖₂ / √n)."""
    vectors = samples.reshape(len(samples), -1)
    distance = np.sqrt(((vectors - x.ravel()) ** 2).mean(1)).mean()
    return float(distance - (pdist(vectors).mean() / 2 / np.sqrt(x.size) if len(samples) > 1 else 0))


def psnr(x, estimate) -> float:
    return metrics.psnr(x, estimate, None, None, None)


def psnr_mean(x, samples, free) -> float:
    return psnr(x, samples.mean(0))


def psnr_sample(x, samples, free) -> float:
    return float(np.mean([psnr(x, one) for one in samples]))


def spread(x, samples, free) -> float:
    return float(samples[:, free].std(0, ddof=1).mean()) if free.any() and len(samples) > 1 else np.nan


POSTERIOR = {
    "coverage_50": Metric(
        "coverage 50 %", "", "near 0.5", partial(coverage, level=0.5), "Share of values inside the 50 % interval."
    ),
    "coverage_90": Metric(
        "coverage 90 %", "", "near 0.9", partial(coverage, level=0.9), "Share of values inside the 90 % interval."
    ),
    "crps": Metric(
        "CRPS", "", "lower", crps, "Continuous ranked probability score, a distance in units of the image, mean over values."
    ),
    "energy": Metric("energy score", "", "lower", energy, "The same for the image as a whole, its distance a root mean square."),
    "psnr_mean": Metric("PSNR of mean", "dB", "higher", psnr_mean, "PSNR of the mean of the samples."),
    "psnr_sample": Metric("PSNR of sample", "dB", "higher", psnr_sample, "PSNR of one sample, mean over the samples."),
    "spread": Metric("spread", "", "", spread, "Standard deviation of the samples, mean over values."),
}


def scores(clean: np.ndarray, samples: np.ndarray, side_info: np.ndarray, forward: ForwardModel) -> pd.DataFrame:
    """A row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it."""
    rows = []
    for i, (image, told) in enumerate(zip(clean, side_info, strict=True)):
        free = ~forward.observed(from_disk(told, image.shape), image.shape)
        arrays = image / 255.0, samples[:, i].astype(np.float64), free
        rows.append({name: metric.of(*arrays) for name, metric in POSTERIOR.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m metrics.posterior", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clean", type=Path, required=True, help="the truth, uint8 .npy of [N, H, W, C]")
    parser.add_argument("--side-info", type=Path, required=True, help="side information of each image, .npy, beside its facts")
    parser.add_argument("--samples", type=Path, required=True, help="what a method wrote; its facts lie in .json beside it")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    with store.clear_errors():
        clean, side_info, samples = map(store.load_array, (args.clean, args.side_info, args.samples))
        facts = store.load_json(args.samples.with_suffix(".json"))
        if samples.ndim != 1 + clean.ndim or samples.shape[2:] != clean.shape[1:] or samples.shape[1] > len(clean):
            sys.exit(f"{args.samples}: holds {samples.shape}, not samples [K, N, H, W, C] of images {clean.shape}; delete it")
        count = samples.shape[1]
        table = scores(clean[:count], samples, side_info[:count], from_facts(store.describe(args.side_info)))
        for place, name in enumerate(IDENTITY):
            table.insert(place, name, facts[name])
        table["samples"] = len(samples)
        with store.replacing(args.output) as partial_file:
            table.to_csv(partial_file, index=False, float_format="%.7g")


if __name__ == "__main__":
    main()
