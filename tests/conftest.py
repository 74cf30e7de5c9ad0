"""What tests share: commands that run inside this process, learners, and a small problem measured in every way."""

import contextlib
import inspect
import io
import runpy
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from declared import FAMILIES, METHODS, defaults, learner_class, own_options, program
from parsed import workflow_of
from torch import Generator

import store
from bench import provenance
from bench.measured import Measured
from config.sees import rules_of
from measurements.forward import ForwardModel, from_facts
from networks.architectures import ImageFormat
from training.learner import Learner

IMAGES, SHAPE = 8, (28, 28, 1)
SEARCH_STEPS = 12  # of an iterative restoration, in place of its default


def pytest_collection_modifyitems(items):
    """The longest files first, so that no core is left waiting for one of them at the end."""
    longest = ("test_workflow", "test_training", "test_examples")
    items.sort(key=lambda item: item.path.stem not in longest)


@pytest.fixture(autouse=True, scope="session")
def on_the_cpu():
    """No GPU here: this process would hold its lease while commands beside it wait for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        torch.set_num_threads(1)
        yield


# --- commands ------------------------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The only line of a message on stderr."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture(scope="session")
def command():
    """A function: what `python -m MODULE ARGUMENTS` does, inside this process.

    The process keeps its threads, and there is no guard, as Python can take none off (test_guard.py has processes of their own).
    """

    def run(module, *arguments) -> Outcome:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", [module, *map(str, arguments)])
            patch.setattr("bench.machine.limit_threads", lambda threads: None)
            for main in ("bench.command", "training.command"):
                patch.setattr(f"{main}.guard", lambda named, protected: None)
            patch.delitem(sys.modules, module, raising=False)
            try:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            except SystemExit as stop:  # as the interpreter ends
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
                if isinstance(stop.code, str):
                    print(stop.code, file=sys.stderr)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


def forget_code() -> None:
    """What this process has read of code, so that an edit is seen as by another start of Snakemake."""
    for cached in (provenance.code_of, provenance.code_of_method, provenance.files_of, provenance.imports_of, provenance.parsed,
                   provenance.hash_of):  # fmt: skip
        cached.cache_clear()


def flags(given: dict) -> list:
    """{"batch_size": 4} -> ["--batch-size", 4]"""
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]


# --- learners ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def learner():
    """A function: a method's learner, made as the engine makes it, with the defaults of its method.yaml but for `changes`."""

    def make(method: str, images: ImageFormat, forward: ForwardModel, generator: Generator, **changes) -> Learner:
        made = learner_class(method)(images, forward, generator, **defaults(own_options(method)) | changes)
        made.steps = 100
        return made

    return make


def phases_of(made: Learner) -> dict[str, list[int]]:
    """The steps of each phase of a training."""
    found: dict[str, list[int]] = {}
    for step in range(made.steps):
        found.setdefault(made.begin(step), []).append(step)
    return found


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def batch_of(model: ForwardModel, count: int = 6, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> dict:
    """A training batch of random images, measured twice."""
    g = seeded(seed)
    x = torch.rand(count, *shape, generator=g)
    theta, again = model.draw(count, shape, g), model.draw(count, shape, g)
    measured = {"y": model.forward(x, theta), "side_info": model.side_info(theta)}
    return {"x": x} | measured | {"y_again": model.forward(x, again), "side_info_again": model.side_info(again)}


# --- a small problem -----------------------------------------------------------------------------------------------------------


class World:
    """Eight images of squares to train on and eight to hold out and to restore, on the disk, measured by every forward model."""

    def __init__(self, folder: Path, command, rules: dict[str, dict]):
        self.folder, self.command, self.rules, self.trained, self.kept = folder, command, rules, {}, {}
        values = np.random.default_rng(0).integers(0, 256, (2 * IMAGES, 7, 7, 1), np.uint8)
        images = np.kron(values, np.ones((1, 4, 4, 1), np.uint8))
        learnt, held = images[:IMAGES], images[IMAGES:]
        for split, part in {"train": learnt, "train_again": learnt, "validation": held, "test": held}.items():
            clean = folder / "results/clean/toy" / f"{split}.npy"
            store.save_array(clean, part)
            for family, model in FAMILIES.items():
                given = flags({"clean": clean, "split": split, "dataset": "toy"} | type(model).EXAMPLES[0])
                outcome = command("measurements.measure", family, *given, "--output", folder / "results/measured/toy" / family)
                assert outcome.code == 0, outcome.err

    def inputs(self, method: str, family: str, rule: str = "restore") -> dict[str, Path]:
        """The files that a rule of the method names, as Snakemake parsed it; a model is trained when it is first asked for."""
        named = self.rules[method][rule]
        if "model" in named:
            self.model(method, family)
        return {name: self.folder / path.format(dataset="toy", measurement=family, seed=0) for name, path in named.items()}

    def model(self, method: str, family: str) -> None:
        """Train for three steps with the command line."""
        if (method, family) not in self.trained:
            output = self.folder / "results/models/toy" / family / method / "0"
            short = {"steps": 3, "batch_size": 4, "output": output, "checkpoints": self.folder / "checkpoints"}
            given = flags(self.inputs(method, family, "train") | short)
            self.trained[method, family] = self.command(f"methods.{method}.train", *given)
        assert self.trained[method, family].code == 0, self.trained[method, family].err

    def measured(self, method: str, family: str, rule: str = "restore") -> Measured:
        files = self.inputs(method, family, rule)
        stored = store.load_array(files["side_info"]) if "side_info" in files else None
        return Measured(store.load_array(files["y"]), from_facts(store.describe(files["y"])), stored)

    def given(self, method: str, family: str, rule: str, function) -> dict:
        """Files and options of a method's function, an iterative one shortened."""
        wanted = inspect.signature(function).parameters
        found = defaults(METHODS[method].restore) | shortened(method) | self.inputs(method, family, rule)
        return {name: value for name, value in found.items() if name in wanted}

    def restore(self, method: str, family: str, measured: Measured | None = None, seed: int = 0, **changes) -> list[np.ndarray]:
        """All estimates of a method, float32, as its own function yields them. What is asked for again is remembered."""
        key = (method, family, seed, *changes.items())
        if measured is None and key in self.kept:
            return self.kept[key]
        function = program(method).restore
        given = self.given(method, family, "restore", function) | changes
        if "seed" in inspect.signature(function).parameters:
            given["seed"] = seed
        part = (measured or self.measured(method, family)).loaded()
        estimates = [np.asarray(estimate, np.float32).copy() for estimate in function(part, **given)]
        if measured is None:
            self.kept[key] = estimates
        return estimates

    def sample(self, method: str, family: str, measured: Measured | None = None, seed: int = 0, count: int = 3) -> np.ndarray:
        """Posterior samples of a method, float32 [K, N, H, W, C], as its own function gives them."""
        function = program(method).sample
        given = self.given(method, family, "sample", function) | {"seed": seed, "count": count}
        return np.asarray(function((measured or self.measured(method, family, "sample")).loaded(), **given), np.float32)


def shortened(method: str) -> dict:
    return {"steps": SEARCH_STEPS} if "steps" in METHODS[method].restore else {}


@pytest.fixture(scope="session")
def rules(tmp_path_factory) -> dict[str, dict[str, dict[str, str]]]:
    """method -> rule -> {input: path}, of every method, as Snakemake parsed them."""
    folder = tmp_path_factory.mktemp("parsed")
    config = {"datasets": {"mnist5k": {"add_noise": {"sigma": 0.2}, "drop_patch": {"size": 9}}}}
    with workflow_of(config | {"methods": dict.fromkeys(METHODS)}, folder) as workflow:
        found = rules_of(workflow, workflow.globals["config"])
        return {m: {rule: {k: str(v) for k, v in each.input.items()} for rule, each in of.items()} for m, of in found.items()}


@pytest.fixture(scope="session")
def world(tmp_path_factory, command, rules) -> World:
    return World(tmp_path_factory.mktemp("world"), command, rules)
