"""docs/findings.md is what its template and the published results give, and the template holds no number of a result."""

import re
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest
from declared import ROOT

from reports import findings
from reports.quotes import lookup, scores, timings, trainings, trials
from reports.quotes.field import FIELDS, Numbers, fixed, plain

WRITTEN = {  # numbers that are no result, which the template may hold
    "code, which is quoted or names files, commits and formulas": r"```.*?```|`[^`]*`",
    "where a link leads": r"\]\([^)]*\)",
    "the number of a section": r"^## \d+\.|\b[Ss]ections?\s+\d+",
    "a date": r"\b\d{1,2} [A-Z][a-z]+ 20\d\d\b",
    "part of a name": r"(?<=[A-Za-z])\d+",
}
KEYS = {"digits", "seed", "value", "steps"}  # named arguments of fields that are numbers: rounding, or part of what names a row


def parts() -> tuple[str, list[jinja2.nodes.Expr]]:
    """The template's own text, and what it writes in between."""
    template = findings.ENVIRONMENT.parse(findings.TEMPLATE.read_text(encoding="utf-8"))
    written = [node for output in template.find_all(jinja2.nodes.Output) for node in output.nodes]
    texts = [node.data for node in written if isinstance(node, jinja2.nodes.TemplateData)]
    return "".join(texts), [node for node in written if not isinstance(node, jinja2.nodes.TemplateData)]


# --- the page ------------------------------------------------------------------------------------------------------------------


def test_the_page_is_what_its_template_gives():
    page = findings.PAGE.read_text(encoding="utf-8")
    assert page == findings.page()
    assert re.findall(r"^ *(?:\d+[.)]|[-+]) .*", page, re.MULTILINE) == [], "a broken line begins as an item of a list does"


def test_the_template_writes_no_number_of_a_result():
    text, _ = parts()
    for kind, pattern in WRITTEN.items():
        text, count = re.subn(pattern, "", text, flags=re.MULTILINE | re.DOTALL)
        assert count, f"nothing is {kind} any more; take it from the list"
    assert re.findall(r".*\d.*", text) == []


def test_all_else_is_a_field_and_no_number_is_handed_through():
    _, fields = parts()
    assert len(fields) > 100
    for call in fields:
        for each in [call, *call.find_all(jinja2.nodes.Call)]:
            assert isinstance(each, jinja2.nodes.Call) and each.node.name in FIELDS, each
        named = {id(pair.value) for pair in call.find_all(jinja2.nodes.Keyword) if pair.key in KEYS}
        numbers = [
            c for c in call.find_all(jinja2.nodes.Const) if type(c.value) in (int, float) or re.search(r"^\W*\d", str(c.value))
        ]
        assert [number.value for number in numbers if id(number) not in named] == []


def test_lines_are_broken_anew_in_prose_alone():
    long = "word " * 40
    assert (
        findings.wrapped(f"* {long}\n* two\n  lines")
        == "* " + ("word " * 25).strip() + "\n  " + ("word " * 15).strip() + "\n* two lines"
    )
    for block in (f"| {long} |", f"```sh\n{long}\n```", f"## {long}"):
        assert findings.wrapped(block) == block


# --- what fields look up, in a folder made by hand -----------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path, monkeypatch) -> Path:
    """Two methods and a classical one on two forward models."""
    monkeypatch.setattr(lookup, "PUBLISHED", tmp_path)
    means = {"mean_image": (10.0, 20.0), "harmonic": (12.5, 19.0), "one": (20.5, 21.25), "two": (21.0, 21.0)}
    rows = [
        {"dataset": "mnist", "measurement": at, "method": method, "metric": "psnr", "mean": mean, "low": mean - 0.1}
        | {
            "high": mean + 0.3,
            "best": "best" if mean == 21.25 else "",
            "seeds": 3 * method.isalpha(),
            "images": 1000,
            "ceiling": 0.5,
        }
        for method, both in means.items()
        for at, mean in zip(("drop_patch", "add_noise"), both, strict=True)
    ]
    (tmp_path / "tiny").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "tiny/table.csv", index=False)
    methods = [{"method": r["method"], "measurement": r["measurement"], "title": r["method"].title()} for r in rows]
    pd.DataFrame([m | {"learned": m["method"] in ("one", "two")} for m in methods]).to_csv(
        tmp_path / "tiny/methods.csv", index=False
    )
    cell = {"measurement": "drop_patch", "metric": "psnr"}
    differences = [
        cell | {"method": "one", "reference": "two", "difference": -0.5, "low": -0.7, "high": 0.1},
        cell | {"method": "harmonic", "reference": "two", "difference": -8.5, "low": -9, "high": -8},
        cell | {"method": "harmonic", "reference": "one", "measurement": "add_noise", "difference": -1, "low": -2, "high": 0},
        cell
        | {"method": "mean_image", "reference": "one", "measurement": "add_noise", "difference": -1.25, "low": -2, "high": -1},
    ]
    pd.DataFrame(differences).to_csv(tmp_path / "tiny/differences.csv", index=False)
    trained = [
        {"measurement": at, "method": "one", "seed": 0, "steps": 4000, "seconds": seconds, "parameters": f"dec {size:,}, enc 7"}
        for at, seconds, size in (("drop_patch", 60.0, 1234), ("add_noise", 150.0, 567))
    ]
    pd.DataFrame(trained).to_csv(tmp_path / "tiny/training.csv", index=False)
    wide = [{"method": "one", "title": "first", "measurement": "drop_patch", "psnr": 9.5, "psnr_half_interval": 0.25}]
    pd.DataFrame(wide).to_csv(tmp_path / "tiny/alone.csv", index=False)
    (tmp_path / "tiny/training").mkdir()
    for at, prior in (("drop_patch", 0.1), ("add_noise", 0.2)):
        (tmp_path / f"tiny/training/{at}.one.csv").write_text(f"step,L_prior\n100,9\n200,{prior}\n")
    (tmp_path / "tiny/config.yaml").write_text(
        "datasets: {mnist: {drop_patch: {fill: 0, size: 14}}}\nmethods: {one: {train: {a: 0.5}}}"
    )
    choices = [
        {"method": "one", "measurement": "drop_patch", "option": "a", "steps": 50, "value": value, "held_out": value / 8}
        | {"validation_mse": 0.25, "test_psnr": 9 + value, "others": others}
        for value, others in ((0.5, ""), (0.25, ""), (1.0, "b 1"))
    ]
    pd.DataFrame(choices[:2] + [row | {"option": "b"} for row in choices]).to_csv(tmp_path / "tiny/choices.csv", index=False)
    return tmp_path


def test_fields_of_scores(published):
    assert scores.cells("tiny", "one", "psnr") == "20.50 ± 0.20 | **21.25** ± 0.20"
    assert scores.cells("tiny", "two", "psnr", interval=False, digits=1) == "21.0 | 21.0"
    assert scores.classical("tiny", "psnr", interval=False) == "12.50 (Harmonic) | 20.00 (Mean_Image)"
    assert str(scores.gaps("tiny", "two", "one", "psnr", sign=True)) == "+0.50 and −0.25"
    assert str(scores.gaps("tiny", "one", "one", "psnr", at="drop_patch", other_run="tiny/alone", digits=0)) == "11"
    assert str(scores.paired("tiny", "one", "two", "psnr", at="drop_patch")) == "−0.50 [−0.70, 0.10]"
    assert str(scores.paired("tiny", "two", "one", "psnr", at="drop_patch", sign=True)) == "+0.50 [−0.10, 0.70]"
    assert str(scores.lead("tiny", "psnr")) == "8.50 [8.00, 9.00] and 1.25 [1.00, 2.00]"
    assert scores.span(scores.means("tiny", "one", "psnr"), scores.means("tiny", "two", "psnr")) == "20.50 to 21.25"
    assert scores.widest("tiny", "psnr") == "0.20" and str(scores.percent(scores.ceiling("tiny"))) == "50.0"
    assert scores.cells("tiny/alone", "one", "psnr") == "9.50 ± 0.25" and scores.title("tiny/alone", "one") == "first"
    assert scores.title("tiny", "one") == "One" and scores.metric("psnr") == "PSNR"


def test_fields_of_trainings(published):
    assert trainings.training("tiny", "steps", "one") == "4,000" and trainings.trainings("tiny") == "2"
    assert str(trainings.minutes("tiny")) == "1.0 and 2.5" and trainings.core_hours("tiny") == "0.1"
    assert str(trainings.parameters("tiny", "one", "dec")) == "1,234 and 567"
    assert str(trainings.last("tiny", "one", "L_prior", times="latent")) == "2.0 and 4.0"
    assert trainings.seeds("tiny") == "three" and trainings.seeds("tiny", capital=True) == "Three"
    assert trainings.images("tiny") == "1,000"
    assert trainings.option("tiny", "one", "a") == "0.5" and trainings.strength("tiny", "drop_patch") == "14"
    assert (
        trials.trials("tiny", "one", "drop_patch", "a", steps=50) == "50 | 0.5: 0.06250 (0.25000) · 0.25: **0.03125** (0.25000)"
    )
    assert str(trials.trial("tiny", "one", "drop_patch", "a", value=0.25, steps=50)) == "9.25"


def test_fields_of_timings(published):
    rows = [
        {"measurement": "drop_patch", "batch": batch, "method": "one", "setting": setting, "ms_per_image": ms, "device": "a chip"}
        for batch, setting, ms in ((1, "", 0.125), (64, "", 21.5), (64, "restarts=4", 90))
    ]
    pd.DataFrame(rows).to_csv(published / "tiny/pareto.csv", index=False)
    (published / "tiny/pareto.json").write_text('{"says": {"drop_patch": "It never reaches it"}}')
    assert timings.milliseconds("tiny", "one", at="drop_patch") == "21.5"
    assert timings.reached("tiny", "drop_patch") == "It never reaches it" and timings.timed_on("tiny") == "a chip"
    with pytest.raises(LookupError, match="pareto.json: says nothing of add_noise"):
        timings.reached("tiny", "add_noise")


@pytest.mark.parametrize(
    "asks, file, says",
    [
        ('cells("tiny", "three", "psnr")', "table.csv", "no row has method three"),
        ('cells("tiny", "one", "ssim")', "table.csv", "no row has measurement drop_patch, method one, metric ssim"),
        ('cells("none", "one", "psnr")', "none.csv", "no such file"),
        ('means("tiny", "twice", "psnr", at="drop_patch")', "table.csv", "2 rows have measurement drop_patch, method twice"),
        ('paired("tiny", "one", "two", "psnr", at="add_noise")', "differences.csv", "no row has measurement add_noise"),
        ('training("tiny", "seconds")', "training.csv", "have no seconds, or not the same"),
        ('training("tiny", "stepss")', "training.csv", "no column stepss"),
        ('parameters("tiny", "one", "dis")', "training.csv", "has no network dis"),
        ('option("tiny", "two", "a")', "config.yaml", "says nothing of methods/two"),
        ('option("tiny", "one", "b")', "tiny", "has no option b"),
        ('last("tiny", "one", "KL")', "drop_patch.one.csv", "has no column KL"),
        ('trials("tiny", "one", "drop_patch", "b", 50)', "choices.csv", "differ in other options too"),
        ('halves("tiny", "single", "psnr", at="drop_patch")', "table.csv", "states no interval of single"),
        ('cells("tiny")', "", "missing 1 required positional argument"),
    ],
)
def test_a_field_that_finds_no_row_or_several_is_one_line_that_names_it_and_the_file(asks, file, says, published):
    table = pd.read_csv(published / "tiny/table.csv")
    twice = table[table["method"] == "one"].assign(method="twice")
    table = pd.concat([table, twice, twice, twice.assign(method="single")])
    table.loc[table["method"] == "single", ["low", "high"]] = np.nan
    table.to_csv(published / "tiny/table.csv", index=False)
    lookup.read.cache_clear()
    (template := published / "page.j2").write_text(f"It has {{{{ {asks} }}}}.")
    with pytest.raises(SystemExit) as stop:
        findings.page(template)
    said = str(stop.value)
    assert "\n" not in said and said.endswith(f"; mend the field {asks}, or the file") and file in said and says in said


@pytest.mark.parametrize("text", ["{{ nothing('mnist') }}", "{% for %}"])
def test_a_template_that_is_none_is_one_line_that_names_it(text, tmp_path):
    (tmp_path / "page.j2").write_text(text)
    with pytest.raises(SystemExit) as stop:
        findings.page(tmp_path / "page.j2")
    assert str(stop.value).startswith(str(tmp_path / "page.j2")) and "\n" not in str(stop.value)


# --- both layouts of published results, and how numbers are written ------------------------------------------------------------


@pytest.mark.parametrize(("run", "steps"), [("mnist", "3,000"), ("default/mnist", "1,500")])
def test_a_run_is_read_whatever_its_layout(run, steps):
    at, method = "add_noise", "ambient_vae"
    table = pd.read_csv(ROOT / "reports/published" / run / "table.csv").set_index(["measurement", "method", "metric"])["mean"]
    assert str(scores.means(run, method, "psnr", at=at)) == f"{table[at, method, 'psnr']:.2f}"
    assert scores.heads(run) == "drop-independent 0.5 | drop-patch 14 | add-noise 0.2"
    assert trainings.option(run, method, "batch_size") == "64" and trainings.training(run, "steps", method) == steps
    assert re.fullmatch(r"4\d\.\d", str(trainings.last(run, method, "KL", at=at)))
    assert scores.classical(run, "psnr").count(" | ") == 2
    told = (
        pd.read_csv(ROOT / "reports/published" / run / "differences.csv").query("measurement == @at and metric == 'psnr'").iloc[0]
    )
    pair = told["reference"], told["method"]
    assert str(scores.paired(run, *pair, "psnr", at=at)).startswith(f"{-told['difference']:.2f} [{-told['high']:.2f}, ")


def test_what_not_all_rows_have_is_said_or_left_out(published):
    """Fewer seeds of some rows are named beside those of the others; a classical row on fewer images is not the best."""
    table = pd.read_csv(published / "tiny/table.csv")
    table.loc[table["method"] == "two", "seeds"] = 1
    table.loc[(table["method"] == "harmonic") & (table["measurement"] == "drop_patch"), "images"] = 64
    table.to_csv(published / "tiny/table.csv", index=False)
    assert trainings.seeds("tiny") == "one or three"
    assert scores.classical("tiny", "psnr", interval=False) == "10.00 (Mean_Image) | 20.00 (Mean_Image)"


def test_where_a_method_has_no_score_the_template_may_say_so():
    assert scores.cells("mnist", "harmonic", "ssim", interval=False, absent="–") == "0.866 | 0.660 | –"
    with pytest.raises(LookupError, match="no row has measurement add_noise"):
        scores.cells("mnist", "harmonic", "ssim")


def test_numbers_are_written_with_a_proper_minus_and_thousands():
    assert fixed(-1234.5, 1) == "−1,234.5" and fixed(0.25, 1, sign=True) == "+0.2" and fixed(-0.001, 2) == "−0.00"
    assert plain(162770) == "162,770" and plain(24625319) == "24,625,319" and plain(0.3) == "0.3" and plain(1e-6) == "1e-06"
    assert (
        str(Numbers([1, 2, 3], 1)) == "1.0, 2.0 and 3.0"
        and str(Numbers([1], 0)) == "1"
        and str(Numbers([1, -2], 0, True)) == "+1 and −2"
    )
