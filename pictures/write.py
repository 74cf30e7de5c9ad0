"""Restored tiles → the pictures that they were cut from: a file of each by every method, and a figure of the first few.

For pictures without clean originals (pictures/measure.py). Writes OUTPUT/restored/MEASUREMENT/METHOD/NAME (pictures/save.py),
OUTPUT/restorations.png, .pdf and .json (its caption, and what lies beside it), and OUTPUT/summary.txt.
"""

import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import store
from datasets import picture_ranges as ranges
from datasets.picture_pages import Page
from measurements.forward import ForwardModel, from_facts
from options import COUNT
from options import parser_of as value_of
from pictures import corruption, figure, save, tiles
from pictures.measure import ranges_said
from pictures.read import Picture, pictures
from reports import files
from reports.restorations import parser_of

CAPTION = Path(__file__).with_name("caption.md")


def opened(path: Path, about: list[dict]) -> np.ndarray:
    """The tiles of all pictures, memory-mapped. Raises SystemExit where a file holds others."""
    held = store.load_array(path)
    count = sum(tiles.count(each["height"], each["width"]) for each in about)
    if held.ndim != 4 or len(held) != count:
        sys.exit(f"{path}: holds {held.shape}, not the {count} tiles of the pictures; delete it and run again")
    return held


def tile_rows(held: np.ndarray, about: list[dict], number: int) -> Iterator[np.ndarray]:
    """The rows of tiles of one of the pictures that an array holds."""
    start = sum(tiles.count(each["height"], each["width"]) for each in about[:number])
    across = len(tiles.starts(about[number]["width"]))
    for _ in tiles.starts(about[number]["height"]):
        yield held[start : start + across].astype(np.float32)
        store.let_go(held)
        start += across


def originals(folder: Path, forward: ForwardModel, about: list[dict]) -> Iterator[Picture]:
    """The pictures that were measured. Raises SystemExit where one is no longer the same."""
    names = list(dict.fromkeys(facts["name"] for facts in about))
    for picture, facts in zip(pictures(folder, forward.has_mask, names), about, strict=False):
        if (picture.name, *picture.page.values.shape) != tuple(facts[key] for key in ("name", "height", "width", "channels")):
            sys.exit(f"{folder / picture.name}: has changed since it was measured; run again")
        yield picture


def restored_pages(folder: Path, forward: ForwardModel, about: list[dict], path: Path) -> Iterator[Page]:
    """Every page as a method restored it, in the numbers that it came in; one at a time is in memory."""
    held = opened(path, about)
    for number, (picture, facts) in enumerate(zip(originals(folder, forward, about), about, strict=True)):
        strips = tiles.joined(tile_rows(held, about, number), facts["height"], facts["width"])
        yield picture.page._replace(values=ranges.restored(picture.page.values, strips, span_of(facts)))


def span_of(facts: dict) -> tuple[float, float]:
    return facts["black"], facts["white"]


def main(arguments: list[str] | None = None) -> None:
    parser = parser_of("pictures.write", __doc__)
    add = parser.add_argument
    add("--pictures", type=Path, required=True, help="the folder of corrupted pictures")
    add("--images", type=value_of("images", COUNT), default=4,
        help="how many pictures the figure shows, from the first on (default: %(default)s)")  # fmt: skip
    add("--output", type=Path, required=True, metavar="DIR", help="folder of all of it")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        restored = files.by_measurement("--restored", given.restored, [at for at, _ in given.measured], given.order, "--order")
        panels, described, warnings = {}, [], {}
        shutil.rmtree(given.output / "restored", ignore_errors=True)
        for measurement, path in given.measured:
            facts = store.describe(path)
            files.restored_from(path, restored[measurement].values())
            about, forward, heading = facts["pictures"], from_facts(facts), files.title(measurement, {})
            described.append(f"{heading}: {corruption.described(facts['estimated'], forward)}")
            warnings |= dict.fromkeys(f"Warning: {each}." for each in facts["estimated"]["warnings"])
            first = zip(originals(given.pictures, forward, about[: given.images]), about, strict=False)
            columns = [("measured", [figure.measured(each, forward, span_of(of)) for each, of in first])]
            for method, estimates in restored[measurement].items():
                shown: list[np.ndarray] = []
                pages = restored_pages(given.pictures, forward, about, estimates)
                write_files(given.output / "restored" / measurement / method, pages, about, shown, given.images)
                columns.append((files.title(method, given.titles), shown))
            panels[heading] = columns
        files.save_figure(figure.draw(panels), given.output / "restorations")
        counts = {"shown": min(given.images, len(about)), "pictures": len(about)}
        left = [f"Passed over, for reasons in summary.txt: {', '.join(facts['passed_over'])}."] * bool(facts["passed_over"])
        said = " ".join([*described, *warnings, ranges_said(about), *left])
        caption = " ".join(CAPTION.read_text(encoding="utf-8").split()).format(**counts, corruption=said)
        beside = {"dataset": given.dataset, "protocol": facts["protocol"], **counts, "caption": caption, "files": ["restored"]}
        store.save_json(given.output / "restorations.json", beside)
        over = [f"{given.pictures / name}: passed over, as {reason}" for name, reason in facts["passed_over"].items()]
        folders = [f"  {given.output / 'restored' / name}" for name, _ in given.restored]
        lines = [*described, *warnings, *over, f"{len(about)} pictures restored, by each method in a folder:", *folders]
        files.write(given.output / "summary.txt", "\n".join(lines) + "\n")


def write_files(folder: Path, pages: Iterator[Page], about: list[dict], shown: list[np.ndarray], most: int) -> None:
    """A file of each picture's pages; what the figure shows of the first `most` pages goes to `shown`."""

    def watched(count: int, about: list[dict]) -> Iterator[Page]:
        for page, facts in zip(islice(pages, count), about, strict=True):
            if len(shown) < most:
                shown.append(figure.small(ranges.scaled(figure.cut(page.values), span_of(facts))))
            yield page

    heads = [number for number, each in enumerate(about) if each["page"] == 0]
    names = save.names([(about[head]["name"], about[head]["pages"], about[head]["type"]) for head in heads])
    for head, name in zip(heads, names, strict=True):
        of = about[head : head + about[head]["pages"]]
        size = sum(each["height"] * each["width"] * (each["channels"] + 1) * np.dtype(each["type"]).itemsize for each in of)
        save.save(folder / name, watched(len(of), of), size)


if __name__ == "__main__":
    main()
