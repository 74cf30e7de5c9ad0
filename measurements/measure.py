"""Measure each image of a split once, before any method runs: `python -m measurements.measure drop_patch --size 14 …`.

Writes y (float16), the side information of each image (measurements/side_info.py), how many images of the split show each value,
and the facts that travel with them. The θ of an image depends on (seed, split, index of the image) alone. Only a chunk of images
is in memory at a time.
"""

import argparse
import ast
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Generator

import datasets
import protocols
import store
from measurements import forward
from measurements.forward import ForwardModel
from measurements.side_info import from_disk, to_disk
from options import add_options, schemas_of

CHUNK = 1000  # images measured at a time
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


def value_range(dataset: str) -> list[float]:
    """Lowest and highest value of a data set on the scale of networks: the literal RANGE of its file, else [0, 1].

    Read without an import, as that of a data set may take seconds.
    """
    file = Path(datasets.__file__).with_name(f"{dataset}.py")
    for line in ast.parse(file.read_text()).body if file.is_file() else []:
        if isinstance(line, ast.Assign) and any(getattr(target, "id", None) == "RANGE" for target in line.targets):
            return list(ast.literal_eval(line.value))
    return [0, 1]


def add_families(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A subcommand for each forward model, with its options as flags, and what every measurement is given."""
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for name in forward.names():
        family = forward.find(name)
        sub = families.add_parser(name, help=family.__doc__.splitlines()[0], description=family.__doc__)
        add_options(sub, schemas_of(family))
        sub.add_argument("--dataset", required=True, help="the name of the data set")
        sub.add_argument("--measurement", help="its name in the configuration (default: the family's)")
        sub.add_argument("--output", type=Path, required=True, help="folder of SPLIT.y.npy, SPLIT.side_info.npy, SPLIT.json")
        yield sub


def measurement_of(args: argparse.Namespace) -> tuple[ForwardModel, dict]:
    """The forward model that such flags describe, and its facts."""
    options = {name: getattr(args, name) for name in schemas_of(forward.find(args.family))}
    facts = {"dataset": args.dataset, "measurement": args.measurement or args.family, "family": args.family, "options": options}
    return forward.from_facts(facts), facts | {"value_range": value_range(args.dataset)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m measurements.measure", description=__doc__)
    for sub in add_families(parser):
        sub.add_argument("--clean", type=Path, required=True, help="clean images, uint8 .npy of [N, H, W, C]")
        sub.add_argument("--split", required=True, help="the split's name, on which the random numbers depend")
        sub.add_argument("--seed", type=int, default=0, help="seed of θ (%(default)s)")
        sub.add_argument("--protocol", default="sound", help="sound, paper or switches joined by +, a fact for later stages")
    args = parser.parse_args()

    clean = store.load_array(args.clean)
    if not (count := len(clean)):
        sys.exit(f"{args.clean}: holds no images")
    try:
        protocol = protocols.name(protocols.parse(args.protocol))
        model, facts = measurement_of(args)
        like_y, like_side_info = measure(clean[:1], model, args.seed, args.split)  # before a file is begun
    except ValueError as error:
        parser.error(str(error))
    shown = np.zeros(clean.shape[1:], np.uint32)
    with store.clear_errors():
        with (
            store.writing_array(args.output / f"{args.split}.y.npy", count, like_y) as all_y,
            store.writing_array(args.output / f"{args.split}.side_info.npy", count, like_side_info) as all_side_info,
        ):
            began = spoke = time.monotonic()
            for start in range(0, count, CHUNK):
                y, side_info = measure(clean[start : start + CHUNK], model, args.seed, args.split, first=start)
                all_y.append(y)
                all_side_info.append(side_info)
                shown += model.informs(from_disk(side_info, y.shape), y.shape).sum(0, dtype=np.uint32)
                done, now = start + len(y), time.monotonic()
                if now - spoke > SPEAK_EVERY or done == count:
                    print(f"measured {done}/{count}  {(now - began) / done * (count - done):.0f} s to go", flush=True)
                    spoke = now
        store.save_array(args.output / f"{args.split}.shown.npy", shown)
        facts |= {"protocol": protocol, "split": args.split, "seed": args.seed, "images": count, "digest": all_y.digest}
        facts["never_shown"] = int((shown == 0).sum())
        store.save_json(args.output / f"{args.split}.json", facts)


if __name__ == "__main__":
    main()
