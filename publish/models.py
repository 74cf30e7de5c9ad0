"""The weights of one method, the recommended one, on each data set and forward model, each with a card that says what it is."""

import shlex
from pathlib import Path
from string import Template

import store
from config.method_pages import idea
from datasets import terms
from metrics.declared import Metric
from publish import scores
from publish.kit import Kit, sha256
from reports import facts as reported
from reports.files import title
from reports.shown import with_unit
from reports.writers import md

FACTS = ("method", "options", "seed", "data", "parameters", "seconds", "device", "torch")  # of train.json
CARD = Template(Path(__file__).with_name("texts").joinpath("card.md").read_text(encoding="utf-8"))


def add(kit: Kit, method: str) -> list[str]:
    """The weights of the first seed and their cards, wherever the method applies; the names of the weights."""
    names = []
    for dataset, models in kit.config["datasets"].items():
        lacking = []
        for measurement in models:
            if not (run := kit.first_seed(dataset, measurement, method)):
                continue
            folder = "/".join(("models", dataset, *run))
            path = kit.find(f"{folder}/model.pt")
            if path is None or "/".join(run) not in kit.scored(dataset):
                lacking.append(f"{title(measurement, {})} ({'without scores' if path else 'no model.pt'})")
                continue
            kit.write(f"{folder}/model.pt", path.read_bytes())
            kit.write(f"{folder}/card.md", card(kit, dataset, measurement, method, f"{folder}/model.pt"))
            names.append(f"{folder}/model.pt")
        if lacking:
            kit.missing.append(f"{dataset}: no model of {kit.titles[method]} for {', '.join(lacking)}")
    return names


def card(kit: Kit, dataset: str, measurement: str, method: str, model: str) -> str:
    """What a model is, what it was trained on, what it saw, how it scores and how it is used, in Markdown."""
    about = store.load_json((kit.folder / model).with_name("train.json"), FACTS)
    data, of, sees = about["data"], terms.of(dataset), kit.runs.sees[method]
    rows = scores.shown(kit, dataset, measurement, method)
    weights, given = kit.folder / model, kit.find(f"restored/{model.split('/', 1)[1].rpartition('/')[0]}/test.json")
    return CARD.substitute(
        title=md(kit.titles[method]),
        dataset=md(of.title),
        measurement=title(measurement, {}),
        idea=idea(about["method"]),
        page=f"docs/methods/{about['method']}.md",
        images=f"{data['images']:,}",
        shape="×".join(map(str, data["shape"])),
        family=f"`{data['family']}`" + (f" with {said(data['options'])}" if data["options"] else ""),
        measured=f"measurement seed {data['seed']}, digest of y `{data['digests']['y']}`",
        options=said(about["options"]),
        seed=about["seed"],
        networks=", ".join(f"`{name}` {count:,}" for name, count in about["parameters"].items()),
        cost=f"{about['seconds']:,.0f} seconds on {about['device']}",
        arithmetic=f"{about.get('precision', 'float32')}, PyTorch {about['torch']}",
        clean=reported.SECTIONS[sees["clean"]],
        theta=sees["theta"],
        protocol=data.get("protocol", "sound"),
        scores="\n".join(line(metric, row) for metric, row in rows),
        counts=counted(rows),
        restored=said(store.load_json(given).get("options", {})) if given else "options that are not at hand",
        tables=f"tables/{dataset}",
        note=f"\n{md(kit.config['note'])}\n" if kit.config["note"] else "",
        licence=f"{md(of.licence)}{f' ({of.url})' if of.url else ''}: {md(of.asks)}",
        size=f"{weights.stat().st_size:,}",
        sha256=sha256(weights),
        command=f"make restore IN=pictures OUT=restored MODEL={shlex.quote(f'release/{model}')}",
        model=model,
        load=loading(f"measured/{dataset}/{measurement}", of.passed_on),
    )


def said(options: dict) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "no options"


def line(metric: Metric, row: dict) -> str:
    """A metric as a row of the card's table: its mean, and its 95 % interval where there is one."""
    mean, low, high = (f"{row[key]:.{metric.decimals}f}" for key in ("mean", "low", "high"))
    return f"| {md(with_unit(metric))} | {metric.better or '–'} | {mean} | {'–' if low == 'nan' else f'{low} to {high}'} |"


def counted(rows: list[tuple[Metric, dict]]) -> str:
    """What the means are over."""
    images, seeds = (max(int(row[key]) for _, row in rows) for key in ("images", "seeds"))
    return f"{images:,} test images" + (f" and the models of {seeds} seeds, of which this is the first" if seeds > 1 else "")


def loading(place: str, in_kit: bool) -> str:
    """Lines of Python that read measurements: those of the kit, or, where no image may be in it, those of a run of one's own."""
    if in_kit:
        return f'test = np.load("release/{place}/test.npz")\ny, side_info = test["y"], test["side_info"]'
    return f'y, side_info = (np.load(f"results/{place}/test.{{part}}.npy") for part in ("y", "side_info"))  # of your own run'
