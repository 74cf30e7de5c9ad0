"""Measure each image of a split once, before any method runs: `python -m measurements.measure drop_patch --size 14 …`.

Writes y (float16), the side information of each image (measurements/side_info.py), how many images of the split show each value,
and the facts that travel with them. The θ of an image depends on (seed, split, index of the image) alone. Only a chunk of images
is in memory at a time.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Generator

import protocols
import store
from measurements.command import add_families, measurement_of, write
from measurements.forward import ForwardModel
from measurements.side_info import to_disk
from options import SEED, command_parser, parser_of

IMAGES_AT_A_TIME = 1000  # images measured at a time
SPEAK_EVERY = 10  # seconds between lines of progress


def generator_of(seed: int, split: str, index: int) -> Generator:
    """The random numbers of one image. PyTorch's generator on the CPU takes 32 bits of a seed."""
    state = np.random.SeedSequence([seed, crc32(split.encode()), index]).generate_state(1, np.uint32)
    return Generator().manual_seed(int(state[0]))


def draw(model: ForwardModel, shape: tuple[int, int, int], seed: int, split: str, images: range):
    """θ of the named images, one draw each: a tensor or a tuple of tensors."""
    each = [model.draw(1, shape, generator_of(seed, split, i)) for i in images]
    return tuple(map(torch.cat, zip(*each, strict=True))) if isinstance(each[0], tuple) else torch.cat(each)


def measure(clean: np.ndarray, model: ForwardModel, seed: int, split: str, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """y float16 [N, H, W, C] and side information as its file holds it, from clean uint8 [N, H, W, C].

    The images are those of the split from index `first` on.
    """
    x = torch.from_numpy(clean / np.float32(255))
    theta = draw(model, clean.shape[1:], seed, split, range(first, first + len(clean)))
    return model.forward(x, theta).half().numpy(), to_disk(model.side_info(theta).numpy())


def chunks(clean: np.ndarray, model: ForwardModel, seed: int, split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `measure` gives, for one chunk of a split's images after the other, with a line of progress now and then."""
    count = len(clean)
    began = spoke = time.monotonic()
    for start in range(0, count, IMAGES_AT_A_TIME):
        y, side_info = measure(clean[start : start + IMAGES_AT_A_TIME], model, seed, split, first=start)
        yield y, side_info
        done, now = start + len(y), time.monotonic()
        if now - spoke > SPEAK_EVERY or done == count:
            print(f"measured {done}/{count}  {(now - began) / done * (count - done):.0f} s to go", flush=True)
            spoke = now


def main() -> None:
    parser = command_parser("measurements.measure", __doc__)
    for sub in add_families(parser):
        sub.add_argument("--clean", type=Path, required=True, help="clean images, uint8 .npy of [N, H, W, C]")
        sub.add_argument("--split", required=True, help="the split's name, on which the random numbers depend")
        sub.add_argument("--seed", type=parser_of("seed", SEED), default=0, help="seed of θ (%(default)s)")
        sub.add_argument("--protocol", default="sound", help="sound, paper or switches joined by +, a fact for later stages")
    args = parser.parse_args()

    clean = store.load_array(args.clean)
    if not (count := len(clean)):
        sys.exit(f"{args.clean}: holds no images")
    try:
        protocol = protocols.name(protocols.parse(args.protocol))
        model, facts = measurement_of(args)
        like = measure(clean[:1], model, args.seed, args.split)  # before a file is begun
    except ValueError as error:
        parser.error(str(error))
    with store.clear_errors():
        facts |= {"protocol": protocol, "split": args.split, "seed": args.seed}
        facts |= {"digests": {"clean": store.digest(clean)}}
        write(args.output, facts, count, like, chunks(clean, model, args.seed, args.split))


if __name__ == "__main__":
    main()
