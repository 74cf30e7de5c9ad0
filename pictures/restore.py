"""Restore pictures with a trained model, without training again: `python -m pictures.restore --model model.pt IN OUT`.

IN is a picture or a folder of them, corrupted as those that the model was trained on; where values are lost, a picture tells
which as in training (pictures/measure.py). OUT is a folder; nothing in it is overwritten without --force. Of each picture there
will be the restored one, of the depth, profile, resolution and pages that it came with.

With --samples K there are also K posterior samples, a_sample_1.png and so on of a.png, and a.png.sd.tif, the standard deviation
of each value over them, in the units of the file's values. In a sample each pixel is of one tile, in which it is farthest from an
edge, so that edges of tiles may show: a mean of two independent samples would vary less than either.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import store
from bench import machine
from datasets import picture_ranges as ranges
from datasets.picture_pages import Page
from options import COUNT, SEED, THREADS, command_parser, parser_of
from pictures import save, tiles, trained
from pictures.corruption import FAR_OFF, described
from pictures.measure import measured, ranges_said, survey
from pictures.read import KINDS, Picture, pictures
from pictures.trained import Trained


def restored(model: Trained, picture: Picture, span: tuple[float, float]) -> Page:
    """A page with the values that the model gives it."""
    height, width, _ = picture.page.values.shape
    side = model.shape[0]
    strips = tiles.joined(model.estimates(measured(picture, model.forward, span, side)), height, width, side)
    return picture.page._replace(values=ranges.restored(picture.page.values, strips, span))


def sampled(model: Trained, picture: Picture, span: tuple[float, float], count: int) -> list[Page]:
    """K samples of a page, and the standard deviation of its values over them."""
    height, width, channels = picture.page.values.shape
    side, spread, top = model.shape[0], [], 0
    parts: list[list[np.ndarray]] = [[] for _ in range(count)]
    for strip in tiles.nearest(model.samples(measured(picture, model.forward, span, side), count), height, width, side):
        each = strip.reshape(*strip.shape[:2], count, channels)
        spread.append(each.std(axis=2, ddof=1 if count > 1 else 0) * np.float32(span[1] - span[0]))
        rows = picture.page.values[top : top + len(strip)]
        for number in range(count):
            parts[number].append(ranges.restored(rows, [each[:, :, number]], span))
        top += len(strip)
    values = [np.concatenate(part) for part in parts]
    deviation = picture.page._replace(values=np.concatenate(spread).astype(np.float32), alpha=None, white=None, icc=None)
    return [*(picture.page._replace(values=each) for each in values), deviation]


def warned(model: Trained, found: dict, family: str | None, sigma: float | None) -> list[str]:
    """What differs between the pictures and those that the model was trained on, each a sentence."""
    facts, said = model.facts, []
    if family and family != facts["family"]:
        said.append(f"the model was trained on {facts['family']}, not on {family}; what it gives may mean little")
    if sigma is not None and abs(sigma - model.forward.sigma) > FAR_OFF * sigma:
        said.append(f"the model was trained with σ = {model.forward.sigma:g}, not {sigma:g}; train one with the right σ")
    if "pictures" not in facts:
        said.append(f"the model was trained on images of {facts['dataset']}, not on pictures of one's own")
    before, now = facts.get("estimated", {}).get("lost", getattr(model.forward, "p", None)), found["estimated"].get("lost")
    if before is not None and now is not None and abs(now - before) > FAR_OFF:
        said.append(f"{now:.0%} of the pixels are lost, and {before:.0%} were where the model was trained")
    return said + found["estimated"]["warnings"]


def targets(folder: Path, name: str, count: int) -> list[Path]:
    """The file of a restored picture, and with samples those of each and of their standard deviation."""
    stem, end = Path(name).stem, Path(name).suffix
    numbered = [f"{stem}_sample_{number}{end}" for number in range(1, count + 1)]
    return [folder / each for each in [name, *numbered, *[f"{name}.sd.tif"] * bool(count)]]


def write(model: Trained, pages: Iterator[Picture], about: list[dict], files: list[Path], count: int) -> None:
    """The files of one picture, whose pages `about` describes."""
    made: list[list[Page]] = []
    for picture, facts in zip(pages, about, strict=True):
        span = facts["black"], facts["white"]
        made.append([restored(model, picture, span), *(sampled(model, picture, span, count) if count else [])])
    for path, kind in zip(files, zip(*made, strict=True), strict=True):
        save.save(path, kind, sum(page.values.nbytes + (page.alpha is not None) * page.values.nbytes for page in kind))
        print(path, flush=True)


def check_room(folder: Path, into: Path, files: list[Path], force: bool) -> None:
    """Raises SystemExit where a file would be overwritten that may not be, or two files have one name."""
    if twice := next((path for path in files if files.count(path) > 1), None):
        sys.exit(f"{twice}: would be of two pictures; rename that of {folder} which is called like a sample of another")
    if into.resolve() == folder.resolve():
        sys.exit(f"{into}: is the folder of the pictures themselves; choose another")
    if not force and (there := next((path for path in files if path.exists()), None)):
        sys.exit(f"{there}: exists; choose another folder, or overwrite with --force (FORCE=1 of make)")


def main() -> None:
    parser = command_parser("pictures.restore", __doc__)
    add = parser.add_argument
    add("given", type=Path, metavar="IN", help="a picture, or a folder of pictures")
    add("output", type=Path, metavar="OUT", help="the folder of the restored pictures")
    add("--model", type=Path, required=True, help="model.pt of a finished training, with train.json beside it")
    add("--family", help="the forward model that corrupted the pictures, if you know it: a word is said where it is another")
    add("--sigma", type=parser_of("sigma", {"type": "number", "minimum": 0}),
        help="the standard deviation of their noise on a scale from 0 to 1, if you know it: likewise")  # fmt: skip
    add("--samples", type=parser_of("samples", COUNT), default=0, metavar="K", help="write K posterior samples, too")
    add("--seed", type=parser_of("seed", SEED), default=0, help="seed of random numbers (%(default)s)")
    add("--threads", **THREADS)
    add("--force", action="store_true", help="overwrite what is in OUT")
    args = parser.parse_args()

    machine.limit_threads(args.threads)
    with store.clear_errors():
        model = trained.load(args.model, args.seed)
        if args.samples and not model.sample:
            sys.exit(f"{args.model}: {model.method} has no posterior samples; leave --samples out")
        alone = not args.given.is_dir()
        if alone and not args.given.is_file():
            sys.exit(f"{args.given}: no such picture or folder")
        folder, names = (args.given.parent, [args.given.name]) if alone else (args.given, None)
        side, channels = model.shape[0], model.shape[2]
        found = survey(folder, model.forward, names, side, model.spans)
        about = found["pictures"]
        if about[0]["channels"] != channels:
            sys.exit(f"{args.given}: is {KINDS[about[0]['channels']]}, and what the model was trained on was {KINDS[channels]}")
        heads = [number for number, each in enumerate(about) if each["page"] == 0]
        kept = save.names([(about[head]["name"], about[head]["pages"], about[head]["type"]) for head in heads])
        files = [targets(args.output, name, args.samples) for name in kept]
        check_room(folder, args.output, sum(files, []), args.force)
        if not alone:
            for name, reason in found["passed_over"].items():
                print(f"{folder / name}: passed over, as {reason}")
        for warning in warned(model, found, args.family, args.sigma):
            print(f"warning: {warning}", file=sys.stderr)
        print(f"{ranges_said(about)} {described(found['estimated'], model.forward, 'the model')}")
        pages = pictures(folder, model.forward.has_mask, names, side)
        for head, those in zip(heads, files, strict=True):
            count = about[head]["pages"]
            write(model, islice(pages, count), about[head : head + count], those, args.samples)


if __name__ == "__main__":
    main()
