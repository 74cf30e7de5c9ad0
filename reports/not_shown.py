"""Notes on what a table does not show: methods that do not apply, runs to come, values that no measurement has."""

import pandas as pd

from reports.captions import span
from reports.files import listed, title


def notes(absent: dict[str, dict[str, str]], measured: dict[str, dict], titles: dict[str, str], not_yet: list[str]) -> str:
    """How many images were learned from, which methods do not apply, how many values no training measurement shows, as sentences.

    `absent` is {measurement: {method: reason}}, `measured` the facts of each measurement's training split, `not_yet` the runs
    that have no scores yet.
    """
    parts = images_learned_from(measured), methods_that_do_not_apply(absent, titles), values_never_shown(measured)
    return " ".join([*(sentence for part in parts for sentence in part), *runs_to_come(not_yet, titles)])


def runs_to_come(not_yet: list[str], titles: dict[str, str]) -> list[str]:
    """
    >>> runs_to_come(["drop_patch/median"], {})
    ['Not run yet, though the configuration has them: on drop patch: median.']
    """
    return [f"Not run yet, though the configuration has them: {runs_named(not_yet, titles)}."] if not_yet else []


def runs_named(runs: list[str], titles: dict[str, str]) -> str:
    """Runs, given as measurement/method/seed, in words.

    >>> runs_named(["drop_patch/acsg/1", "drop_patch/acsg/2", "drop_rows/acsg/2", "drop_patch/median"], {"acsg": "ACSG"})
    'on drop patch: ACSG (seeds 1, 2), median; on drop rows: ACSG (seed 2)'
    >>> runs_named([f"{at}/{name}/1" for at in ("drop_patch", "add_noise") for name in ("acsg", "unsure")], {"acsg": "ACSG"})
    'on drop patch, add noise: ACSG, unsure (seed 1 each)'
    """
    seeds: dict[tuple[str, str], list[str]] = {}  # of a method under a measurement
    for measurement, method, *seed in (run.split("/") for run in runs):
        seeds.setdefault((method, measurement), []).extend(seed)
    where: dict[tuple[str, tuple[str, ...]], list[str]] = {}  # the measurements under which a method lacks the same seeds
    for (method, measurement), each in seeds.items():
        where.setdefault((method, tuple(each)), []).append(measurement)
    methods: dict[tuple[str, ...], dict[tuple[str, ...], list[str]]] = {}  # measurements → seeds → methods
    for (method, each), measurements in where.items():
        methods.setdefault(tuple(measurements), {}).setdefault(each, []).append(title(method, titles))
    return "; ".join(
        f"on {', '.join(title(name, {}) for name in measurements)}: "
        + ", ".join(listed(names) + of_seeds(each, len(names)) for each, names in by_seeds.items())
        for measurements, by_seeds in methods.items()
    )


def of_seeds(seeds: tuple[str, ...], methods: int) -> str:
    """
    >>> of_seeds(("1", "2"), 3), of_seeds(("0",), 1), of_seeds((), 2)
    (' (seeds 1, 2 each)', ' (seed 0)', '')
    """
    return f" (seed{'s'[: len(seeds) - 1]} {', '.join(seeds)}{' each' if methods > 1 else ''})" if seeds else ""


def images_learned_from(measured: dict[str, dict]) -> list[str]:
    """
    >>> images_learned_from({"drop_patch": {"images": 4000}, "add_noise": {"images": 4000}})
    ['Training split: 4,000 images.']
    """
    counts = [facts["images"] for facts in measured.values() if "images" in facts]
    return [f"Training split: {span(pd.Series(counts))} images."] if counts else []


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
        "Not run on " + "; on ".join(f"{at}: {listed(methods)}" for at, methods in groups.items()) + f" ({reason.rstrip('.')})."
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
