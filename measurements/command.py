"""What commands that make measurements share: the flags of forward models, and the files that hold a split. No PyTorch."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

import datasets
import store
from measurements import forward
from measurements.forward import ForwardModel
from measurements.side_info import from_disk
from options import add_options, schemas_of


def add_families(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A subcommand for each forward model, with its options as flags, and what every measurement is given."""
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY")
    for name in forward.names():
        family = forward.find(name)
        sub = families.add_parser(name, help=family.__doc__.splitlines()[0], description=family.__doc__)
        add_options(sub, schemas_of(family))
        sub.add_argument("--dataset", required=True, help="the name of the data set")
        sub.add_argument("--measurement", help="its name in the configuration (default: the family's)")
        sub.add_argument("--output", type=Path, required=True, help="folder of the split's files, SPLIT.y.npy and so on")
        yield sub


def measurement_of(args: argparse.Namespace) -> tuple[ForwardModel, dict]:
    """The forward model that such flags describe, and its facts."""
    options = {name: getattr(args, name) for name in schemas_of(forward.find(args.family))}
    facts = {"dataset": args.dataset, "measurement": args.measurement or args.family, "family": args.family, "options": options}
    return forward.from_facts(facts), facts | {"value_range": list(datasets.value_range(args.dataset))}


def write(
    folder: Path,
    facts: dict,
    count: int,
    like: tuple[np.ndarray, np.ndarray],
    parts: Iterable[tuple[np.ndarray, np.ndarray]],
) -> None:
    """The files of a split: y, side information, how many images show each value, and the facts, completed here.

    `parts` are y and the side information, as its file holds it, of one part of the `count` images after the other, so that no
    more than a part is in memory; `like` is such a pair, whose shapes and types are theirs.
    """
    split, model = facts["split"], forward.from_facts(facts)
    like_y, like_side_info = like
    shown = np.zeros(like_y.shape[1:], np.uint32)
    with (
        store.writing_array(folder / f"{split}.y.npy", count, like_y) as all_y,
        store.writing_array(folder / f"{split}.side_info.npy", count, like_side_info) as all_side_info,
    ):
        for y, side_info in parts:
            all_y.append(y)
            all_side_info.append(side_info)
            shown += model.informs(from_disk(side_info, y.shape), y.shape).sum(0, dtype=np.uint32)
    store.save_array(folder / f"{split}.shown.npy", shown)
    digests = {"y": all_y.digest, "side_info": all_side_info.digest, "shown": store.digest(shown), **facts.get("digests", {})}
    made = {"images": count, "shape": list(like_y.shape[1:]), "digests": digests, "never_shown": int((shown == 0).sum())}
    store.save_json(folder / f"{split}.json", facts | made)
