"""What the README, the pages beside it and docs/ say can be done, can be: commands, configurations, programs, links, numbers.

Fenced blocks are read from the pages.

    sh        Snakemake's lines are parsed by Snakemake itself, with the configuration that they name; `python -m` lines are
              compared with the command's own help; targets of make must exist; the steps by hand are run
    yaml      a first line `# NAME.yaml` makes it a file of that name, for the commands of the same page
    python    compiled; those that read a trained model are run

Above a block, `<!-- from: PATH -->` says that it stands in that file, and `<!-- not run: WHY -->` that it is not looked into.
"""

import contextlib
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
from reports.quotes import lookup, scores, trainings

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


# --- numbers of the README -----------------------------------------------------------------------------------------------------

ROWS = {  # of the main table
    "as measured": "as_measured",
    "ACSG (AmbientGAN, then CSGM)": "acsg",
    "Ambient VAE-GAN, objective as published": "ambient_vaegan",
    "Ambient VAE, full ELBO": "ambient_vae",
    "Ambient VAE with skip connections": "ambient_vae_skip",
    "Ambient VAE-GAN with skip connections": "ambient_vaegan_skip",
    "measurement splitting, a plain U-Net": "splitting",
    "equivariant splitting, the same U-Net": "equivariant_splitting",
    "Ambient sampler": "ambient_sampler",
    "supervised VAE-GAN, objective as published": "supervised",
    "supervised VAE-GAN with skip connections": "supervised_skip",
    "supervised U-Net": "supervised_unet",
    "supervised sampler": "sampler_supervised",
}
MAIN = "default/mnist"
BESIDE = {  # the same networks with clean images: without
    "supervised_vae": "ambient_vae",
    "supervised_skip": "ambient_vaegan_skip",
    "supervised_unet": "splitting",
    "sampler_supervised": "ambient_sampler",
}


def in_float32() -> str:
    """How many times as long a training step on CelebA takes without bfloat16, by the table in benchmarks/README.md."""
    slow, fast = re.search(r"\| bfloat16 .* \| CelebA ([\d,]+) → ([\d,]+) ms", PAGES["benchmarks/README.md"]).groups()
    return f"{float(slow) / float(fast):.1f}"


SAID = [  # (section, what it says with {} for each number, the numbers)
    (
        "Restoring images",
        "{} dB of PSNR on MNIST, with the same networks",
        lambda: [scores.span(*(scores.gaps(MAIN, clean, without, "psnr_pasted", digits=1) for clean, without in BESIDE.items()))],
    ),
    (
        "The main result",
        "MNIST complete, {} test images, {} seed of {} so far",
        lambda: [trainings.images(MAIN), trainings.seeds(MAIN), trainings.seeds("mnist")],
    ),
    ("The main result", "the classifier gets {} right", lambda: [scores.ceiling(MAIN)]),
    (
        "The main result",
        "| drop-independent, p = {} | drop-patch, {}×{} | add-noise, σ = {} |",
        lambda: (
            [trainings.strength(MAIN, f"drop_{kind}") for kind in ("independent", "patch", "patch")]
            + [trainings.strength(MAIN, "add_noise")]
        ),
    ),
    (
        "The main result",
        "without the bottleneck lead it by {} dB on all three",
        lambda: [scores.span(scores.lead(MAIN, "psnr_pasted")._replace(digits=0))],
    ),
    ("What it costs", "a training step on CelebA took {} times as long", lambda: [in_float32()]),
]


def section(heading: str) -> str:
    """The text of a section of the README, on one line for each paragraph or row."""
    text = re.split(rf"^#+ {re.escape(heading)}.*$", PAGES["README.md"], maxsplit=1, flags=re.MULTILINE)[1].split("\n## ")[0]
    return re.sub(r"(?<=[^|\n])\n(?=[^|\n])", " ", text)


def rows_of(text: str) -> dict[str, str]:
    """The cells behind the label of each row of a table."""
    found = re.findall(r"^\| ([^|]+) \| (.*) \|$", text.replace("**", ""), re.MULTILINE)
    return {label: rest for label, rest in found if label != "method"}


def test_the_main_table_is_published():
    shown = ("psnr_pasted", "accuracy_pasted")
    expected = {label: scores.cells(MAIN, method, *shown, interval=False) for label, method in ROWS.items()}
    expected["best classical by PSNR"] = scores.classical(MAIN, *shown, interval=False)
    assert rows_of(section("The main result")) == {label: cells.replace("**", "") for label, cells in expected.items()}


@pytest.mark.parametrize("heading, says, numbers", SAID, ids=[says for _, says, _ in SAID])
def test_what_the_readme_says_of_results_is_published(heading, says, numbers):
    assert says.format(*numbers()) in section(heading)


def test_no_other_number_stands_in_the_sections_of_results():
    """tests/test_cost.py has the rows of the table of costs."""
    for heading in dict.fromkeys(heading for heading, _, _ in SAID):
        text = re.sub(r"^\| (?!method).*$", "", section(heading), flags=re.MULTILINE)
        for _, says, numbers in filter(lambda each: each[0] == heading, SAID):
            text = text.replace(says.format(*numbers()), "")
        text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)
        assert re.findall(r"(?<!\w)\d[\d.,]*", text) == [], heading


def test_the_full_elbo_passes_the_best_classical_row_where_the_readme_says():
    ahead = [
        lookup.score(MAIN, at, "ambient_vae", "psnr_pasted").mean
        > lookup.score(MAIN, at, lookup.classical(MAIN, at, "psnr_pasted"), "psnr_pasted").mean
        for at in lookup.measurements(MAIN)
    ]
    assert "pass the best classical row on two of three forward models" in section("The main result") and sum(ahead) == 2
