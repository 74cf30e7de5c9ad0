"""What the tests know of learned methods: which there are, and the learner of each."""

import importlib
import re
from pathlib import Path

from methods.learner import Learner

from methods import training

LEARNED = sorted(path.parent.name for path in Path(training.__file__).parent.glob("*/train.py"))


def learner_class(method: str) -> type[Learner]:
    """The Learner that methods/METHOD/train.py hands to the engine."""
    module = importlib.import_module(f"methods.{method}.train")
    return getattr(module, re.search(r"^ +main\((\w+)\)", Path(module.__file__).read_text(), re.M)[1])
