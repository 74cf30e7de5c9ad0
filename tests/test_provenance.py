"""The digest of the code that a step runs: what it covers, and what it leaves out."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import forget_code
from parsed import ROOT, workflow_of

from bench.provenance import code_of, code_of_method

FILES = {
    "store.py": "",
    "shared/__init__.py": "",
    "shared/command.py": "def main():\n    from shared import (\n        clock,\n    )\n",
    "shared/clock.py": "import json, store",
    "shared/other.py": "",
    "programs/__init__.py": "",
    "programs/table.py": "from .layout import cell\nimport numpy",
    "programs/layout.py": "",
    "programs/captions/a.md": "",
    "families/drop.py": "from shared.other import x",
    "methods/__init__.py": "",
    "methods/mine/__init__.py": "",
    "methods/mine/rules.smk": "",
    "methods/mine/method.yaml": "",
    "methods/mine/model.py": "import torch",
    "methods/mine/train.py": "from methods.mine.model import Model",
    "methods/mine/restore.py": "import methods.mine.model\nfrom shared.command import main",
    "methods/mine/weights.bin": "",
    "methods/mine/__pycache__/model.pyc": "",
    "methods/other/restore.py": "from shared.command import main\nfrom methods.mine import model",
    "away/apart/restore.py": "from shared.command import main\nfrom apart import own",
    "away/apart/own.py": "import store",
    "away/apart/unused.py": "import shared.other",
}
DIGESTS = {
    "program": lambda home: code_of("programs.table", home=home),
    "page": lambda home: code_of("programs.table", "programs/captions", home=home),
    "train": lambda home: code_of_method(str(home / "methods/mine"), "train", home=home),
    "restore": lambda home: code_of_method(str(home / "methods/mine"), "restore", "families.drop", home=home),
    "other": lambda home: code_of_method(str(home / "methods/other"), "restore", home=home),
    "apart": lambda home: code_of_method(str(home / "away/apart"), "restore", home=home),
}


@pytest.fixture
def home(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digests(home: Path) -> dict[str, str]:
    """All of them, as another start of Snakemake would compute them."""
    forget_code()
    return {name: digest(home) for name, digest in DIGESTS.items()}


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("store.py", {"restore", "other", "apart"}),
        ("shared/__init__.py", {"restore", "other", "apart"}),
        ("shared/command.py", {"restore", "other", "apart"}),
        ("shared/clock.py", {"restore", "other", "apart"}),
        ("shared/other.py", {"restore", "apart"}),
        ("programs/table.py", {"program", "page"}),
        ("programs/layout.py", {"program", "page"}),
        ("programs/captions/a.md", {"page"}),
        ("families/drop.py", {"restore"}),
        ("methods/mine/rules.smk", {"train", "restore"}),
        ("methods/mine/model.py", {"train", "restore", "other"}),
        ("methods/mine/weights.bin", {"train", "restore"}),
        ("methods/mine/train.py", {"train"}),
        ("methods/mine/restore.py", {"restore"}),
        ("methods/mine/method.yaml", set()),
        ("methods/mine/__pycache__/model.pyc", set()),
        ("methods/other/restore.py", {"other"}),
        ("away/apart/own.py", {"apart"}),
        ("away/apart/unused.py", {"apart"}),
    ],
)
def test_an_edit_changes_the_digests_of_what_imports_the_file_and_no_other(edited, changes, home):
    before = digests(home)
    with open(home / edited, "a") as file:
        file.write("\nEDITED = True")
    after = digests(home)
    assert {name for name in before if before[name] != after[name]} == changes


def test_comments_docstrings_and_layout_of_python_do_not_count(home):
    """So that better words do not train everything again."""
    path, before = home / "shared/clock.py", digests(home)
    path.write_text(f'"""Says more."""\n\n# and why\n{path.read_text()}\n\n')
    assert digests(home) == before


def test_a_new_file_of_a_method_counts_and_one_taken_away(home):
    before = digests(home)
    (home / "methods/mine/notes.csv").touch()
    assert {name for name, digest in digests(home).items() if digest != before[name]} == {"train", "restore"}
    (home / "methods/mine/notes.csv").unlink()
    assert digests(home) == before


def test_where_the_repository_lies_does_not_count(home, tmp_path):
    before = digests(home)
    moved = home.rename(tmp_path.with_name(f"{tmp_path.name}_moved"))
    assert digests(moved) == before


def test_code_that_is_not_there_is_an_error(home):
    for part in ("programs.gone", "programs/gone.md"):
        with pytest.raises(FileNotFoundError, match="a rule names this as code"):
            code_of(part, home=home)


def test_every_rule_that_runs_python_has_the_digest_of_it(tmp_path):
    """`python -m MODULE` is in the command, so MODULE's digest is among the parameters."""
    config = {"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}}}, "methods": {"as_measured": None, "supervised": None}}
    with workflow_of(config, tmp_path) as workflow:
        runs_python = [rule for rule in workflow.rules if "python -m" in (rule.shellcmd or "")]
        assert len(runs_python) > 10
        assert [rule.name for rule in runs_python if "code" not in dict(rule.params.items())] == []


def test_all_digests_of_a_large_configuration_take_as_long_as_reading_the_code_a_few_times():
    """In a process of its own, as Snakemake starts; the time is the processor's, of parsing every file of ours once."""
    code = f"""
import ast, time
from pathlib import Path
from bench.provenance import code_of, code_of_method
home = Path({str(ROOT)!r})
files = [path.read_text(encoding="utf-8") for path in home.glob("[a-z]*/**/*.py") if "tests" not in path.parts]
began = time.process_time()
for file in files:
    ast.parse(file)
parsed = time.process_time()
for rules in sorted(home.glob("methods/*/rules.smk")):
    for program in ("train", "restore"):
        if (rules.parent / f"{{program}}.py").exists():
            code_of_method(str(rules.parent), program, "measurements.drop_patch")
            code_of_method(str(rules.parent), program, "measurements.add_noise")
for program in ("measurements.measure", "reports.table", "reports.page", "datasets.prepare"):
    code_of(program)
print((time.process_time() - parsed) / (parsed - began))
"""
    times = [float(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)) for _ in range(2)]
    assert min(times) < 3
