"""Scores of posterior samples: how well they spread about the truth, and how far each of them is from it.

One row per image. Coverage, CRPS, spread and the distance between samples are over the values that the measurement leaves open,
which are all that it does not show exactly; the other scores are over the whole image. Regions are scored by metrics.regions.
A function of METRICS sees one image with its samples (metrics/samples.py).
"""

from functools import partial

import numpy as np

from measurements.forward import ForwardModel
from metrics import quality, samples
from metrics.declared import Metric
from metrics.samples import BINS, Sampled

BACKGROUND = 0.05  # values up to this one are background


def coverage(image: Sampled, *, level: float) -> float:
    """Share of the open values inside the central interval of probability `level`; an exact posterior has `level`."""
    return image.place.coverage(level)


def coverage_by_truth(image: Sampled, *, level: float, bright: bool) -> float:
    """The same, of values whose truth is over BACKGROUND, or of the others.

    Chosen by its outcome, a value is no fair test: an exact posterior covers bright truths less often than it states, and dark
    ones more often (the forecaster's dilemma: Lerch et al., Statistical Science 2017).
    """
    return image.place.coverage(level, (image.x[image.free] > BACKGROUND) == bright)


def coverage_by_mean(image: Sampled, *, level: float, bright: bool) -> float:
    """The same, of values where the mean of the truth and of its K samples together is over BACKGROUND, or of the others.

    That mean does not tell which of the K + 1 is the truth, so that an exact posterior has `level` in either part.
    """
    together = (image.x8 + image.samples8.sum(0)) / (samples.LEVELS * (1 + len(image.samples8)))
    return image.place.coverage(level, (together[image.free] > BACKGROUND) == bright)


def share_of_bin(image: Sampled, *, number: int) -> float:
    return image.place.share_of_bin(number)


def crps(image: Sampled) -> float:
    """Mean over the open values of E|s - x| - ½ E|s - s'|, without bias (Gneiting and Raftery 2007); one sample: |s - x|."""
    ordered = np.sort(image.samples[:, image.free], axis=0)  # [K, V]
    k = len(ordered)
    # Σ_{i<j} |s_i - s_j| = Σ_i (2 i - K + 1) s_(i), i from 0
    pairs = ((2 * np.arange(k) - k + 1)[:, None] * ordered).sum(0) / max(1, k * (k - 1))
    return samples.mean(np.abs(ordered - image.x[image.free]).mean(0) - pairs)


def energy(image: Sampled) -> float:
    """E‖s - x‖ - ½ E‖s - s'‖, both without bias, ‖·‖ the root of the mean square over the image (‖·‖₂ / √n)."""
    return energy_of(image.x.ravel(), image.samples.reshape(len(image.samples), -1))


def energy_of(x: np.ndarray, drawn: np.ndarray) -> float:
    """The energy score of vectors, [n] and [K, n]."""
    return float(np.sqrt(((drawn - x) ** 2).mean(1)).mean()) - between(drawn) / 2


def between(drawn: np.ndarray) -> float:
    """E‖s - s'‖ of vectors [K, n], ‖·‖ as in `energy`; 0 of a single one."""
    from scipy.spatial.distance import pdist  # slow to import, and Snakemake lists this file at every start

    return float(pdist(drawn).mean() / np.sqrt(drawn.shape[1])) if len(drawn) > 1 else 0.0


def psnr_mean(image: Sampled) -> float:
    return quality.psnr(image.x, image.samples.mean(0))


def psnr_sample(image: Sampled) -> float:
    return float(np.mean([quality.psnr(image.x, one) for one in image.samples]))


def spread(image: Sampled) -> float:
    return samples.mean(image.samples[:, image.free].std(0, ddof=1)) if len(image.samples) > 1 else np.nan


def diversity(image: Sampled) -> float:
    return between(image.samples[:, image.free]) if image.free.any() and len(image.samples) > 1 else np.nan


def _metric(title: str, unit: str, better: str, says: str, of, decimals: int = 4) -> Metric:
    return Metric(title, unit, better, says, of, decimals, "posterior")


def _detail(title: str, better: str, says: str, of, decimals: int = 3) -> Metric:
    return Metric(title, "", better, says, of, decimals, "posterior details")


def _parts(name: str, says: str, of, exact: bool) -> dict[str, Metric]:
    """Coverage of the background and of the foreground, for both levels."""
    return {
        f"coverage_{level}_{part}_by_{name}": _detail(
            f"coverage {level} %, {part} by {name}",
            f"near 0.{level // 10}" if exact else "",
            says,
            partial(of, level=level / 100, bright=part == "foreground"),
        )
        for level in (50, 90)
        for part in ("background", "foreground")
    }


BY_MEAN = (
    f"Share of values inside the interval, of those where the mean of the truth and all samples together is at most {BACKGROUND} "
    "(background) or over it (foreground); an exact posterior has the level in both."
)
BY_TRUTH = (
    f"Share of values inside the interval, of those where the truth is at most {BACKGROUND} (background) or over it "
    "(foreground); no target, as an exact posterior covers values chosen by their truth less often than the level if that is "
    "foreground, and more often if it is background."
)
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
    "spread": _detail("spread", "", "Standard deviation of the samples, mean over values.", spread, 4),
    "diversity": _detail(
        "distance of two samples", "", "Root mean square distance between two samples, over the open values.", diversity, 4
    ),
    **_parts("mean", BY_MEAN, coverage_by_mean, exact=True),
    **_parts("truth", BY_TRUTH, coverage_by_truth, exact=False),
    **{
        f"pit_{number}": Metric(
            f"PIT, bin {number}", "", f"near {1 / BINS}", f"Share of values in bin {number} of {BINS} of the PIT histogram.",
            partial(share_of_bin, number=number),
        )
        for number in range(1, BINS + 1)
    },
}  # fmt: skip


def scores(clean: np.ndarray, drawn: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it."""
    import pandas as pd  # slow to import, as above

    found = samples.each(clean, drawn, side_info, forward)
    rows = [{name: metric.of(image) for name, metric in METRICS.items()} for image in found]
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    samples.main("posterior", __doc__, NEEDS, scores, arguments)


if __name__ == "__main__":
    main()
