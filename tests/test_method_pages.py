"""docs/methods and the README's list are what the methods say of themselves, and lack none of it."""

import csv
import re
import sys
from unittest import mock

import pytest
from declared import ROOT

from bench import method_facts
from config import method_pages

METHODS = {path.parent.name: method_facts.read(path.parent) for path in sorted((ROOT / "methods").glob("*/rules.smk"))}


@pytest.fixture(scope="module")
def made() -> dict:
    with mock.patch.object(sys, "path", [*sys.path]):  # Snakemake adds folders whose files may be called like packages
        return {path.relative_to(ROOT).as_posix(): text for path, text in method_pages.pages().items()}


def test_the_pages_are_those_that_make_method_pages_makes(made):
    other = [name for name, text in made.items() if not (ROOT / name).is_file() or (ROOT / name).read_text() != text]
    assert other == [], "run make method-pages"
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/methods").iterdir()} | {"README.md"} == set(made)


def test_every_method_stands_once_in_each_list(made):
    for page, link in {"README.md": "docs/methods/{}.md", "docs/methods/README.md": "{}.md"}.items():
        counts = {name: made[page].count(f"[{facts.title}]({link.format(name)})") for name, facts in METHODS.items()}
        assert set(counts.values()) == {1}, counts


@pytest.mark.parametrize("name", METHODS)
def test_a_page_holds_formulas_options_and_costs(name):
    """Read from the committed page, and compared with the files themselves."""
    page, folder = (ROOT / f"docs/methods/{name}.md").read_text(), ROOT / "methods" / name
    facts = METHODS[name]
    declared = [(name, str(schema["default"])) for part in (facts.train, facts.restore) for name, schema in part.items()]
    assert re.findall(r"^\| `(\w+)` \| [^|]* \| `([^`]*)` \|", page, re.MULTILINE) == declared
    program = "model.py" if (folder / "model.py").exists() else "restore.py"
    docstring = (folder / program).read_text().split('"""')[1]
    formulas = [line.strip() for line in docstring.splitlines() if re.search(r"\S {2,}\S", line)]
    assert all(line in page for line in formulas)
    with open(ROOT / "benchmarks/rates.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == name and not row["options"]]
    costs = page.split("## What it costs")[1]
    assert costs.count("\n| a") + costs.count("\n| learning") == len(rows)
    assert ("not been measured" in costs) == (not rows)
