"""Fields of timings: what pareto.csv and pareto.json of a run say (reports/pareto.py)."""

import store
from reports import files
from reports.quotes import lookup
from reports.quotes.field import field


@field
def milliseconds(run: str, method: str, *, at: str) -> str:
    """Of an image, in the larger batch that was timed, with the row's own options, which stand first."""
    found = lookup.rows(lookup.PUBLISHED / run / "pareto.csv", measurement=at, method=method)
    return files.short(found["ms_per_image"][found["batch"] == found["batch"].max()].iloc[0])


@field
def reached(run: str, at: str) -> str:
    """When the search is at the error of the best row that answers at once: a sentence without its full stop."""
    path = lookup.PUBLISHED / run / "pareto.json"
    if not path.is_file():
        raise LookupError(f"{lookup.named(path)}: no such file")
    says = store.load_json(path)["says"]
    if at not in says:
        raise LookupError(f"{lookup.named(path)}: says nothing of {at}")
    return says[at]


@field
def timed_on(run: str) -> str:
    """The device of all timings."""
    return str(lookup.common(lookup.PUBLISHED / run / "pareto.csv", "device"))
