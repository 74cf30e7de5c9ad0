"""What a user installs is what was tested."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


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


def test_nothing_that_is_made_is_in_git():
    if not (ROOT / ".git").exists():
        return
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [f for f in files if re.match(r"(results|data|\.venv|\.snakemake)/|.*\.(npy|pt|pyc)$", f)] == []
