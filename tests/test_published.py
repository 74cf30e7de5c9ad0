"""The published tables that scores of every image lie beside are those of these scores, made again."""

import shutil
import subprocess
import sys

import pytest
from declared import ROOT

PUBLISHED = ROOT / "reports/published"
CONFIGURATIONS = {  # of each folder
    "default": ["paper"],
    "more_measurements": ["more_measurements"],
    "switches": ["switches"],
    "switches/protocol_mosaic": ["switches", "protocol=[mosaic]"],
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_published_tables_are_those_of_the_published_scores(name, tmp_path):
    """Every table is made once more, as `make published` does."""
    configuration, *more = CONFIGURATIONS[name]
    shutil.copytree(PUBLISHED / name, tmp_path / name)
    for table in (tmp_path / name / "mnist").iterdir():
        table.unlink()
    command = [sys.executable, "-m", "snakemake", "published", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    command += ["--workflow-profile", ROOT / "profiles/default", "--directory", tmp_path]
    command += ["--configfile", ROOT / f"config/{configuration}.yaml"]
    command += ["--config", f"results={name.partition('/')[0]}", "data_dir=nowhere", *more]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert run.returncode == 0, run.stderr[-4000:]
    tables = [path for path in (PUBLISHED / name / "mnist").iterdir() if path.suffix in (".csv", ".md", ".tex")]
    assert len(tables) > 10
    for table in tables:
        assert (tmp_path / name / "mnist" / table.name).read_text() == table.read_text(), table.name


def test_published_scores_stay_small():
    assert sum(path.stat().st_size for path in (PUBLISHED / "default").rglob("*") if path.is_file()) < 20 * 2**20
