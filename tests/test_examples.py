"""The examples of the documentation, outside the repository: by their commands on every forward model, and through Snakemake."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import flags
from declared import FAMILIES, ROOT

EXAMPLES = ROOT / "docs/examples"


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder of a user's own with copies of the examples, where Python finds them."""
    folder = tmp_path / "own"
    shutil.copytree(EXAMPLES, folder)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in ("dncnn", "halving")]:
        del sys.modules[name]


@pytest.fixture
def train(world, command, tmp_path):
    """A function: train the learned example on a forward model of the small problem; (the outcome, the folder of the model)."""

    def run(family, **options):
        output, files = tmp_path / family, world.inputs("ambient_vaegan_skip", family, "train")
        given = files | {"output": output, "checkpoints": tmp_path / "checkpoints", "steps": 3, "batch_size": 4} | options
        return command("dncnn.train", *flags(given)), output

    return run


def restored(world, command, model, family, output) -> np.ndarray:
    y = world.inputs("as_measured", family)["y"]
    outcome = command("dncnn.restore", *flags({"y": y, "model": model / "model.pt", "output": output}))
    assert outcome.code == 0, outcome.err
    return np.load(output).astype(np.float64)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize("family", FAMILIES)
def test_the_learned_example_trains_and_restores_on_every_forward_model(outside, world, command, train, family, tmp_path):
    outcome, model = train(family)
    assert outcome.code == 0, outcome.err
    saved = torch.load(model / "model.pt", weights_only=True)["networks"]["dncnn"]
    assert (saved["class"], saved["arguments"]) == ("dncnn.model:DnCNN", (1,))
    assert restored(world, command, model, family, tmp_path / "x.npy").shape == (8, 28, 28, 1)


def test_the_learned_example_learns(outside, world, command, train, tmp_path):
    """From noisy measurements alone it removes noise."""
    outcome, model = train("add_noise", steps=150)
    assert outcome.code == 0, outcome.err
    clean = np.load(world.folder / "results/clean/toy/test.npy") / 255
    y = np.load(world.inputs("as_measured", "add_noise")["y"]).astype(np.float64).clip(0, 1)
    x = restored(world, command, model, "add_noise", tmp_path / "x.npy")
    assert ((x - clean) ** 2).mean() < 0.7 * ((y - clean) ** 2).mean()


MAKING = "with_default_weights(DnCNN, generator, images.shape[2])"
LOCAL = """        class DnCNN(torch.nn.Linear):
            pass

        self.net = with_default_weights(DnCNN, generator, 2, 2)
"""


@pytest.mark.parametrize("fault", ["made by itself", "a class inside a function"])
def test_a_network_that_cannot_be_saved_is_refused_before_the_first_step(outside, train, monkeypatch, fault):
    program = outside / "dncnn/train.py"
    text = program.read_text()
    if fault == "made by itself":
        changed = text.replace(MAKING, "DnCNN(images.shape[2])")
    else:
        changed = text.replace(f"        self.net = {MAKING}\n", LOCAL).replace(
            "\nfrom networks", "\nimport torch\nfrom networks", 1
        )
    assert changed != text
    program.write_text(changed)
    monkeypatch.setattr("training.command.fit", lambda *_, **__: pytest.fail("trained"))
    outcome, model = train("add_noise")
    assert outcome.code == 1
    assert outcome.line.startswith("networks['dncnn']: ") and "with_default_weights(DnCNN, generator, …)" in outcome.line
    assert not model.exists()


def test_another_class_in_the_model_is_refused(outside, world, command, train, tmp_path):
    """The file of another method's network, or of one from nowhere, is told apart from this method's."""
    _, model = train("add_noise")
    saved = torch.load(model / "model.pt", weights_only=True)
    y = world.inputs("as_measured", "add_noise")["y"]
    for name in ("halving.restore:main", "networks.spread:Spread", "subprocess:Popen"):
        saved["networks"]["dncnn"]["class"] = name
        torch.save(saved, tmp_path / f"{name}.pt")
        given = {"y": y, "model": tmp_path / f"{name}.pt", "output": tmp_path / "x.npy"}
        outcome = command("dncnn.restore", *flags(given))
        assert outcome.code == 1 and "not the weights of this method" in outcome.line
    assert not (tmp_path / "x.npy").exists()


def test_the_examples_run_through_snakemake(outside, tmp_path):
    folders = {name: {"folder": str(outside / name)} for name in ("dncnn", "halving")}
    folders["dncnn"]["train"] = {"steps": 3}
    config = {"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}}}, "methods": folders, "seeds": [0]}
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config))
    at = Path("results/restored/mnist5k/add_noise")
    wanted = [str(at / "dncnn/0/test.npy"), str(at / "halving/test.npy")]
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", "toy.yaml", "--cores", "2"]
    run = subprocess.run([*command, *wanted], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    y = np.load(tmp_path / "results/measured/mnist5k/add_noise/test.y.npy").astype(np.float32)
    np.testing.assert_allclose(np.load(tmp_path / wanted[1]), (y / 2).clip(0, 1), atol=1e-3)
    assert np.load(tmp_path / wanted[0]).shape == y.shape
    facts = json.loads((tmp_path / "results/models/mnist5k/add_noise/dncnn/0/train.json").read_text())
    assert facts["method"] == "dncnn" and set(facts["parameters"]) == {"dncnn"}
