"""Scores → Table 1 of one data set and its companions: tidy numbers first, then the same numbers as tables.

table.csv          a row for each measurement, method and metric: mean, 95 % interval, images, seeds, the paper's value, the 95 %
                   interval of its rank, whether it is the best that sees no clean image, or tied with it, and the ceiling
                   (accuracy of the clean images)
differences.csv    a row for each measurement, metric and method but the reference: the mean paired difference to it
methods.csv        a row for each method and measurement: what it may see, its parameters, its time
training.csv       a row for each trained model
table.md, .tex     Table 1: PSNR, SSIM and, where the data set has labels, accuracy
details.md, .tex   the other metrics
differences.*      also as .md and .tex: differences and ranks of PSNR and SSIM
summary.txt        PSNR / SSIM for a terminal
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import store
from metrics.metrics import METRICS as SOUND_METRICS
from metrics.metrics import PAPER_METRICS as METRICS  # all that any protocol scores
from reports import files, grid
from reports.bootstrap import Bootstrap, interval, separated

PAPER = Path(__file__).with_name("paper.csv")
AT = {metric: place for place, metric in enumerate(METRICS)}  # of a metric in arrays


def by_image(scores: pd.DataFrame, measurement: str, methods: list[str]) -> dict[str, np.ndarray]:
    """{method: [S, N, M]}, seeds, images and metrics in order; S is 1 for a method without seeds, nan where there is no score."""
    here = scores[scores["measurement"] == measurement]
    images, found = np.unique(here["image"]), {}
    for method, cell in here.groupby("method"):
        name = f"{cell['dataset'].iloc[0]}/{measurement}/{method}"
        if cell.duplicated(["seed", "image"]).any():
            sys.exit(f"{name}: an image is scored twice; give each scores file once")
        if cell.groupby("seed", dropna=False)["image"].agg(frozenset).nunique() > 1:
            sys.exit(f"{name}: its seeds are not scored on the same images; score them again")
        seeds = [rows.set_index("image").reindex(columns=list(METRICS)) for _, rows in cell.groupby("seed", dropna=False)]
        found[method] = np.stack([rows.reindex(images).to_numpy(float) for rows in seeds])
    return {method: found[method] for method in methods if method in found}


def summarise(scores: pd.DataFrame, replicates: dict[str, Bootstrap], methods: list[str]) -> pd.DataFrame:
    """A row for each measurement, method and metric that applies. `seeds` is 0 for a method without seeds.

    A single image, the mosaic of the paper's protocol, has no interval.
    """
    seeds = scores.groupby(["measurement", "method"])["seed"].nunique()
    rows = [
        (scores["dataset"].iloc[0], measurement, method, metric, here.mean[method][at])
        + (*(interval(here.draws[method][:, at]) if images > 1 else (np.nan, np.nan)), images, seeds[measurement, method])
        for measurement, here in replicates.items()
        for method in here.mean
        for metric, at in AT.items()
        if (images := here.images[method][:, at].sum())
    ]
    columns = ["dataset", "measurement", "method", "metric", "mean", "low", "high", "images", "seeds"]
    values = pd.DataFrame(rows, columns=columns)
    for column, names in {"measurement": list(replicates), "method": methods}.items():
        if lacking := [name for name in names if name not in set(values[column])]:
            sys.exit(f"no scores for the {column} {', '.join(lacking)}; give its files after --scores")
    return values


def leader(rows: pd.DataFrame) -> str:
    """The method with the best mean; `rows` are of one measurement and metric."""
    means = rows.set_index("method")["mean"]
    return means.idxmax() if METRICS[rows["metric"].iloc[0]].better == "higher" else means.idxmin()


def place(values: pd.DataFrame, replicates: dict[str, Bootstrap], unsupervised: set[str]) -> pd.DataFrame:
    """`values` with the interval of each row's rank and with `best`; empty for a metric without a better direction.

    A rank is among the rows of the same group, those that see no clean image (`unsupervised`) or the others. `best` is for
    the former: "best" if its paired difference to every other is separated from zero; if not, "tied" for it and those that it
    is not separated from.
    """
    values = values.assign(rank_low=pd.NA, rank_high=pd.NA, best="")
    for (measurement, metric), column in values.groupby(["measurement", "metric"], sort=False):
        if METRICS[metric].better not in ("higher", "lower"):
            continue
        here, at = replicates[measurement], AT[metric]
        for competes, rows in column.groupby(column["method"].isin(unsupervised)):
            ranks = here.ranks(list(rows["method"]), at, METRICS[metric].better)
            values.loc[rows.index, ["rank_low", "rank_high"]] = ranks
            if competes:
                first = leader(rows)
                ties = [m for m in rows["method"] if m != first and not separated(*here.minus(first, m, at)[1:])]
                values.loc[rows.index[rows["method"].isin([first, *ties])], "best"] = "tied" if ties else "best"
    return values.astype({"rank_low": "Int64", "rank_high": "Int64"})


def compare(values, replicates: dict[str, Bootstrap], unsupervised: set[str], reference: str | None) -> pd.DataFrame:
    """The mean paired difference of every row to the reference of its measurement and metric: a row each but for the reference.

    Without `reference`, and where it does not apply, that is the best row that sees no clean image.
    """
    made = []
    for (measurement, metric), rows in values.groupby(["measurement", "metric"], sort=False):
        known = reference in set(rows["method"])
        if not known and METRICS[metric].better not in ("higher", "lower"):
            continue
        competitors = rows[rows["method"].isin(unsupervised)]
        to = reference if known else leader(rows if competitors.empty else competitors)
        for _, row in rows[rows["method"] != to].iterrows():
            difference, low, high = replicates[measurement].minus(row["method"], to, AT[metric])
            identity = (row["dataset"], measurement, metric, row["method"], to)
            made.append((*identity, difference, low, high, separated(low, high)))
    columns = ["dataset", "measurement", "metric", "method", "reference", "difference", "low", "high", "separated"]
    return pd.DataFrame(made, columns=columns)


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
                | {"precision": facts.get("precision", "float32")}
                | {"protocol": facts.get("data", {}).get("protocol", "sound")}
            )
        except KeyError as error:
            sys.exit(f"{path}: lacks {error}; delete it and train again")
        except (ValueError, IndexError):
            sys.exit(f"--models {name}={path}: the name is not dataset/measurement/method/seed")
    more = ["title", "total", "steps", "parameters", "seconds", "images_per_second", "device", "threads", "precision", "protocol"]
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
        epilog="An interval covers other such test images and, for a method with several seeds, other trainings.",
    )
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    add("--scores", nargs="+", type=Path, required=True, metavar="CSV", help="every scores test.csv, one row an image")
    add("--timing", nargs="*", type=Path, default=[], metavar="CSV", help="every timing.csv; without any, times are –")
    add("--models", nargs="*", type=files.pair, default=[], metavar="NAME=JSON",
        help="the train.json of every model, as dataset/measurement/method/seed=path")  # fmt: skip
    add("--classified", type=Path, metavar="CSV", help="metrics.classifier on the clean test images: the ceiling of accuracy")
    add("--sees", type=files.mapping, required=True, metavar="JSON",
        help='{method: {"clean": "no"|"measured afresh"|"train", "theta": "no"|"train"|"test"|"train, test", '
             '"learned": true|false}}, or a file that holds it')  # fmt: skip
    add("--absent", type=json.loads, default={}, help="{measurement: {method: why it is not run there}}")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--order", type=files.names, required=True, help="the methods in the order of the rows, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in order, between spaces")
    add("--reference", help="the method to which all are compared (default: the best of each column that sees no clean image)")
    add("--output", type=Path, required=True, metavar="DIR", help="where the files named above are written")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        inside = (given.dataset, given.measurements, given.order)
        scores = files.read_cells(given.scores, [*files.SCORE_KEYS, *SOUND_METRICS], *inside)
        timing = files.read_cells(given.timing, files.TIMING, *inside)
        training = train_facts(given.models, given.titles)
        protocol = files.one_protocol(name for frame in (scores, timing, training) for name in frame.get("protocol", ()))
        replicates = {name: Bootstrap(by_image(scores, name, given.order)) for name in given.measurements}
        values = summarise(scores, replicates, given.order).assign(protocol=protocol)
        values = values.merge(published(), how="left", on=["dataset", "measurement", "method", "metric"])
        ceiling = files.read_csv(given.classified, ["correct"])["correct"].mean() if given.classified else np.nan
        values["ceiling"] = np.where(values["metric"] == "accuracy", ceiling, np.nan)
        methods = method_facts(values, timing, training, given.sees, given.order, given.titles)

        unsupervised = set(methods["method"][methods["clean"] != "train"])
        values = place(values, replicates, unsupervised)
        differences = compare(values, replicates, unsupervised, given.reference)

        frames = {"table": values, "differences": differences, "methods": methods, "training": training}
        for name, frame in frames.items():
            files.write(given.output / f"{name}.csv", frame.to_csv(index=False))
        grids = {
            "table": (grid.table_1(values, methods), grid.table_caption(values, methods)),
            "details": (grid.details(values, methods), grid.details_caption(values)),
            "differences": (grid.differences(values, methods, differences), files.caption("differences", protocol)),
        }
        for name, (cells, below) in grids.items():
            files.write(given.output / f"{name}.md", grid.markdown(cells, below))
            files.write(given.output / f"{name}.tex", grid.latex(cells, below, f"tab:{given.dataset}-{name}"))
        over = f"mean over {grid.span(values['images'])} test images" if protocol == "sound" else f"protocol {protocol}"
        heading = f"{given.dataset}: PSNR in dB / SSIM, {over}"
        files.write(given.output / "summary.txt", grid.summary(values, methods, heading))


if __name__ == "__main__":
    main()
