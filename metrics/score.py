"""Score estimates against the truth: `python -m metrics.score --clean … --y … --theta … --estimates … --output scores.csv`.

One row per image; for a timing batch one row per estimate in time, the mean over its images. `accuracy` (0 or 1) is what
metrics.classifier found; it is empty without `--classified`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import store
from metrics.metrics import METRICS

IDENTITY = ["dataset", "measurement", "method", "seed"]


def scores(clean: np.ndarray, estimates: np.ndarray, y: np.ndarray, told: np.ndarray, family: dict) -> pd.DataFrame:
    """Every metric of every image: a row per image. uint8 and float16 [N, H, W, C]; family: {"family": …, "options": {…}}."""
    rows = []
    for x, estimate, seen, theta in zip(clean, estimates, y, told, strict=True):
        mask = np.broadcast_to(theta if theta.dtype == bool else True, x.shape)
        images = x / 255.0, estimate.astype(np.float64), seen.astype(np.float64)
        rows.append({name: metric.of(*images, mask, family) if metric.of else np.nan for name, metric in METRICS.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m metrics.score", description=__doc__)
    parser.add_argument("--clean", type=Path, required=True, help="the truth, uint8 .npy of [N, H, W, C]")
    parser.add_argument("--y", type=Path, required=True, help="the measurements, float16 .npy")
    parser.add_argument("--theta", type=Path, required=True, help="θ of each image, .npy")
    parser.add_argument("--estimates", type=Path, required=True, help="what a method wrote; its facts lie in .json beside it")
    parser.add_argument("--classified", type=Path, help="what metrics.classifier made of the estimates, .csv")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    with store.clear_errors():
        clean, y, told, estimates = map(store.load_array, (args.clean, args.y, args.theta, args.estimates))
        family = store.describe(args.y)
        facts = store.load_json(args.estimates.with_suffix(".json"))
        if "steps" in facts:  # estimates [T, B, H, W, C] with the seconds of each
            batch = slice(facts["images"])
            over_time = [scores(clean[batch], e, y[batch], told[batch], family)[list(METRICS)].mean() for e in estimates]
            table = pd.DataFrame(over_time)
            table.insert(0, "step", facts["steps"])
            table.insert(1, "seconds", facts["seconds"])
            for name in ("images", "device", "threads"):
                table[name] = facts[name]
        else:
            table = scores(clean, estimates, y, told, family)
            if args.classified:
                table["accuracy"] = pd.read_csv(args.classified)["correct"].to_numpy()
        for place, name in enumerate(IDENTITY):
            table.insert(place, name, facts[name])
        with store.replacing(args.output) as partial:
            table.to_csv(partial, index=False, float_format="%.7g")


if __name__ == "__main__":
    main()
