"""Score estimates against the truth: `python -m metrics.score --clean … --y … --side-info … --shown … --estimates … --output …`.

One row per image; for a timing batch one row per estimate in time, the mean over its images. `accuracy` (0 or 1) is what
metrics.classifier found; it is empty without `--classified`. Under the protocol's `mosaic` the first 64 images are scored
once, as one mosaic of 8 × 8.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import protocols
import store
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from metrics.metrics import METRICS, PAPER_METRICS, Known

IDENTITY = ["dataset", "measurement", "method", "seed", "protocol"]
MOSAIC = 8  # images on a side


def mosaic(images: np.ndarray) -> np.ndarray:
    """The first 64 images as one, row by row and without gaps: [N, h, w, c] -> [1, 8h, 8w, c]."""
    count, h, w, c = images.shape
    if count < MOSAIC**2:
        sys.exit(f"the protocol scores a mosaic of {MOSAIC**2} images, here are {count}; take protocol: sound")
    tiles = images[: MOSAIC**2].reshape(MOSAIC, MOSAIC, h, w, c)
    return tiles.swapaxes(1, 2).reshape(1, MOSAIC * h, MOSAIC * w, c)


def scores(
    clean: np.ndarray,
    estimates: np.ndarray,
    y: np.ndarray,
    side_info: np.ndarray,
    forward: ForwardModel,
    protocol: str = "sound",
    shown: np.ndarray | None = None,
) -> pd.DataFrame:
    """Every metric of every image: a row per image. uint8 and float16 [N, H, W, C].

    The side information is as its file holds it (measurements/side_info.py); `shown` says how many training measurements show a
    value, [H, W, C]: without it, every one is taken to be shown.

    Where the protocol has `mosaic`, that is the one image, and the metrics are PAPER_METRICS.
    """
    on = "mosaic" in protocols.parse(protocol)
    metrics, step = (PAPER_METRICS, MOSAIC**2) if on else (METRICS, 1)
    ever, rows = np.ones(y.shape[1:], bool) if shown is None else shown > 0, []
    for start in range(0, step if on else len(clean), step):
        x, estimate, measured, told = (part[start : start + step] for part in (clean, estimates, y, side_info))
        s, estimate = from_disk(told, y.shape), estimate.astype(np.float64)
        each = [x / 255.0, estimate, measured.astype(np.float64), forward.informs(s, x.shape), forward.predict(estimate, s)]
        each.append(np.broadcast_to(ever, x.shape))
        (x,), (estimate,), (measured,), (mask,), (predicted,), (in_training,) = map(mosaic, each) if on else each
        known = Known(predicted, forward.sigma, in_training)
        arrays = x, estimate, measured, mask, known
        rows.append({name: metric.of(*arrays) if metric.of else np.nan for name, metric in metrics.items()})
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m metrics.score", description=__doc__)
    parser.add_argument("--clean", type=Path, required=True, help="the truth, uint8 .npy of [N, H, W, C]")
    parser.add_argument("--y", type=Path, required=True, help="the measurements, float16 .npy")
    parser.add_argument("--side-info", type=Path, required=True, help="side information of each image, .npy")
    parser.add_argument("--shown", type=Path, help="how many training measurements show each value, .npy (default: all some)")
    parser.add_argument("--estimates", type=Path, required=True, help="what a method wrote; its facts lie in .json beside it")
    parser.add_argument("--classified", type=Path, help="what metrics.classifier made of the estimates, .csv")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    with store.clear_errors():
        clean, y, side_info, estimates = map(store.load_array, (args.clean, args.y, args.side_info, args.estimates))
        measured = store.describe(args.y)
        more = {"forward": from_facts(measured), "shown": store.load_array(args.shown) if args.shown else None}
        facts = {"protocol": "sound"} | store.load_json(args.estimates.with_suffix(".json"))
        if (protocol := facts["protocol"]) != measured.get("protocol", "sound"):
            sys.exit(f"{args.estimates}: restored under protocol {protocol}, the measurements are of another; restore them again")
        if "steps" in facts:  # estimates [T, B, H, W, C] with the seconds of each
            batch = slice(facts["images"])
            over_time = [scores(clean[batch], e, y[batch], side_info[batch], protocol=protocol, **more).mean() for e in estimates]
            table = pd.DataFrame(over_time).drop(columns="image")
            table.insert(0, "step", facts["steps"])
            table.insert(1, "seconds", facts["seconds"])
            for name in ("images", "device", "threads"):
                table[name] = facts[name]
        else:
            table = scores(clean, estimates, y, side_info, protocol=protocol, **more)
            if args.classified and "mosaic" not in protocols.parse(protocol):
                table["accuracy"] = pd.read_csv(args.classified)["correct"].to_numpy()
        for place, name in enumerate(IDENTITY):
            table.insert(place, name, facts[name])
        with store.replacing(args.output) as partial:
            table.to_csv(partial, index=False, float_format="%.7g")


if __name__ == "__main__":
    main()
