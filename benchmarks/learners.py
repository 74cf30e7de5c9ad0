"""The learners of the methods and their options, as the methods themselves state them."""

import importlib
from pathlib import Path

import methods
from bench import method_facts
from training.learner import Learner

FOLDER = Path(methods.__file__).parent
BUDGET = ("steps", "batch_size")  # the options of a training that the engine takes; all others are the learner's


def learner_of(method: str) -> type[Learner]:
    """The learner that a method's train.py names: the most derived, where it names those that it comes from, too."""
    named = vars(importlib.import_module(f"methods.{method}.train")).values()
    kinds = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Learner)]
    return max(kinds, key=lambda kind: len(kind.__mro__))


def learner_options(method: str) -> dict:
    """The defaults of the options that a method's learner is made with."""
    schemas = method_facts.read(FOLDER / method).train
    return {name: schema["default"] for name, schema in schemas.items() if name not in BUDGET}


def restoration_options(method: str) -> dict:
    """The defaults of the options that a method restores with."""
    return {name: schema["default"] for name, schema in method_facts.read(FOLDER / method).restore.items()}
