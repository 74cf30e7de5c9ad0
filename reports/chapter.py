"""What the page shows of one data set: its tables, its figures as text, the links to its files, what the browser needs.

A data set's folder is the one into which `reports.table` and the figure programs wrote. Where
`partial`, what is not there is left out; else it is an error that names it.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import store
from reports import captions, files, front, posterior_table, shown, tables
from reports.layout import Cell, Grid, Section

FRAMES = ["table.csv", "methods.csv", "differences.csv", "seeds.csv", "training.csv"]
TABLES = ["table.md", "table.tex", "details.md", "details.tex", "differences.md", "differences.tex", "seeds.md", "seeds.tex"]
RESTORATIONS = ["restorations.png", "restorations.pdf"]
MSE_TIME = ["mse_time.png", "mse_time.pdf", "mse_time.json"]
PARETO = ["pareto.png", "pareto.pdf", "pareto.json", "pareto.csv", "pareto.md", "pareto.tex"]
LEARNING = ["learning.png", "learning.pdf", "learning.csv"]
LOSSES = ["losses.png", "losses.pdf"]
POSTERIOR = ["posterior.csv", "posterior.md", "posterior.tex", "posterior_details.md", "posterior_details.tex",
             "posterior.png", "posterior.pdf", "posterior_calibration.png", "posterior_calibration.pdf"]  # fmt: skip
SECTIONS = {  # of a data set on the page, in order: its headings, and the links that lead there
    "quality": "Quality of the restored images",
    "restorations": "Restorations",
    "browser": "Image by image",
    "time": "Error against time",
    "details": "Details",
    "differences": "Differences and ranks",
    "seeds": "Seeds",
    "posterior": "Posterior samples",
    "training": "Training",
    "scores": "Scores of each image",
}
NOTHING = {"tables": {}, "figures": {}, "links": {}, "scores": {}, "speedups": {}, "browser": ""}
NOTHING |= {"trained": False, "bound": False, "failed": []}
DOTS = 180  # an inch of a figure (reports/files.py); its smallest letters, 8 points, are DOTS / 9 high
LEAST, MOST = 11, 13  # pixels: the height of the smallest letters on the page


class Picture(NamedTuple):
    """A figure on the page."""

    uri: str
    caption: str
    least: int  # pixels: below this width its letters are too small
    most: int  # and above this one larger than anything around them


def picture(path: Path, caption: str) -> Picture:
    """A PNG as text, so that the page is one file."""
    data = path.read_bytes()
    width = int.from_bytes(data[16:20])  # as every PNG states it
    return Picture(
        "data:image/png;base64," + base64.b64encode(data).decode(), caption, width * LEAST * 9 // DOTS, width * MOST * 9 // DOTS
    )


def must_have(folder: Path, names: list[str]) -> None:
    """Raises SystemExit where one of the files is not in the folder."""
    for name in names:
        if not (folder / name).is_file():
            sys.exit(f"{folder / name}: no such file; run the step that makes it (`{store.making(folder / name)}`)")


def links_to(names: list[str], folder: Path, beside: Path) -> dict[str, str]:
    """How files of a folder are reached from the page's folder, `beside`."""
    return {name: Path(os.path.relpath(folder / name, beside)).as_posix() for name in names}


def score_links(values: pd.DataFrame, methods: pd.DataFrame, scores: Path, beside: Path) -> dict[str, dict[str, str]]:
    """{method's title: {"drop patch, seed 0, quality.csv": link}} of the scores of each image, below the folder `scores`."""
    titles, found = dict(zip(methods["method"], methods["title"], strict=True)), {}
    for method, measurement in values[["method", "measurement"]].drop_duplicates().itertuples(index=False):
        folder = scores / measurement / method
        for path in sorted(folder.rglob("*.csv")):
            seed = path.parent.relative_to(folder).as_posix()
            label = ", ".join([files.title(measurement, {}), *([f"seed {seed}"] if seed != "." else []), path.name])
            found.setdefault(titles[method], {})[label] = links_to([path.name], path.parent, beside)[path.name]
    return found


def with_failed(grid: Grid, failed: list[dict], values: pd.DataFrame) -> Grid:
    """The main table with a row for each method that failed and has no scores, marked where."""
    scored = set(values[["method", "measurement"]].itertuples(index=False, name=None))
    where: dict[str, set[str]] = {}
    for each in failed:
        if each["method"] and (each["method"], each["measurement"]) not in scored:  # all are listed above the table
            where.setdefault(each["title"], set()).add(files.title(each["measurement"], {}))
    rows = [(title, [Cell("failed" if column.group in at else "") for column in grid.columns]) for title, at in where.items()]
    added = [Section("failed in this run, on the measurements marked so", rows)] if rows else []
    return grid._replace(sections=[*grid.sections, *added])


def alone(name: str, folder: Path, beside: Path, facts: dict) -> dict:
    """A data set of which nothing is scored: its figure brings its own caption."""
    must_have(folder, RESTORATIONS)
    return NOTHING | {
        "name": name,
        "protocol": facts["protocol"],
        "figures": {"restorations": picture(folder / "restorations.png", facts["caption"])},
        "links": links_to([*facts["files"], *RESTORATIONS], folder, beside),
    }


def sections(made: dict) -> dict[str, str]:
    """{part of an address: heading} of those sections that a data set has."""
    tables, figures = made["tables"], made["figures"]
    there = {
        "quality": tables,
        "restorations": "restorations" in figures,
        "browser": made["browser"],
        "time": "pareto" in figures or "mse_time" in figures,
        "details": tables,
        "differences": tables,
        "seeds": tables and tables["seeds"][0].sections,
        "posterior": "posterior" in tables,
        "training": made["trained"],
        "scores": made["scores"],
    }
    return {name: title for name, title in SECTIONS.items() if there[name]}


def chapter(
    name: str, folder: Path, beside: Path, posterior=False, learning=False, scores: Path | None = None, partial=False, failed=()
) -> dict:
    """All that page.html shows of one data set; `beside` is the folder of the page, from which its links lead.

    `posterior`: whether some method has posterior samples. `learning`: whether some method learns. `scores`: the folder of the
    data set's scores, for links to them. `failed`: jobs of this data set that failed (config/failures.py).
    """
    failed = [each for each in failed if each["dataset"] == name]
    parts = {"restorations": RESTORATIONS, "pareto": PARETO, "mse_time": MSE_TIME, "learning": LEARNING, "losses": LOSSES}
    parts |= {"posterior": POSTERIOR}
    asked = dict.fromkeys(("restorations", "pareto", "mse_time"), True)
    asked |= {"learning": learning, "losses": learning, "posterior": posterior}
    if partial and not (folder / "table.csv").is_file():
        return NOTHING | {"name": name, "protocol": None, "failed": failed}
    facts_of = {part: folder / f"{part}.json" for part, wanted in asked.items() if wanted}
    if partial:
        facts_of = {part: path for part, path in facts_of.items() if path.is_file()}
    else:
        must_have(folder, ["restorations.json"])
        if "caption" in (facts := store.load_json(folder / "restorations.json")):
            return alone(name, folder, beside, facts)
    links = [*FRAMES, *TABLES, *(file for part in facts_of for file in parts[part])]
    must_have(folder, [*links, "notes.json", *(path.name for path in facts_of.values())])
    values, methods, differences, seeds, training = (files.read_csv(folder / frame) for frame in FRAMES)
    facts = {part: store.load_json(path) for part, path in facts_of.items()}
    stated = (facts[part].get("protocol", "sound") for part in ("restorations", "pareto", "mse_time") if part in facts)
    protocol = files.one_protocol([shown.protocol_of(values), *stated])
    said = {
        "restorations": lambda facts: captions.caption("restorations", **facts),
        "pareto": captions.pareto_caption,
        "mse_time": captions.mse_time_caption,
        "learning": lambda facts: captions.learning_caption(facts, protocol),
        "losses": lambda facts: captions.caption("losses", protocol),
        "posterior": lambda facts: captions.caption("posterior_figure", protocol, **facts),
    }
    main = tables.main_table(values, methods)
    grids = {
        "table": (
            with_failed(main, failed, values),
            captions.table_caption(values, methods, store.load_json(folder / "notes.json")["table"]),
        ),
        "details": (tables.details(values, methods), captions.details_caption(values)),
        "differences": (tables.differences(values, methods, differences), captions.differences_caption(values, methods)),
        "seeds": (tables.seeds_table(values, methods, seeds), captions.caption("seeds", protocol)),
        "training": (tables.training_table(training), captions.caption("training", protocol)),
    }
    if "pareto" in facts:
        times = files.read_csv(folder / "pareto.csv").fillna({"setting": "", "search_setting": ""})
        below = captions.pareto_table_caption(facts["pareto"], front.searched_for(times))
        grids["pareto"] = front.grid(times, facts["pareto"]["search"]), below
    if "posterior" in facts:
        samples = files.read_csv(folder / "posterior.csv")
        grids["posterior"] = posterior_table.posterior_table(samples, methods), captions.posterior_caption(samples)
        grids["posterior_details"] = posterior_table.details(samples, methods), captions.posterior_details_caption(samples)
    figures = {part: picture(folder / f"{part}.png", said[part](facts[part])) for part in facts}
    if "posterior" in facts:
        said_below = captions.caption("posterior_calibration", protocol)
        figures["posterior_calibration"] = picture(folder / "posterior_calibration.png", said_below)
    browser = folder / "browser.json"
    return {
        "name": name,
        "protocol": protocol,
        "tables": grids,
        "figures": figures,
        "trained": len(training) > 0,
        "bound": "train" in set(methods["clean"]),
        "speedups": {files.title(at, {}): each["says"] for at, each in facts.get("mse_time", {}).get("speedups", {}).items()},
        "links": links_to(links, folder, beside),
        "scores": score_links(values, methods, scores, beside) if scores else {},
        "browser": in_script(store.load_json(browser)) if browser.is_file() else "",
        "browser_says": captions.text("browser"),
        "failed": failed,
    }


def in_script(value) -> str:
    """JSON as it may stand in an HTML element `script`, which no text in it can close."""
    return json.dumps(value).replace("<", "\\u003c")
