"""Scores → the tables of one data set: first as numbers in tidy files, then the same numbers as tables.

table.csv          a row for each measurement, method and metric: mean, 95 % interval, images, seeds, whether these lie apart, the
                   original's value, the 95 % interval of its rank, whether it is the best that sees no clean image, or tied with
                   it, and the ceiling (the mean of the clean images themselves, for metrics that can score these)
differences.csv    a row for each measurement, metric and method but the reference: the mean paired difference to it
seeds.csv          a row for each measurement, method with several seeds, seed and metric: its mean and spread over images
methods.csv        a row for each method and measurement: what it may see, its parameters, its time
training.csv       a row for each trained model
notes.json         what the note under the main table says: which methods do not apply and why, which values are never measured
table.md, .tex     the main table: PSNR, SSIM and other metrics that are declared for it (metrics/)
details.md, .tex   the metrics that are declared for the details, and those of the main table scored the other way: of estimates
                   as handed in, or with the observed values pasted in (reports/shown.py)
differences.*      also as .md and .tex: differences and ranks of the main metrics
seeds.*            likewise: the main metrics of each seed
summary.txt        PSNR / SSIM for a terminal, and how long a search takes to the error of the best row (reports/front.py)
"""

import argparse
from pathlib import Path

import protocols
import store
from metrics.declared import PASTED
from options import command_parser
from reports import captions, facts, files, found, front, not_shown, seeds, shown, statistics, tables, timing, writers
from reports.bootstrap import Bootstrap


def ceilings(paths: list[Path]) -> dict[str, float]:
    """The mean of each metric over the clean test images, which pasting leaves as they are, by the programs' files of these."""
    return {
        column: float(files.read_csv(path, [name])[name].mean())
        for path in paths
        for column in files.program_of(path).columns
        for name in [column.removesuffix(PASTED)]
    }


def summary(values, methods, dataset: str) -> str:
    """PSNR / SSIM for a terminal."""
    protocol = shown.protocol_of(values)
    over = f"mean over {values['images'].max():,} test images" if protocol == "sound" else f"protocol {protocol}"
    targets = " as targets" if {"fresh_theta", "clean_selection"} & protocols.parse(protocol) else ""
    below = [
        f"* best PSNR without clean images{targets}, separated from every other",
        "† tied for it: the interval of the paired difference contains zero",
    ]
    if values["seeds_apart"][values["metric"].isin(shown.headline(values))].any():
        below.append("‡ its seeds lie far apart; do not trust its interval (seeds.md)")
    grid = tables.headline(values, methods)
    return writers.plain(grid, f"{dataset}: PSNR in dB / SSIM, {over}", below, len(shown.headline(values)))


def find(given: argparse.Namespace) -> list[str]:
    """Name the files of every run as if they had been given one by one; the runs that have no scores yet."""
    not_yet = found.without_scores(given)
    if given.partial:
        given.runs = [run for run in given.runs if run not in not_yet]
    given.scores, given.timing = found.scores(given), found.of_runs(given, "scores", "timing.csv")
    given.models, given.ceilings, given.measured_facts = found.models(given), found.ceilings(given), found.measured(given)
    if given.partial:
        of_runs = [set(parts) for parts in zip(*(run.split("/")[:2] for run in given.runs), strict=True)]
        given.measurements, given.order = (
            [*filter(there.__contains__, names)] for there, names in zip(of_runs, (given.measurements, given.order), strict=True)
        )
    return not_yet


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser(
        "reports.table",
        __doc__,
        epilog="An interval covers other such test images and, for a method with several seeds, other trainings.",
    )
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files, as in their column `dataset`")
    found.add_flags(parser)
    add("--scores", nargs="*", type=Path, default=[], metavar="CSV",
        help="the scores files of every run, each called after its program (quality.csv …), one row an image")  # fmt: skip
    add("--timing", nargs="*", type=Path, default=[], metavar="CSV", help="every timing.csv; without any, times are –")
    add("--models", nargs="*", type=files.pair, default=[], metavar="NAME=JSON",
        help="the train.json of every model, as dataset/measurement/method/seed=path")  # fmt: skip
    add("--ceilings", nargs="*", type=Path, default=[], metavar="CSV",
        help="scores files of the clean test images themselves (digits.csv): the ceilings of their metrics")  # fmt: skip
    add("--absent", type=files.mapping, default={}, metavar="JSON",
        help="{measurement: {method: why it does not apply there}}, or a file that holds it")  # fmt: skip
    add("--measured-facts", nargs="*", type=files.pair, default=[], metavar="NAME=JSON",
        help="measurement=train.json, the facts of each measured training split")  # fmt: skip
    add("--sees", type=files.mapping, required=True, metavar="JSON",
        help='{method: {"clean": "no"|"measured afresh"|"measured twice"|"train"|"submitted", '
             '"theta": "no"|"train"|"test"|"train, test"|"submitted", "learned": true|false, '
             '"seconds": of an image, if stated for submitted ones}}, or a file that holds it')  # fmt: skip
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--order", type=files.names, required=True, help="the methods in the order of the rows, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in order, between spaces")
    add("--reference", help="the method to which all are compared (default: the best of each column that sees no clean image)")
    add("--output", type=Path, required=True, metavar="DIR", help="where the files named above are written")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        not_yet = find(given) if given.results else []
        inside = (given.dataset, given.measurements, given.order)
        scores = files.read_scores(given.scores, False, *inside)
        timings = timing.read(given.timing, *inside)
        training = facts.train_facts(given.models, given.titles)
        protocol = files.one_protocol(name for frame in (scores, timings, training) for name in frame.get("protocol", ()))
        replicates = {name: Bootstrap(statistics.by_image(scores, name, given.order)) for name in given.measurements}
        values = statistics.summarise(scores, replicates, given.order).assign(protocol=protocol)
        values = values.merge(facts.published(), how="left", on=["dataset", "measurement", "method", "metric"])
        values["ceiling"] = values["metric"].map(ceilings(given.ceilings)).astype(float)
        methods = facts.method_facts(values, timing.own(timings), training, given.sees, given.order, given.titles, given.partial)

        unsupervised = set(methods["method"][~methods["clean"].isin([*facts.CONTROLS, "submitted"])])
        values = statistics.placed(values, replicates, unsupervised)
        differences = statistics.compare(values, replicates, unsupervised, given.reference)

        of_seeds = seeds.by_seed(scores, given.order, given.measurements)

        frames = {"table": values, "differences": differences, "seeds": of_seeds, "methods": methods, "training": training}
        for name, frame in frames.items():
            files.write(given.output / f"{name}.csv", files.csv(frame))
        measured = {name: store.load_json(path) for name, path in given.measured_facts}
        notes = not_shown.notes(given.absent, measured, given.titles, not_yet)
        notes = " ".join(filter(None, [notes, facts.timed_so_far(methods)]))
        store.save_json(given.output / "notes.json", {"table": notes})
        grids = {
            "table": (tables.main_table(values, methods), captions.table_caption(values, methods, notes)),
            "details": (tables.details(values, methods), captions.details_caption(values)),
            "differences": (tables.differences(values, methods, differences), captions.differences_caption(values, methods)),
            "seeds": (tables.seeds_table(values, methods, of_seeds), captions.caption("seeds", protocol)),
        }
        for name, (grid, below) in grids.items():
            files.write(given.output / f"{name}.md", writers.markdown(grid, below))
            files.write(given.output / f"{name}.tex", writers.latex(grid, below, f"tab:{given.dataset}-{name}"))
        points = front.points(timings, methods)
        to_errors = front.for_terminal(front.says(points, front.rows(points)))
        files.write(given.output / "summary.txt", summary(values, methods, given.dataset) + to_errors)


if __name__ == "__main__":
    main()
