"""Tables and figures → one page, index.html, that holds everything it shows and needs no network.

Each data set is given as name=DIR, the folder into which `reports.table` wrote its tables and the figure programs their figures;
the page links to the files in it. Of those named after --posterior it shows posterior.* too, of those after --learning
learning.* and losses.*. For a data set whose files were not available the page states why. With JavaScript its tables are sorted
and their rows hidden, figures enlarged, and images browsed where browser.json is in the folder; without, all else is the same.
"""

import datetime
import json
import sys
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import store
from options import command_parser
from reports import captions, files
from reports.chapter import chapter, sections
from reports.cite import how_to_cite


def note_of(config: str) -> str:
    """What a configuration says above its results; "" where it says nothing."""
    said = yaml.safe_load(config)
    return str(said.get("note") or "") if isinstance(said, dict) else ""


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.page", __doc__)
    add = parser.add_argument
    add("--datasets", nargs="+", type=files.pair, required=True, metavar="NAME=DIR", help="the data sets, in order")
    add("--posterior", nargs="*", default=[], metavar="NAME", help="the data sets with posterior samples of some method")
    add("--learning", nargs="*", default=[], metavar="NAME", help="the data sets on which some method learns, with its curves")
    add("--missing", type=json.loads, default={}, metavar="JSON", help="{data set: why it is absent} of those that are left out")
    add("--scores", type=Path, metavar="DIR", help="the folder of scores, for links to those of each image")
    add("--partial", action="store_true", help="leave out what is not there, and say that this is a report so far")
    add("--failed", type=Path, metavar="JSON", help="the jobs that failed (config/failures.py), to be marked so")
    add("--config", type=Path, required=True, metavar="YAML", help="the run's configuration, shown as it is, its note on top")
    add("--commit", default="unknown", help="the version of the code, as `git describe` says it")
    add("--date", default=datetime.date.today().isoformat(), help="the day of the report (default: today)")
    add("--output", type=Path, required=True, metavar="HTML", help="path of the page")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        folder = Path(__file__).parent
        if not given.config.is_file():
            sys.exit(f"{given.config}: no such file; give the configuration of the run after --config")
        failed = store.load_json(given.failed, ["failed"])["failed"] if given.failed else []
        chapters = [
            chapter(
                name,
                path,
                given.output.parent,
                name in given.posterior,
                name in given.learning,
                given.scores and given.scores / name,
                given.partial,
                failed,
            )
            for name, path in given.datasets
        ]
        chapters = [made | {"sections": sections(made)} for made in chapters]
        protocol = files.one_protocol([made["protocol"] for made in chapters if made["protocol"]] or ["sound"])
        blocks = {"trim_blocks": True, "lstrip_blocks": True}
        pages = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, **blocks)
        config = given.config.read_text(encoding="utf-8")
        scored = given.partial or any(made["tables"] for made in chapters)
        introduction = captions.text("introduction_pictures")
        if scored:
            introduction = captions.introduction(protocol, any(made["bound"] for made in chapters))
        html = pages.get_template("page.html").render(
            introduction=introduction,
            note=note_of(config),
            partial=given.partial,
            protocol=protocol,
            protocol_says=captions.protocol_text(protocol) if scored else "",
            chapters=chapters,
            missing=given.missing,
            config=config,
            cite=how_to_cite(),
            commit=given.commit,
            date=given.date,
            css=(folder / "page.css").read_text(encoding="utf-8"),
            script=(folder / "page.js").read_text(encoding="utf-8"),
        )
        files.write(given.output, html)


if __name__ == "__main__":
    main()
