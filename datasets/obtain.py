"""Get a data set that a run goes on without: `python -m datasets.obtain celeba --output celeba.json`.

Writes whether it is there now and, if not, why and what to do: {"dataset": …, "available": …, "why": …}.
"""

import argparse
import importlib
from pathlib import Path

import datasets
import store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m datasets.obtain", description=__doc__)
    parser.add_argument("dataset", choices=sorted(datasets.OPTIONAL))
    parser.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="where data sets lie or are downloaded to (%(default)s)"
    )
    parser.add_argument("--output", type=Path, required=True, help="the .json")
    args = parser.parse_args()
    why = None
    try:
        importlib.import_module(f"datasets.{args.dataset}").obtain(args.data_dir)
    except SystemExit as error:
        why = str(error)
    with store.clear_errors():
        store.save_json(args.output, {"dataset": args.dataset, "available": why is None, "why": why})
    print(why or f"{args.dataset} is in {args.data_dir}")


if __name__ == "__main__":
    main()
