"""Scores of several runs, machines or days → one folder of scores, from which every table and figure is made again.

    python -m reports.merge results --output reports/published/default
    python -m reports.merge monday/results tuesday/results --output results/merged

Each source is a folder of results, or what this command made. Of each it takes the scores of every image (compressed, four
significant digits, without probabilities of classes), the facts and losses of every training, and the facts and digests of the
measurements; what is in OUTPUT already stays. Nothing is written where two sources do not belong together: other measurements,
another protocol, or other values for the same run. Beside the scores of a run, `origin.json` says of each file of which commit
and day it is.
"""

import datetime
import io
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

import store
from options import command_parser
from reports import files

KINDS = {"scores": "*.csv", "models": "train.*", "measured": "*.json"}  # what is taken of each folder
ORIGIN = "origin.json"
DIGITS = "%.4g"  # of a score; its interval is a hundred times as wide or more
LEFT_OUT = ["probability", "probability_pasted"]  # no report reads them, and they are more than half of what digits.csv takes


def gathered(source: Path) -> Iterator[tuple[str, Path]]:
    """The files that are taken of a source: their names in OUTPUT, and where they lie."""
    for kind, pattern in KINDS.items():
        for path in sorted([*source.glob(f"{kind}/**/{pattern}"), *source.glob(f"{kind}/**/{pattern}.xz")]):
            name = path.relative_to(source).as_posix()
            yield (name if name.endswith((".json", ".xz")) else f"{name}.xz"), path


def packed(path: Path) -> bytes:
    """The bytes that are written for a file: the same values give the same bytes, whatever machine or day."""
    if path.suffix == ".json":
        return path.read_bytes()
    text = io.StringIO()
    files.read_csv(path).drop(columns=LEFT_OUT, errors="ignore").to_csv(text, index=False, float_format=DIGITS)
    return lzma.compress(text.getvalue().encode())


def one_set_of_measurements(sources: list[Path]) -> None:
    """Raises SystemExit where two sources measured a data set differently, or under different protocols."""
    known: dict[str, tuple[dict, Path]] = {}
    for source in sources:
        for path in sorted(source.glob("measured/**/*.json")):
            name, facts = path.relative_to(source).as_posix(), store.load_json(path)
            first, where = known.setdefault(name, (facts, path))
            for key in ("digests", "protocol"):
                if first.get(key, "sound") != facts.get(key, "sound"):
                    sys.exit(f"{path}: {key}: not as of {where}; their scores do not compare, merge them apart")
    protocols = {facts.get("protocol", "sound") for facts, _ in known.values()}
    if len(protocols) > 1:
        sys.exit(f"results of the protocols {' and '.join(sorted(protocols))} together; they do not compare, merge those of one")


def merged(sources: list[Path], replace: bool) -> dict[str, tuple[bytes, Path]]:
    """Every file of OUTPUT by its name, and where it is from; of two that differ the later where `replace`, else SystemExit."""
    one_set_of_measurements(sources)
    found: dict[str, tuple[bytes, Path]] = {}
    for source in sources:
        for name, path in gathered(source):
            content = packed(path)
            if name in found and found[name][0] == content:
                continue
            if name in found and not replace:
                sys.exit(f"{path}: has other values than {found[name][1]}; delete the one, or give --replace to take the later")
            found[name] = content, path
    return found


def origins(found: dict[str, tuple[bytes, Path]], of_results: dict[str, str] | None = None) -> dict[str, dict]:
    """The files ORIGIN by their names: commit and day of the scores beside it, as known where they are from, or `of_results`."""
    made: dict[str, dict] = {}
    for name, (_, path) in found.items():
        if name.startswith("scores/"):
            beside = path.with_name(ORIGIN)
            known = store.load_json(beside) if beside.exists() else {}
            folder, _, file = name.rpartition("/")
            if origin := known.get(file, of_results):
                made.setdefault(f"{folder}/{ORIGIN}", {})[file] = origin
    return made


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.merge", __doc__)
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="DIR", help="folders of results, or of merged scores")
    add("--output", type=Path, required=True, metavar="DIR", help="the folder of merged scores; what is in it already stays")
    add("--replace", action="store_true", help="where values differ, take those of the later source")
    add("--commit", default="unknown", help="the version of the code that made them, as `git describe` says it")
    add("--date", default=datetime.date.today().isoformat(), help="the day of the results (default: today)")
    given = parser.parse_args(arguments)
    with store.clear_errors():
        for source in given.sources:
            if not any(gathered(source)):
                sys.exit(
                    f"{source}: holds no scores; give a folder of results" if source.is_dir() else f"{source}: no such folder"
                )
        found = merged([*([given.output] if given.output.is_dir() else []), *given.sources], given.replace)
        of_each = origins(found, {"commit": given.commit, "date": given.date})
        added = 0
        for name, (content, _) in found.items():
            path = given.output / name
            if not path.exists() or path.read_bytes() != content:
                with store.replacing(path) as partial:
                    partial.write_bytes(content)
                added += 1
        for name, known in of_each.items():
            store.save_json(given.output / name, known)
        size = sum(len(content) for content, _ in found.values()) / 2**20
        print(f"{given.output}: {added} files added, {len(found)} in all, {size:.1f} MiB")


if __name__ == "__main__":
    main()
