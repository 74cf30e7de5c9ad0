"""Blanks, quotes, `$(…)` and letters beyond ASCII in every path, option and title: handed over as they are, never executed."""

import ast
import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ODD = """é "a" 'b' $(touch oops) `touch oops`; touch oops & *x* #"""
TITLE = f"β {ODD} [x](y) $x_$ <b>bold</b> | {{word}} %s \\alpha ~ ^ <!-- <script> </script>"
RULES = """
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
"""
RESTORE = '''
from bench.command import main


def restore(measured, *, word):
    """Half of everything."""
    yield measured.y / 2


if __name__ == "__main__":
    main(restore)
'''


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """The folder of a finished run in which everything that can be named is named oddly."""
    folder = tmp_path_factory.mktemp("names") / ODD
    method = folder / f"my {ODD}" / "halving"
    method.mkdir(parents=True)
    (method / "rules.smk").write_text(RULES)
    (method / "restore.py").write_text(RESTORE)
    word = {"type": "string", "default": "plain", "description": "Any text."}
    (method / "method.yaml").write_text(yaml.safe_dump({"restore": {"word": word}}))
    config = {
        "datasets": {"mnist5k": {"drop_patch": {"size": 9}}},
        "methods": {
            "as_measured": {"title": TITLE},
            "halving": {"folder": str(method), "title": f"half of {TITLE}", "restore": {"word": ODD}},
            "harmonic": None,
        },
        "data_dir": f"data {ODD}",
        "results": f"results {ODD}/deep er",
    }
    (folder / f"config {ODD}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    run = snakemake(folder)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    return folder


def reading_and_writing(source: Path) -> Iterable[ast.Call]:
    """The calls in a file that open, read or write text."""
    for call in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            called = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
            opened = called == "open" and isinstance(call.func, ast.Name)
            binary = any(isinstance(each, ast.Constant) and "b" in str(each.value) for each in call.args[1:])
            if called in ("read_text", "write_text") or opened and not binary:
                yield call


def test_every_text_is_read_and_written_in_an_encoding_that_is_stated():
    sources = [path for path in ROOT.glob("**/*.py") if not set(path.relative_to(ROOT).parts) & {".venv", "tests"}]
    calls = [(path, call) for path in sources for call in reading_and_writing(path)]
    assert len(calls) > 30
    assert not [f"{path}:{call.lineno}" for path, call in calls if "encoding" not in {each.arg for each in call.keywords}]


def test_a_run_starts_where_letters_are_ascii(tmp_path):
    """As with a locale that is not UTF-8; a run sets the encoding of its jobs' logs itself."""
    config = {"datasets": {"mnist5k": {"drop_patch": {"size": 9}}}, "methods": {"harmonic": {"title": "β é"}}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "-n", "-s", ROOT / "Snakefile", "-d", tmp_path, "--cores", "1"]
    ascii_alone = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [*command, "--configfile", tmp_path / "mine.yaml"], capture_output=True, text=True, env=ascii_alone, cwd=ROOT, check=False
    )
    assert done.returncode == 0 and "harmonic_restore" in done.stdout + done.stderr, done.stdout + done.stderr


def snakemake(folder: Path, *arguments: str, more: Iterable[Path] = ()) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder, "--cores", "2"]
    command += [*arguments, "--configfile", folder / f"config {ODD}.yaml", *more]
    command += ["--workflow-profile", ROOT / "profiles/default"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_nothing_is_executed_and_nothing_lies_elsewhere(odd):
    assert not list(odd.parent.rglob("oops"))
    known = {".snakemake", ".cache", f"my {ODD}", f"results {ODD}", f"config {ODD}.yaml"}
    assert {path.name for path in odd.iterdir()} == known
    made = {path.name for path in (odd / f"results {ODD}/deep er").iterdir()}
    assert made == {"clean", "measured", "restored", "scores", "models", "logs", "report"}


def test_an_option_reaches_its_method_as_it_is(odd):
    (facts,) = (odd / f"results {ODD}").glob("deep er/restored/*/*/halving/test.json")
    assert json.loads(facts.read_text())["options"] == {"word": ODD}


def test_a_title_is_shown_letter_by_letter(odd):
    """In Markdown and HTML as a browser would show them; in LaTeX with every character that it reads as a command written out."""
    report = odd / f"results {ODD}" / "deep er/report"
    (line,) = (line for line in (report / "mnist5k/table.md").read_text(encoding="utf-8").splitlines() if line.startswith("| β"))
    cell = re.split(r"(?<!\\) \| |(?<!\\)\| ", line)[1]
    assert html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell)).strip() == TITLE
    assert not re.search(r"(?<!\\)[<*`$\[]", cell)
    page = (report / "index.html").read_text(encoding="utf-8")
    assert TITLE in map(html.unescape, re.findall(r'<th scope="row">(.*?)</th>', page)) and "<b>bold" not in page
    lines = (report / "mnist5k/table.tex").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(r"$\beta$")]  # one in each part of the table
    for title in (row.split(" & ", 1)[0] for row in rows):
        assert not re.search(r"(?<!\\)[&%#_]", title) and title.count("$") - title.count(r"\$") == 20  # around β and each < and >
        assert r"\textbackslash{}alpha" in title
    assert rows


class Scripts(HTMLParser):
    """The elements `script` of a page as a browser ends them: {id: text}."""

    def __init__(self, page: str):
        super().__init__()
        self.texts, self.at = {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.at = dict(attributes).get("id") if tag == "script" else self.at

    def handle_endtag(self, tag):
        self.at = None if tag == "script" else self.at

    def handle_data(self, text):
        if self.at:
            self.texts[self.at] = self.texts.get(self.at, "") + text


def test_a_title_does_not_end_the_scripts_of_snakemake_s_report(odd, tmp_path):
    run = snakemake(odd, "--report", str(tmp_path / "report.html"))
    assert run.returncode == 0, run.stderr[-4000:]
    results = Scripts((tmp_path / "report.html").read_text(encoding="utf-8")).texts["results"]
    assert "<!--" not in results
    shown = json.loads(results.strip().removeprefix("var results =").rstrip(";"))
    params = next(each["job_properties"]["params"] for path, each in shown.items() if path.endswith("table.md"))
    assert r"\u003c/script>" in params and params.count("halving") > 1


def test_an_added_method_is_seen_but_not_by_times_alone(odd):
    """As docs/running.md says of `--rerun-triggers mtime`."""
    more = odd / "more.yaml"
    more.write_text("methods: {telea: }")
    try:
        run, by_times = (snakemake(odd, "-n", *asked, more=[more]) for asked in ((), ("--rerun-triggers", "mtime")))
    finally:
        more.unlink()
    assert run.returncode == by_times.returncode == 0, run.stderr[-4000:]
    rules = set(re.findall(r"^(?:local)?rule (\w+):$", run.stdout + run.stderr, re.MULTILINE))
    assert rules >= {"telea_restore", "score_quality", "table", "restorations", "mse_time", "page"}
    assert not rules & {"clean", "measure", "halving_restore"}
    assert "Nothing to be done" in by_times.stdout + by_times.stderr


def test_a_second_run_has_nothing_to_do(odd):
    run = snakemake(odd, "-n")
    assert "Nothing to be done" in run.stdout + run.stderr


def test_weights_of_a_metric_are_named_as_they_are(odd):
    weights = odd / f"weights {ODD}.pth"
    weights.write_bytes(b"never opened in a dry run")
    more = odd / "more.yaml"
    more.write_text(yaml.safe_dump({"metric_weights": {"lpips": {"path": str(weights), "sha256": "0" * 64}}}))
    try:
        run = snakemake(odd, "-n", "-p", more=[more])
        assert run.returncode == 0, run.stderr[-4000:]
        lines = re.findall(r"OMP_NUM_THREADS=1 (python -m metrics\.lpips .*)", run.stdout + run.stderr)
        assert len(lines) == 3
        for words in map(shlex.split, lines):
            assert words[words.index("--weights") + 1] == str(weights)
    finally:
        weights.unlink()
        more.unlink()
