"""The whole workflow on a toy configuration, with a baseline from outside the repository."""

import csv
import html
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from metrics import declared

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
"""
RESTORE = '''
from bench.command import main


def restore(measured):
    """Half of everything."""
    yield measured.y / 2


if __name__ == "__main__":
    main(restore)
'''
NOTES_OPENED = """
import json
import os
import sys
import time

notes = open(os.path.join(os.environ["OPENED"], f"{os.getpid()}.{time.time_ns()}.txt"), "x")  # numbers come again
print(json.dumps(sys.orig_argv), file=notes, flush=True)


def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        print(json.dumps(os.path.relpath(os.fsdecode(arguments[0]))), file=notes, flush=True)


sys.addaudithook(note)
"""  # a sitecustomize.py, which Python runs at its start: the words of each process, and every path that it opens


def snakemake(folder: Path, *arguments: str, home: Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", home / "Snakefile", "--configfile", folder / "toy.yaml"]
    command += ["--directory", folder, "--cores", "2", "--workflow-profile", home / "profiles/default"]
    noted = {"PYTHONPATH": str(folder / "noting"), "OPENED": str(folder / "opened")} if (folder / "noting").is_dir() else {}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder, env=os.environ | noted)


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """A finished run: two classical methods, two learned ones for three steps, one from outside and a variant; without CelebA."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "nowhere").write_text("a file, so that nothing can be downloaded into it")
    outside = folder / "halving"
    outside.mkdir()
    (outside / "rules.smk").write_text(RULES)
    (outside / "restore.py").write_text(RESTORE)
    (outside / "method.yaml").write_text("applies: {mask: false}\n")
    few = {"steps": 3}
    config = {
        "datasets": {
            "mnist5k": {"drop_patch_9": {"size": 9}, "add_noise": {"sigma": 0.2}},
            "celeba": {"drop_patch": {"size": 32, "fill": 0.5}},
        },
        "data_dir": "nowhere/data",
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
    for name in ("noting", "opened"):
        (folder / name).mkdir()
    (folder / "noting" / "sitecustomize.py").write_text(NOTES_OPENED)
    run = snakemake(folder)
    shutil.rmtree(folder / "noting")  # dry runs open nothing
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    (folder / "said.txt").write_text(run.stderr)
    return folder


@pytest.fixture(scope="module")
def report(toy) -> Path:
    return toy / "results" / "report"


def rows(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_is_complete(report):
    assert (report / "index.html").stat().st_size > 50_000
    for name in (
        "table.md",
        "table.tex",
        "restorations.png",
        "restorations.pdf",
        "mse_time.png",
        "pareto.png",
        "pareto.md",
        "summary.txt",
    ):
        assert (report / "mnist5k" / name).stat().st_size > 0


def test_every_method_stands_where_it_applies_and_only_there(report):
    cells = {(row["measurement"], row["method"]) for row in rows(report / "mnist5k" / "table.csv")}
    both = {"as_measured", "acsg", "supervised"}
    wanted = {(m, name) for m in ("drop_patch_9", "add_noise") for name in both}
    assert cells == wanted | {("drop_patch_9", "harmonic"), ("add_noise", "halving"), ("add_noise", "wide")}


def test_why_a_method_does_not_stand_there_is_handed_to_the_table(toy):
    (table,) = (line for line in commands(toy) if "reports.table" in line)
    absent = json.loads(re.search(r"--absent '([^']*)'", table)[1])
    assert absent == {
        "drop_patch_9": {"halving": "is not made for missing values", "wide": "is not made for missing values"},
        "add_noise": {"harmonic": "needs missing values"},
    }


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


def test_a_posterior_stands_where_a_method_has_one_and_is_scored_for_every_seed(toy, report):
    found = {(row["measurement"], row["method"], row["seeds"]) for row in rows(report / "mnist5k" / "posterior.csv")}
    assert found == {("drop_patch_9", "supervised", "2"), ("add_noise", "supervised", "2")}
    assert {path.parent.parent.name for path in toy.glob("results/restored/**/posterior.npy")} == {"supervised"}
    scored = {row["metric"] for row in rows(report / "mnist5k" / "posterior.csv")}
    programs = {name: program for name, program in declared.programs().items() if program.of_samples}
    assert [name for name, program in programs.items() if not scored & set(program.metrics)] == []
    assert "posterior_calibration.png" in (report / "index.html").read_text()


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
    estimates, timings, samples = 2 * (2 + 2 * 2) + 1, 2 * 4 + 1, 2 * 2  # one timing of a method, an estimate for each seed
    assert len(facts) == estimates + timings + samples
    assert {f["threads"] for f in facts} == {1}


def words_of(command: list[str]) -> tuple[str, ...]:
    """A command from `-m` on, without what the shell makes of it: where it writes its log, and the page's commit."""
    return tuple(
        itertools.takewhile(lambda word: word not in (">", "--commit"), itertools.dropwhile(lambda w: w != "-m", command))
    )


def test_every_file_of_the_results_that_a_job_opens_is_an_input_or_an_output_of_its_rule(toy):
    """Snakemake's own record of the inputs and outputs of each job, and what its process opened."""
    summary = snakemake(toy, "--detailed-summary").stdout.splitlines()
    declared_of: dict[tuple[str, ...], set[str]] = {}
    for row in csv.DictReader(summary, delimiter="\t", quoting=csv.QUOTE_NONE):
        if "python -m" in row["shellcmd"]:
            known = declared_of.setdefault(words_of(shlex.split(row["shellcmd"])), set())
            known |= {row["output_file"], *row["input-file(s)"].split(",")}
    found: dict[tuple[str, ...], set[str]] = {}
    for noted in (toy / "opened").glob("*.txt"):
        command, *paths = map(json.loads, noted.read_text().splitlines())
        if (words := words_of(command)) in declared_of:
            opened = {path for path in paths if path.startswith("results/")}
            found[words] = {
                re.sub(r"/\.([^/]+)\.[0-9a-f]{12}\.\d+\.partial$", r"/\1", path) for path in opened
            }  # store.replacing
    assert found.keys() == declared_of.keys() and all(found.values())
    strange = {" ".join(words): sorted(paths - declared_of[words]) for words, paths in found.items()}
    assert {command: paths for command, paths in strange.items() if paths} == {}


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


def test_fewer_images_re_run_what_is_made_of_them_alone(toy):
    """Test images do not train again, and training images do."""
    of_test, of_train = (
        jobs(snakemake(toy, "-n", "--config", f"images={{mnist5k: {{{split}: 90}}}}")) for split in ("test", "train")
    )
    assert {"clean", "labels", "measure", "harmonic_restore", "acsg_restore", "table"} <= of_test
    assert not of_test & {"acsg_train", "supervised_train", "classifier"}
    assert {"clean", "measure", "acsg_train", "supervised_train", "classifier"} <= of_train


def test_fewer_images_of_a_method_restore_again_what_is_scored(toy):
    run = snakemake(toy, "-n", "-p", "--config", "methods={acsg: {for: {mnist5k: {restore: {first_images: 90}}}}}")
    assert {rule for rule in jobs(run) if not rule.startswith("score_")} >= {"acsg_restore", "table"}
    restored = [line for line in re.findall(r"python -m .*", run.stdout + run.stderr) if ".restore " in line]
    assert len(restored) == 4 and all("/acsg/" in line and " --first-images 90 " in line for line in restored)


# --- an optional data set that is absent ----------------------------------------------------------------------------------------


def test_an_absent_data_set_is_left_out_and_the_page_says_how_to_get_it(toy, report):
    remedy = "`python -m datasets.obtain celeba --data-dir nowhere/data` downloads it"
    said = [line for line in (toy / "said.txt").read_text().splitlines() if "celeba" in line]
    assert said[0] == said[-1] == f"celeba is left out: it is not in nowhere/data; {remedy}"  # first and last
    assert said[0] in snakemake(toy, "-n").stderr
    page = (report / "index.html").read_text()
    assert "celeba: left out</h2>" in page and html.escape(remedy) in page
    assert not list(toy.glob("results/*/celeba"))


def test_files_that_came_later_are_found_and_run_alone(toy, tmp_path):
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "celeba_64.zip").write_bytes(b"never opened in a dry run")
    run = snakemake(toy, "-n", "-p", "--config", f"data_dir={tmp_path}")
    assert run.returncode == 0, run.stderr[-4000:]
    called = [line for line in re.findall(r"python -m .*", run.stdout + run.stderr) if "reports.page" not in line]
    programs = {line.split()[2] for line in called}
    assert programs > {"datasets.prepare", "measurements.measure", "reports.table", "reports.restorations"}
    assert not any("mnist5k" in line for line in called)


def test_an_absent_data_set_alone_is_an_error(toy, tmp_path):
    config = yaml.safe_load((toy / "toy.yaml").read_text())
    del config["datasets"]["mnist5k"]
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config | {"methods": {"as_measured": None}}))
    run = snakemake(tmp_path)
    assert run.returncode != 0
    assert (
        "configuration: datasets.celeba: it is not in nowhere/data; `python -m datasets.obtain celeba" in run.stdout + run.stderr
    )


# --- code is provenance ---------------------------------------------------------------------------------------------------------


def jobs(run: subprocess.CompletedProcess) -> set[str]:
    """The rules that a dry run would run."""
    assert run.returncode == 0, run.stderr[-4000:]
    said = run.stdout + run.stderr
    return set() if "Nothing to be done" in said else set(re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE)) - {"all"}


@pytest.fixture
def copied(toy, tmp_path):
    """A function that edits a file of a copy of this repository, or of the outside method, and says which rules run then."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)

    def edited(*names: str) -> set[str]:
        kept = {path: path.read_text() for path in (tmp_path / name for name in names)}
        for path, text in kept.items():
            path.write_text(text + ("\nEDITED = True\n" if path.suffix == ".py" else "\n# edited\n"))
        try:
            return jobs(snakemake(toy, "-n", home=tmp_path))
        finally:
            for path, text in kept.items():
                path.write_text(text)

    return edited


def test_an_edit_of_code_re_runs_what_it_must_and_nothing_else(toy, copied):
    outside = str(toy / "halving" / "restore.py")
    scored = {rule for rule in copied("methods/harmonic/restore.py") if not rule.endswith(("_restore", "_train", "_sample"))}
    assert copied() == copied("methods/telea/restore.py", "measurements/blur_noise.py", "tests/parsed.py", "README.md") == set()
    assert copied("methods/harmonic/restore.py") == {"harmonic_restore", *scored}
    assert copied(outside) == {"halving_restore", *scored}
    assert copied("methods/acsg/restore.py") == {"acsg_restore", *scored}
    assert copied("methods/acsg/train.py") >= {"acsg_train", "acsg_restore"}
    assert copied("methods/acsg/method.yaml") == set()
    assert not scored & {"clean", "measure", "labels", "classifier"}
    assert copied("reports/captions/table.md") <= scored
    assert "measure" in copied("measurements/drop_patch.py")


# --- the protocols -------------------------------------------------------------------------------------------------------------


def commands(folder: Path, *arguments: str) -> list[str]:
    """What a run of everything from the start would call, in any order."""
    run = snakemake(folder, "-n", "-p", "--forceall", *arguments)
    assert run.returncode == 0, run.stderr[-4000:]
    return sorted(re.findall(r"(?<!`)python -m .*", run.stdout + run.stderr))


@pytest.fixture(scope="module")
def sound(toy) -> list[str]:
    return commands(toy)


@pytest.fixture(scope="module")
def paper(toy) -> list[str]:
    return commands(toy, "--config", "protocol=paper")


def test_the_sound_protocol_is_what_runs_and_leaves_no_trace_in_a_command(toy, sound):
    assert sound == commands(toy, "--config", "protocol=sound")
    traces = ("--protocol", "paper_protocol", "--fresh", "--validation", "--last-offset")
    assert not any(trace in line for line in sound for trace in traces)
    trained = [line.split(" --seed")[0] for line in sound if "methods.acsg.train" in line and "drop_patch_9/acsg/4" in line]
    at = "results/measured/mnist5k/drop_patch_9"
    held_out = f"--held-out {at}/validation.y.npy --held-out-side-info {at}/validation.side_info.npy"  # for the learning curve
    model = "results/models/mnist5k/drop_patch_9/acsg/4"
    assert trained == [f"python -m methods.acsg.train {held_out} --y {at}/train.y.npy --output {model}"]


def test_the_paper_s_protocol_is_switched_on_from_the_command_line(sound, paper):
    """The same jobs, less those that read single digits, with clean images for every training, in a folder of its own."""
    home = "results/paper_protocol"
    assert all(f" {home}/" in line and " results/clean" not in line for line in paper)
    of_mosaic = [line for line in sound if "digit" not in line.split()[2] and "--labels" not in line]
    jobs = [[line.split()[2] for line in lines] for lines in (of_mosaic, paper)]
    assert sorted(jobs[1]) == sorted(jobs[0])
    for line in paper:
        fresh = f" --fresh {home}/clean/mnist5k/train.npy --validation {home}/clean/mnist5k/validation.npy "
        assert (fresh in line) == (".train " in line)
        assert ("--protocol paper" in line) == ("measurements.measure" in line)
        assert ("--last-offset False" in line) == ("measurements.measure drop_patch" in line)
    (table,) = (line for line in paper if "reports.table" in line)
    sees = {name: facts["clean"] for name, facts in json.loads(re.search(r"--sees '([^']*)'", table)[1]).items()}
    unlearned = dict.fromkeys(("as_measured", "harmonic", "halving", "wide"), "no")
    assert sees == unlearned | {"acsg": "measured afresh", "supervised": "train"}


def test_each_switch_alone_changes_what_it_is_for(toy, sound):
    """A folder of its own, the fact at measuring and, for trainings, one more input; no other option."""
    for switch, flag in {"fresh_theta": "--fresh", "clean_selection": "--validation", "mosaic": None}.items():
        home = f"results/protocol_{switch}"
        for line in commands(toy, "--config", f"protocol=[{switch}]"):
            assert home in line and " results/clean" not in line and "--last-offset False" not in line
            assert (f"--protocol {switch} " in line) == ("measurements.measure" in line)
            given = {each for each in ("--fresh", "--validation") if each in line}
            assert given == ({flag} if flag and ".train " in line else set())


def test_facts_say_the_protocol(toy, report):
    found = [json.loads(path.read_text()) for kind in ("measured", "restored") for path in toy.glob(f"results/{kind}/**/*.json")]
    assert found and {facts["protocol"] for facts in found} == {"sound"}
    models = [json.loads(path.read_text()) for path in toy.glob("results/models/**/train.json")]
    assert models and {facts["data"]["protocol"] for facts in models} == {"sound"}
    scores = [row["protocol"] for path in toy.glob("results/scores/**/t*.csv") for row in rows(path)]
    assert scores and set(scores) == {"sound"}
    assert "<b>Protocol: sound</b>" in (report / "index.html").read_text()


# --- a method that fails --------------------------------------------------------------------------------------------------------


def test_a_method_that_fails_is_marked_on_a_page_of_the_rest_and_the_exit_code_says_so(tmp_path):
    unlucky = tmp_path / "unlucky"
    unlucky.mkdir()
    (unlucky / "rules.smk").write_text(RULES)
    (unlucky / "restore.py").write_text(RESTORE.replace("yield measured.y / 2", 'raise ValueError("out of <luck>")'))
    (unlucky / "method.yaml").write_text("applies: {mask: false}\n")
    config = {
        "note": "A look.",
        "datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}}},
        "images": {"mnist5k": {"train": 100, "test": 16}},
        "methods": {"as_measured": None, "unlucky": {"folder": str(unlucky), "title": "Unlucky & co"}},
    }
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    run = snakemake(tmp_path)
    assert run.returncode != 0 and "report_so_far" in run.stderr, run.stderr[-4000:]
    page = (tmp_path / "results/report_so_far/index.html").read_text()
    assert "Unlucky &amp; co" in page and "ValueError: out of &lt;luck&gt;" in page and ">failed<" in page
    assert "A look." in page and "as measured" in page
    assert not (tmp_path / "results/report/index.html").exists(), "which would be taken for that of the whole"


# --- last, as it leaves an estimate missing -------------------------------------------------------------------------------------


def test_a_failed_job_names_its_cause_and_leaves_nothing(toy):
    """A model that cannot be read stops the restoration in one line, and no estimate appears."""
    model = toy / "results/models/mnist5k/add_noise/acsg/4/model.pt"
    kept = model.read_bytes()
    estimate = toy / "results/restored/mnist5k/add_noise/acsg/4/test.npy"
    try:
        model.write_bytes(kept[:1000])
        run = snakemake(toy, str(estimate.relative_to(toy)), "--forcerun", "acsg_restore")
        assert run.returncode != 0
        assert "not the weights of this method" in run.stdout + run.stderr
        assert not estimate.exists()
    finally:
        model.write_bytes(kept)
