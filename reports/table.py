"""Scores → Table 1 of one data set and its companions: tidy numbers first, then the same numbers as tables.

table.csv          a row for each measurement, method and metric: mean, 95 % interval, images, seeds, the paper's value
methods.csv        a row for each method and measurement: what it may see, its parameters, its time
training.csv       a row for each trained model
table.md, .tex     Table 1: PSNR and SSIM
details.md, .tex   the other metrics
summary.txt        PSNR / SSIM for a terminal
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import store
from metrics.metrics import METRICS, PAPER_METRICS
from reports import files, grid

PAPER = Path(__file__).with_name("paper.csv")


def interval(values: np.ndarray) -> tuple[float, float, float, int]:
    """Mean, low and high end of its 95 % Student t interval, and count of the values [N] that are not nan."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan, 0
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return values.mean(), values.mean() - half, values.mean() + half, n


def summarise(scores: pd.DataFrame, measurements: list[str], methods: list[str]) -> pd.DataFrame:
    """A row for each measurement, method and metric that applies.

    Seeds are averaged within each image; the images are then the sample. `seeds` is 0 for a method without seeds.
    """
    rows = []
    for measurement in measurements:
        for method in methods:
            cell = scores[(scores["measurement"] == measurement) & (scores["method"] == method)]
            if cell.empty:  # the method does not apply here
                continue
            names = (cell["dataset"].iloc[0], measurement, method)
            if cell.duplicated(["seed", "image"]).any():
                sys.exit(f"{'/'.join(names)}: an image is scored twice; give each scores file once")
            counts = cell.groupby("seed", dropna=False)["image"].agg(frozenset)
            if counts.nunique() > 1:
                sys.exit(f"{'/'.join(names)}: its seeds are not scored on the same images; score them again")
            metrics = [metric for metric in PAPER_METRICS if metric in cell]
            per_image = cell.groupby("image")[metrics].mean()
            for metric in metrics:
                mean, low, high, n = interval(per_image[metric].to_numpy())
                if n:
                    rows.append((*names, metric, mean, low, high, n, cell["seed"].nunique()))
    columns = ["dataset", "measurement", "method", "metric", "mean", "low", "high", "images", "seeds"]
    values = pd.DataFrame(rows, columns=columns)
    for column, names in {"measurement": measurements, "method": methods}.items():
        if lacking := [name for name in names if name not in set(values[column])]:
            sys.exit(f"no scores for the {column} {', '.join(lacking)}; give its files after --scores")
    return values


def published() -> pd.DataFrame:
    """The paper's Table 1, tidy: dataset, measurement, method, metric, paper."""
    keys = ["dataset", "measurement", "method"]
    return files.read_csv(PAPER, keys).melt(keys, var_name="metric", value_name="paper")


def milliseconds(timing: pd.DataFrame) -> pd.DataFrame:
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
                | {"protocol": facts.get("data", {}).get("protocol", "sound")}
            )
        except KeyError as error:
            sys.exit(f"{path}: lacks {error}; delete it and train again")
        except (ValueError, IndexError):
            sys.exit(f"--models {name}={path}: the name is not dataset/measurement/method/seed")
    more = ["title", "total", "steps", "parameters", "seconds", "images_per_second", "device", "threads", "protocol"]
    return pd.DataFrame(rows, columns=columns + more)


def method_facts(values, timing, training, sees: dict, order: list[str], titles: dict[str, str]) -> pd.DataFrame:
    """A row for each method and measurement it applies to: what it may see, its size and its time."""
    times = milliseconds(timing)
    sizes = training.groupby(["measurement", "method"])["total"].max()
    dataset = values["dataset"].iloc[0]
    rows = []
    for method in order:
        if method not in sees:
            sys.exit(f"--sees says nothing of {method}; add what it may see")
        seen = {key: sees[method][key] for key in ("clean", "theta", "learned")}
        if seen["clean"] not in grid.SECTIONS:
            sys.exit(f"--sees says {seen['clean']!r} of {method}; what it sees of clean images is one of {list(grid.SECTIONS)}")
        for measurement in values["measurement"][values["method"] == method].unique():
            cell = (measurement, method)
            if len(times) and cell not in times.index:
                sys.exit(f"no timing of {dataset}/{measurement}/{method}; give its timing.csv after --timing")
            if seen["learned"] and len(sizes) and cell not in sizes.index:
                sys.exit(f"no model of {dataset}/{measurement}/{method}; give its train.json after --models")
            row = {"dataset": dataset, "method": method, "measurement": measurement}
            row |= {"title": files.title(method, titles), **seen, "parameters": sizes.get(cell, np.nan)}
            rows.append(row | (times.loc[cell].to_dict() if cell in times.index else {}))
    columns = [*rows[0], *(column for column in times if column not in rows[0])]
    return pd.DataFrame(rows, columns=columns)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reports.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="An interval says how sure the mean is for more such test images, not for more training runs.",
    )
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    add("--scores", nargs="+", type=Path, required=True, metavar="CSV", help="every scores test.csv, one row an image")
    add("--timing", nargs="*", type=Path, default=[], metavar="CSV", help="every timing.csv; without any, times are –")
    add("--models", nargs="*", type=files.pair, default=[], metavar="NAME=JSON",
        help="the train.json of every model, as dataset/measurement/method/seed=path")  # fmt: skip
    add("--sees", type=files.mapping, required=True, metavar="JSON",
        help='{method: {"clean": "no"|"measured afresh"|"train", "theta": "no"|"train"|"test"|"train, test", '
             '"learned": true|false}}, or a file that holds it')  # fmt: skip
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--order", type=files.names, required=True, help="the methods in the order of the rows, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in order, between spaces")
    add("--output", type=Path, required=True, metavar="DIR", help="where the files named above are written")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        inside = (given.dataset, given.measurements, given.order)
        scores = files.read_cells(given.scores, [*files.SCORE_KEYS, *METRICS], *inside)
        timing = files.read_cells(given.timing, files.TIMING, *inside)
        training = train_facts(given.models, given.titles)
        found = (name for frame in (scores, timing, training) for name in frame.get("protocol", ()))
        protocol = files.one_protocol(found)
        values = summarise(scores, given.measurements, given.order).assign(protocol=protocol)
        values = values.merge(published(), how="left", on=["dataset", "measurement", "method", "metric"])
        methods = method_facts(values, timing, training, given.sees, given.order, given.titles)

        frames = {"table": values, "methods": methods, "training": training}
        for name, frame in frames.items():
            files.write(given.output / f"{name}.csv", frame.to_csv(index=False))
        grids = {
            "table": (grid.table_1(values, methods), grid.table_caption(values, methods)),
            "details": (grid.details(values, methods), grid.details_caption(values)),
        }
        for name, (cells, below) in grids.items():
            files.write(given.output / f"{name}.md", grid.markdown(cells, below))
            files.write(given.output / f"{name}.tex", grid.latex(cells, below, f"tab:{given.dataset}-{name}"))
        over = f"mean over {grid.span(values['images'])} test images" if protocol == "sound" else f"protocol {protocol}"
        heading = f"{given.dataset}: PSNR in dB / SSIM, {over}"
        files.write(given.output / "summary.txt", grid.summary(values, methods, heading))


if __name__ == "__main__":
    main()
