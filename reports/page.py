"""Tables and figures → one page, index.html, that holds everything it shows and needs no network.

Each data set is given as name=DIR, the folder into which `reports.table` wrote its tables and the figure programs
restorations.* and mse_time.*; the page links to the files in it. Of those named after --posterior it shows posterior.* too. For a
data set whose files were not available the page states why.
"""

import argparse
import base64
import datetime
import json
import os
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import store
from reports import captions, files, posterior_table, shown, tables

LINKS = ["table.csv", "table.md", "table.tex", "details.md", "details.tex", "differences.csv", "differences.md",
         "differences.tex", "seeds.csv", "seeds.md", "seeds.tex", "methods.csv", "training.csv",
         "restorations.png", "restorations.pdf", "mse_time.png", "mse_time.pdf", "mse_time.json"]  # fmt: skip
LEARNING = ["learning.png", "learning.pdf", "learning.csv"]
POSTERIOR = ["posterior.csv", "posterior.md", "posterior.tex", "posterior_details.md", "posterior_details.tex",
             "posterior.png", "posterior.pdf", "posterior_calibration.png", "posterior_calibration.pdf"]  # fmt: skip


def data_uri(path: Path) -> str:
    """A picture as text, so that the page is one file."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def must_have(folder: Path, names: list[str]) -> None:
    """Raises SystemExit where one of the files is not in the folder."""
    for name in names:
        if not (folder / name).is_file():
            sys.exit(f"{folder / name}: no such file; run the step that makes it (`snakemake {folder / name}`)")


def links_to(names: list[str], folder: Path, beside: Path) -> dict[str, str]:
    """How files of a folder are reached from the page's folder, `beside`."""
    return {name: Path(os.path.relpath(folder / name, beside)).as_posix() for name in names}


def figure_alone(name: str, folder: Path, beside: Path, facts: dict) -> dict:
    """What page.html shows of a data set of which nothing is scored."""
    must_have(folder, ["restorations.png", "restorations.pdf"])
    return {
        "name": name,
        "protocol": facts["protocol"],
        "tables": {},
        "figures": {"restorations": (data_uri(folder / "restorations.png"), facts["caption"])},
        "links": links_to([*facts["files"], "restorations.png", "restorations.pdf"], folder, beside),
    }


def chapter(name: str, folder: Path, beside: Path, sampled: bool, learned: bool) -> dict:
    """All that page.html shows of one data set; `beside` is the folder of the page, from which its links lead.

    `sampled`: whether some method has posterior samples. `learned`: whether some method learns.
    """
    must_have(folder, ["restorations.json"])
    pictured = store.load_json(folder / "restorations.json")
    if "caption" in pictured:  # whose figure brings its own caption is not scored
        return figure_alone(name, folder, beside, pictured)
    links = LINKS + POSTERIOR * sampled + LEARNING * learned
    must_have(folder, [*links, "notes.json", *["posterior.json"] * sampled, *["learning.json"] * learned])
    frames = ("table", "methods", "differences", "seeds", "training")
    values, methods, differences, seeds, training = (files.read_csv(folder / f"{frame}.csv") for frame in frames)
    timed = store.load_json(folder / "mse_time.json")
    protocol = files.one_protocol([shown.protocol_of(values), *(facts.get("protocol", "sound") for facts in (pictured, timed))])
    notes = store.load_json(folder / "notes.json")
    grids, figures = {}, {}
    if sampled:
        samples, seen = files.read_csv(folder / "posterior.csv"), store.load_json(folder / "posterior.json")
        grids["posterior"] = (posterior_table.posterior_table(samples, methods), captions.posterior_caption(samples))
        grids["posterior_details"] = (posterior_table.details(samples, methods), captions.posterior_details_caption(samples))
        figures["posterior"] = (data_uri(folder / "posterior.png"), captions.caption("posterior_figure", protocol, **seen))
        drawn = data_uri(folder / "posterior_calibration.png"), captions.caption("posterior_calibration", protocol)
        figures["posterior_calibration"] = drawn
    if learned:
        curves = store.load_json(folder / "learning.json")
        figures["learning"] = (data_uri(folder / "learning.png"), captions.learning_caption(curves, protocol))
    return {
        "name": name,
        "protocol": protocol,
        "tables": grids
        | {
            "table": (tables.main_table(values, methods), captions.table_caption(values, methods, notes["table"])),
            "details": (tables.details(values, methods), captions.details_caption(values)),
            "differences": (tables.differences(values, methods, differences), captions.differences_caption(values, methods)),
            "seeds": (tables.seeds_table(values, methods, seeds), captions.caption("seeds", protocol)),
            "training": (tables.training_table(training), captions.caption("training", protocol)),
        },
        "figures": figures
        | {
            "restorations": (data_uri(folder / "restorations.png"), captions.caption("restorations", **pictured)),
            "mse_time": (data_uri(folder / "mse_time.png"), captions.caption("mse_time", **timed)),
        },
        "trained": len(training) > 0,
        "speedups": {files.title(at, {}): speed["says"] for at, speed in timed["speedups"].items()},
        "links": links_to(links, folder, beside),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reports.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--datasets", nargs="+", type=files.pair, required=True, metavar="NAME=DIR", help="the data sets, in order")
    add("--posterior", nargs="*", default=[], metavar="NAME", help="the data sets with posterior samples of some method")
    add("--learning", nargs="*", default=[], metavar="NAME", help="the data sets on which some method learns, with its curves")
    add("--missing", type=json.loads, default={}, metavar="JSON", help="{data set: why it is absent} of those that are left out")
    add("--config", type=Path, required=True, metavar="YAML", help="the configuration of the run, shown as it is")
    add("--commit", default="unknown", help="the version of the code, as `git describe` says it")
    add("--date", default=datetime.date.today().isoformat(), help="the day of the report (default: today)")
    add("--output", type=Path, required=True, metavar="HTML", help="path of the page")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        folder = Path(__file__).parent
        if not given.config.is_file():
            sys.exit(f"{given.config}: no such file; give the configuration of the run after --config")
        blocks = {"trim_blocks": True, "lstrip_blocks": True}
        pages = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, **blocks)
        chapters = [
            chapter(name, path, given.output.parent, name in given.posterior, name in given.learning)
            for name, path in given.datasets
        ]
        protocol = files.one_protocol(made["protocol"] for made in chapters)
        scored = any(made["tables"] for made in chapters)  # of one's own pictures nothing is
        html = pages.get_template("page.html").render(
            introduction=captions.text("introduction" if scored else "introduction_pictures", protocol),
            protocol=protocol,
            protocol_says=captions.protocol_text(protocol) if scored else "",
            chapters=chapters,
            missing=given.missing,
            config=given.config.read_text(),
            commit=given.commit,
            date=given.date,
        )
        files.write(given.output, html)


if __name__ == "__main__":
    main()
