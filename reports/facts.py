"""What is known of methods and trainings besides their scores: what they may see, their size, their time, their device."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import store
from reports import files

ORIGINAL = Path(__file__).with_name("original.csv")
SECTIONS = {  # by what a method sees of clean images
    "no": "sees no clean image",
    "measured afresh": "sees clean images measured afresh at every step",
    "measured twice": "sees two measurements of each training image: a control, not a competitor",
    "train": "sees clean images: an upper bound, not a competitor",
    "submitted": "submitted: restored elsewhere, so that what it has seen is not known here",
}
CONTROLS = ("measured twice", "train")  # sections of methods that compete with no other


def published() -> pd.DataFrame:
    """The numbers that the original states for CelebA: dataset, measurement, method, metric, original.

    They are of estimates as handed in, whatever the main table shows beside them.
    """
    keys = ["dataset", "measurement", "method"]
    return files.read_csv(ORIGINAL, keys).melt(keys, var_name="metric", value_name="original")


def times_per_image(timing: pd.DataFrame) -> pd.DataFrame:
    """For each (measurement, method): ms_per_image to the last estimate, median over seeds; batch, device, threads."""
    last = timing.sort_values("step").groupby(["measurement", "method", "seed"], dropna=False).tail(1)
    last = last.assign(ms_per_image=1000 * last["seconds"] / last["images"], batch=last["images"])
    summary = {"ms_per_image": "median", "batch": "first", "device": "first", "threads": "first"}
    return last.groupby(["measurement", "method"]).agg(summary)


def train_facts(models: list[tuple[str, Path]], titles: dict[str, str]) -> pd.DataFrame:
    """A row for each model; `models` are (dataset/measurement/method/seed, train.json)."""
    columns = ["dataset", "measurement", "method", "seed"]
    rows = []
    for name, path in models:
        facts = store.load_json(path)
        try:
            counts = facts["parameters"]
            rows.append(
                dict(zip(columns, name.split("/"), strict=True))
                | {"title": files.title(name.split("/")[2], titles), "total": sum(counts.values())}
                | {"steps": facts.get("steps", facts["options"].get("steps"))}
                | {"parameters": ", ".join(f"{network} {count:,}" for network, count in counts.items())}
                | {key: facts[key] for key in ("seconds", "images_per_second", "device", "threads")}
                | {"precision": facts.get("precision", "float32")}
                | {"protocol": facts.get("data", {}).get("protocol", "sound")}
            )
        except KeyError as error:
            sys.exit(f"{path}: lacks {error}; delete it and train again")
        except (ValueError, IndexError):
            sys.exit(f"--models {name}={path}: the name is not dataset/measurement/method/seed")
    more = ["title", "total", "steps", "parameters", "seconds", "images_per_second", "device", "threads", "precision", "protocol"]
    return pd.DataFrame(rows, columns=columns + more)


def method_facts(
    values, timing, training, sees: dict, order: list[str], titles: dict[str, str], partial: bool = False
) -> pd.DataFrame:
    """A row for each method and measurement it applies to: what it may see, its size and its time.

    Raises SystemExit where some were timed and others not, unless `partial`.
    """
    times = times_per_image(timing)
    sizes = training.groupby(["measurement", "method"])["total"].max()
    dataset = values["dataset"].iloc[0]
    rows = []
    for method in order:
        if method not in sees:
            sys.exit(f"--sees says nothing of {method}; add what it may see")
        seen = {key: sees[method][key] for key in ("clean", "theta", "learned")}
        if seen["clean"] not in SECTIONS:
            sys.exit(f"--sees says {seen['clean']!r} of {method}; what it sees of clean images is one of {list(SECTIONS)}")
        for measurement in values["measurement"][values["method"] == method].unique():
            cell = (measurement, method)
            if len(times) and cell not in times.index and seen["clean"] != "submitted" and not partial:
                sys.exit(f"no timing of {dataset}/{measurement}/{method}; give its timing.csv after --timing")
            if seen["learned"] and len(sizes) and cell not in sizes.index:
                sys.exit(f"no model of {dataset}/{measurement}/{method}; give its train.json after --models")
            row = {"dataset": dataset, "method": method, "measurement": measurement}
            row |= {"title": files.title(method, titles), **seen, "parameters": sizes.get(cell, np.nan)}
            stated = {"ms_per_image": 1000 * sees[method]["seconds"]} if "seconds" in sees[method] else {}
            rows.append(row | (times.loc[cell].to_dict() if cell in times.index else stated))
    columns = [*rows[0], *(column for column in times if column not in rows[0])]
    return pd.DataFrame(rows, columns=columns)


def timed_so_far(methods: pd.DataFrame) -> str:
    """Which measurements and rows have times, a sentence, where some have and others not; else nothing.

    >>> rows = {"measurement": ["drop_rows", "drop_rows", "add_noise"], "title": ["median", "ACSG", "ACSG"], "clean": "no"}
    >>> timed_so_far(pd.DataFrame(rows | {"ms_per_image": [2.0, np.nan, np.nan]}))
    'Timed so far on drop rows alone, without ACSG.'
    """
    timed = methods["ms_per_image"].notna()
    places = methods["measurement"][timed].unique()
    without = methods["title"][methods["measurement"].isin(places) & ~timed & (methods["clean"] != "submitted")].unique()
    named = ", ".join(files.title(at, {}) for at in places)
    alone = f" on {named} alone" if len(places) < methods["measurement"].nunique() else ""
    lacking = f", without {files.listed(without)}" if len(without) else ""
    return f"Timed so far{alone}{lacking}." if len(places) and (alone or lacking) else ""


def device(row) -> str:
    """The device of a training or timing, with its threads where it is a processor."""
    plural = "s" if row["threads"] != 1 else ""
    return f"{row['device']}, {int(row['threads'])} thread{plural}"
