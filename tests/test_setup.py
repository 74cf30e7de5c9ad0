"""What a user installs is what was tested."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def make(*arguments: str, folder: Path = ROOT) -> str:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # not a part of `make test`
    return subprocess.run(["make", *arguments], cwd=folder, env=alone, capture_output=True, text=True, check=True).stdout


def pins(text: str) -> dict[str, str]:
    return dict(PIN.findall(text))


def test_conda_and_pip_users_get_the_same_versions():
    wanted, locked = pins((ROOT / "requirements.in").read_text()), pins((ROOT / "requirements.txt").read_text())
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert pins("\n".join(conda[-1]["pip"])) == wanted
    assert {name: locked[name] for name in wanted} == wanted


def test_every_locked_package_has_a_hash():
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.txt").read_text().strip())
    assert len(blocks) > 50
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("wanted", sorted(ROOT.glob("*/requirements.in")), ids=lambda path: path.parent.name)
def test_packages_of_one_target_are_locked_beside_those_of_all(wanted):
    """Each with hashes, and none that moves a pin of the project's own."""
    locked = wanted.with_suffix(".txt").read_text()
    assert pins(locked) == pins(wanted.read_text()) and locked.count("==") <= locked.count("--hash=sha256:")
    assert not pins(locked).keys() & pins((ROOT / "requirements.txt").read_text()).keys()


def test_nothing_that_is_made_is_in_git():
    if not (ROOT / ".git").exists():
        return
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [f for f in files if re.match(r"(results|release|data|\.venv|\.snakemake)/|.*\.(npy|pt|pyc)$", f)] == []


def test_make_alone_says_what_there_is_to_make():
    targets = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    said = {line.split()[1]: line for line in make().splitlines()}
    assert sorted(said) == sorted(targets)
    assert all(len(line.split()) > 3 for line in said.values())  # each with a description


def test_lint_covers_every_folder_of_rules():
    checked = re.search(r"snakefmt --check (.*)", make("-n", "lint"))[1].split()
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[a-z]*/**/*.smk")} - {"results", "tests"}
    assert {folder.rstrip("/") for folder in checked} == {"Snakefile"} | folders


def test_make_clean_deletes_caches_and_keeps_what_took_time(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = ["results/quick/x", ".pytest_cache/x", ".ruff_cache/x", "a/__pycache__/x"]
    kept = [".venv/lib/__pycache__/x", "data/MNIST/x", "gpu/jobs.json", "methods/mine/restore.py", "reports/published/x"]
    kept += ["results/mnist/x", ".cache/checkpoints/x", ".snakemake/x"]
    for name in made + kept:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    said = make("clean", folder=tmp_path)
    assert [name for name in made if (tmp_path / name).parent.exists()] == []
    assert [name for name in kept if not (tmp_path / name).exists()] == []
    assert "kept: other results, unfinished trainings" in said
