"""The scores of every image, as `python -m reports.merge` packs them, and the tables that follow from them."""

import json
from argparse import Namespace
from pathlib import Path

import datasets
import store
from metrics import declared
from metrics.declared import Metric
from publish.kit import Kit
from reports import captions, files, found, merge, posterior_table, table, writers
from reports import shown as in_tables


def add(kit: Kit) -> None:
    """Scores and facts of the runs that the configuration asks for; its tables; a line for each data set that lacks some.

    Raises SystemExit where two sources do not belong together.
    """
    chosen = {name: each for name, each in merge.merged(kit.sources, replace=False).items() if asked(kit, name)}
    for name, (content, _) in chosen.items():
        kit.write(name, content)
    for name, known in merge.origins(chosen).items():
        store.save_json(kit.folder / name, known)
    for dataset in kit.config["datasets"]:
        kit.lack(dataset, "scores", kit.unscored(dataset))
        if kit.scored(dataset):
            tables(kit, dataset)


def asked(kit: Kit, name: str) -> bool:
    """Whether a file of merged scores is of a run that the configuration asks for, or of all runs."""
    _, dataset, *place, _ = name.split("/")  # scores/{dataset}/{measurement}/{method}/{seed}/{file}
    if dataset not in kit.config["datasets"] or not datasets.has_clean(dataset):
        return False
    return "/".join(place) in {"", *kit.config["datasets"][dataset], *kit.asked(dataset)}


def tables(kit: Kit, dataset: str) -> None:
    """tables/{dataset}/: what `reports.table` makes of the scores in the kit, and the table of posterior samples."""
    output, models = kit.folder / "tables" / dataset, list(kit.config["datasets"][dataset])
    given = {"dataset": dataset, "results": kit.folder, "output": output, "sees": json.dumps(kit.runs.sees)}
    given |= {"absent": json.dumps(kit.runs.reasons[dataset]), "titles": json.dumps(kit.titles)}
    given |= {"order": " ".join(kit.config["methods"]), "measurements": " ".join(models)}
    given |= {"reference": kit.config["reference"]} if kit.config["reference"] else {}
    flags = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    table.main([*flags, "--partial", "--runs", *kit.asked(dataset)])
    if sampled := of_samples(kit, dataset):
        methods = files.read_csv(output / "methods.csv", ["method", "title", "clean"])
        rows = files.read_scores(sampled, True, dataset, models, list(methods["method"].unique()), ["samples"])
        values = posterior_table.summarise(rows, models, methods)
        files.write(output / "posterior.csv", values.to_csv(index=False))
        grid = posterior_table.posterior_table(values, methods)
        files.write(output / "posterior.md", writers.markdown(grid, captions.posterior_caption(values)))


def of_samples(kit: Kit, dataset: str) -> list[Path]:
    """The scores files of posterior samples of the runs that have all of them."""
    here = Namespace(results=kit.folder, dataset=dataset, partial=True)
    by_run = {run: found.of_programs(Namespace(**vars(here), runs=[run]), of_samples=True) for run in kit.scored(dataset)}
    most = max(map(len, by_run.values()))
    return [path for paths in by_run.values() if len(paths) == most for path in paths]


def shown(kit: Kit, dataset: str, measurement: str, method: str) -> list[tuple[Metric, dict]]:
    """(metric, its row in table.csv or posterior.csv) of what the main tables show of a row, in their order."""
    kept, folder = [], kit.folder / "tables" / dataset
    main = files.read_csv(folder / "table.csv", ["measurement", "method", "mean"])
    tables_with_columns = [(main, in_tables.main(main))]
    if (path := folder / "posterior.csv").is_file():
        columns = {name: metric for name, metric in declared.of_samples().items() if metric.shown == "posterior"}
        tables_with_columns.append((files.read_csv(path, ["measurement", "method", "mean"]), columns))
    for rows, columns in tables_with_columns:
        rows = rows[(rows["measurement"] == measurement) & (rows["method"] == method)].set_index("metric")
        kept += [(metric, rows.loc[name].to_dict()) for name, metric in columns.items() if name in rows.index]
    return kept
