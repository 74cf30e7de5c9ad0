"""Score estimates against the truth: `python -m metrics.score --clean … --y … --theta … --estimates … --output scores.csv`.

One row per image; for a timing batch one row per estimate in time, the mean over its images. `accuracy` (0 or 1) is what
metrics.classifier found; it is empty without `--classified`. Under the paper's protocol the first 64 images are scored once, as
one mosaic of 8 × 8.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import store
from measurements import masks
from metrics.metrics import METRICS, PAPER_METRICS

IDENTITY = ["dataset", "measurement", "method", "seed", "protocol"]
MOSAIC = 8  # images on a side


def mosaic(images: np.ndarray) -> np.ndarray:
    """The first 64 images as one, row by row and without gaps: [N, h, w, c] -> [1, 8h, 8w, c]."""
    count, h, w, c = images.shape
    if count < MOSAIC**2:
        sys.exit(f"the paper's protocol scores a mosaic of {MOSAIC**2} images, here are {count}; take protocol: sound")
    tiles = images[: MOSAIC**2].reshape(MOSAIC, MOSAIC, h, w, c)
    return tiles.swapaxes(1, 2).reshape(1, MOSAIC * h, MOSAIC * w, c)


def scores(
    clean: np.ndarray, estimates: np.ndarray, y: np.ndarray, told: np.ndarray, family: dict, protocol: str = "sound"
) -> pd.DataFrame:
    """Every metric of every image: a row per image. uint8 and float16 [N, H, W, C]; family: {"family": …, "options": {…}}.

    `told` is θ as its file holds it (measurements/masks.py).

    Under protocol `paper` the mosaic is the one image, and the metrics are PAPER_METRICS.
    """
    metrics, seen = METRICS, (masks.seen(theta, y.shape[1:]) for theta in told)
    if protocol == "paper":
        metrics, seen = PAPER_METRICS, masks.seen(told[: MOSAIC**2], y[: MOSAIC**2].shape)
        clean, estimates, y, seen = map(mosaic, (clean, estimates, y, seen))
    rows = []
    for x, estimate, measured, mask in zip(clean, estimates, y, seen, strict=True):
        images = x / 255.0, estimate.astype(np.float64), measured.astype(np.float64)
        rows.append({name: metric.of(*images, mask, family) if metric.of else np.nan for name, metric in metrics.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m metrics.score", description=__doc__)
    parser.add_argument("--clean", type=Path, required=True, help="the truth, uint8 .npy of [N, H, W, C]")
    parser.add_argument("--y", type=Path, required=True, help="the measurements, float16 .npy")
    parser.add_argument("--theta", type=Path, required=True, help="θ of each image, .npy (measurements/masks.py)")
    parser.add_argument("--estimates", type=Path, required=True, help="what a method wrote; its facts lie in .json beside it")
    parser.add_argument("--classified", type=Path, help="what metrics.classifier made of the estimates, .csv")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    with store.clear_errors():
        clean, y, told, estimates = map(store.load_array, (args.clean, args.y, args.theta, args.estimates))
        family = store.describe(args.y)
        facts = {"protocol": "sound"} | store.load_json(args.estimates.with_suffix(".json"))
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
            if args.classified and protocol == "sound":
                table["accuracy"] = pd.read_csv(args.classified)["correct"].to_numpy()
        for place, name in enumerate(IDENTITY):
            table.insert(place, name, facts[name])
        with store.replacing(args.output) as partial:
            table.to_csv(partial, index=False, float_format="%.7g")


if __name__ == "__main__":
    main()
