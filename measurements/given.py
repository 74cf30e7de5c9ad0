"""Measurements that are there already, corrupted pictures of your own: `python -m measurements.given add_noise --sigma 0.1 …`.

A folder of pictures of at least 64×64, all colour or all grey, all corrupted in the same way, which FAMILY and its options
describe. They are cut into tiles of 64×64 (measurements/tiles.py), and all tiles are both what methods learn from and what they
restore; there is no clean image.

Where values are lost (drop_…), a picture says which: where masks/NAME.png in the same folder is black, or where it is itself
transparent.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import store
from datasets.folder import ENDINGS, opened
from measurements import masks, tiles
from measurements.families import Dropping
from measurements.measure import add_families, measurement_of

SPLITS = ("train", "test")  # the same tiles


def names(folder: Path) -> list[str]:
    found = sorted(path.name for path in folder.glob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not found:
        sys.exit(f"{folder}: no picture there ({', '.join(sorted(ENDINGS))}); put your corrupted pictures there")
    return found


def read(folder: Path, name: str, dropping: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture, uint8 [H, W, C], and which of its pixels were seen, bool [H, W, 1], where some may be lost.

    Raises SystemExit where that is not said, or the mask is of another size.
    """
    picture = opened(folder / name)
    transparent = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    seen = None
    if dropping:
        stem = folder / "masks" / Path(name).stem
        mask = next((path for end in ENDINGS if (path := stem.with_name(stem.name + end)).is_file()), None)
        if mask:
            seen = np.asarray(opened(mask).convert("L")) > 127
        elif transparent:
            seen = np.asarray(picture.convert("RGBA"))[:, :, 3] > 127
        else:
            sys.exit(
                f"{folder / name}: says nowhere which pixels are lost; make them transparent, or put a mask of the same size, "
                f"black where they are lost, at {stem}.png"
            )
        if seen.shape != picture.size[::-1]:
            sys.exit(f"{mask}: is {seen.shape[1]}×{seen.shape[0]} and its picture {picture.width}×{picture.height}")
        seen = seen[:, :, None]
    grey = picture.mode in ("1", "L", "LA")
    values = np.asarray(picture.convert("L" if grey else "RGB"))
    return values.reshape(*values.shape[:2], -1), seen


def measured(values: np.ndarray, seen: np.ndarray | None, measurement) -> tuple[np.ndarray, np.ndarray]:
    """y float16 [n, 64, 64, C] and θ, as its file holds it, of the n tiles of a picture."""
    y = tiles.cut(values) / np.float32(255)
    if seen is None:
        return y.astype(np.float16), np.full((len(y), 1, 1, 1), measurement.sigma, np.float32)
    cut = tiles.cut(seen)
    return np.where(cut, y, np.float32(measurement.fill)).astype(np.float16), masks.pack(cut)


def noise(values: np.ndarray) -> float:
    """Standard deviation of white noise in a picture uint8 [H, W, C], on [0, 1]: the median absolute finest diagonal Haar
    coefficient over 0.6745 (Donoho and Johnstone, Biometrika 1994), in which what is smooth or a straight edge has no part."""
    height, width = (length // 2 * 2 for length in values.shape[:2])
    x = values[:height, :width] / np.float32(255)
    detail = (x[::2, ::2] - x[1::2, ::2] - x[::2, 1::2] + x[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail)) / 0.6745)


def survey(folder: Path, dropping: bool) -> list[dict]:
    """Name, height, width and channels of every picture. Raises SystemExit where one cannot be used; nothing is written yet."""
    found = []
    for name in names(folder):
        height, width, channels = read(folder, name, dropping)[0].shape
        if found and channels != found[0]["channels"]:
            kinds = {1: "grey", 3: "in colour"}
            said = f"{kinds[channels]} and {found[0]['name']} {kinds[found[0]['channels']]}"
            sys.exit(f"{folder / name}: is {said}; put them into folders of their own")
        found.append({"name": name, "height": height, "width": width, "channels": channels})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m measurements.given", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for sub in add_families(parser):
        sub.add_argument("--pictures", type=Path, required=True, help="the folder of corrupted pictures")
        sub.add_argument("--dataset", required=True)
        sub.add_argument("--measurement", help="its name in the configuration (default: the family's)")
        sub.add_argument("--output", type=Path, required=True, help="folder of SPLIT.y.npy, SPLIT.theta.npy, SPLIT.json")
    args = parser.parse_args()
    measurement, options = measurement_of(parser, args)
    dropping = isinstance(measurement, Dropping)

    with store.clear_errors():
        pictures = survey(args.pictures, dropping)
        count = sum(tiles.count(each["height"], each["width"]) for each in pictures)
        like = measured(*read(args.pictures, pictures[0]["name"], dropping), measurement)
        with ExitStack() as opened_files:  # a picture at a time is in memory
            files = {part: [] for part in ("y", "theta")}
            for split in SPLITS:
                for part, rows in zip(files, like, strict=True):
                    writing = store.writing_array(args.output / f"{split}.{part}.npy", count, rows)
                    files[part].append(opened_files.enter_context(writing))
            lost, noises = 0.0, []
            for number, each in enumerate(pictures, start=1):
                values, seen = read(args.pictures, each["name"], dropping)
                for part, rows in zip(files, measured(values, seen, measurement), strict=True):
                    for file in files[part]:
                        file.append(rows)
                if dropping:
                    lost += 1 - seen.mean()
                else:
                    noises.append(noise(values))
                print(f"read {number}/{len(pictures)} pictures", flush=True)
        facts = {"dataset": args.dataset, "measurement": args.measurement or args.family, "family": args.family}
        facts |= {"options": options, "protocol": "sound", "images": count, "digest": files["y"][0].digest, "pictures": pictures}
        if dropping:
            facts["says"] = f"{lost / len(pictures):.0%} of their pixels are lost."
        else:
            facts["says"] = (
                f"The noise in them seems to be of σ = {np.median(noises):.2g}; the configuration says {args.sigma:g}."
            )
        for split in SPLITS:
            store.save_json(args.output / f"{split}.json", facts | {"split": split})
    print(f"{args.pictures}: {len(pictures)} pictures, {count:,} tiles. {facts['says']}")


if __name__ == "__main__":
    main()
