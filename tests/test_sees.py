"""What a method may see: a closed vocabulary, tried with real Snakemake on a small method outside the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from parsed import ROOT, workflow_of
from snakemake.exceptions import WorkflowError

BENCH = """
module bench:
    snakefile:
        config["bench"]
    config:
        config
"""
RESTORE = """
use rule restore from bench with:
    input:
        {}
"""
TRAIN = """
use rule train from bench with:
    input:
        {}
"""
OWN = """
rule prepare:
    input:
        {}
    output:
        {}
    shell:
        "cp {{input}} {{output}}"
"""
HONEST = 'y="<measured>/test.y.npy"'
CLEAN_TEST = '"<results>/clean/{dataset}/test.npy"'


@pytest.fixture
def method(tmp_path):
    """A function that makes the method `mine` of rules and gives a configuration of it, and whatever else is asked for."""

    def make(*rules: str, **more) -> dict:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "rules.smk").write_text("".join([BENCH, *rules]))
        (folder / "weights.npy").write_bytes(b"")
        if any("rule train" in rule for rule in rules):
            (folder / "train.py").touch()
        measurements = {"add_noise": {"sigma": 0.2}, "drop_patch_9": {"size": 9}}
        return {"datasets": {"mnist5k": measurements}, "methods": {"mine": {"folder": str(folder)}}} | more

    return make


def refusal_of(config: dict, folder: Path) -> str:
    """The one line with which Snakemake ends before any job."""
    with pytest.raises(WorkflowError) as refusal, workflow_of(config, folder):
        pass
    line = str(refusal.value)
    assert "\n" not in line and line.startswith("methods.mine: rule ")
    return line.removeprefix("methods.mine: ")


FRESH = 'y="<measured>/train.y.npy", fresh="<results>/clean/{dataset}/train.npy"'


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([RESTORE.format(f"y=lambda wildcards: {CLEAN_TEST}")], "rule restore, input y: is a function"),
        ([RESTORE.format(f"{HONEST}, extra=lambda wildcards: {CLEAN_TEST}")], "rule restore, input extra: is a function"),
        ([RESTORE.format(f"{HONEST}, extra=branch(True, then={CLEAN_TEST})")], "rule restore, input extra: "),
        (
            [RESTORE.format(f"y={CLEAN_TEST}")],
            "rule restore, input y: is results/clean/{dataset}/test.npy; by this name there is",
        ),
        ([RESTORE.format(f"y=ancient({CLEAN_TEST})")], "rule restore, input y: is results/clean/{dataset}/test.npy"),
        ([RESTORE.format('y="<measured>/../../../clean/{dataset}/test.npy"')], "rule restore, input y: is results/measured/"),
        (
            [RESTORE.format('y="results/clean/{dataset}/{part}.npy"')],
            "rule restore, input y: is results/clean/{dataset}/{part}.npy",
        ),
        ([RESTORE.format(f"y=[{HONEST[2:]}, {CLEAN_TEST}]")], "rule restore, input y: is results/measured/"),
        (
            [RESTORE.format(f"{HONEST}, truth={CLEAN_TEST}")],
            "rule restore, input truth: results/clean/{dataset}/test.npy is neither",
        ),
        ([RESTORE.format(f"{CLEAN_TEST}, {HONEST}")], "rule restore, input results/clean/{dataset}/test.npy: has no name"),
        ([RESTORE.format(f"{HONEST}, clean={CLEAN_TEST}")], "rule restore, input clean: is not for this rule"),
        ([RESTORE.format(f"{HONEST}, fresh={CLEAN_TEST}")], "rule restore, input fresh: is not for this rule"),
        (
            [RESTORE.format(f'{HONEST}, y_again="<measured>/train_again.y.npy"')],
            "rule restore, input y_again: is not for this rule",
        ),
        (
            [RESTORE.format(HONEST), TRAIN.format('y="<measured>/train.y.npy", y_again="<measured>/test.y.npy"')],
            "rule train, input y_again: is results/measured/{dataset}/{measurement}/test.y.npy; by this name there is",
        ),
        (
            [RESTORE.format(HONEST), TRAIN.format(FRESH)],
            "rule train, input fresh: is given where the protocol has fresh_theta, and this one is sound",
        ),
        (
            [RESTORE.format(HONEST), TRAIN.format(f'y="<measured>/train.y.npy", clean={CLEAN_TEST}')],
            "rule train, input clean: is results/clean/{dataset}/test.npy; by this name there is results/clean",
        ),
        (
            [RESTORE.format(HONEST), TRAIN.format(HONEST)],
            "rule train, input y: is results/measured/{dataset}/{measurement}/test.y",
        ),
        (
            [RESTORE.format(f'{HONEST}, extra=config["folder"] + "/../results/clean/{{dataset}}/test.npy"')],
            "rule restore, input extra: ",
        ),
        ([RESTORE.format(f'{HONEST}, extra=config["folder"] + "/linked/test.npy"')], "rule restore, input extra: "),
        ([RESTORE.format(f'{HONEST}, extra=config["folder"] + "/{{any}}"')], "rule restore, input extra: "),
        (
            [RESTORE.format(HONEST), OWN.format(f"x={CLEAN_TEST}", '"<results>/models/{dataset}/{measurement}/mine/x.npy"')],
            "rule prepare, input x: results/clean/{dataset}/test.npy is neither",
        ),
        (
            [RESTORE.format(HONEST), OWN.format(f"x={CLEAN_TEST}", '"<results>/clean/{dataset}/x.npy"')],
            "rule prepare, output results/clean/{dataset}/x.npy: a method writes below",
        ),
    ],
)
def test_what_a_method_must_not_see_is_refused_with_its_rule_and_its_input(rules, says, method, tmp_path):
    (tmp_path / "results" / "clean").mkdir(parents=True)
    config = method(*rules)
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "results" / "clean")
    assert refusal_of(config, tmp_path).startswith(says)


def test_other_paths_behind_the_bench_s_names_are_refused(method, tmp_path):
    """A rule module may give `measured` another meaning; what counts is the path that comes of it."""
    redirected = BENCH.rstrip() + '\n    pathvars:\n        measured="<results>/clean"\n'
    config = method(RESTORE.format(HONEST))
    (tmp_path / "mine" / "rules.smk").write_text(redirected + RESTORE.format(HONEST))
    try:
        assert refusal_of(config, tmp_path).startswith("rule restore, input y: is results/clean/test.y.npy")
    except pytest.fail.Exception:  # where it has no effect on this rule, it is as harmless
        with workflow_of(config, tmp_path) as workflow:
            assert list(workflow.get_rule("mine_restore").input) == ["results/measured/{dataset}/{measurement}/test.y.npy"]


@pytest.mark.parametrize(
    ("rules", "sees"),
    [
        ([RESTORE.format(HONEST)], ("no", "no", False)),
        ([RESTORE.format(f'{HONEST}, side_info="<measured>/test.side_info.npy"')], ("no", "test", False)),
        ([RESTORE.format(f'{HONEST}, train_side_info="<measured>/train.side_info.npy"')], ("no", "train", False)),
        ([RESTORE.format(f'{HONEST}, weights=config["folder"] + "/weights.npy"')], ("no", "no", False)),
        (
            [
                RESTORE.format(f'{HONEST}, prepared="<results>/models/{{dataset}}/{{measurement}}/mine/x.npy"'),
                OWN.format(
                    'train_side_info="<measured>/train.side_info.npy"', '"<results>/models/{dataset}/{measurement}/mine/x.npy"'
                ),
            ],
            ("no", "train", False),
        ),
        (
            [
                RESTORE.format(f'{HONEST}, model="<model>/model.pt"'),
                TRAIN.format('**config["protocol"], y="<measured>/train.y.npy", side_info="<measured>/train.side_info.npy"'),
            ],
            ("no", "train", True),
        ),
        (
            [RESTORE.format(HONEST), TRAIN.format('y="<measured>/train.y.npy", clean="<results>/clean/{dataset}/train.npy"')],
            ("train", "no", True),
        ),
        (
            [
                RESTORE.format(HONEST),
                TRAIN.format(
                    'y="<measured>/train.y.npy", y_again="<measured>/train_again.y.npy", '
                    'side_info_again="<measured>/train_again.side_info.npy"'
                ),
            ],
            ("measured twice", "train", True),
        ),
    ],
)
def test_what_a_method_sees_follows_from_the_names_of_its_inputs(rules, sees, method, tmp_path):
    with workflow_of(method(*rules), tmp_path) as workflow:
        assert tuple(workflow.globals["RUNS"].sees["mine"].values()) == sees


@pytest.mark.parametrize(
    ("protocol", "given", "clean"),
    [
        ("sound", [], "no"),
        (["mosaic", "batch_statistics", "posterior_sample"], [], "no"),
        (["fresh_theta"], ["fresh"], "measured afresh"),
        (["clean_selection"], ["validation"], "measured afresh"),
        ("paper", ["fresh", "validation"], "measured afresh"),
    ],
)
def test_every_training_is_given_what_the_switches_of_the_protocol_need(protocol, given, clean, method, tmp_path):
    rules = RESTORE.format(HONEST), TRAIN.format('**config["protocol"], y="<measured>/train.y.npy"')
    with workflow_of(method(*rules, protocol=protocol), tmp_path) as workflow:
        named = [name for name, _ in workflow.get_rule("mine_train").input.items() if name != "y"]
        assert named == [*given, "held_out", "held_out_side_info"]  # these for the learning curve
        assert workflow.globals["RUNS"].sees["mine"]["clean"] == clean


@pytest.mark.parametrize("path", sorted((ROOT / "methods").glob("*/rules.smk")), ids=lambda path: path.parent.name)
def test_no_method_here_names_what_it_must_not_see(path, tmp_path):
    config = {"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}, "drop_patch": {"size": 9}}}, "methods": {"as_measured": None}}
    config["methods"] |= {path.parent.name: None}
    with workflow_of(config, tmp_path) as workflow:
        sees = workflow.globals["RUNS"].sees[path.parent.name]
    controls = {"noise2noise": "measured twice"}
    assert sees["clean"] == ("train" if "supervised" in path.parent.name else controls.get(path.parent.name, "no"))


def test_a_refusal_is_one_line_on_the_command_line(method, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(method(RESTORE.format(f"y=lambda wildcards: {CLEAN_TEST}"))))
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", ROOT / "Snakefile", "--configfile", "config.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode
    assert [line for line in (done.stdout + done.stderr).splitlines() if "rule restore, input y: is a function" in line]


def test_a_method_that_learns_has_a_rule_for_it(method, tmp_path):
    config = method(RESTORE.format(HONEST))
    (tmp_path / "mine" / "train.py").touch()
    with pytest.raises(WorkflowError, match="methods.mine: its folder has a train.py but no rule train"):
        workflow_of(config, tmp_path).__enter__()
