"""`make new-method`: both kinds, laid down outside the repository, run as they are."""

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import flags
from declared import ROOT
from parsed import workflow_of

from bench import method_facts
from config.sees import rules_of


@pytest.fixture
def lay_down(tmp_path, command, monkeypatch):
    """A function: a new method in a folder of a user's own, where Python finds it."""
    folder = tmp_path / "own"
    monkeypatch.syspath_prepend(folder)

    def make(name, *kind) -> Path:
        outcome = command("methods.new", name, "--folder", folder, *kind)
        assert outcome.code == 0, outcome.err
        assert str(folder / name) in outcome.out
        return folder / name

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("fresh_")]:
        del sys.modules[name]


def test_a_classical_one_restores(lay_down, world, command, tmp_path):
    made = lay_down("fresh_filter")
    assert method_facts.read(made).title == "fresh filter" and not method_facts.read(made).learned
    y = world.inputs("as_measured", "add_noise")["y"]
    outcome = command("fresh_filter.restore", *flags({"y": y, "output": tmp_path / "x.npy"}))
    assert outcome.code == 0, outcome.err
    assert np.load(tmp_path / "x.npy").shape == np.load(y).shape


def test_a_learned_one_trains_and_restores(lay_down, world, command, tmp_path):
    made = lay_down("fresh_network", "--kind", "learned")
    assert method_facts.read(made).title == "fresh network" and method_facts.read(made).learned
    files = world.inputs("splitting", "drop_patch", "train") | {"output": tmp_path / "model", "checkpoints": tmp_path / "c"}
    outcome = command("fresh_network.train", *flags(files | {"steps": 3, "batch_size": 4}))
    assert outcome.code == 0, outcome.err
    y = world.inputs("as_measured", "drop_patch")["y"]
    given = {"y": y, "model": tmp_path / "model/model.pt", "output": tmp_path / "x.npy"}
    outcome = command("fresh_network.restore", *flags(given))
    assert outcome.code == 0, outcome.err
    assert np.load(tmp_path / "x.npy").shape == np.load(y).shape


def test_the_workflow_takes_both(lay_down, tmp_path):
    folders = {"fresh_filter": lay_down("fresh_filter"), "fresh_network": lay_down("fresh_network", "--kind", "learned")}
    methods = {name: {"folder": str(folder)} for name, folder in folders.items()}
    with workflow_of({"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}}}, "methods": methods}, tmp_path) as workflow:
        found = {name: set(rules) for name, rules in rules_of(workflow, workflow.globals["config"]).items()}
    assert found == {"fresh_filter": {"restore"}, "fresh_network": {"train", "restore"}}


@pytest.mark.parametrize("name", ["Mine", "2nd", "my-method", "../mine", "telea"])
def test_a_name_that_is_none_or_taken_is_refused_in_one_line(command, name):
    before = sorted((ROOT / "methods").iterdir())
    outcome = command("methods.new", name)
    assert outcome.code == 1 and name in outcome.line
    assert sorted((ROOT / "methods").iterdir()) == before
