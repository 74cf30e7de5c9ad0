"""What the benchmark declares, which tests choose their cases from: methods with their facts and learners, forward models."""

import functools
import importlib
import runpy
from importlib import metadata
from pathlib import Path
from types import ModuleType
from unittest import mock

import yaml

from bench import method_facts
from config.runs import mismatch
from measurements import forward
from measurements.forward import ForwardModel
from training.learner import Learner

ROOT = Path(__file__).parent.parent


def installed(folder: Path) -> bool:
    """Whether there are the packages that a method needs beside the benchmark's own: those of its requirements.txt, if any."""
    path = folder / "requirements.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    try:
        return all(metadata.version(name) == pin for name, _, pin in (line.partition("==") for line in lines if "==" in line))
    except metadata.PackageNotFoundError:
        return False


FOLDERS = [path.parent for path in sorted((ROOT / "methods").glob("*/rules.smk")) if installed(path.parent)]
METHODS = {folder.name: method_facts.read(folder) for folder in FOLDERS}
LEARNED = [name for name, facts in METHODS.items() if facts.learned]
OF_ALL_TRAINING = set(yaml.safe_load(method_facts.TRAINING.read_text()))  # options that the engine takes, and no learner

MODELS = [family(**options) for family in map(forward.find, forward.names()) for options in family.EXAMPLES]
FAMILIES: dict[str, ForwardModel] = {name: forward.find(name)(**forward.find(name).EXAMPLES[0]) for name in forward.names()}


def applies_to(method: str, part: str = "applies") -> list[str]:
    """The families that a method is run on; with part="posterior", those among them that it draws samples for."""
    facts = METHODS[method]
    asked = facts.applies if part == "applies" else facts.applies | facts.posterior
    return [family for family, model in FAMILIES.items() if not mismatch(asked, model.traits())]


PAIRS = [(method, family) for method in METHODS for family in applies_to(method)]


def defaults(schemas: dict[str, dict]) -> dict:
    return {name: schema["default"] for name, schema in schemas.items()}


def own_options(method: str) -> dict[str, dict]:
    """Options of a method's learner: those of `train` but the engine's."""
    return {name: schema for name, schema in METHODS[method].train.items() if name not in OF_ALL_TRAINING}


def program(method: str) -> ModuleType:
    """The method's restore.py."""
    return importlib.import_module(f"methods.{method}.restore")


@functools.cache
def learner_class(method: str) -> type[Learner]:
    """What the method's train.py hands to the engine."""
    with mock.patch("training.command.main") as main:
        runpy.run_module(f"methods.{method}.train", run_name="__main__")
    return main.call_args.args[0]


SAMPLING = [method for method in METHODS if hasattr(program(method), "sample")]
SAMPLED = [(method, family) for method in SAMPLING for family in applies_to(method, "posterior")]
