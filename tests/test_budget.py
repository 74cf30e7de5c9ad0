"""How large a run is and what comes first: images, seeds and options of each data set, from configuration to commands."""

import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from parsed import ROOT, workflow_of
from snakemake.iocontainers import Wildcards

from config.check import check
from config.messages import shown_config
from config.order import FIRST_SEED, PREPARES, priority

CONFIG = {
    "datasets": {"mnist5k": {"drop_patch": {"size": 14}}, "mnist": {"add_noise": {"sigma": 0.2}}},
    "images": {"mnist5k": {"train": 300, "test": 100}, "mnist": {"validation": 5}},
    "methods": {
        "mean_image": {"restore": {"first_images": 7}},
        "acsg": {
            "train": {"steps": 5, "batch_size": 16},
            "restore": {"steps": 9},
            "timing": {"restarts": [1, 2]},
            "for": {"mnist": {"train": {"steps": 8}, "restore": {"restarts": 3, "first_images": 20}}},
        },
        "few": {"like": "supervised", "train": {"steps": 6}, "for": {"mnist5k": {"train": {"batch_size": 4}}}},
    },
    "seeds": {"mnist5k": [4], "mnist": [7, 3]},
}
RUNS = {("mnist5k", "drop_patch", "4"), ("mnist", "add_noise", "7"), ("mnist", "add_noise", "3")}


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> list[str]:
    """Every command of the run."""
    folder = tmp_path_factory.mktemp("budget")
    (folder / "c.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    dry = [sys.executable, "-m", "snakemake", "-n", "-p", "--snakefile", ROOT / "Snakefile", "--configfile", "c.yaml"]
    done = subprocess.run([*dry, "--cores", "2"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return re.findall(r"python -m .*", done.stdout + done.stderr)


def values(line: str, *names: str) -> list[str | None]:
    found = [re.search(rf" --{name} (\S+)", line) for name in names]
    return [match and match[1] for match in found]


def test_a_cap_reaches_the_clean_images_and_their_labels_and_nothing_else(commands):
    prepared = {(line.split()[3], *values(line, "split", "images")) for line in commands if "datasets.prepare" in line}
    assert prepared == {
        ("mnist5k", "train", "300"), ("mnist5k", "validation", None), ("mnist5k", "test", "100"),
        ("mnist", "train", None), ("mnist", "validation", "5"), ("mnist", "test", None),
    }  # fmt: skip
    labels = {values(line, "images")[0] for line in commands if "--labels" in line and "prepare mnist5k" in line}
    assert labels == {"300", "100"}


def test_every_data_set_has_its_own_seeds(commands):
    for method in ("acsg", "supervised"):
        lines = [line for line in commands if f"methods.{method}.train" in line]
        assert {tuple(values(line, "y")[0].split("/")[2:4] + values(line, "seed")) for line in lines} == RUNS
    timed = {
        (values(line, "y")[0].split("/")[2], *values(line, "seed"))
        for line in commands
        if " --timing " in line and "--seed" in line
    }
    assert timed == {("mnist5k", "4"), ("mnist", "7")}  # of each the first


def test_options_for_a_data_set_go_over_the_method_s_own(commands):
    def given(method: str, dataset: str, *names: str) -> set[tuple]:
        return {
            tuple(values(line, *names)) for line in commands if f"methods.{method} " in line and f"measured/{dataset}/" in line
        }

    assert given("acsg.train", "mnist5k", "steps", "batch-size") == {("5", "16")}
    assert given("acsg.train", "mnist", "steps", "batch-size") == {("8", "16")}
    assert given("acsg.restore", "mnist5k", "steps", "restarts") == {("9", "2")}
    assert given("acsg.restore", "mnist", "steps", "restarts") == {("9", "3")}
    assert given("supervised.train", "mnist5k", "steps", "batch-size") == {("6", "4")}
    assert given("supervised.train", "mnist", "steps", "batch-size") == {("6", "64")}


def test_the_first_images_alone_are_restored_and_timings_and_samples_do_not_change(commands):
    restored = {(*re.search(r"restored/(\w+)/\w+/(\w+)/(?:\d/)?(\w+)\.npy", line).groups(), *values(line, "first-images"))
                for line in commands if ".restore " in line}  # fmt: skip
    few = {("mnist5k", "mean_image", "test", "7"), ("mnist", "mean_image", "test", "7"), ("mnist", "acsg", "test", "20")}
    assert {each for each in restored if each[3]} == few
    assert {"test", "timing", "posterior"} == {each[2] for each in restored}


def test_a_timing_names_the_other_settings_and_not_the_row_s_own(commands):
    given = {
        (re.search(r"restored/(\w+)", line)[1], match[1])
        for line in commands
        if (match := re.search(r"--timing (restarts.*?) --", line))
    }
    assert given == {("mnist5k", "restarts=1"), ("mnist", "restarts=1 restarts=2")}  # which is 2 by default, and 3 on mnist


def test_what_the_report_shows_describes_the_same_run():
    for given in (CONFIG, CONFIG | {"seeds": [2, 1]}):
        config = check(given)
        shown = shown_config(config | {"absent": {}})
        assert check(yaml.safe_load(shown)) == config
        assert "*id" not in shown  # YAML's reference to what stands elsewhere


# --- what comes first ----------------------------------------------------------------------------------------------------------


def test_a_job_of_an_earlier_seed_comes_first_in_every_data_set(tmp_path):
    """Of the rules as Snakemake parsed them: data before seed 7 or 4, that before 3, and the report last."""
    with workflow_of(CONFIG, tmp_path) as workflow:
        rules = {rule.name: rule for rule in workflow.rules}

        def of(name: str, **wildcards) -> int:
            return rules[name].expand_priority(Wildcards(fromdict=wildcards), input=[], attempt=1)

        for step in ("train", "restore", "sample"):
            order = [of(f"few_{step}", dataset=d, measurement=m, seed=s, part="test") for d, m, s in sorted(RUNS, reverse=True)]
            assert order == [100, 100, 99]  # mnist5k 4, mnist 7, mnist 3
        for score in ("score_quality", "score_digits", "score_posterior", "score_timing"):
            order = [of(score, dataset="mnist", measurement="add_noise", run=f"few/{seed}") for seed in "73"]
            assert order == [100, 99]
            assert of(score, dataset="mnist", measurement="add_noise", run="mean_image") == 100
        assert of("mean_image_restore", dataset="mnist", measurement="add_noise", part="test") == 100
        assert {of(name, dataset="mnist", measurement="add_noise", split="train") for name in ("clean", "labels", "measure")} == {
            PREPARES
        }
        in_its_place = rules["clean"].resources["_cores"].value * FIRST_SEED  # as Snakemake adds priorities
        assert in_its_place < PREPARES
        assert of("table", dataset="mnist") == of("page") == 0


def test_no_seed_is_without_a_priority():
    """Snakemake would never start a job of a priority below 0."""
    seeds = {"mnist": list(range(200))}
    assert np.diff([priority(seeds, "mnist", f"acsg/{seed}") for seed in seeds["mnist"]]).max() == 0
    assert priority(seeds, "mnist", "acsg/199") == priority(seeds, "mnist", "acsg/777") == 1
    assert priority({"mnist": [0, 1]}, "mnist", "acsg/9") == 98 and priority({}, "mnist", "9") == 100
