"""Measurements that are there already, corrupted pictures of your own: `python -m measurements.given add_noise --sigma 0.1 …`.

A folder of pictures of at least 64×64, all colour or all grey, all corrupted in the same way, which FAMILY and its options
describe. They are cut into tiles of 64×64 (measurements/tiles.py), and all tiles are both what methods learn from and what they
restore; there is no clean image.

Where values are lost (drop_…), a picture says which: where it is transparent, or where masks/NAME.png in the same folder is
black.
"""

import argparse
import sys
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
        mask = next((path for path in stem.parent.glob(f"{stem.name}.*") if path.suffix.lower() in ENDINGS), None)
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
        all_y, all_theta, pictures = [], [], []
        for name in names(args.pictures):
            values, seen = read(args.pictures, name, dropping)
            height, width, channels = values.shape
            if pictures and channels != all_y[0].shape[3]:
                kinds = {1: "grey", 3: "in colour"}
                said = f"{kinds[channels]} and {pictures[0]['name']} {kinds[4 - channels]}"
                sys.exit(f"{args.pictures / name}: is {said}; put them into folders of their own")
            y = tiles.cut(values) / np.float32(255)
            if dropping:
                cut = tiles.cut(seen)
                y = np.where(cut, y, np.float32(measurement.fill))
                all_theta.append(masks.pack(cut))
            else:
                all_theta.append(np.full((len(y), 1, 1, 1), measurement.sigma, np.float32))
            all_y.append(y.astype(np.float16))
            pictures.append({"name": name, "height": height, "width": width})
        y, theta = np.concatenate(all_y), np.concatenate(all_theta)
        for split in SPLITS:
            store.save_array(args.output / f"{split}.y.npy", y)
            store.save_array(args.output / f"{split}.theta.npy", theta)
            facts = {"dataset": args.dataset, "measurement": args.measurement or args.family, "family": args.family}
            facts |= {"options": options, "protocol": "sound", "split": split, "images": len(y), "digest": store.digest(y)}
            store.save_json(args.output / f"{split}.json", facts | {"pictures": pictures})
    kept = f", {masks.unpack(theta, y.shape[1:]).mean():.0%} of their values seen" if dropping else ""
    print(f"{args.pictures}: {len(pictures)} pictures, {len(y):,} tiles{kept}")


if __name__ == "__main__":
    main()
