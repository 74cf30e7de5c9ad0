"""What stands below tables and figures: the texts of captions/, with their facts filled in."""

from pathlib import Path

import pandas as pd

import protocols
from metrics import declared
from reports import shown
from reports.bootstrap import REPLICATES
from reports.facts import device
from reports.files import listed, title
from reports.shown import METRICS, protocol_of

CAPTIONS = Path(__file__).parent / "captions"
# The switches of the protocol with which a text differs from that of the sound protocol
DIFFERS_WITH = {"introduction": "fresh_theta", "table": "mosaic", "original": "mosaic", "pasted": "mosaic", "other_way": "mosaic"}


def text(name: str, protocol: str = "sound") -> str:
    """captions/`name`.md, or what captions/protocol_paper/ has in its place where the protocol has the switch that matters."""
    other = CAPTIONS / "protocol_paper" / f"{name}.md"
    differs = protocol == "paper" or DIFFERS_WITH.get(name) in protocols.parse(protocol)
    return " ".join((other if differs and other.exists() else CAPTIONS / f"{name}.md").read_text(encoding="utf-8").split())


def protocol_text(protocol: str) -> str:
    """What a protocol means, in one sentence."""
    if protocol in ("sound", "paper"):
        return text("protocol", protocol)
    switches = " ".join(protocols.SWITCHES[switch] for switch in protocols.SWITCHES if switch in protocols.parse(protocol))
    return f"as the protocol “sound”, but with switches of the original's protocol. {switches.rstrip('.')}"


def caption(name: str, protocol: str = "sound", **facts) -> str:
    """A text with its {facts} filled in; it begins with the protocol where that is not the sound one."""
    said = text(name, protocol).format(**facts)
    return said if protocol == "sound" else f"Protocol: {protocol}. {said}"


def span(numbers: pd.Series) -> str:
    """`64`, or `64 to 10,000` where they differ."""
    return " to ".join(f"{int(number):,}" for number in sorted({numbers.min(), numbers.max()}))


def introduction(protocol: str, bound: bool) -> str:
    """What the page of a run with scores begins with; `bound`: whether a method of the run learns from clean images."""
    beside = " beside a network trained with clean images as an upper bound," if bound else ""
    return text("introduction", protocol).format(beside=beside)


# Tables


def table_caption(values: pd.DataFrame, methods: pd.DataFrame, notes: str = "") -> str:
    """`notes` as from `notes`."""
    protocol = protocol_of(values)
    seeds, timed = values["seeds"][values["seeds"] > 0], methods.dropna(subset=["ms_per_image", "device"])
    facts = {
        "images": f"{values['images'].max():,}",
        "replicates": f"{REPLICATES:,}",
        "seeds": span(seeds) if len(seeds) else "no method has any",
        "batch": span(timed["batch"]) if len(timed) else "64",
        "device": "; ".join(dict.fromkeys(map(device, timed.to_dict("records")))) or "not timed",
    }
    pasted = [text("pasted", protocol)] if shown.second(values) else []
    original = [text("original", protocol)] if values["original"].notna().any() else []
    of_rows = [*fewer_images(values, methods), *seeds_apart(values, methods)]
    of_rows += [text("submitted")] if "submitted" in set(methods["clean"]) else []
    parts = [caption("table", protocol, **facts), *pasted, *of_rows, *metric_notes(values), *original, *absent_metrics(values)]
    return " ".join(filter(None, [*parts, notes]))


def fewer_images(values: pd.DataFrame, methods: pd.DataFrame) -> list[str]:
    """What the rows of fewer test images than the others are of."""
    counts = values.groupby("method", sort=False)["images"].max()
    by_count: dict[int, list[str]] = {}
    for method, name in dict(zip(methods["method"], methods["title"], strict=True)).items():
        if counts[method] < counts.max():
            by_count.setdefault(counts[method], []).append(name)
    return [
        f"Restored on the first {count:,} test images alone: {listed(names)}. A mean over these does not compare with one "
        "over all images; differences, ranks and marks do, as they are taken on the images that both rows have."
        for count, names in by_count.items()
    ]


def seeds_apart(values: pd.DataFrame, methods: pd.DataFrame) -> list[str]:
    """Which rows have seeds that lie apart in a main metric, and what that means for their intervals."""
    marked = values[values["metric"].isin(shown.main(values))]
    marked = marked[marked["seeds_apart"]] if "seeds_apart" in marked else marked[:0]
    titles = dict(zip(methods["method"], methods["title"], strict=True))
    where = {titles[method]: ", ".join(title(at, {}) for at in rows.unique())
             for method, rows in marked.groupby("method", sort=False)["measurement"]}  # fmt: skip
    said = "; ".join(f"{name} ({at})" for name, at in where.items())
    return [text("seeds_apart").format(rows=said)] if said else []


def metric_notes(values: pd.DataFrame) -> list[str]:
    """What the main metrics that are shown say of themselves; PSNR and SSIM stand in the caption."""
    said = []
    for name, metric in shown.main(values).items():
        here = values[values["metric"] == name]
        if metric.shown != "main" or here["mean"].isna().all():
            continue
        note, ceiling = metric.note or f"{capital(metric.title)}: {metric.says}", here["ceiling"].dropna()
        if "{ceiling" not in note or len(ceiling):
            said.append(note.format(ceiling=ceiling.iloc[0] if len(ceiling) else None))
    return said


def absent_metrics(values: pd.DataFrame) -> list[str]:
    """What main metrics that are not shown say of that. The mosaic has metrics of its own."""
    if "mosaic" in protocols.parse(protocol_of(values)):
        return []
    return [metric.absent for name, metric in METRICS.items() if metric.absent and name not in set(values["metric"])]


def details_caption(values: pd.DataFrame) -> str:
    found = set(shown.where_both_differ(values).dropna(subset="mean")["metric"])
    said = [
        f"{capital(metric.title)}: {metric.says}"
        for name, metric in METRICS.items()
        if metric.shown == "details" and name in found
    ]
    other = [text("other_way", protocol_of(values))] if found & set(shown.second(values)) else []
    return caption("details", protocol_of(values), metrics=" ".join([*other, *said]))


def differences_caption(values: pd.DataFrame, methods: pd.DataFrame) -> str:
    said = [caption("differences", protocol_of(values)), *fewer_images(values, methods), *seeds_apart(values, methods)]
    return " ".join(said)


def posterior_caption(values: pd.DataFrame) -> str:
    """`values` is posterior.csv."""
    here = values[values["metric"] == "crps"]
    return caption("posterior", **{name: span(here[name]) for name in ("images", "samples", "seeds")})


def posterior_details_caption(values: pd.DataFrame) -> str:
    """What each score says; those that say the same are named together."""
    scored, titles = set(values["metric"]), {}
    for name, metric in declared.of_samples().items():
        if metric.shown == "posterior details" and name in scored:
            titles.setdefault(metric.says, []).append(metric.title)
    said = [f"{capital('; '.join(those))}: {says}" for says, those in titles.items()]
    return caption("posterior_details", metrics=" ".join(said))


def learning_caption(facts: dict, protocol: str) -> str:
    without = listed(facts["without"])
    said = f" Without a curve, as they make no estimate while they train: {without}." if without else ""
    return caption("learning", protocol, images=facts["images"], without=said)


def pareto_caption(facts: dict) -> str:
    """`facts` as in pareto.json."""
    said = "".join(f" {capital(title(at, {}))}: {says}." for at, says in facts["says"].items())
    return caption("pareto", facts["protocol"], device=facts["device"], said=said)


def pareto_table_caption(facts: dict, searched: bool) -> str:
    """`searched` as from `front.searched_for`."""
    there = f" {text('pareto_there').format(search=facts['search'])}" if searched else ""
    return caption("pareto_table", facts["protocol"], device=facts["device"], there=there)


def mse_time_caption(facts: dict) -> str:
    """`facts` as in mse_time.json; the two methods that are compared are named where a dotted line joins them."""
    joined = any(each["relation"] != "at most" for each in facts["speedups"].values())
    pair = f" {text('mse_time_pair').format(**facts)}" if joined else ""
    return caption("mse_time", pair=pair, **facts)


def capital(words: str) -> str:
    return words[0].upper() + words[1:]
