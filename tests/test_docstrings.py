"""The examples in docstrings hold."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
from declared import ROOT

SOURCES = [path for path in ROOT.glob("**/*.py") if not {".venv", "tests"} & set(path.relative_to(ROOT).parts)]
WITH_EXAMPLES = sorted(path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8"))


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_module_hold(path):
    failed, tried = doctest.testmod(importlib.import_module(name_of(path)), extraglobs={"np": np, "pd": pd})
    assert tried and not failed
