"""Errors and similarities of restored images: MSE, PSNR, SSIM, and the agreement with the measurement.

One row per image; for a timing batch one row per estimate in time, the mean over its images. Under a protocol with the switch
`mosaic`, the first 64 images are scored once, as one mosaic of 8 × 8.

A function of METRICS sees one image: x, the truth, and the estimate are float64 [H, W, C] in [0, 1], so `data_range` is 1
everywhere but in `ssim_range_2`; y is the measurement; mask is where a value was observed; family holds the facts of the
forward model. Its value is nan where the metric does not apply.
"""

import sys

import numpy as np

import protocols
import store
from measurements import masks
from metrics import scores as scores_file
from metrics.declared import Metric

PSNR_CEILING = 60.0  # dB; a patch may hide nothing but background, and an exact estimate would make a mean infinite
MOSAIC_SIDE = 8  # images on a side of the mosaic


def mse(x, estimate, y, mask, family) -> float:
    return float(np.mean((estimate - x) ** 2))


def psnr(x, estimate, y=None, mask=None, family=None) -> float:
    """10 log10(1 / MSE), at most PSNR_CEILING."""
    return float(-10 * np.log10(max(mse(x, estimate, y, mask, family), 10 ** (-PSNR_CEILING / 10))))


def ssim(x, estimate, y, mask, family) -> float:
    """Wang et al. 2004 with a 7×7 uniform window, mean over channels."""
    return _structural_similarity(x, estimate, data_range=1.0)


def ssim_range_2(x, estimate, y, mask, family) -> float:
    """SSIM as the original computes it: without `data_range`, for which scikit-image then took 2, the range of float images.

    The original's grey images (MNIST) are in [0, 1], where 2 is twice their range, so that both constants of the SSIM are four
    times as large, which gives higher values. Its colour images (CelebA) are in [-1, 1], where 2 is their range, but the means
    are shifted.
    """
    low, high = (-1, 1) if x.shape[2] == 3 else (0, 1)
    return _structural_similarity(*(low + (high - low) * image for image in (x, estimate)), data_range=2.0)


def _structural_similarity(x, estimate, data_range: float) -> float:
    from skimage.metrics import structural_similarity  # slow to import, and Snakemake lists this file at every start

    return float(structural_similarity(x, estimate, win_size=7, data_range=data_range, channel_axis=2))


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


NEEDS = ("clean", "y", "theta", "estimates")
MOSAIC = True
METRICS = {
    "mse": Metric("MSE", "", "lower", "Mean squared error, images in [0, 1].", mse),
    "psnr": Metric(
        "PSNR", "dB", "higher", f"10 log10(1 / MSE) of each image, at most {PSNR_CEILING:.0f} dB.", psnr, 2, "headline"
    ),
    "ssim": Metric("SSIM", "", "higher", "Structural similarity, 7×7 uniform window, data range 1.", ssim, 3, "headline"),
    "mse_observed": Metric(
        "MSE observed", "", "lower", "MSE over the values that the measurement shows.", mse_observed, shown="details"
    ),
    "mse_unobserved": Metric(
        "MSE unobserved", "", "lower", "MSE over the missing values, which a method has to infer.", mse_unobserved, shown="details"
    ),
    "consistency": Metric(
        "data consistency",
        "",
        "near 1",
        "Squared distance between estimate and measurement: over observed values for drops, in units of σ² for noise.",
        consistency,
        shown="details",
    ),
    "ssim_range_2": Metric(
        "SSIM, range 2",
        "",
        "higher",
        "Structural similarity with the data range that the original left to a guess, 2, of grey images in [0, 1] and of colour "
        "images in [-1, 1].",
        ssim_range_2,
        3,
        "main",
        mosaic_alone=True,
    ),
}


def mosaic(images: np.ndarray) -> np.ndarray:
    """The first 64 images as one, row by row and without gaps: [N, h, w, c] -> [1, 8h, 8w, c]."""
    count, h, w, c = images.shape
    if count < MOSAIC_SIDE**2:
        sys.exit(
            f"the switch mosaic of the protocol scores a mosaic of {MOSAIC_SIDE**2} images, here are {count}; take protocol: sound"
        )
    tiles = images[: MOSAIC_SIDE**2].reshape(MOSAIC_SIDE, MOSAIC_SIDE, h, w, c)
    return tiles.swapaxes(1, 2).reshape(1, MOSAIC_SIDE * h, MOSAIC_SIDE * w, c)


def scores(
    clean: np.ndarray, estimates: np.ndarray, y: np.ndarray, told: np.ndarray, family: dict, protocol: str = "sound"
):
    """A DataFrame with a row per image. uint8 and float16 [N, H, W, C]; family: {"family": …, "options": {…}}.

    `told` is θ as its file holds it (measurements/masks.py). With the switch `mosaic`, the mosaic is the one image.
    """
    import pandas as pd  # slow to import, as above

    metrics, seen = METRICS, (masks.seen(theta, y.shape[1:]) for theta in told)
    if "mosaic" in protocols.parse(protocol):
        seen = masks.seen(told[: MOSAIC_SIDE**2], y[: MOSAIC_SIDE**2].shape)
        clean, estimates, y, seen = map(mosaic, (clean, estimates, y, seen))
    else:
        metrics = {name: metric for name, metric in METRICS.items() if not metric.mosaic_alone}
    rows = []
    for x, estimate, measured, mask in zip(clean, estimates, y, seen, strict=True):
        images = x / 255.0, estimate.astype(np.float64), measured.astype(np.float64)
        rows.append({name: metric.of(*images, mask, family) for name, metric in metrics.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    import pandas as pd

    args = scores_file.parser_of("quality", __doc__, NEEDS).parse_args(arguments)
    with store.clear_errors():
        clean, y, told, estimates = map(store.load_array, (args.clean, args.y, args.theta, args.estimates))
        family, facts = store.describe(args.y), scores_file.facts_of(args.estimates)
        if (protocol := facts["protocol"]) != family.get("protocol", "sound"):
            sys.exit(f"{args.estimates}: restored under protocol {protocol}, the measurements are of another; restore them again")
        if "steps" in facts:  # estimates [T, B, H, W, C] with the seconds of each
            batch = slice(facts["images"])
            over_time = [scores(clean[batch], e, y[batch], told[batch], family, protocol).mean() for e in estimates]
            table = pd.DataFrame(over_time).drop(columns="image")
            table.insert(0, "step", facts["steps"])
            table.insert(1, "seconds", facts["seconds"])
            for name in ("images", "device", "threads"):
                table[name] = facts[name]
        else:
            table = scores(clean, estimates, y, told, family, protocol)
        scores_file.write(args.output, table, facts)


if __name__ == "__main__":
    main()
