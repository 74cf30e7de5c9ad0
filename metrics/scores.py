"""The scores file that every program of this folder writes: a row for each image, the run's identity in its first columns."""

import argparse
import sys
from pathlib import Path

import store
from metrics.declared import IDENTITY

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


def parser_of(program: str, description: str, needs: tuple[str, ...]) -> argparse.ArgumentParser:
    """The command line of a program: a flag for each file that it needs, and `--output`."""
    parser = argparse.ArgumentParser(
        prog=f"python -m metrics.{program}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in needs:
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, type=Path, required=True, help=HELP[name])
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
    return {"protocol": "sound"} | store.load_json(images.with_suffix(".json"))


def same_images(path: Path, found, clean) -> None:
    """Raise SystemExit where a file does not hold one estimate of each clean image."""
    if found.shape != clean.shape:
        sys.exit(f"{path}: holds {found.shape}, not estimates of the images {clean.shape}; delete it and run again")
