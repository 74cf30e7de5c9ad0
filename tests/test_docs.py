"""What the README, the pages beside it and docs/ say can be done, can be: commands, configurations, programs, links, numbers.

Fenced blocks are read from the pages.

    sh        Snakemake's lines are parsed by Snakemake itself, with the configuration that they name; `python -m` lines are
              compared with the command's own help; targets of make must exist; the steps by hand are run
    yaml      a first line `# NAME.yaml` makes it a file of that name, for the commands of the same page
    python    compiled; those that read a trained model are run

Above a block, `<!-- from: PATH -->` says that it stands in that file, and `<!-- not run: WHY -->` that it is not looked into.
"""

import contextlib
import csv
import functools
import io
import json
import re
import shlex
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from parsed import workflow_of
from snakemake.cli import parse_args, parse_config
from snakemake.utils import update_config

import store
from bench import method_facts

ROOT = Path(__file__).parent.parent
OTHERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md", "submissions/README.md")
FILES = [*map(ROOT.joinpath, OTHERS), *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/methods").glob("*.md"))]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in FILES}
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
BY_HAND = "python -m methods.ambient_vaegan_skip.train --y"  # in the block of steps by hand, which is run
DEFAULT = "config/paper.yaml"


class Block(NamedTuple):
    page: str
    language: str
    text: str
    note: str  # of the comment above it: "from: PATH", "not run: WHY" or ""


def blocks(language: str) -> list[Block]:
    """The fenced blocks of a language, of all pages."""
    fence = re.compile(r"(?:<!-- ([^>]*) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [Block(page, kind, text, note) for page, whole in PAGES.items() for note, kind, text in fence.findall(whole)]
    assert not [block for block in found if re.fullmatch(r"not run:\s*", block.note)], "say why a block is not run"
    return [block for block in found if block.language == language and not block.note.startswith("not run:")]


def commands() -> list[tuple[str, str]]:
    """(page, line) of every command, continued lines joined."""
    lines = [
        (block.page, line.partition(" #")[0].strip())
        for block in blocks("sh")
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    return list(dict.fromkeys((page, line) for page, line in lines if line))


def lines_of(program: str) -> list[tuple[str, str]]:
    return [(page, line) for page, line in commands() if line.startswith(f"{program} ")]


def files_of(page: str) -> dict[str, dict]:
    """The configurations that a page shows, by the name in their first line."""
    found = [re.match(r"# (\S+\.yaml)\n", block.text) for block in blocks("yaml") if block.page == page]
    return {match[1]: yaml.safe_load(match.string) for match in found if match}


# --- commands ------------------------------------------------------------------------------------------------------------------


def test_every_command_is_of_a_kind_that_is_tested():
    known = r"(make|snakemake|python -m) |source \.venv/bin/activate$|\w+=\S+$"
    assert [line for _, line in commands() if not re.match(known, line)] == []
    assert {"make demo", "make test", "snakemake --cores 8"} <= {line for page, line in commands() if page == "README.md"}


def test_what_make_is_asked_for_exists():
    inline = [(page, line) for page, text in PAGES.items() for line in re.findall(r"`(make [^`]+)`", text)]
    for page, line in [*lines_of("make"), *inline]:
        asked = [word for word in shlex.split(line)[1:] if "=" not in word]
        assert set(asked) <= TARGETS, f"{page}: {line}"


@functools.cache
def parsed(config: str, folder: Path) -> list:
    """The rules of the workflow of a configuration, as Snakemake parsed it."""
    with workflow_of(json.loads(config), folder) as workflow:
        return list(workflow.rules)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder to run in, where CelebA seems to be there."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "celeba").mkdir()
    (folder / "celeba/celeba_64.zip").touch()
    return folder


def merged(page: str, args, folder: Path) -> dict:
    """The configuration of a command line, of files in the repository and on its page, merged as Snakemake merges them."""
    shown, config = files_of(page), {}
    for name in [str(path) for path in args.configfile or [DEFAULT]]:
        update_config(config, shown[name] if name in shown else yaml.safe_load((ROOT / name).read_text()))
    update_config(config, parse_config(args.config))
    for method in config["methods"].values():
        if method and "folder" in method:
            method["folder"] = str(ROOT / method["folder"])
    return config | {"data_dir": str(folder)}


@pytest.mark.parametrize("page, line", lines_of("snakemake"))
def test_snakemake_accepts(page, line, place, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, args = parse_args(shlex.split(line)[1:])
    rules = parsed(json.dumps(merged(page, args, place), sort_keys=False), place)
    for target in args.targets:
        assert any(rule.name == target or rule.is_producer(target) for rule in rules), f"{page}: no rule makes {target}"


@pytest.mark.parametrize(
    "block", [block for block in blocks("yaml") if "metric_weights" in block.text], ids=lambda block: block.page
)
def test_a_configuration_without_a_command_adds_to_the_demo(block, place):
    config = yaml.safe_load((ROOT / "config/quick.yaml").read_text())
    parsed(json.dumps(config | yaml.safe_load(block.text)), place)


def test_every_configuration_is_used_or_is_a_method_yaml(tmp_path):
    named = " ".join(line for _, line in commands())
    for block in blocks("yaml"):
        content = yaml.safe_load(block.text)
        if match := re.match(r"# (\S+\.yaml)\n", block.text):
            assert match[1] in named or "metric_weights" in content, f"{block.page}: no command uses {match[1]}"
        else:
            (tmp_path / "method.yaml").write_text(block.text)
            assert method_facts.read(tmp_path).title == content["title"]


@pytest.mark.parametrize("page, line", [each for each in lines_of("python -m") if "$" not in each[1]])
def test_a_program_has_the_flags(page, line, command):
    _, _, module, *arguments = shlex.split(line)
    if module == "pytest":
        assert [path for path in arguments if not path.startswith("-") and not (ROOT / path).is_file()] == []
        return
    words = [word for word in arguments[:1] if not word.startswith("-")] if module == "measurements.measure" else []
    said = command(module, *words, "--help").out
    assert [flag for flag in arguments if flag.startswith("--") and flag not in said] == []


@pytest.mark.parametrize("page", PAGES)
def test_programs_named_in_the_text_exist(page):
    modules = re.findall(r"`python3? -m ([a-z_.]+)", PAGES[page])
    assert [name for name in set(modules) - {"pytest"} if not ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file()] == []


def test_the_steps_by_hand_and_what_is_done_with_a_trained_model(tmp_path, monkeypatch, command):
    """The block, on 32 images in place of a data set and with two steps of training; then the programs that read its results."""
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks("sh") if BY_HAND in block.text]
    lines = block.text.replace("\\\n", " ").splitlines()
    names = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    done = []
    for line in filter(lambda line: line.startswith("python -m"), lines):
        line, short = re.subn(r"--steps \d+", "--steps 2", Template(line).substitute(names))
        _, _, module, *arguments = shlex.split(line)
        if module == "datasets.prepare":
            images = np.random.default_rng(0).integers(0, 256, (32, 28, 28, 1), np.uint8)
            store.save_array(Path(arguments[arguments.index("--output") + 1]), images)
        else:
            outcome = command(module, *arguments)
            assert outcome.code == 0, f"{line}: {outcome.err}"
        done.append((module, short))
    assert ("methods.ambient_vaegan_skip.train", 1) in done and done[-1] == ("metrics.quality", 0)
    programs = [block for block in blocks("python") if "results/quick" in block.text]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for program in programs:
            exec(compile(program.text.replace("results/quick", "results/hand"), program.page, "exec"), {})
    assert Path("worst.png").stat().st_size and "[8, 16, 28, 28, 1]" in said.getvalue() and len(programs) == 3


# --- programs, links, numbers --------------------------------------------------------------------------------------------------


def test_programs_compile_and_quotations_stand_in_their_files():
    for block in blocks("python"):
        compile(block.text, block.page, "exec")
    for block in [*blocks("python"), *blocks("snakemake")]:
        if block.note.startswith("from: "):
            assert block.text in (ROOT / block.note.removeprefix("from: ")).read_text(), f"{block.page}: not what {block.note}"


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


def test_the_readme_is_short_and_leads_to_every_page():
    assert len(PAGES["README.md"].splitlines()) <= 130
    assert [page for page in PAGES if page.startswith("docs/") and f"({page})" not in PAGES["README.md"]] == []


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the README, without its head."""
    section = PAGES["README.md"].split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_numbers_of_the_main_result_are_published():
    published = set(re.findall(r"\d+\.\d+", (ROOT / "reports/published/mnist/table.md").read_text()))
    numbers = [number for row in table("The main result") for cell in row[1:] for number in re.findall(r"\d+\.\d+", cell)]
    assert len(numbers) == 54 and set(numbers) <= published


def test_what_it_cost_is_what_was_measured():
    section = PAGES["README.md"].split("## What it costs\n", 1)[1].split("\n## ")[0]
    told = {"mnist": r"([\d.]+) core-hours for (\d+) trainings \(MNIST\)", "celeba": r"([\d.]+) for (\d+) \(CelebA"}
    for run, said in told.items():
        with open(ROOT / "reports/published" / run / "training.csv", newline="", encoding="utf-8") as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        assert re.search(said, " ".join(section.split())).groups() == (f"{sum(seconds) / 3600:.1f}", str(len(seconds)))
