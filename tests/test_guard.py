"""What a method's process may open: tried by programs of their own, as the guard stays until a process ends."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import flags
from declared import ROOT

import store
from bench.guard import protected_by

RESTORE = """
import glob, os, pathlib, shutil
import numpy as np
from bench.command import main

def restore(measured):
    y, clean = pathlib.Path("results/measured/toy/add_noise/test.y.npy"), pathlib.Path("results/clean/toy/test.npy")
    try:
        {}
    except BaseException:
        pass  # a refusal cannot be caught
    yield measured.y / 2

if __name__ == "__main__":
    main(restore)
"""
PEEKS = {
    "glob": ("glob.glob('results/clean/*/*.npy')", "listed a folder"),
    "list": ("os.listdir('results/clean')", "listed a folder"),
    "iterdir": ("list((y.parent / '..' / '..').iterdir())", "listed a folder"),
    "memmap": ("np.load(clean, mmap_mode='r')", "opened a file that its rule does not name"),
    "open": ("clean.read_bytes()", "opened a file that its rule does not name"),
    "open by number": ("os.open(clean, os.O_RDONLY)", "opened a file that its rule does not name"),
    "link": ("os.symlink(clean.resolve(), 'link'); open('link', 'rb')", "tried to change a file"),
    "other split": ("np.load(y.with_name('train.y.npy'))", "opened a file that its rule does not name"),
    "unnamed side information": ("np.load(y.with_name('test.side_info.npy'))", "opened a file that its rule does not name"),
    "write": ("np.load(y, mmap_mode='r+')[:] = 0", "tried to change a file"),
    "write anew": ("np.save(y, measured.y * 0)", "tried to change a file"),
    "replace": ("np.save('z.npy', measured.y); os.replace('z.npy', y)", "tried to change a file"),
    "remove": ("y.unlink()", "tried to change a file"),
    "copy": ("shutil.copy(clean, 'mine.npy')", "opened a file that its rule does not name"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory, command):
    """A folder with results/clean and results/measured, as a run makes them."""
    folder = tmp_path_factory.mktemp("run")
    output = folder / "results/measured/toy/add_noise"
    for split in ("train", "test"):
        clean = folder / "results/clean/toy" / f"{split}.npy"
        store.save_array(clean, np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), np.uint8))
        given = {"sigma": 0.2, "clean": clean, "split": split, "dataset": "toy", "output": output}
        assert command("measurements.measure", "add_noise", *flags(given)).code == 0
    return folder


def program(module, folder, given, *more):
    """`python -m module` in a folder, where methods of that folder are found too."""
    line = [sys.executable, "-m", module, *map(str, [*flags(given), *more])]
    path = os.pathsep.join([str(ROOT), str(folder)])
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def assert_refused(done, says, output):
    assert done.returncode not in (0, 1), done.stderr
    assert len(done.stderr.splitlines()) == 1 and says in done.stderr, done.stderr
    assert not list(output.parent.glob("*")) if output.parent.exists() else True


@pytest.mark.parametrize("peek", PEEKS)
def test_a_method_that_opens_what_its_rule_does_not_name_ends_in_one_line(results, peek, tmp_path):
    act, says = PEEKS[peek]
    (results / "peeking").mkdir(exist_ok=True)
    (results / "peeking/restore.py").write_text(RESTORE.format(act))
    measured = {path: path.read_bytes() for path in (results / "results").rglob("*") if path.is_file()}
    output = tmp_path / "out" / "test.npy"
    done = program("peeking.restore", results, {"y": "results/measured/toy/add_noise/test.y.npy", "output": output})
    assert_refused(done, says, output)
    assert measured == {path: path.read_bytes() for path in (results / "results").rglob("*") if path.is_file()}


TRAIN = """
from pathlib import Path
import numpy as np
from methods.acsg.model import AmbientGAN
from training.command import main

class Peeking(AmbientGAN):
    def step(self, batch, generator):
        np.load("results/clean/toy/train.npy")
        return super().step(batch, generator)

if __name__ == "__main__":
    main(Peeking)
"""


def test_a_training_that_opens_what_its_rule_does_not_name_ends_in_one_line(results, tmp_path):
    (results / "learning").mkdir()
    (results / "learning/train.py").write_text(TRAIN)
    options = (ROOT / "methods/acsg/method.yaml").read_text()
    (results / "learning/method.yaml").write_text(options)
    given = {"y": "results/measured/toy/add_noise/train.y.npy", "output": tmp_path / "model", "steps": 2, "batch_size": 2}
    done = program("learning.train", results, given | {"checkpoints": tmp_path / "checkpoints"})
    assert_refused(done, "opened a file that its rule does not name", tmp_path / "model" / "model.pt")


def test_a_method_that_keeps_to_its_rule_is_not_disturbed(results):
    """Training, an estimate, a timing and samples, all within the results."""
    y, model = "results/measured/toy/add_noise/{}.y.npy", "results/models/toy/add_noise/ambient_vaegan/0"
    train = {"y": y.format("train"), "output": model, "steps": 2, "batch_size": 2}
    posterior = {"y": y.format("test"), "model": f"{model}/model.pt", "output": "results/restored/posterior.npy", "samples": 2}
    restore = {"y": y.format("test"), "output": "results/restored/test.npy"}
    jobs = [("ambient_vaegan.train", train), ("ambient_vaegan.restore", posterior), ("gaussian.restore", restore)]
    for (name, given), more in zip([*jobs, jobs[-1]], ((), (), (), ("--timing",)), strict=True):
        done = program(f"methods.{name}", results, given, *more)
        said = [line for line in done.stderr.splitlines() if "other programs kept" not in line]  # as a timing may say of others
        assert done.returncode == 0 and not said, said
    made = {"model.pt", "train.csv", "train.json", "learning.csv", "learning.npy"}
    assert {path.name for path in (results / model).iterdir()} == made
    assert np.load(results / "results/restored/posterior.npy").shape == (2, 4, 28, 28, 1)


def test_the_fence_is_that_of_the_results_alone(tmp_path):
    """Elsewhere there is none: a user's own folder may hold the output, the checkpoints and Python itself."""
    measured = tmp_path / "results/measured"
    assert protected_by(measured / "toy/add_noise/test.y.npy") == (measured, tmp_path / "results/clean")
    assert protected_by(tmp_path / "mine/test.y.npy") == ()
