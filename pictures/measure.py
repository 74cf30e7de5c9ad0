"""Corrupted pictures of your own as measurements: `python -m pictures.measure add_noise --sigma 0.1 …`.

A folder of pictures of at least 64×64, all colour or all grey, all corrupted in the same way, which FAMILY and its options
describe. They are cut into tiles of 64×64 (pictures/tiles.py), and all tiles are both what methods learn from and what they
restore; there is no clean image.

Where values are lost (drop_…), a picture tells which: where masks/NAME.png in the same folder is black, or where it is itself
transparent.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import store
from measurements.command import add_families, measurement_of, write
from measurements.forward import ForwardModel
from measurements.side_info import to_disk
from pictures import corruption, tiles
from pictures.read import Picture, pictures


def measured(picture: Picture, forward: ForwardModel) -> tuple[np.ndarray, np.ndarray]:
    """y float16 [n, 64, 64, C] and the side information, as its file holds it, of the n tiles of a picture."""
    y = tiles.cut(picture.values) / np.float32(255)
    if picture.seen is None:
        return y.astype(np.float16), np.full((len(y), 1, 1, 1), forward.sigma, np.float32)
    seen = tiles.cut(picture.seen)
    return np.where(seen, y, np.float32(forward.fill)).astype(np.float16), to_disk(seen)


def survey(folder: Path, forward: ForwardModel) -> dict:
    """The facts of a folder's pictures: the size of each, and what can be estimated of their corruption.

    Raises SystemExit where one cannot be used, so that nothing is written then.
    """
    sizes, estimates = [], []
    for picture in pictures(folder, forward.has_mask):
        height, width, channels = picture.values.shape
        sizes.append({"name": picture.name, "height": height, "width": width, "channels": channels})
        estimates.append(corruption.estimate(picture, forward))
    return {"pictures": sizes, "estimated": corruption.of_all(estimates)}


def parts(folder: Path, forward: ForwardModel, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `measured` gives, for one of the `count` pictures after the other."""
    for number, picture in enumerate(pictures(folder, forward.has_mask), start=1):
        yield measured(picture, forward)
        print(f"read {number}/{count} pictures", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pictures.measure", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for sub in add_families(parser):
        sub.add_argument("--pictures", type=Path, required=True, help="the folder of corrupted pictures")
    args = parser.parse_args()
    forward, facts = measurement_of(args)

    with store.clear_errors():
        found = survey(args.pictures, forward)
        sizes = found["pictures"]
        count = sum(tiles.count(each["height"], each["width"]) for each in sizes)
        like = measured(next(pictures(args.pictures, forward.has_mask)), forward)
        facts |= {"protocol": "sound", "split": "test", "seed": None, **found}  # no seed: nothing is drawn
        write(args.output, facts, count, like, parts(args.pictures, forward, len(sizes)))
        for part in ("y.npy", "side_info.npy", "shown.npy"):  # what is learnt from is what is restored
            with store.replacing(args.output / f"train.{part}") as partial:
                shutil.copyfile(args.output / f"test.{part}", partial)
        store.save_json(args.output / "train.json", store.load_json(args.output / "test.json") | {"split": "train"})
    print(f"{args.pictures}: {len(sizes)} pictures, {count:,} tiles. {corruption.described(found['estimated'], forward)}")


if __name__ == "__main__":
    main()
