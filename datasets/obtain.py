"""Download a data set that a run does not download by itself: `python -m datasets.obtain celeba --data-dir data`."""

from pathlib import Path

import datasets
import store
from options import command_parser


def main() -> None:
    parser = command_parser("datasets.obtain", __doc__)
    parser.add_argument("dataset", choices=[name for name in datasets.names() if datasets.is_optional(name)])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where data sets lie (%(default)s)")
    args = parser.parse_args()
    with store.clear_errors():
        datasets.of(args.dataset).obtain(args.data_dir)
    print(f"{args.dataset} is in {args.data_dir}")


if __name__ == "__main__":
    main()
