"""CONTRIBUTING.md does what it says: its files and commands, in its order, in a copy of this repository."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from declared import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TOO_LONG = {"make test", "make lint"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of this repository, with every file that the page shows."""
    folder = tmp_path_factory.mktemp("contributing") / "repository"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for language, text in BLOCKS:
        if language in ("python", "yaml"):
            name = re.match(r"# (\S+)\n", text)[1]
            assert not (folder / name).exists()
            (folder / name).write_text(text)
    return folder


def run(words: list[str], folder: Path) -> str:
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTHON"))}
    found = subprocess.run(words, cwd=folder, env=alone, capture_output=True, text=True)
    assert found.returncode == 0, f"{shlex.join(words)}\n{found.stdout[-2000:]}{found.stderr[-2000:]}"
    return found.stdout + found.stderr


def test_its_commands_run_in_their_order_and_make_what_they_say(copy):
    python, done = sys.executable, []
    for line in [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]:
        program, *words = shlex.split(line)
        if line in TOO_LONG:
            continue
        if words[:2] == ["-m", "pytest"]:  # the parts' own tests, which `make test` runs
            assert all((copy / word).is_file() for word in words if word.startswith("tests/"))
        elif program == "make":
            run(["make", "-o", ".venv/ready", f"BIN={Path(python).parent}", *words], copy)
        elif program == "snakemake":
            said = run([python, "-m", "snakemake", "-n", *words], copy)
            rules = set(re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE))
            assert {"clean", "measure", "mine_restore", "mine_learned_train", "mine_learned_restore", "score_mae"} <= rules
        else:
            run([python, *words], copy)
        done.append(line)
    made = copy / "results/try"
    with open(made / "mae.csv", newline="") as file:
        errors = [float(row["mae"]) for row in csv.DictReader(file)]
    estimates, clean = np.load(made / "mine/test.npy").astype(np.float64), np.load(made / "test.npy") / 255
    np.testing.assert_allclose(errors, np.abs(estimates - clean).mean((1, 2, 3)), atol=1e-5)
    assert np.load(made / "mine_learned/test.npy").shape == clean.shape == (18, 32, 32, 1) and len(done) > 10


def test_the_parts_that_it_adds_are_those_of_its_table():
    (config,) = (yaml.safe_load(text) for language, text in BLOCKS if language == "yaml")
    files = {re.match(r"# (\S+)\n", text)[1] for language, text in BLOCKS if language == "python"}
    assert files == {"datasets/coins.py", "measurements/drop_columns.py", "metrics/mae.py"}
    assert "drop_columns" in config["datasets"]["coins"] and {"mine", "mine_learned"} <= config["methods"].keys()
