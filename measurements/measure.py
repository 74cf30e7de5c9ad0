"""Measure each image of a split once, before any method runs: `python -m measurements.measure drop_patch --size 14 …`.

Writes y (float16), θ as a method may be told it (measurements/masks.py), and the facts that travel with them. The θ of an
image depends on (seed, split, index of the image) alone. Only a chunk of images is in memory at a time.
"""

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Generator

import store
from measurements import masks
from measurements.families import FAMILIES

CHUNK = 1000  # images measured at a time
SPEAK_EVERY = 10  # seconds between lines of progress


def generator_of(seed: int, split: str, index: int) -> Generator:
    """The random numbers of one image. PyTorch's generator on the CPU takes 32 bits of a seed."""
    state = np.random.SeedSequence([seed, crc32(split.encode()), index]).generate_state(1, np.uint32)
    return Generator().manual_seed(int(state[0]))


def draw(measurement, shape: tuple[int, int, int], seed: int, split: str, images: range) -> torch.Tensor:
    """θ of the named images, one draw each."""
    return torch.cat([measurement.draw(1, shape, generator_of(seed, split, i)) for i in images])


def measure(clean: np.ndarray, measurement, seed: int, split: str, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """y float16 [N, H, W, C] and what of θ may be told, as its file holds it, from clean uint8 [N, H, W, C].

    The images are those of the split from index `first` on.
    """
    x = torch.from_numpy(clean / np.float32(255))
    theta = draw(measurement, clean.shape[1:], seed, split, range(first, first + len(clean)))
    told = measurement.told(theta).numpy()
    return measurement.apply(x, theta).half().numpy(), masks.pack(told) if told.dtype == bool else told


def true_or_false(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def add_families(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A subcommand for each family, with its options as flags, and what every measurement is told."""
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for name, family in FAMILIES.items():
        sub = families.add_parser(name, help=family.__doc__.splitlines()[0], description=family.__doc__)
        for field in dataclasses.fields(family):
            default = {"required": True} if field.default is dataclasses.MISSING else {"default": field.default}
            kind = {"type": true_or_false} if field.type is bool else {"type": field.type}
            sub.add_argument(f"--{field.name.replace('_', '-')}", dest=field.name, **kind, **default)
        sub.add_argument("--dataset", required=True)
        sub.add_argument("--measurement", help="its name in the configuration (default: the family's)")
        sub.add_argument("--output", type=Path, required=True, help="folder of SPLIT.y.npy, SPLIT.theta.npy, SPLIT.json")
        yield sub


def measurement_of(parser: argparse.ArgumentParser, args: argparse.Namespace) -> tuple:
    """The forward model that such flags say, and its facts. Ends as a wrong flag does where its options are impossible."""
    family = FAMILIES[args.family]
    options = {field.name: getattr(args, field.name) for field in dataclasses.fields(family)}
    facts = {"dataset": args.dataset, "measurement": args.measurement or args.family, "family": args.family, "options": options}
    try:
        return family(**options), facts
    except ValueError as error:
        parser.error(str(error))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m measurements.measure", description=__doc__)
    for sub in add_families(parser):
        sub.add_argument("--clean", type=Path, required=True, help="clean images, uint8 .npy of [N, H, W, C]")
        sub.add_argument("--split", required=True)
        sub.add_argument("--seed", type=int, default=0)
        sub.add_argument("--protocol", choices=["sound", "paper"], default="sound", help="a fact that later stages go by")
    args = parser.parse_args()

    measurement, facts = measurement_of(parser, args)
    clean = store.load_array(args.clean)
    if not (count := len(clean)):
        sys.exit(f"{args.clean}: holds no images")
    measured = functools.partial(measure, measurement=measurement, seed=args.seed, split=args.split)
    try:
        like_y, like_theta = measured(clean[:1])  # a patch larger than the images is refused before a file is begun
    except ValueError as error:
        parser.error(str(error))
    with store.clear_errors():
        with (
            store.writing_array(args.output / f"{args.split}.y.npy", count, like_y) as all_y,
            store.writing_array(args.output / f"{args.split}.theta.npy", count, like_theta) as all_theta,
        ):
            began = spoke = time.monotonic()
            for start in range(0, count, CHUNK):
                y, theta = measured(clean[start : start + CHUNK], first=start)
                all_y.append(y)
                all_theta.append(theta)
                done, now = start + len(y), time.monotonic()
                if now - spoke > SPEAK_EVERY or done == count:
                    print(f"measured {done}/{count}  {(now - began) / done * (count - done):.0f} s to go", flush=True)
                    spoke = now
        facts |= {"protocol": args.protocol, "split": args.split, "seed": args.seed, "images": count, "digest": all_y.digest}
        store.save_json(args.output / f"{args.split}.json", facts)


if __name__ == "__main__":
    main()
