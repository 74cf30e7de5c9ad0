"""Clean images of one split of a data set: `python -m datasets.prepare mnist --split test --output test.npy`.

With `--labels` the class of each image instead, with `--images` the first ones alone.
"""

from pathlib import Path

import datasets
import store
from options import COUNT, command_parser, parser_of


def main() -> None:
    parser = command_parser("datasets.prepare", __doc__)
    parser.add_argument("dataset", choices=datasets.with_clean())
    parser.add_argument("--split", choices=["train", "validation", "test"], required=True)
    parser.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="where data sets lie or are downloaded to (%(default)s)"
    )
    parser.add_argument("--labels", action="store_true", help="write the classes of the images instead")
    count = {"type": parser_of("images", COUNT), "metavar": "N"}
    parser.add_argument("--images", **count, help="the first N images of the split, or all where it has no more (default: all)")
    parser.add_argument("--output", type=Path, required=True, help="uint8 .npy of [N, H, W, C], of labels [N]")
    args = parser.parse_args()
    if args.labels and not datasets.classes(args.dataset):
        known = ", ".join(name for name in datasets.names() if datasets.classes(name))
        parser.error(f"{args.dataset} has no labels; there are some for {known}")
    with store.clear_errors():
        module = datasets.of(args.dataset)
        values = (module.labels if args.labels else module.load)(args.split, args.data_dir)[: args.images]
        store.save_array(args.output, values)
    what = "labels" if args.labels else f"images of {'×'.join(map(str, values.shape[1:]))}"
    print(f"{args.output}: {len(values)} {what}")


if __name__ == "__main__":
    main()
