"""The files timing.csv: error against time of every estimate, and when a curve of these reaches an error."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from reports import files, shown


class Reach(NamedTuple):
    relation: str  # "equal", "more" (never reached: a lower bound) or "at most" (there at its first estimate)
    time: float  # when the curve is there, or where it ends


def read(paths: list[Path], dataset: str, measurements, methods) -> pd.DataFrame:
    """A row for each estimate; `mse` is the error that the main table shows, by the protocol of the timings.

    `setting` is "" for the row's own options and else the one that differs, as in "restarts=4". `seconds` are of the batch of
    `images`, `seconds_of_one` of an image by itself; files from before that was timed do not have it, and then it is NaN.
    """
    timing = files.read_cells(paths, files.TIMING, dataset, measurements, methods)
    lacking = {"setting": "", "seconds_of_one": np.nan}
    timing = timing.assign(**{name: timing.get(name, value) for name, value in lacking.items()}).fillna({"setting": ""})
    if len(timing):
        timing["mse"] = timing[shown.column_of("mse", timing.columns, files.one_protocol(timing["protocol"]))]
    return timing


def own(timing: pd.DataFrame) -> pd.DataFrame:
    """Those with the row's own options, with which all test images were restored."""
    return timing[timing["setting"] == ""]


def reach(time, mse, target: float) -> Reach:
    """When a curve first comes to an MSE. Between two estimates it is a straight line."""
    time, mse = np.asarray(time), np.asarray(mse)
    there = np.flatnonzero(mse <= target)
    if not len(there):
        return Reach("more", float(time[-1]))
    if there[0] == 0:
        return Reach("at most", float(time[0]))
    before, after = there[0] - 1, there[0]
    share = (mse[before] - target) / (mse[before] - mse[after])
    return Reach("equal", float(time[before] + share * (time[after] - time[before])))
