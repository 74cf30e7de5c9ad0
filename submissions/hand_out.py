"""What a method elsewhere needs: `python -m submissions.hand_out --measured results/measured/mnist5k/add_noise --output …`.

Copies the measurements and the side information of the training and the test split with their facts, and beside them the loader
and how to hand in. The files are those that are scored, with the same digests, which are checked. No clean image is among them.
"""

import shutil
from pathlib import Path

import store
from measurements import files
from options import command_parser

SPLITS = ("train", "test")
FILES = [f"{split}.{name}" for split in SPLITS for name in ("y.npy", "side_info.npy", "json")]
BESIDE = ("README.md", "loader.py")  # of this folder


def hand_out(measured: Path, output: Path) -> None:
    """Copy the files of a forward model. Raises SystemExit where they are not what their facts say."""
    files.check(measured / name for name in FILES)
    for name in FILES:
        with store.replacing(output / name) as partial:
            shutil.copyfile(measured / name, partial)
    for name in BESIDE:
        with store.replacing(output / name) as partial:
            shutil.copyfile(Path(__file__).with_name(name), partial)


def main() -> None:
    parser = command_parser("submissions.hand_out", __doc__)
    add = parser.add_argument
    add("--measured", type=Path, required=True, help="the folder of a forward model's measurements, results/measured/…/…")
    add("--output", type=Path, required=True, help="the folder to write to")
    args = parser.parse_args()
    with store.clear_errors():
        hand_out(args.measured, args.output)


if __name__ == "__main__":
    main()
