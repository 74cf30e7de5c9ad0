"""Measure each image of a split once, before any method runs: `python -m measurements.measure drop_patch --size 14 …`.

Writes y (float16), θ as a method may be told it, and the facts that travel with them. The θ of an image depends on
(seed, split, index of the image) alone.
"""

import argparse
import dataclasses
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Generator

import store
from measurements.families import FAMILIES

CHUNK = 1000  # images measured at a time


def generator_of(seed: int, split: str, index: int) -> Generator:
    """The random numbers of one image. PyTorch's generator on the CPU takes 32 bits of a seed."""
    state = np.random.SeedSequence([seed, crc32(split.encode()), index]).generate_state(1, np.uint32)
    return Generator().manual_seed(int(state[0]))


def draw(measurement, shape: tuple[int, int, int], seed: int, split: str, images: range) -> torch.Tensor:
    """θ of the named images, one draw each."""
    return torch.cat([measurement.draw(1, shape, generator_of(seed, split, i)) for i in images])


def measure(clean: np.ndarray, measurement, seed: int, split: str) -> tuple[np.ndarray, np.ndarray]:
    """y float16 [N, H, W, C] and what of θ may be told, from clean uint8 [N, H, W, C]."""
    y, told = [], []
    for start in range(0, len(clean), CHUNK):
        x = torch.from_numpy(clean[start : start + CHUNK] / np.float32(255))
        theta = draw(measurement, clean.shape[1:], seed, split, range(start, start + len(x)))
        y.append(measurement.apply(x, theta).numpy().astype(np.float16))
        told.append(measurement.told(theta).numpy())
    return np.concatenate(y), np.concatenate(told)


def true_or_false(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m measurements.measure", description=__doc__)
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for name, family in FAMILIES.items():
        sub = families.add_parser(name, help=family.__doc__.splitlines()[0], description=family.__doc__)
        for field in dataclasses.fields(family):
            default = {"required": True} if field.default is dataclasses.MISSING else {"default": field.default}
            kind = {"type": true_or_false} if field.type is bool else {"type": field.type}
            sub.add_argument(f"--{field.name.replace('_', '-')}", dest=field.name, **kind, **default)
        sub.add_argument("--clean", type=Path, required=True, help="clean images, uint8 .npy of [N, H, W, C]")
        sub.add_argument("--dataset", required=True)
        sub.add_argument("--measurement", help="its name in the configuration (default: the family's)")
        sub.add_argument("--split", required=True)
        sub.add_argument("--seed", type=int, default=0)
        sub.add_argument("--protocol", choices=["sound", "paper"], default="sound", help="a fact that later stages go by")
        sub.add_argument("--output", type=Path, required=True, help="folder of SPLIT.y.npy, SPLIT.theta.npy, SPLIT.json")
    args = parser.parse_args()

    family = FAMILIES[args.family]
    options = {field.name: getattr(args, field.name) for field in dataclasses.fields(family)}
    try:
        y, told = measure(store.load_array(args.clean), family(**options), args.seed, args.split)
    except ValueError as error:
        parser.error(str(error))
    with store.clear_errors():
        store.save_array(args.output / f"{args.split}.y.npy", y)
        store.save_array(args.output / f"{args.split}.theta.npy", told)
        store.save_json(
            args.output / f"{args.split}.json",
            {
                "dataset": args.dataset,
                "measurement": args.measurement or args.family,
                "family": args.family,
                "options": options,
                "protocol": args.protocol,
                "split": args.split,
                "seed": args.seed,
                "images": len(y),
                "digest": store.digest(y),
            },
        )


if __name__ == "__main__":
    main()
