"""Errors and similarities of restored images: MSE, PSNR, SSIM, and the agreement with the measurement.

One row per image; for a timing batch one row per estimate in time, the mean over its images. Under a protocol with the switch
`mosaic`, the first 64 images are scored once, as one mosaic of 8 × 8.

A function of METRICS sees one image: the truth x and the estimate, float64 [H, W, C] in [0, 1], so that `data_range` is 1
everywhere but in `ssim_range_2`, and its measurement. Its value is nan where the metric does not apply. A metric with
`pasted=True` sees x and the estimate alone, and is also given the estimate with the observed values pasted in.
"""

import sys
from typing import NamedTuple

import numpy as np

import protocols
import store
from measurements import files
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics import scores as scores_file
from metrics.declared import PASTED, Metric

PSNR_CEILING = 60.0  # dB; a patch may hide nothing but background, and an exact estimate would make a mean infinite
MOSAIC_SIDE = 8  # images on a side of the mosaic


class Measurement(NamedTuple):
    """The measurement y of an image x with side information s, and what the forward model says of it."""

    y: np.ndarray  # float64 [H, W, C]
    informs: np.ndarray  # where y says anything, bool [H, W, C]
    predicted: np.ndarray  # E[y | x̂, s] of the estimate x̂, [H, W, C]
    sigma: float  # spread of y about E[y | x, s]; 0 is exact
    shown: np.ndarray  # which values at least one training measurement shows, bool [H, W, C]


def mse(x, estimate, measurement: Measurement | None = None) -> float:
    return float(np.mean((estimate - x) ** 2))


def psnr(x, estimate, measurement: Measurement | None = None) -> float:
    """10 log10(1 / MSE), at most PSNR_CEILING."""
    return float(-10 * np.log10(max(mse(x, estimate), 10 ** (-PSNR_CEILING / 10))))


def ssim(x, estimate, measurement: Measurement | None = None) -> float:
    """Wang et al. 2004 with a 7×7 uniform window, mean over channels."""
    return _structural_similarity(x, estimate, data_range=1.0)


def ssim_range_2(x, estimate, measurement: Measurement | None = None) -> float:
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


def mse_observed(x, estimate, measurement: Measurement) -> float:
    return _mean_where(measurement.informs, (estimate - x) ** 2)


def mse_unobserved(x, estimate, measurement: Measurement) -> float:
    return _mean_where(~measurement.informs, (estimate - x) ** 2)


def mse_unobserved_shown(x, estimate, measurement: Measurement) -> float:
    """Only where the training measurements leave out some value; otherwise it is `mse_unobserved`."""
    if measurement.shown.all():
        return np.nan
    return _mean_where(~measurement.informs & measurement.shown, (estimate - x) ** 2)


def consistency(x, estimate, measurement: Measurement) -> float:
    """Mean of (E[y | x̂, s] - y)² where y informs, in units of σ² where there is noise: there the truth has 1, else 0."""
    residual = _mean_where(measurement.informs, (measurement.predicted - measurement.y) ** 2)
    return residual / measurement.sigma**2 if measurement.sigma else residual


def _mean_where(mask: np.ndarray, values: np.ndarray) -> float:
    return float(np.mean(values[mask])) if mask.any() else np.nan


NEEDS = ("clean", "y", "side_info", "shown", "estimates")
MOSAIC = True
METRICS = {
    "mse": Metric("MSE", "", "lower", "Mean squared error, images in [0, 1].", mse, pasted=True),
    "psnr": Metric(
        "PSNR",
        "dB",
        "higher",
        f"10 log10(1 / MSE) of each image, at most {PSNR_CEILING:.0f} dB.",
        psnr,
        2,
        "headline",
        pasted=True,
    ),
    "ssim": Metric(
        "SSIM", "", "higher", "Structural similarity, 7×7 uniform window, data range 1.", ssim, 3, "headline", pasted=True
    ),
    "mse_observed": Metric(
        "MSE observed", "", "lower", "MSE over the values that the measurement shows.", mse_observed, shown="details"
    ),
    "mse_unobserved": Metric(
        "MSE unobserved",
        "",
        "lower",
        "MSE over the missing values, which a method has to infer.",
        mse_unobserved,
        shown="details",
    ),
    "mse_unobserved_shown": Metric(
        "MSE unobserved, shown",
        "",
        "lower",
        "MSE over the missing values that at least one training measurement shows; no method can learn the others.",
        mse_unobserved_shown,
        shown="details",
    ),
    "consistency": Metric(
        "data consistency",
        "",
        "near 1",
        "Squared distance between the measurement and what the estimate predicts of it, in units of σ² where there is noise.",
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
        pasted=True,
    ),
}


def mosaic(images: np.ndarray) -> np.ndarray:
    """The first 64 images as one, row by row and without gaps: [N, h, w, c] -> [1, 8h, 8w, c]."""
    count, h, w, c = images.shape
    if count < MOSAIC_SIDE**2:
        sys.exit(
            f"the protocol with the switch mosaic scores one of {MOSAIC_SIDE**2} images, here are {count}; take protocol: sound"
        )
    tiles = images[: MOSAIC_SIDE**2].reshape(MOSAIC_SIDE, MOSAIC_SIDE, h, w, c)
    return tiles.swapaxes(1, 2).reshape(1, MOSAIC_SIDE * h, MOSAIC_SIDE * w, c)


def scores(
    clean: np.ndarray,
    estimates: np.ndarray,
    y: np.ndarray,
    side_info: np.ndarray,
    forward: ForwardModel,
    protocol: str = "sound",
    shown: np.ndarray | None = None,
):
    """A DataFrame with a row per image, of uint8 and float16 [N, H, W, C]; with the switch `mosaic` the mosaic is the one image.

    The side information is as its file holds it (measurements/side_info.py). `shown` is how many training measurements show each
    value, [H, W, C]; without it, every value is taken to be shown.
    """
    import pandas as pd  # slow to import, as above

    if len(clean) != len(estimates):
        raise ValueError(f"{len(estimates)} estimates of {len(clean)} images")
    of_mosaic = "mosaic" in protocols.parse(protocol)
    metrics = {name: metric for name, metric in METRICS.items() if of_mosaic or not metric.mosaic_alone}
    ever = np.ones(y.shape[1:], bool) if shown is None else shown > 0
    together = MOSAIC_SIDE**2 if of_mosaic else 1  # images scored as one
    rows = []
    for start in range(0, together if of_mosaic else len(clean), together):
        x, estimate, measured, known = (part[start : start + together] for part in (clean, estimates, y, side_info))
        s = from_disk(known, y.shape)
        filled = scores_file.pasted(estimate, measured, s, forward).astype(np.float64)
        x, estimate, measured = x / 255.0, estimate.astype(np.float64), measured.astype(np.float64)
        arrays = [x, estimate, filled, measured, forward.informs(s, x.shape), forward.predict(estimate, s)]
        arrays.append(np.broadcast_to(ever, x.shape))
        if of_mosaic:
            arrays = map(mosaic, arrays)
        (x,), (estimate,), (filled,), (measured,), (informs,), (predicted,), (in_training,) = arrays
        measurement = Measurement(measured, informs, predicted, forward.sigma, in_training)
        rows.append(both_ways(metrics, x, estimate, filled, measurement))
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def both_ways(metrics: dict[str, Metric], x, estimate, filled, measurement: Measurement) -> dict[str, float]:
    """The metrics of one image and, of those scored twice, also of `filled`, the estimate with observed values pasted in."""
    same, row = np.array_equal(estimate, filled), {}
    for name, metric in metrics.items():
        row[name] = metric.of(x, estimate, measurement)
        if metric.pasted:
            row[name + PASTED] = row[name] if same else metric.of(x, filled, measurement)
    return row


def main(arguments: list[str] | None = None) -> None:
    import pandas as pd

    args = scores_file.parser_of("quality", __doc__, NEEDS).parse_args(arguments)
    with store.clear_errors():
        measured, facts = store.describe(args.y), scores_file.facts_of(args.estimates)
        scores_file.same_measurements(args.estimates, facts, measured)
        protocol = facts["protocol"]
        y, side_info, shown = map(files.load, (args.y, args.side_info, args.shown))
        clean = scores_file.load_clean(args.clean)
        files.check_clean(args.clean, clean, measured)
        if y.shape != clean.shape or shown.shape != clean.shape[1:]:
            sys.exit(f"{args.y}: holds {y.shape}, not measurements of the images {clean.shape} of {args.clean}; measure again")
        over_time = (len(facts["steps"]), facts["images"]) if "steps" in facts else None
        estimates = scores_file.load_restored(args.estimates, (*(over_time or [None]), *clean.shape[1:]))
        forward = from_facts(measured)
        if over_time:  # estimates [T, B, H, W, C] with the seconds of each
            batch = slice(facts["images"])
            measurements = y[batch], side_info[batch], forward, protocol, shown
            means = [scores(clean[batch], estimate, *measurements).mean() for estimate in estimates]
            table = pd.DataFrame(means).drop(columns="image")
            table.insert(0, "step", facts["steps"])
            table.insert(1, "seconds", facts["seconds"])
            table.insert(0, "setting", facts.get("setting", ""))  # which files from before there were several do not have
            table["seconds_of_one"] = facts.get("seconds_of_one", np.nan)
            for name in ("images", "device", "threads"):
                table[name] = facts[name]
        else:
            clean, y, side_info = scores_file.of_restored(args.estimates, facts, estimates, clean, y, side_info)
            table = scores(clean, estimates, y, side_info, forward, protocol, shown)
        scores_file.write(args.output, table, facts)


if __name__ == "__main__":
    main()
