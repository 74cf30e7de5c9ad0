"""Corrupted pictures of your own as measurements: `python -m pictures.measure add_noise --sigma 0.1 …`.

A folder of pictures of at least 64×64, all colour or all grey, all corrupted in the same way, which FAMILY and its options
describe. Every page of a file is a picture. They are cut into tiles of 64×64 (pictures/tiles.py), and all tiles are both what
methods learn from and what they restore; there is no clean image.

Where values are lost (drop_…), a picture tells which: where masks/NAME.png in the same folder is black, where it is itself not
fully opaque, or where a value is not a number.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import store
from datasets import picture_ranges as ranges
from measurements.command import add_families, measurement_of, write
from measurements.forward import ForwardModel
from measurements.side_info import to_disk
from options import command_parser
from pictures import corruption, tiles
from pictures.read import Picture, passed_over, pictures


def measured(
    picture: Picture, forward: ForwardModel, span: tuple[float, float], side: int = tiles.TILE
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """y float16 [n, side, side, C] and the side information, as its file holds it, of one row of tiles of a page after the other.

    `span`: which of its values are 0 and 1.
    """
    seen_rows = None if picture.seen is None else tiles.rows(picture.seen, side)
    for row in tiles.rows(picture.page.values, side):
        y = ranges.scaled(row, span)
        if seen_rows is None:
            yield y.astype(np.float16), np.full((len(y), 1, 1, 1), forward.sigma, np.float32)
        else:
            seen = next(seen_rows)
            yield np.where(seen, y, np.float32(forward.fill)).astype(np.float16), to_disk(seen)


def survey(
    folder: Path,
    forward: ForwardModel,
    names: list[str] | None = None,
    smallest: int = tiles.TILE,
    known: dict[str, tuple[float, float]] | None = None,
) -> dict:
    """Size, type and range of each page in a folder, the files passed over, and what is estimated of the corruption.

    `names`: the pictures that count, else all; `known`: black and white by the type of numbers, where they are not to be found.
    Raises SystemExit where one cannot be used, so that nothing is written then.
    """
    found, extents, estimates = [], [], []
    for picture in pictures(folder, forward.has_mask, names, smallest):
        height, width, channels = picture.page.values.shape
        about = {"name": picture.name, "page": picture.number, "pages": picture.pages, "height": height, "width": width}
        found.append(about | {"channels": channels, "type": picture.page.values.dtype.name, "changed": picture.page.changed})
        extents.append(ranges.extent(folder / picture.name, picture.page.values, picture.seen, picture.page.white))
        estimates.append(corruption.estimate(picture, forward))
    spans = [(known or {}).get(each.kind, span) for each, span in zip(extents, ranges.of_all(extents), strict=True)]
    for about, (black, white) in zip(found, spans, strict=True):
        about |= {"black": black, "white": white}
    estimated = corruption.of_all(estimates, spans, forward)
    estimated["warnings"] += [
        f"{each['title']}: its largest value is {extent.most:g}, on a scale from {black:g} to {white:g}; it is all but black"
        for each, extent, (black, white) in zip(estimates, extents, spans, strict=True)
        if extent.most - black < (white - black) / 16
    ]
    return {"pictures": found, "passed_over": passed_over(folder, forward.has_mask), "estimated": estimated}


def parts(folder: Path, forward: ForwardModel, about: list[dict]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `measured` gives, for one of the pages that `about` describes after the other."""
    for number, (picture, facts) in enumerate(zip(pictures(folder, forward.has_mask), about, strict=True), start=1):
        yield from measured(picture, forward, (facts["black"], facts["white"]))
        print(f"read {number}/{len(about)} pictures", flush=True)


def ranges_said(about: list[dict]) -> str:
    """What pictures hold, in words, and what of them is written otherwise."""
    kinds = dict.fromkeys(ranges.said(each["type"], each["black"], each["white"]) for each in about)
    changed = dict.fromkeys(f"{each['name']}: {each['changed']}." for each in about if each["changed"])
    return " ".join([f"Range of values: {'; '.join(kinds)}.", *changed])


def again(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the disk knows no second name for a file."""
    with store.replacing(target) as partial:
        with contextlib.suppress(OSError):
            os.link(source, partial)
            return
        shutil.copyfile(source, partial)


def main() -> None:
    parser = command_parser("pictures.measure", __doc__)
    for sub in add_families(parser):
        sub.add_argument("--pictures", type=Path, required=True, help="the folder of corrupted pictures")
    args = parser.parse_args()
    forward, facts = measurement_of(args)

    with store.clear_errors():
        found = survey(args.pictures, forward)
        about = found["pictures"]
        count = sum(tiles.count(each["height"], each["width"]) for each in about)
        first = next(pictures(args.pictures, forward.has_mask))
        like = next(measured(first, forward, (about[0]["black"], about[0]["white"])))
        facts |= {"protocol": "sound", "split": "test", "seed": None, **found}  # no seed: nothing is drawn
        write(args.output, facts, count, like, parts(args.pictures, forward, about))
        for part in ("y.npy", "side_info.npy", "shown.npy"):  # what is learnt from is what is restored
            again(args.output / f"test.{part}", args.output / f"train.{part}")
        store.save_json(args.output / "train.json", store.load_json(args.output / "test.json") | {"split": "train"})
    for name, reason in found["passed_over"].items():
        print(f"{args.pictures / name}: passed over, as {reason}")
    for warning in found["estimated"]["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{args.pictures}: {len(about)} pictures, {count:,} tiles. {ranges_said(about)}")
    print(corruption.described(found["estimated"], forward))


if __name__ == "__main__":
    main()
