"""The published tables of the default configuration are those of the published scores, made again."""

import shutil
import subprocess
import sys

import pytest
from declared import ROOT

PUBLISHED = ROOT / "reports/published/default"


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The folder of published scores, with every table made once more, as `make published` does."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(PUBLISHED, folder / "default")
    for table in folder.glob("default/mnist/*.*"):
        table.unlink()
    command = [sys.executable, "-m", "snakemake", "published", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    command += ["--workflow-profile", ROOT / "profiles/default", "--directory", folder, "--config", "results=default"]
    run = subprocess.run([*command, "data_dir=nowhere"], capture_output=True, text=True, cwd=folder, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder / "default"


@pytest.mark.parametrize(
    "name",
    [
        "table.csv",
        "table.md",
        "details.md",
        "differences.md",
        "training.csv",
        "learning.csv",
        "posterior.csv",
        "posterior_details.md",
    ],
)
def test_a_published_table_is_that_of_the_published_scores(again, name):
    assert (again / "mnist" / name).read_text() == (PUBLISHED / "mnist" / name).read_text()


def test_published_scores_stay_small():
    assert sum(path.stat().st_size for path in PUBLISHED.rglob("*") if path.is_file()) < 20 * 2**20
