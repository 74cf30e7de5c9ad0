"""The examples in docstrings hold."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
from declared import ROOT

SOURCES = [path for path in ROOT.glob("**/*.py") if not {".venv", "tests"} & set(path.relative_to(ROOT).parts)]
WITH_EXAMPLES = sorted(path for path in SOURCES if ">>> " in path.read_text(encoding="utf-8"))
# Modules whose examples are the test by hand of what they do, and how many lines these have
TESTED_HERE = {"measurements.side_info": 6, "metrics.sample_digits": 1, "metrics.two_sample": 3}
TESTED_HERE |= dict.fromkeys(("options", "protocols", "datasets.picture_ranges", "pictures.save", "pictures.tiles"))


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_these_modules_have_examples():
    assert TESTED_HERE.keys() <= set(map(name_of, WITH_EXAMPLES))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_module_hold(path):
    failed, tried = doctest.testmod(importlib.import_module(name_of(path)), extraglobs={"np": np, "pd": pd})
    assert tried and not failed
    assert tried == (TESTED_HERE.get(name_of(path)) or tried)
