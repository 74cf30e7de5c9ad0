"""The whole workflow on a toy configuration, with a baseline from outside the repository."""

import csv
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
RULES = """
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
    wildcard_constraints:
        measurement="add_noise.*",
"""
RESTORE = '''
from methods.contract import main


def restore(measured):
    """Half of everything."""
    yield measured.y / 2


if __name__ == "__main__":
    main(restore)
'''


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", folder / "toy.yaml"]
    command += ["--directory", folder, "--cores", "2", "--workflow-profile", ROOT / "profiles/default"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """A finished run: two classical methods, two learned ones for three steps, one from outside and a variant; without CelebA."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "nowhere").write_text("a file, so that nothing can be downloaded into it")
    outside = folder / "halving"
    outside.mkdir()
    (outside / "rules.smk").write_text(RULES)
    (outside / "restore.py").write_text(RESTORE)
    few = {"steps": 3}
    config = {
        "datasets": {
            "mnist5k": {"drop_patch_9": {"size": 9}, "add_noise": {"sigma": 0.2}},
            "celeba": {"drop_patch": {"size": 32, "fill": 0.5}},
        },
        "data_dir": "nowhere",
        "methods": {
            "as_measured": None,
            "harmonic": None,
            "acsg": {"train": few, "restore": {"steps": 2}},
            "supervised": {"train": few},
            "halving": {"folder": str(outside)},
            "wide": {"like": "median", "title": "wide median", "restore": {"window": 5}},
        },
        "seeds": [0, 4],
    }
    (folder / "toy.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    run = snakemake(folder)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def report(toy) -> Path:
    return toy / "results" / "report"


def rows(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_is_complete(report):
    assert (report / "index.html").stat().st_size > 50_000
    for name in ("table.md", "table.tex", "restorations.png", "restorations.pdf", "mse_time.png", "summary.txt"):
        assert (report / "mnist5k" / name).stat().st_size > 0


def test_every_method_stands_where_it_applies_and_only_there(report):
    cells = {(row["measurement"], row["method"]) for row in rows(report / "mnist5k" / "table.csv")}
    both = {"as_measured", "acsg", "supervised"}
    wanted = {(m, name) for m in ("drop_patch_9", "add_noise") for name in both}
    assert cells == wanted | {("drop_patch_9", "harmonic"), ("add_noise", "halving"), ("add_noise", "wide")}


def test_what_a_method_may_see_is_read_from_its_rules(report):
    sees = {row["method"]: (row["clean"], row["theta"]) for row in rows(report / "mnist5k" / "methods.csv")}
    assert sees == {
        "as_measured": ("no", "no"),
        "harmonic": ("no", "test"),
        "acsg": ("no", "test"),
        "supervised": ("train", "no"),
        "halving": ("no", "no"),
        "wide": ("no", "no"),
    }


def test_a_variant_is_its_method_with_its_own_options_and_title(toy, report):
    facts = json.loads((toy / "results/restored/mnist5k/add_noise/wide/test.json").read_text())
    assert (facts["method"], facts["options"]) == ("wide", {"window": 5})
    assert "wide median" in (report / "mnist5k" / "table.md").read_text()


def test_a_posterior_stands_where_a_method_has_one_and_is_scored_for_the_first_seed(toy, report):
    found = {(row["measurement"], row["method"], row["seeds"]) for row in rows(report / "mnist5k" / "posterior.csv")}
    assert found == {("drop_patch_9", "supervised", "1"), ("add_noise", "supervised", "1")}
    assert {path.parent.parent.name for path in toy.glob("results/restored/**/posterior.npy")} == {"supervised"}
    assert "posterior.png" in (report / "index.html").read_text()


def test_accuracy_and_its_ceiling_are_measured(toy, report):
    ceiling = {row["ceiling"] for row in rows(report / "mnist5k" / "table.csv") if row["metric"] == "accuracy"}
    answers = [int(row["accuracy"]) for row in rows(toy / "results/scores/mnist5k/digits.csv")]
    assert [float(value) for value in ceiling] == pytest.approx([sum(answers) / 500])
    assert sum(answers) / 500 > 0.95


def test_every_seed_counts(report):
    seeds = {row["method"]: row["seeds"] for row in rows(report / "mnist5k" / "table.csv")}
    assert seeds["acsg"] == "2" and seeds["harmonic"] == "0"


def test_jobs_keep_to_one_thread_and_timings_ran_alone(toy):
    facts = [json.loads(path.read_text()) for path in toy.glob("results/restored/**/*.json")]
    estimates, timings, samples = 2 * (2 + 2 * 2) + 1, 2 * 4 + 1, 2  # one timing of a method, an estimate for each seed
    assert len(facts) == estimates + timings + samples
    assert {f["threads"] for f in facts} == {1}


def test_a_second_run_has_nothing_to_do(toy):
    run = snakemake(toy, "-n")
    assert "Nothing to be done" in run.stdout + run.stderr


def test_a_changed_search_does_not_train_again(toy):
    config = yaml.safe_load((toy / "toy.yaml").read_text())
    config["methods"]["acsg"]["restore"]["steps"] = 3
    (toy / "changed.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    run = snakemake(toy, "-n", "--configfile", str(toy / "changed.yaml"))
    said = run.stdout + run.stderr
    assert (
        "acsg_restore" in said and "acsg_train" not in said and "supervised" not in said.split("Job stats")[1].split("total")[0]
    )


# --- a data set that cannot be had ---------------------------------------------------------------------------------------------


def test_a_data_set_that_cannot_be_had_is_said_to_be_missing_and_why(toy, report):
    facts = json.loads((toy / "results/obtained/celeba.json").read_text())
    assert not facts["available"] and "nowhere/celeba: put list_eval_partition.txt (2,836,386 bytes)" in facts["why"]
    page = (report / "index.html").read_text()
    assert "celeba: missing</h2>" in page and html.escape(facts["why"], quote=False).replace("'", "&#39;") in page
    assert not list(toy.glob("results/*/celeba"))


def celeba_jobs(folder: Path, *arguments: str) -> set[str]:
    """The programs that a run would call for CelebA."""
    run = snakemake(folder, "-n", "-p", *arguments)
    assert run.returncode == 0, run.stderr[-4000:]
    return {line.split()[2] for line in re.findall(r"python -m .*", run.stdout + run.stderr) if "celeba" in line}


CHAPTER = {"datasets.prepare", "measurements.measure", "metrics.quality", "reports.table", "reports.restorations", "reports.page"}


def test_files_that_came_later_are_found_and_run_alone(toy, tmp_path):
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "celeba_64.zip").write_bytes(b"never opened in a dry run")
    assert celeba_jobs(toy, "--config", f"data_dir={tmp_path}") > CHAPTER
    run = snakemake(toy, "-n", "--config", f"data_dir={tmp_path}")
    assert "mnist5k" not in (run.stdout + run.stderr).replace("results/report/mnist5k", "")


def test_a_download_that_succeeds_adds_the_data_set_to_the_run(toy):
    outcome = toy / "results/obtained/celeba.json"
    kept = outcome.read_text()
    try:
        outcome.write_text(json.dumps({"dataset": "celeba", "available": True, "why": None}))
        assert celeba_jobs(toy) > CHAPTER
    finally:
        outcome.write_text(kept)


def test_a_data_set_alone_that_cannot_be_had_is_an_error(toy, tmp_path):
    config = yaml.safe_load((toy / "toy.yaml").read_text())
    del config["datasets"]["mnist5k"]
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config | {"methods": {"as_measured": None}}))
    (tmp_path / "nowhere").write_text("a file, as above")
    run = snakemake(tmp_path)
    assert run.returncode != 0 and "celeba: put list_eval_partition.txt" in run.stdout + run.stderr


# --- the protocols -------------------------------------------------------------------------------------------------------------


def commands(folder: Path, *arguments: str) -> list[str]:
    """What a run of everything from the start would call, in any order."""
    run = snakemake(folder, "-n", "-p", "--forceall", *arguments)
    assert run.returncode == 0, run.stderr[-4000:]
    return sorted(re.findall(r"python -m .*", run.stdout + run.stderr))


@pytest.fixture(scope="module")
def sound(toy) -> list[str]:
    return commands(toy)


@pytest.fixture(scope="module")
def paper(toy) -> list[str]:
    return commands(toy, "--config", "protocol=paper")


def test_the_sound_protocol_is_what_runs_and_leaves_no_trace_in_a_command(toy, sound):
    assert sound == commands(toy, "--config", "protocol=sound")
    traces = ("--protocol", "paper_protocol", "--fresh", "--validation", "--last-offset", "validation.npy")
    assert not any(trace in line for line in sound for trace in traces)
    trained = [line.split(" --seed")[0] for line in sound if "methods.acsg.train" in line and "drop_patch_9/acsg/4" in line]
    at = "results/measured/mnist5k/drop_patch_9/train.y.npy --output results/models/mnist5k/drop_patch_9/acsg/4"
    assert trained == [f"python -m methods.acsg.train --y {at}"]


def test_the_paper_s_protocol_is_switched_on_from_the_command_line(sound, paper):
    """The same jobs with the clean images of two splits for every training, in a folder of its own."""
    home = "results/paper_protocol"
    assert all(f" {home}/" in line and " results/clean" not in line for line in paper)
    jobs = [[line.split()[2] for line in lines] for lines in (sound, paper)]
    assert sorted(jobs[1]) == sorted([*jobs[0], "datasets.prepare"])  # the validation split
    for line in paper:
        fresh = f" --fresh {home}/clean/mnist5k/train.npy --validation {home}/clean/mnist5k/validation.npy "
        assert (fresh in line) == (".train " in line)
        assert ("--protocol paper" in line) == ("measurements.measure" in line)
        assert ("--last-offset False" in line) == ("measurements.measure drop_patch" in line)
    (table,) = (line for line in paper if "reports.table" in line)
    sees = {name: facts["clean"] for name, facts in json.loads(re.search(r"--sees '([^']*)'", table)[1]).items()}
    unlearned = dict.fromkeys(("as_measured", "harmonic", "halving", "wide"), "no")
    assert sees == unlearned | {"acsg": "measured afresh", "supervised": "train"}


def test_facts_say_the_protocol(toy, report):
    found = [json.loads(path.read_text()) for kind in ("measured", "restored") for path in toy.glob(f"results/{kind}/**/*.json")]
    assert found and {facts["protocol"] for facts in found} == {"sound"}
    models = [json.loads(path.read_text()) for path in toy.glob("results/models/**/train.json")]
    assert models and {facts["data"]["protocol"] for facts in models} == {"sound"}
    scores = [row["protocol"] for path in toy.glob("results/scores/**/t*.csv") for row in rows(path)]
    assert scores and set(scores) == {"sound"}
    assert "<b>Protocol: sound</b>" in (report / "index.html").read_text()


# --- last, as it leaves an estimate missing -------------------------------------------------------------------------------------


def test_a_failed_job_names_its_cause_and_leaves_nothing(toy):
    """A model that cannot be read stops the restoration in one line, and no estimate appears."""
    model = toy / "results/models/mnist5k/add_noise/acsg/4/model.pt"
    kept = model.read_bytes()
    estimate = toy / "results/restored/mnist5k/add_noise/acsg/4/test.npy"
    try:
        model.write_bytes(kept[:1000])
        run = snakemake(toy, str(estimate.relative_to(toy)), "--forcerun", "acsg_restore", "--rerun-triggers", "mtime")
        assert run.returncode != 0
        assert "not the weights of this method" in run.stdout + run.stderr
        assert not estimate.exists()
    finally:
        model.write_bytes(kept)
