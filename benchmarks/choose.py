"""Which options of a method restore best, judged by measurements alone: no clean image is read.

    python -m benchmarks.choose total_variation --data results/measured/mnist/add_noise --of weight 0.5 0.75 1

corrupts measurements once more (`ForwardModel.recorrupt`), restores the result with every combination of the values after `--of`
and prints, for each, how far E[y | x̂, s] is off the values that count:

    error     mean of (E[y | x̂, s] - target)², less the variance of the target's own noise: without a mask, an unbiased estimate
              of the squared error of a restoration, and with exact values, the squared error of the hidden ones
    dB        the same as a PSNR
    behind    what the error exceeds that of the best combination by, ± the standard error of this difference over the images

Values that are lost are a tenth of those seen (one more patch where patches are lost); noise is added with τ = 1/2, and the
method is told the noise level of its input, σ √(1 + τ²), so that options in units of σ carry over. Options in pixels are then
chosen for a noise that is 12 % stronger; a smaller --tau comes closer and needs more images. The default is marked by a star.
"""

import argparse
import importlib
import inspect
import itertools
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import store
from bench import machine, method_facts
from bench.measured import Measured
from bench.restoring import Restorer, checked
from measurements.files import load
from measurements.forward import Example, ForwardModel, from_facts
from measurements.side_info import from_disk, to_disk
from options import COUNT, SEED, THREADS, command_parser, parser_of

FOLDER = Path(__file__).parent.parent / "methods"


def corrupted_again(measured: Measured, share: float, tau: float, seed: int) -> tuple[Example, Measured]:
    """The same measurements, corrupted once more, in NumPy; and what a method gets of them."""
    forward, generator = measured.forward, torch.Generator().manual_seed(seed)
    y, s = (torch.from_numpy(np.array(each)) for each in (measured.y, measured.side_info))
    example = forward.recorrupt(y, s, generator, share=share, tau=tau)
    example = Example(*(np.asarray(each) for each in example))
    noisier = replace(forward, sigma=forward.sigma * (1 + tau**2) ** 0.5) if forward.traits()["noise"] else forward
    return example, Measured(np.float32(example.input), noisier, to_disk(example.side_info), measured.protocol)


def errors(estimate: np.ndarray, example: Example, forward: ForwardModel, s: np.ndarray) -> np.ndarray:
    """[N]: the mean over the values that count of each image, less the variance of the target; NaN where none counts."""
    off = (forward.predict(estimate, s) - example.target) ** 2 - np.float64(example.sigma) ** 2
    counts = np.broadcast_to(example.counts, off.shape)
    number = counts.sum((1, 2, 3))
    return np.where(counts, off, 0).sum((1, 2, 3)) / np.where(number, number, np.nan)


def table(tried: dict[str, np.ndarray], seconds: dict[str, float]) -> list[str]:
    """A line for each combination, the best first, from the errors of each image."""
    mean = {name: np.nanmean(each) for name, each in tried.items()}
    best = min(mean, key=mean.get)
    lines = [f"{'error':>9}  {'dB':>6}  {'behind':>9} ± {'':<8}  ms/image"]
    for name in sorted(mean, key=mean.get):
        behind = tried[name] - tried[best]
        spread = np.nanstd(behind) / np.sqrt(np.isfinite(behind).sum())
        decibels = -10 * np.log10(mean[name]) if mean[name] > 0 else np.inf
        times = 1e3 * seconds[name] / len(behind)
        lines.append(f"{mean[name]:9.6f}  {decibels:6.2f}  {np.nanmean(behind):9.6f} ± {spread:<8.6f}  {times:8.2f}  {name}")
    return lines


def restored(restore: Restorer, measured: Measured, **given) -> np.ndarray:
    """The last estimate, clipped as the benchmark clips it."""
    last = None
    for last in restore(measured, **given):  # noqa: B007 - only the last one counts
        pass
    return np.float32(checked(last, measured))


def arguments() -> argparse.Namespace:
    parser = command_parser("benchmarks.choose", __doc__)
    add = parser.add_argument
    add("method", help="a folder of methods/ that does not learn")
    add("--data", type=Path, required=True, help="<results>/measured/DATASET/MEASUREMENT")
    add("--of", nargs="+", action="append", default=[], metavar=("OPTION", "VALUE"), help="an option and what to try for it")
    add("--split", default="train", help="whose measurements (%(default)s); test, for a method that sees the training's")
    add("--images", type=parser_of("images", COUNT), default=200, help="of the split, from the first (%(default)s)")
    add(
        "--share",
        type=parser_of("share", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        default=0.1,
        help="of the values seen, how many to hide, where a mask can choose (%(default)s)",
    )
    add(
        "--tau",
        type=parser_of("tau", {"type": "number", "exclusiveMinimum": 0}),
        default=0.5,
        help="standard deviation of the added noise in units of σ (%(default)s)",
    )
    add("--seed", type=parser_of("seed", SEED), default=1, help="seed of the further corruption (%(default)s)")
    add("--threads", **THREADS)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    machine.limit_threads(args.threads)
    if not (FOLDER / args.method / "restore.py").exists() or (FOLDER / args.method / "train.py").exists():
        sys.exit(f"methods/{args.method}: no method that restores without learning; name another")
    schemas = method_facts.read(FOLDER / args.method).restore
    if strange := [name for name, *_ in args.of if name not in schemas]:
        sys.exit(f"methods/{args.method}: no option {strange[0]}; it has {', '.join(schemas) or 'none'}")
    try:
        axes = {name: [parser_of(name, schemas[name])(value) for value in values] for name, *values in args.of}
    except argparse.ArgumentTypeError as error:
        sys.exit(f"methods/{args.method}: {error}")
    restore = importlib.import_module(f"methods.{args.method}.restore").restore
    files = [p.name for p in inspect.signature(restore).parameters.values() if p.annotation is Path]
    defaults = {name: schema["default"] for name, schema in schemas.items()}
    with store.clear_errors():
        y, stored = (load(args.data / f"{args.split}.{name}.npy")[: args.images] for name in ("y", "side_info"))
        measured = Measured(y, from_facts(store.describe(args.data / f"{args.split}.y.npy")), stored).loaded()
        example, again = corrupted_again(measured, args.share, args.tau, args.seed)
        tried, seconds = {}, {}
        for values in itertools.product(*axes.values()):
            chosen = dict(zip(axes, values, strict=True))
            given = defaults | chosen | {name: args.data / f"{name.replace('train_', 'train.')}.npy" for name in files}
            name = "  ".join(f"{key} {value}" for key, value in chosen.items())
            name += "  *" if chosen == {key: defaults[key] for key in chosen} else ""
            began = time.monotonic()
            estimate = restored(restore, again, **given)
            seconds[name] = time.monotonic() - began
            tried[name] = errors(estimate, example, measured.forward, from_disk(measured.stored, y.shape))
    print(f"{args.method} on {args.data.name}, {len(y)} images of {args.split}")
    print("\n".join(table(tried, seconds)))


if __name__ == "__main__":
    main()
