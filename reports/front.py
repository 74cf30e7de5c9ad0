"""Which rows no other beats in error and in time at once, and how long a search takes to the error of each.

The Pareto front is that of all estimates of the rows that compete, which are those without clean images (reports/facts.py). It is
drawn up for each measurement and each number of images at a time.
"""

import textwrap

import numpy as np
import pandas as pd

from reports import files, timing
from reports.facts import CONTROLS, device
from reports.layout import Cell, Column, Grid, Section

SEARCH = "acsg"  # the method whose time to the errors of the others is asked for
CURVE = ["measurement", "batch", "method", "setting"]


def on_front(time, mse) -> np.ndarray:
    """Which points are dominated by no other, bool [N]: none is as fast and as good, and better in one of the two."""
    time, mse = np.asarray(time), np.asarray(mse)
    as_good = (time[:, None] <= time) & (mse[:, None] <= mse)  # [other, point]
    better = (time[:, None] < time) | (mse[:, None] < mse)
    return ~(as_good & better).any(axis=0)


def label(row) -> str:
    """The name of a curve: the row's title, and the setting where that is not its own."""
    return row["title"] + with_setting(row["setting"], ", ")


def with_setting(setting: str, before: str) -> str:
    return f"{before}{setting.replace('=', ' = ')}" if setting else ""


def points(timings: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    """A row for each estimate and number of images at a time, `batch`: `step`, `ms` per image, `mse`, `competes`, `front`.

    `timings` as from `timing.read`, `methods` is methods.csv. Of several seeds the median counts. Rows that methods.csv does not
    have are left out, and so are batches that were not timed.
    """
    keys = ["measurement", "method", "setting", "step", "device", "threads", "images"]
    found = timings.groupby(keys, sort=False, as_index=False)[["seconds", "seconds_of_one", "mse"]].median()
    known = methods[["measurement", "method", "title", "clean", "learned"]]
    found = known.merge(found, on=["measurement", "method"])  # in the order of the tables
    found["iterative"] = found.groupby(["method", "setting"])["step"].transform("max") > 1
    found["competes"] = ~found["clean"].isin([*CONTROLS, "submitted"])
    found = pd.concat(
        found.assign(batch=images, ms=1000 * found[column] / images).dropna(subset="ms")
        for column, images in (("seconds_of_one", 1), ("seconds", found["images"]))
    ).reset_index(drop=True)
    found["front"] = False
    for _, here in found[found["competes"]].groupby(["measurement", "batch"]):
        found.loc[here.index, "front"] = on_front(here["ms"], here["mse"])
    return found


def rows(found: pd.DataFrame, search: str = SEARCH) -> pd.DataFrame:
    """A row for each curve of `points`: its last estimate, whether any is on the front, and when the search is at its error.

    `search_is` is how `search_ms` is to be read (`timing.Reach`); of several settings of the search the first that is there
    counts, `search_setting`, or where none is, all: `search_steps` is then the number of steps of the longest.
    """
    searches = dict(list(found[found["method"] == search].groupby(["measurement", "batch"], sort=False)))
    made = []
    for key, curve in found.groupby(CURVE, sort=False):
        last = curve.iloc[-1]
        row = dict(zip(CURVE, key, strict=True)) | {"title": last["title"], "clean": last["clean"]}
        row |= {"steps": last["step"], "mse": last["mse"], "ms_per_image": last["ms"]}
        row["on_front"] = bool(curve["front"].any()) if last["competes"] else None
        row |= {name: last[name] for name in ("device", "threads")}
        if key[2] != search and key[:2] in searches:
            row |= searched(searches[key[:2]], last["mse"])
        made.append(row)
    return pd.DataFrame(made, columns=[*CURVE, "title", "clean", "steps", "mse", "ms_per_image", "on_front", "device", "threads",
                                       "search_is", "search_ms", "search_setting", "search_steps"])  # fmt: skip


def searched(curves: pd.DataFrame, target: float) -> dict:
    """When the first of a search's settings is at an MSE."""
    found = [
        {"search_is": at.relation, "search_ms": at.time, "search_setting": setting, "search_steps": curve["step"].iloc[-1]}
        for setting, curve in curves.groupby("setting", sort=False)
        for at in [timing.reach(curve["ms"], curve["mse"], target)]
    ]
    there = [each for each in found if each["search_is"] != "more"]
    if there:
        return min(there, key=lambda each: each["search_ms"])
    return {"search_is": "more"} | {name: max(each[name] for each in found) for name in ("search_ms", "search_steps")}


def says(found: pd.DataFrame, table: pd.DataFrame, search: str = SEARCH) -> dict[str, str]:
    """{measurement: how long the search takes to the error of the best one-pass row without clean images}, in the larger batch.

    Nothing where there is no search or no such row. `table` as from `rows`.
    """
    said = {}
    for measurement, here in table.groupby("measurement", sort=False):
        here = here[here["batch"] == here["batch"].max()]
        rivals = here[here["on_front"].notna() & (here["steps"] == 1) & here["search_is"].notna()]
        if len(rivals):
            curve = found[(found["measurement"] == measurement) & (found["method"] == search)]
            said[measurement] = sentence(curve[curve["batch"] == here["batch"].iloc[0]], rivals.loc[rivals["mse"].idxmin()])
    return said


def sentence(curve: pd.DataFrame, best: pd.Series) -> str:
    """`curve` holds the points of the search, `best` the row of `rows` whose error it is to reach."""
    name, short = curve["title"].iloc[0], files.short
    goal = f"the MSE of {best['title']} ({short(best['mse'])} in {short(best['ms_per_image'])} ms per image)"
    if best["search_is"] == "more":
        least = curve.loc[curve["mse"].idxmin()]
        within = f"{name} never reaches {goal} within {best['search_steps']:.0f} steps"
        return (
            f"{within}; it comes to {short(least['mse'])}, in {short(least['ms'])} ms{with_setting(least['setting'], ' with ')}"
        )
    factor, took = short(best["search_ms"] / best["ms_per_image"]), f"{short(best['search_ms'])} ms"
    took += with_setting(best["search_setting"], " with ")
    if best["search_is"] == "at most":
        return f"{name} is at or below {goal} from its first estimate, in {took} (≤ {factor}×)"
    return f"{name} reaches {goal} in {took}, {factor}× as long"


def for_terminal(said: dict[str, str], width: int = 78) -> str:
    """What `says` says below the table of a terminal; "" where that is nothing."""
    if not said:
        return ""
    head = "Time to the error of the best one-pass row without clean images, of the batch that was timed:"
    lines = [head, *(f"  {files.title(at, {})}: {each}" for at, each in said.items())]
    return "\n" + "".join(f"{line}\n" for each in lines for line in textwrap.wrap(each, width, subsequent_indent="    "))


def searched_for(table: pd.DataFrame) -> bool:
    """Whether a table as from `rows` says of any row when the search is at its error; a run may be without the search."""
    return bool(table["search_is"].notna().any())


def grid(table: pd.DataFrame, search: str) -> Grid:
    """The rows below one another for each measurement, with two columns for each number of images at a time, three with a search.

    `table` as from `rows`, `search` the title of the search.
    """
    there = [f"{search} there, ms"] if searched_for(table) else []
    batches, devices = list(table["batch"].unique()), [device(row) for row in table.to_dict("records")]
    several = len(set(devices)) > 1
    columns = [Column("", "MSE")]
    for batch in batches:
        group = "one image at a time" if batch == 1 else f"{batch} images at once"
        columns += [Column(group, "ms / image"), Column(group, "on the front", numeric=False)]
        columns += [Column(group, title) for title in there]
    columns += [Column("", "device", numeric=False)] if several else []
    below: dict[str, list] = {}
    for (measurement, _, _), row in table.assign(device=devices).groupby(["measurement", "method", "setting"], sort=False):
        by_batch = {each["batch"]: each for each in row.to_dict("records")}
        first = next(iter(by_batch.values()))
        cells = [Cell(files.short(first["mse"]))]
        for batch in batches:
            cells += (cells_of(by_batch[batch]) if batch in by_batch else [Cell("–")] * 3)[: 2 + len(there)]
        cells += [Cell(first["device"])] if several else []
        below.setdefault(files.title(measurement, {}), []).append((label(first), cells))
    return Grid("method", columns, [Section(measurement, lines) for measurement, lines in below.items()])


def cells_of(row: dict) -> list[Cell]:
    """The time of a row, whether it is on the front, and when the search is at its error."""
    time = row["ms_per_image"]
    front = "–" if pd.isna(row["on_front"]) else "yes" if row["on_front"] else ""
    there = files.short(row["search_ms"])
    if row["search_is"] == "more":
        there = f"never in {row['search_steps']:.0f} steps"
    return [
        Cell("< 0.001" if time < 0.001 else files.short(time)),
        Cell(front),
        Cell("≤ " * (row["search_is"] == "at most") + there),
    ]
