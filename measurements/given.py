"""Measurements that are there already, corrupted pictures of your own: `python -m measurements.given add_noise --sigma 0.1 …`.

A folder of pictures of at least 64×64, all colour or all grey, all corrupted in the same way, which FAMILY and its options
describe. They are cut into tiles of 64×64 (measurements/tiles.py), and all tiles are both what methods learn from and what they
restore; there is no clean image.

Where values are lost (drop_…), a picture says which: where masks/NAME.png in the same folder is black, or where it is itself
transparent.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

import store
from datasets.folder import ENDINGS, opened, pictures
from measurements import tiles
from measurements.measure import add_families, measurement_of
from measurements.side_info import to_disk


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
    """y float16 [n, 64, 64, C] and the side information, as its file holds it, of the n tiles of a picture."""
    y = tiles.cut(values) / np.float32(255)
    if seen is None:
        return y.astype(np.float16), np.full((len(y), 1, 1, 1), measurement.sigma, np.float32)
    cut = tiles.cut(seen)
    return np.where(cut, y, np.float32(measurement.fill)).astype(np.float16), to_disk(cut)


def noise(values: np.ndarray) -> float:
    """Standard deviation of white noise in a picture uint8 [H, W, C], on [0, 1]: the median absolute finest diagonal Haar
    coefficient over 0.6745 (Donoho and Johnstone, Biometrika 1994), in which what is smooth or a straight edge has no part."""
    height, width = (length // 2 * 2 for length in values.shape[:2])
    x = values[:height, :width] / np.float32(255)
    detail = (x[::2, ::2] - x[1::2, ::2] - x[::2, 1::2] + x[1::2, 1::2]) / 2
    return float(np.median(np.abs(detail)) / 0.6745)


def survey(folder: Path, measurement) -> tuple[list[dict], str]:
    """Name, height, width and channels of every picture, and what was seen of their corruption, in a sentence.

    Raises SystemExit where one cannot be used, so that nothing is written then.
    """
    names = pictures(folder, "*")
    if not names:
        sys.exit(f"{folder}: no picture there ({', '.join(sorted(ENDINGS))}); put your corrupted pictures there")
    found, degrees, dropping = [], [], measurement.has_mask
    for name in names:
        values, seen = read(folder, name, dropping)
        height, width, channels = values.shape
        if found and channels != found[0]["channels"]:
            kinds = {1: "grey", 3: "in colour"}
            said = f"{kinds[channels]} and {found[0]['name']} {kinds[found[0]['channels']]}"
            sys.exit(f"{folder / name}: is {said}; put them into folders of their own")
        found.append({"name": name, "height": height, "width": width, "channels": channels})
        degrees.append(1 - seen.mean() if dropping else noise(values))
    if dropping:
        return found, f"{np.mean(degrees):.0%} of their pixels are lost."
    says = f"The noise in them seems to be of σ = {np.median(degrees):.2g}; the configuration says {measurement.sigma:g}."
    return found, says


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m measurements.given", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for sub in add_families(parser):
        sub.add_argument("--pictures", type=Path, required=True, help="the folder of corrupted pictures")
    args = parser.parse_args()
    measurement, facts = measurement_of(args)
    dropping = measurement.has_mask

    with store.clear_errors():
        found, says = survey(args.pictures, measurement)
        count = sum(tiles.count(each["height"], each["width"]) for each in found)
        like_y, like_theta = measured(*read(args.pictures, found[0]["name"], dropping), measurement)
        with (
            store.writing_array(args.output / "test.y.npy", count, like_y) as all_y,
            store.writing_array(args.output / "test.side_info.npy", count, like_theta) as all_theta,
        ):
            for number, each in enumerate(found, start=1):  # a picture at a time is in memory
                y, theta = measured(*read(args.pictures, each["name"], dropping), measurement)
                all_y.append(y)
                all_theta.append(theta)
                print(f"read {number}/{len(found)} pictures", flush=True)
        facts |= {"protocol": "sound", "images": count, "digest": all_y.digest, "pictures": found, "says": says}
        for part in ("y.npy", "side_info.npy"):  # what is learnt from is what is restored
            with store.replacing(args.output / f"train.{part}") as partial:
                shutil.copyfile(args.output / f"test.{part}", partial)
        for split in ("train", "test"):
            store.save_json(args.output / f"{split}.json", facts | {"split": split})
    print(f"{args.pictures}: {len(found)} pictures, {count:,} tiles. {says}")


if __name__ == "__main__":
    main()
