"""Options and inputs as words of a command line, each quoted so that the shell hands it over as it is."""

import re
import shlex
from collections.abc import Iterable

from config.schema import family_of

CLOSES = re.compile("<(?=[/!])")  # what may end an element `script` of HTML, or keep its end from being one


def in_script(text: str) -> str:
    """JSON, or YAML with such text in double quotes, of the same value that Snakemake's report may write into a `script`.

    >>> in_script('"</script>"')
    '"\\\\u003c/script>"'
    """
    return CLOSES.sub(r"\\u003c", text)


def flags(options: dict) -> str:
    """Options, or a rule's named inputs, as flags: --name value."""
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in options.items())


def pairs(named: Iterable[tuple[str, object]]) -> str:
    """Files, or values of options, with their names: name=path."""
    return shlex.join(f"{name}={path}" for name, path in named)


def measurement_flags(config: dict, dataset: str, measurement: str) -> str:
    """The family of a forward model, its options and the protocol, for measurements.measure."""
    options = config["datasets"][dataset][measurement]
    protocol = {} if config["protocol"] == "sound" else {"protocol": config["protocol"]}
    return f"{family_of(measurement)} {flags(options | protocol)}"


def split_flags(config: dict, dataset: str, split: str) -> str:
    """How many images of a split count, for datasets.prepare; nothing where all do."""
    counts = config["images"].get(dataset, {})
    return flags({"images": counts[split]}) if split in counts else ""


def options_on(method: dict, section: str, dataset: str) -> dict:
    """The options of a method's training, restoration or timing on a data set."""
    return method[section] | method["for"].get(dataset, {}).get(section, {})


def timed_settings(method: dict, dataset: str) -> list[tuple[str, object]]:
    """(option, value) of each further setting with which a method's timing batch is restored on a data set."""
    own, asked = options_on(method, "restore", dataset), options_on(method, "timing", dataset)
    return [(name, value) for name, values in asked.items() for value in values if value != own.get(name)]
