"""Learning curves: the PSNR of what a training made of held-out measurements as it went on, beside its criterion.

One row for each look at the training (training/learning.py), the mean over its held-out images. A training that makes no estimate
while it goes on has no row.
"""

import sys
from pathlib import Path

import numpy as np

import store
from measurements import files
from metrics.quality import psnr
from metrics.scores import load_clean
from options import SEED, command_parser, parser_of

COLUMNS = ["dataset", "measurement", "method", "seed", "step", "images_seen", "held_out", "psnr", "psnr_error", "images"]


def scored(clean: np.ndarray, estimates: np.ndarray, curve):
    """The rows of the curve with the mean PSNR in dB and its standard error over images; `estimates` are [T, N, H, W, C]."""
    truth = clean[: estimates.shape[1]] / 255.0
    looks = estimates.astype(np.float64)
    each = np.array([[psnr(*pair) for pair in zip(truth, look, strict=True)] for look in looks]).reshape(estimates.shape[:2])
    errors = each.std(1, ddof=1) / np.sqrt(each.shape[1]) if each.shape[1] > 1 else np.full(len(each), np.nan)
    return curve.assign(psnr=each.mean(1) if len(each) else [], psnr_error=errors, images=each.shape[1])


def main(arguments: list[str] | None = None) -> None:
    import pandas as pd  # slow to import

    parser = command_parser("metrics.learning", __doc__)
    add = parser.add_argument
    add("--clean", type=Path, required=True, help="the truth: clean validation images, uint8 .npy of [N, H, W, C]")
    add(
        "--estimates", type=Path, required=True, help="what the training made of their measurements, learning.npy [T, N, H, W, C]"
    )
    add(
        "--held-out",
        type=Path,
        required=True,
        help="the measurements that it was made of, .npy; their facts lie in .json beside it",
    )
    add("--trained", type=Path, required=True, help="train.json, which the training wrote beside it")
    add("--curve", type=Path, required=True, help="learning.csv, which the training wrote beside it")
    add("--dataset", required=True)
    add("--measurement", required=True)
    add("--method", required=True)
    add("--seed", type=parser_of("seed", SEED), required=True)
    add("--output", type=Path, required=True, help="the scores, .csv")
    args = parser.parse_args(arguments)
    with store.clear_errors():
        clean, estimates, curve = load_clean(args.clean), store.load_array(args.estimates), pd.read_csv(args.curve)
        measured, trained = store.describe(args.held_out), store.load_json(args.trained)
        files.check_clean(args.clean, clean, measured)
        digests = {trained.get("held_out"), measured.get("digests", {}).get("y")} - {None}
        if len(digests) > 1:
            sys.exit(f"{args.estimates}: made of other measurements than {args.held_out}; delete its folder and train again")
        if len(curve) != len(estimates) or estimates.shape[1] > len(clean):
            sys.exit(f"{args.estimates}: holds {estimates.shape}, not the looks of {args.curve}; train again")
        table = scored(clean, estimates, curve)
        for place, name in enumerate(("dataset", "measurement", "method", "seed")):
            table.insert(place, name, getattr(args, name))
        with store.replacing(args.output) as partial:
            table.to_csv(partial, index=False, float_format="%.7g")


if __name__ == "__main__":
    main()
