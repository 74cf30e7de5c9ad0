"""Fields of what was run: data, seeds, options and trainings (reports/quotes/field.py)."""

import re

import datasets
from networks.architectures import architecture
from reports import bootstrap
from reports.quotes import lookup
from reports.quotes.field import Numbers, field, fixed, plain

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


# --- data ----------------------------------------------------------------------------------------------------------------------


@field
def images(run: str) -> str:
    """How many test images a run scores."""
    return plain(lookup.read(lookup.table_of(run))["images"].max())


@field
def split(dataset: str, part: str) -> str:
    """How many images a split of a data set has."""
    return plain(datasets.images(dataset)[part])


@field
def values(dataset: str) -> str:
    """How many values an image has."""
    height, width, channels = datasets.of(dataset).SHAPE
    return plain(height * width * channels)


@field
def latent(dataset: str) -> str:
    """How many dimensions the latent vector has."""
    return plain(architecture(datasets.of(dataset).SHAPE).latent)


# --- runs ----------------------------------------------------------------------------------------------------------------------


@field
def seeds(run: str, *, capital: bool = False) -> str:
    """How many seeds the methods that have any were run with, in words: three, or "one or two" where not all have as many."""
    table = lookup.read(lookup.table_of(run))
    counts = " or ".join(WORDS[count] for count in sorted(set(table["seeds"]) - {0}))
    return counts.capitalize() if capital else counts


@field
def level() -> str:
    """Of the intervals, in percent."""
    return plain(100 * bootstrap.LEVEL)


@field
def posterior(run: str, column: str) -> str:
    """What all rows of posterior.csv have in a column: images, samples."""
    return plain(lookup.common(lookup.PUBLISHED / run / "posterior.csv", column))


@field
def option(run: str, method: str, name: str, part: str = "train") -> str:
    """An option that a method was trained or restored with."""
    found = lookup.options(run, method, part)
    if name not in found:
        raise LookupError(f"reports/published/{run}: {method} has no option {name} to {part}")
    return plain(found[name])


@field
def preset(config: str, method: str, name: str, part: str = "train") -> str:
    """An option of a method, to train or to restore, in one of the configurations of the repository."""
    return plain(lookup.configured(lookup.HOME / config, "methods", method, part, name))


@field
def strength(run: str, measurement: str) -> str:
    """The first option of a forward model: p, size, sigma."""
    return plain(lookup.strength(run, measurement))


# --- trainings -----------------------------------------------------------------------------------------------------------------


@field
def training(run: str, column: str, method: str = "") -> str:
    """What all trainings (of a method) have in a column of training.csv: steps, device, precision, threads."""
    return plain(lookup.common(lookup.PUBLISHED / run / "training.csv", column, **({"method": method} if method else {})))


@field
def trainings(run: str) -> str:
    """How many trainings there are."""
    return plain(len(lookup.read(lookup.PUBLISHED / run / "training.csv")))


@field
def minutes(run: str, digits: int = 1) -> Numbers:
    """What each training took."""
    return Numbers(list(lookup.read(lookup.PUBLISHED / run / "training.csv")["seconds"] / 60), digits)


@field
def core_hours(run: str) -> str:
    """What all trainings took together."""
    return fixed(lookup.read(lookup.PUBLISHED / run / "training.csv")["seconds"].sum() / 3600, 1)


@field
def parameters(run: str, method: str, network: str, seed: int = 0) -> Numbers:
    """How many parameters a network has, on each forward model."""
    found, path = [], lookup.PUBLISHED / run / "training.csv"
    for at in lookup.measurements(run):
        told = lookup.one(path, "parameters", method=method, measurement=at, seed=seed)
        count = re.search(rf"\b{network} ([\d,]+\d)", told)
        if not count:
            raise LookupError(f"{lookup.named(path)}: {method} has no network {network}")
        found.append(int(count[1].replace(",", "")))
    return Numbers(found, 0)


@field
def last(run: str, method: str, column: str, *, at: str = "", seed: int = 0, digits: int = 1, times: str = "") -> Numbers:
    """The last value that a training logged of a loss; `times="latent"` multiplies an average over the latent dimensions."""
    if times not in ("", "latent"):
        raise ValueError("times is latent, or not given")
    shape = datasets.of(lookup.common(lookup.table_of(run), "dataset")).SHAPE
    factor, found = architecture(shape).latent if times else 1, []
    for each in [at] if at else lookup.measurements(run):
        path = lookup.losses(run, each, method, seed)
        found.append(factor * lookup.common(path, column, step=lookup.read(path)["step"].max()))
    return Numbers(found, digits)
