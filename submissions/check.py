"""Check restorations that were made elsewhere, and store them as a method's own: `python -m submissions.check --restored …`.

A file `NAME.npy` of estimates has `NAME.json` beside it, with the digest of the measurements that were restored: `{"digest": …}`,
for which a copy of the `test.json` beside these serves. Nothing is trained or restored. What is stored is float16, as of any
method, and is scored by the same programs.
"""

import sys
from pathlib import Path

import numpy as np

import store
from bench import method_facts
from measurements import files
from options import command_parser, parser_of


def checked(restored: Path, y: Path, first_images: int | None = None) -> np.ndarray:
    """The estimates, float16 [N, H, W, C]. Raises SystemExit, in one line, where they are not those of the measurements `y`.

    They must be as many as the measurements, or `first_images`; of their shape, floating-point, finite and in [0, 1].
    """
    measured, digest, beside = files.load(y), store.describe(y)["digests"]["y"], restored.with_suffix(".json")
    if not beside.is_file():
        sys.exit(f"{beside}: no such file; copy the test.json of the measurements that were restored to it")
    if (stated := digest_of(store.load_json(beside))) != digest:
        said = f"holds the digest {stated}" if stated else "holds no digest"
        sys.exit(f"{beside}: {said}, and that of {y} is {digest}; restore these measurements (`{store.making('measurements')}`)")
    images = store.load_array(restored)
    shape = measured[:first_images].shape
    if images.shape[1:] != shape[1:]:
        sys.exit(f"{restored}: holds {list(images.shape)}, not images [N, H, W, C] = {list(shape)}")
    if len(images) != len(measured[:first_images]):
        remedy = "" if first_images else "; where only the first N are restored, state `restore: {first_images: N}`"
        sys.exit(f"{restored}: holds {len(images)} images, and {len(measured[:first_images])} are to be scored{remedy}")
    if images.dtype.kind != "f":
        sys.exit(f"{restored}: holds {images.dtype}; save floating-point values in [0, 1] (divide 8-bit ones by 255)")
    low, high = float(images.min()), float(images.max())  # not a number where one value is none
    if not 0 <= low <= high <= 1:
        sys.exit(f"{restored}: holds values from {low:.4g} to {high:.4g}; images are finite and in [0, 1], so clip or scale them")
    return images.astype(np.float16)


def digest_of(facts: dict) -> str | None:
    """That of y, as what is handed in states it, or as the facts of measurements do."""
    return facts.get("digest") or facts.get("digests", {}).get("y")


def main() -> None:
    parser = command_parser("submissions.check", __doc__)
    add, schema = parser.add_argument, method_facts.EVERY_RESTORATION["first_images"]
    add("--restored", type=Path, required=True, help="the estimates, floating-point .npy of [N, H, W, C]; .json beside it")
    add("--y", type=Path, required=True, help="the test measurements that they are of, .npy; their facts lie in .json beside it")
    add("--method", required=True, help="the row's name in the tables")
    add("--first-images", type=parser_of("first_images", schema), metavar="N", help="they are of the first N images alone")
    add("--output", type=Path, required=True, help="the estimates as they are scored, float16 .npy; facts in .json beside it")
    args = parser.parse_args()

    with store.clear_errors():
        images, facts = checked(args.restored, args.y, args.first_images), store.describe(args.y)
        record = {"method": args.method, "dataset": facts["dataset"], "measurement": facts["measurement"], "seed": None}
        record |= {"protocol": facts.get("protocol", "sound"), "digest": facts["digests"]["y"], "submitted": True}
        record |= {"first_images": len(images)} if len(images) < len(store.load_array(args.y)) else {}
        store.save_array(args.output, images)
        store.save_json(args.output.with_suffix(".json"), record)


if __name__ == "__main__":
    main()
