"""The published tables, of the default configuration and of the other forward models, are made again of the published scores."""

import shutil
import subprocess
import sys

import pytest
from declared import ROOT

PUBLISHED = ROOT / "reports/published"
CONFIGURATIONS = {"default": "paper", "more_measurements": "more_measurements"}  # of each folder


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def again(request, tmp_path_factory):
    """A folder of published scores, with every table made once more, as `make published` does."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(PUBLISHED / request.param, folder / request.param)
    for table in folder.glob("*/mnist/*.*"):
        table.unlink()
    command = [sys.executable, "-m", "snakemake", "published", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    command += ["--workflow-profile", ROOT / "profiles/default", "--directory", folder]
    command += ["--configfile", ROOT / f"config/{CONFIGURATIONS[request.param]}.yaml"]
    command += ["--config", f"results={request.param}", "data_dir=nowhere"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    return folder / request.param


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
    assert (again / "mnist" / name).read_text() == (PUBLISHED / again.name / "mnist" / name).read_text()


def test_published_scores_stay_small():
    assert sum(path.stat().st_size for path in (PUBLISHED / "default").rglob("*") if path.is_file()) < 20 * 2**20
