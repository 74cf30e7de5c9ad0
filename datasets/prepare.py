"""Clean images of one split of a data set: `python -m datasets.prepare mnist --split test --output test.npy`."""

import argparse
import importlib
from pathlib import Path

import datasets
import store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m datasets.prepare", description=__doc__)
    parser.add_argument("dataset", choices=datasets.SHAPES)
    parser.add_argument("--split", choices=["train", "validation", "test"], required=True)
    parser.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="where data sets lie or are downloaded to (%(default)s)"
    )
    parser.add_argument("--output", type=Path, required=True, help="uint8 .npy of [N, H, W, C]")
    args = parser.parse_args()
    with store.clear_errors():
        images = importlib.import_module(f"datasets.{args.dataset}").load(args.split, args.data_dir)
        store.save_array(args.output, images)
    print(f"{args.output}: {len(images)} images of {'×'.join(map(str, images.shape[1:]))}")


if __name__ == "__main__":
    main()
