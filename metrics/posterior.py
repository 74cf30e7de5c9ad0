"""Scores of posterior samples: how well they spread about the truth, and how far each of them is from it.

One row per image. Coverage, CRPS and spread are over the values that the measurement leaves open, which are all that it does not
show exactly; the other scores are over the whole image.
A function of METRICS sees one image x, float64 [H, W, C] in [0, 1], its samples [K, H, W, C] and `free`, a bool mask [H, W, C]
of the open values.
"""

import sys
from functools import partial

import numpy as np

import store
from measurements import files
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics import quality
from metrics import scores as scores_file
from metrics.declared import Metric

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
    from scipy.spatial.distance import pdist  # slow to import, and Snakemake lists this file at every start

    vectors = samples.reshape(len(samples), -1)
    distance = np.sqrt(((vectors - x.ravel()) ** 2).mean(1)).mean()
    return float(distance - (pdist(vectors).mean() / 2 / np.sqrt(x.size) if len(samples) > 1 else 0))


def psnr_mean(x, samples, free) -> float:
    return quality.psnr(x, samples.mean(0))


def psnr_sample(x, samples, free) -> float:
    return float(np.mean([quality.psnr(x, one) for one in samples]))


def spread(x, samples, free) -> float:
    return float(samples[:, free].std(0, ddof=1).mean()) if free.any() and len(samples) > 1 else np.nan


def _metric(title: str, unit: str, better: str, says: str, of, decimals: int = 4) -> Metric:
    return Metric(title, unit, better, says, of, decimals, "posterior")


NEEDS = ("clean", "side_info", "samples")
METRICS = {
    "coverage_50": _metric(
        "coverage 50 %", "", "near 0.5", "Share of values inside the 50 % interval.", partial(coverage, level=0.5), 3
    ),
    "coverage_90": _metric(
        "coverage 90 %", "", "near 0.9", "Share of values inside the 90 % interval.", partial(coverage, level=0.9), 3
    ),
    "crps": _metric(
        "CRPS", "", "lower", "Continuous ranked probability score, a distance in units of the image, mean over values.", crps
    ),
    "energy": _metric(
        "energy score", "", "lower", "The energy score of the image as a whole, its distance a root mean square.", energy
    ),
    "psnr_mean": _metric("PSNR of mean", "dB", "higher", "PSNR of the mean of the samples.", psnr_mean, 2),
    "psnr_sample": _metric("PSNR of sample", "dB", "higher", "PSNR of one sample, mean over the samples.", psnr_sample, 2),
    "spread": Metric("spread", "", "", "Standard deviation of the samples, mean over values.", spread),
}


def scores(clean: np.ndarray, samples: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it."""
    import pandas as pd  # slow to import, as above

    rows = []
    for i, (image, known) in enumerate(zip(clean, side_info, strict=True)):
        free = ~forward.observed(from_disk(known, image.shape), image.shape)
        arrays = image / 255.0, samples[:, i].astype(np.float64), free
        rows.append({name: metric.of(*arrays) for name, metric in METRICS.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    args = scores_file.parser_of("posterior", __doc__, NEEDS).parse_args(arguments)
    with store.clear_errors():
        measured, facts = store.describe(args.side_info), scores_file.facts_of(args.samples)
        scores_file.same_measurements(args.samples, facts, measured)
        clean, side_info = scores_file.load_clean(args.clean), files.load(args.side_info)
        files.check_clean(args.clean, clean, measured)
        samples = scores_file.load_restored(args.samples, (None, None, *clean.shape[1:]))
        if not 0 < samples.shape[1] <= len(clean) == len(side_info):
            sys.exit(f"{args.samples}: holds {samples.shape}, not samples of the images {clean.shape}; delete it and run again")
        count = samples.shape[1]
        table = scores(clean[:count], samples, side_info[:count], from_facts(measured))
        scores_file.write(args.output, table.assign(samples=len(samples)), facts)


if __name__ == "__main__":
    main()
