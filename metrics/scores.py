"""The scores file that every program of this folder writes: a row for each image, the run's identity in its first columns.

A quality is scored twice, as every method's estimate x̂ is handed in and as

    x̂ where the measurement leaves a value open, y where y is the value of x itself (`observed`, measurements/forward.py)

so that rows which hand the observed values back and rows which do not can be compared by what they infer: anybody can paste.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import store
from measurements.forward import ForwardModel
from metrics.declared import IDENTITY
from options import command_parser

HELP = {
    "clean": "the truth: clean test images, uint8 .npy of [N, H, W, C]",
    "y": "the measurements, float16 .npy; their facts lie in .json beside them",
    "side_info": "what is known of each image's corruption, its mask or noise level, .npy; facts in .json beside it",
    "shown": "how many training measurements show each value, uint32 .npy of [H, W, C]",
    "estimates": "the images that a method restored, float16 .npy; the facts of the run lie in .json beside them",
    "samples": "posterior samples [K, N, H, W, C] of a method, float16 .npy; the facts of the run lie in .json beside them",
    "labels": "the true class of each test image, uint8 .npy of [N]",
    "classifier": "the classifier that `python -m metrics.digit_classifier` trained on clean images, .pt",
    "weights": "the network's weights, .pth",
}


def parser_of(program: str, description: str, needs: tuple[str, ...], optional: tuple[str, ...] = ()) -> argparse.ArgumentParser:
    """The command line of a program: a flag for each file that it needs or takes, and `--output`."""
    parser = command_parser(f"metrics.{program}", description)
    for name in (*needs, *optional):
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, dest=name, type=Path, required=name in needs, help=HELP[name])
    parser.add_argument("--output", type=Path, required=True, help="the scores, .csv")
    return parser


def write(path: Path, table, facts: dict) -> None:
    """A table of scores as a `.csv` file, behind the identity of the run that `facts` describe; complete or not at all."""
    for place, name in enumerate(IDENTITY):
        table.insert(place, name, facts[name])
    with store.replacing(path) as partial:
        table.to_csv(partial, index=False, float_format="%.7g")


def facts_of(images: Path) -> dict:
    """The facts that the bench wrote beside restored images: dataset, measurement, method, seed, protocol …"""
    facts = store.load_json(images.with_suffix(".json"), ("dataset", "measurement", "method", "seed"))
    return {"protocol": "sound", "digest": None} | facts


def of_restored(path: Path, facts: dict, estimates: np.ndarray, images: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """`images` and `others`, of the whole split, cut to those that were restored: all, or the first N.

    N stands in the facts as `first_images`, where a method was given fewer test images. Raises SystemExit where the file does not
    hold one estimate of each of these images.
    """
    parts = [array[: facts.get("first_images")] for array in (images, *others)]
    if estimates.shape != parts[0].shape:
        sys.exit(f"{path}: holds {estimates.shape}, not estimates of the images {parts[0].shape}; delete it and run again")
    return parts


def pasted(estimates: np.ndarray, y: np.ndarray, s: np.ndarray, forward: ForwardModel) -> np.ndarray:
    """The estimates [N, H, W, C] with y where y is a value of x; the same array where nothing is observed.

    s is the side information as forward models take it.
    """
    observed = forward.observed(s, y.shape)
    return np.where(observed, y, estimates) if observed.any() else estimates


def twice(score: Callable[[np.ndarray, np.ndarray], np.ndarray], estimates: np.ndarray, filled: np.ndarray) -> list[np.ndarray]:
    """The scores of the estimates as handed in, and of the pasted ones; images that pasting does not change are scored once.

    `score(images, at)` returns an array with a row for each of `images`, whose indices in the split are `at`.
    """
    first = score(estimates, np.arange(len(estimates)))
    second, changed = first.copy(), np.flatnonzero((filled != estimates).any(axis=(1, 2, 3)))
    if len(changed):
        second[changed] = score(filled[changed], changed)
    return [first, second]


def load_clean(path: Path) -> np.ndarray:
    """Clean images, uint8 [N, H, W, C]. Raises SystemExit where a file holds others."""
    images = store.load_array(path)
    if images.dtype != np.uint8 or images.ndim != 4:
        sys.exit(f"{path}: holds {images.dtype} {images.shape}, not clean images uint8 [N, H, W, C]; make it anew")
    return images


def load_restored(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """Estimates [N, H, W, C] or samples [K, N, H, W, C] as the bench wrote them, of a shape in which None is any number.

    Raises SystemExit where a file holds others, or values that are not finite or leave [0, 1].
    """
    images = store.load_array(path)
    wanted = f"({', '.join('any' if length is None else str(length) for length in shape)})"
    if len(images.shape) != len(shape) or any(b not in (None, a) for a, b in zip(images.shape, shape, strict=True)):
        sys.exit(f"{path}: holds {images.shape}, not restored images {wanted}; delete it and run again")
    if images.dtype.kind != "f":
        sys.exit(f"{path}: holds the type {images.dtype}, not real numbers; delete it and run again")
    for part in images:
        if not (part.min() >= 0 and part.max() <= 1):  # nan is neither
            sys.exit(f"{path}: holds values that are not finite or leave [0, 1]; delete it and run again")
    return images


def same_measurements(path: Path, facts: dict, measured: dict) -> None:
    """Raise SystemExit where estimates with these facts were restored from other measurements than those with the facts given."""
    if (protocol := facts["protocol"]) != measured.get("protocol", "sound"):
        sys.exit(f"{path}: restored under protocol {protocol}, the measurements are of another; restore them again")
    if len(found := {facts.get("digest"), measured.get("digests", {}).get("y")} - {None}) > 1:
        sys.exit(f"{path}: restored from other measurements than those given ({' and '.join(sorted(found))}); restore them again")
