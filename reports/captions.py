"""What stands below tables and figures: the texts of captions/, with their facts filled in, and notes on what is not shown."""

from pathlib import Path

import pandas as pd

import protocols
from metrics import declared
from reports.bootstrap import REPLICATES
from reports.facts import device
from reports.files import title
from reports.tables import DETAILS, MAIN, METRICS

CAPTIONS = Path(__file__).parent / "captions"
# The switches of the protocol with which a text differs from that of the sound protocol
DIFFERS_WITH = {"introduction": "fresh_theta", "table": "mosaic", "original": "mosaic"}


def text(name: str, protocol: str = "sound") -> str:
    """captions/`name`.md, or what captions/protocol_paper/ has in its place where the protocol has the switch that matters."""
    other = CAPTIONS / "protocol_paper" / f"{name}.md"
    differs = protocol == "paper" or DIFFERS_WITH.get(name) in protocols.parse(protocol)
    return " ".join((other if differs and other.exists() else CAPTIONS / f"{name}.md").read_text().split())


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


def protocol_of(values: pd.DataFrame) -> str:
    """The protocol of a table.csv; those made before there was another than the sound one do not state it."""
    return values["protocol"].iloc[0] if "protocol" in values else "sound"


# Tables


def table_caption(values: pd.DataFrame, methods: pd.DataFrame, notes: str = "") -> str:
    """`notes` as from `notes`."""
    protocol = protocol_of(values)
    seeds, timed = values["seeds"][values["seeds"] > 0], methods.dropna(subset="ms_per_image")
    facts = {
        "images": span(values["images"][values["metric"] == "psnr"]),
        "replicates": f"{REPLICATES:,}",
        "seeds": span(seeds) if len(seeds) else "no method has any",
        "batch": span(timed["batch"]) if len(timed) else "64",
        "device": "; ".join(dict.fromkeys(map(device, timed.to_dict("records")))) or "not timed",
    }
    original = [text("original", protocol)] if values["original"].notna().any() else []
    parts = [caption("table", protocol, **facts), *metric_notes(values), *original, *absent_metrics(values), notes]
    return " ".join(filter(None, parts))


def metric_notes(values: pd.DataFrame) -> list[str]:
    """What the main metrics that are shown say of themselves; PSNR and SSIM stand in the caption."""
    said = []
    for name in MAIN:
        here, metric = values[values["metric"] == name], METRICS[name]
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
    return [METRICS[name].absent for name in MAIN if METRICS[name].absent and name not in set(values["metric"])]


def details_caption(values: pd.DataFrame) -> str:
    shown = [name for name in DETAILS if values["mean"][values["metric"] == name].notna().any()]
    said = " ".join(f"{capital(METRICS[name].title)}: {METRICS[name].says}" for name in shown)
    return caption("details", protocol_of(values), metrics=said)


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


def capital(words: str) -> str:
    return words[0].upper() + words[1:]


# Notes on what is not shown


def notes(absent: dict[str, dict[str, str]], measured: dict[str, dict], titles: dict[str, str]) -> str:
    """Which methods do not apply, and how many values no training measurement shows, as sentences.

    `absent` is {measurement: {method: reason}}, `measured` the facts of each measurement's training split.
    """
    return " ".join([*methods_that_do_not_apply(absent, titles), *values_never_shown(measured)])


def methods_that_do_not_apply(absent: dict[str, dict[str, str]], titles: dict[str, str]) -> list[str]:
    """One sentence for each reason.

    >>> methods_that_do_not_apply({"add_noise": {"telea": "needs missing values", "harmonic": "needs missing values"}}, {})
    ['Not run on add noise: telea, harmonic (needs missing values).']
    """
    where: dict[tuple[str, str], list[str]] = {}  # (reason, method) → measurements
    for measurement, reasons in absent.items():
        for method, reason in reasons.items():
            where.setdefault((reason, method), []).append(title(measurement, {}))
    by_reason: dict[str, dict[str, list[str]]] = {}  # reason → measurements → methods
    for (reason, method), measurements in where.items():
        by_reason.setdefault(reason, {}).setdefault(", ".join(measurements), []).append(title(method, titles))
    return [
        "Not run on "
        + "; on ".join(f"{at}: {', '.join(methods)}" for at, methods in groups.items())
        + f" ({reason.rstrip('.')})."
        for reason, groups in by_reason.items()
    ]


def values_never_shown(measured: dict[str, dict]) -> list[str]:
    """
    >>> values_never_shown({"drop_patch": {"never_shown": 36}, "add_noise": {"never_shown": 0}})
    ['No training measurement shows 36 of the values of an image (drop patch); no method can learn them from measurements alone.']
    """
    counts = [(facts.get("never_shown", 0), title(name, {})) for name, facts in measured.items()]
    said = ", ".join(f"{count:,} of the values of an image ({name})" for count, name in counts if count)
    return [f"No training measurement shows {said}; no method can learn them from measurements alone."] if said else []
