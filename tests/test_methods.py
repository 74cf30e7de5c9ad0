"""Every folder methods/*/rules.smk: what it declares, what it may see, how its command behaves, what it restores.

A new method is tested by existing. Its commands run as `python -m` would run them: the timing as a program of its own, the others
inside this process, to save the loading of libraries.
"""

import contextlib
import importlib
import inspect
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jsonschema
import numpy as np
import pytest
import torch
from learners import LEARNED, learner_class
from skimage.restoration import denoise_tv_chambolle

import protocols
import store
from bench import method_facts
from datasets import mnist5k
from measurements import forward, measure
from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_independent_noise import DropIndependentNoise
from measurements.side_info import pack
from methods import contract
from options import TYPES

ROOT = Path(contract.__file__).parent.parent
METHODS = sorted(path.parent.name for path in (ROOT / "methods").glob("*/rules.smk"))
MEASUREMENTS = {"drop_independent": {"p": 0.5}, "drop_patch": {"size": 14}, "add_noise": {"sigma": 0.2}}
DATASET, IMAGES = "mnist5k", 16
STEPS = 12  # of an iterative search, in place of its default

# --- what a folder says --------------------------------------------------------------------------------------------------------


def rules_text(method):
    """rules.smk without its comments."""
    return re.sub(r"#.*", "", (ROOT / "methods" / method / "rules.smk").read_text())


def inputs(method, rule):
    """{name: path} of the inputs of `train` or `restore`; {} where there is no such rule."""
    block = re.search(rf"^use rule {rule} from .*?with:\n +input:\n((?: {{8}}.*\n)*)", rules_text(method), re.M)
    return dict(re.findall(r'(\w+)="([^"]*)"', block[1])) if block else {}


def applies_to(method):
    """The forward models that have the traits that a method asks for."""
    asked = method_facts.read(ROOT / "methods" / method).applies
    return [name for name in MEASUREMENTS if asked.items() <= forward.find(name).traits().items()]


def options(method, section):
    return getattr(method_facts.read(ROOT / "methods" / method), section)


def keeps_what_is_seen(method):
    """Whether restore.py says that seen values stay."""
    text = (ROOT / "methods" / method / "restore.py").read_text()
    return bool(re.search(r"seen (values|ones) stay|m ⊙ x = m ⊙ y", text))


def defaults(method):
    return {name: schema["default"] for name, schema in options(method, "restore").items()}


def own_options(method):
    """Options of the Learner: those of `train` but the engine's."""
    engine = contract.yaml.safe_load((ROOT / "methods/training.yaml").read_text())
    return {name: schema for name, schema in options(method, "train").items() if name not in engine}


def module_of(method):
    return importlib.import_module(f"methods.{method}.restore")


def restore_of(method):
    return module_of(method).restore


def keywords(function):
    return {p.name: p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


def flag(name):
    return f"--{name.replace('_', '-')}"


PAIRS = [(method, measurement) for method in METHODS for measurement in applies_to(method)]
SECTIONS = [
    (method, section) for method in METHODS for section in ("train", "restore") if section == "restore" or method in LEARNED
]
OPTIONS = [(method, section, name) for method, section in SECTIONS for name in options(method, section)]
SAMPLING = [method for method in METHODS if inputs(method, "sample")]  # those whose rules have a posterior
SAMPLED = [(method, measurement) for method, measurement in PAIRS if method in SAMPLING]
NEEDED = [(method, name) for method in METHODS for name in inputs(method, "restore")]

# --- running it ----------------------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def command():
    """A function: what `python -m MODULE ARGUMENTS` does, in this process, whose threads and devices stay as they are."""

    def run(module, *arguments):
        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", [module, *map(str, arguments)])
            patch.setattr(contract, "limit_threads", lambda threads: None)
            patch.delitem(sys.modules, module, raising=False)
            try:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            except SystemExit as stop:  # as the interpreter ends
                code = stop.code if isinstance(stop.code, int) else 1
                if isinstance(stop.code, str):
                    print(stop.code, file=sys.stderr)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu():
    """No GPU here: this process would hold its lease while the commands beside it wait for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        yield


class World:
    """The toy problem on the disk: sixteen digits to train on and sixteen to restore, measured in every way."""

    def __init__(self, folder, command):
        self.folder, self.command, self.models = folder, command, {}
        clean = mnist5k.load("test", folder)[: 2 * IMAGES]
        for split, images in (("train", clean[:IMAGES]), ("test", clean[IMAGES:])):
            store.save_array(folder / "clean" / DATASET / f"{split}.npy", images)
            for measurement, given in MEASUREMENTS.items():
                y, told = measure.measure(images, forward.find(measurement)(**given), 0, split)
                place = folder / "measured" / DATASET / measurement
                store.save_array(place / f"{split}.y.npy", y)
                store.save_array(place / f"{split}.side_info.npy", told)
                facts = {"dataset": DATASET, "measurement": measurement, "family": measurement, "options": given, "split": split}
                store.save_json(place / f"{split}.json", facts | {"seed": 0, "images": IMAGES, "digest": store.digest(y)})

    def path(self, text, method, measurement):
        """A path of rules.smk, its pathvars filled in; a model is trained when it is first asked for."""
        if "<model>" in text:
            text = text.replace("<model>", str(self.model(method, measurement)))
        measured = f"<results>/measured/{DATASET}/{measurement}"
        text = text.replace("<measured>", measured).replace("<results>", str(self.folder))
        return Path(text.format(dataset=DATASET, measurement=measurement, seed=0))

    def inputs(self, method, measurement, rule="restore"):
        return {name: self.path(text, method, measurement) for name, text in inputs(method, rule).items()}

    def model(self, method, measurement):
        """The folder of a model trained for three steps by the command line."""
        output = self.folder / "models" / DATASET / measurement / method / "0"
        if output not in self.models:
            given = [part for name, path in self.inputs(method, measurement, "train").items() for part in (flag(name), path)]
            short = ["--steps", 3, "--batch-size", 4, "--output", output, "--checkpoints", self.folder / "checkpoints"]
            self.models[output] = self.command(f"methods.{method}.train", *given, *short)
        assert self.models[output].code == 0, self.models[output].err
        return output

    def measured(self, method, measurement, rule="restore"):
        files = self.inputs(method, measurement, rule)
        facts = store.describe(files["y"])
        told = store.load_array(files["side_info"]) if "side_info" in files else None
        return contract.Measured(store.load_array(files["y"]), forward.from_facts(facts), told)

    def restore(self, method, measurement, measured=None, seed=0, **given):
        """All estimates of a method, float32, as its own function yields them."""
        files = {n: p for n, p in self.inputs(method, measurement).items() if n not in ("y", "side_info")}
        chosen = defaults(method) | files | shortened(method) | given
        if "seed" in keywords(restore_of(method)):
            chosen["seed"] = seed
        measured = measured or self.measured(method, measurement)
        return [np.asarray(estimate, np.float32).copy() for estimate in restore_of(method)(contract.loaded(measured), **chosen)]

    def sample(self, method, measurement, measured=None, seed=0, count=3):
        """Posterior samples of a method, float32 [K, N, H, W, C], as its own function gives them."""
        asked = keywords(module_of(method).sample)
        files = {n: p for n, p in self.inputs(method, measurement, "sample").items() if n not in ("y", "side_info")}
        chosen = {n: v for n, v in (defaults(method) | shortened(method)).items() if n in asked}
        measured = measured or self.measured(method, measurement, "sample")
        return np.asarray(
            module_of(method).sample(contract.loaded(measured), **files, **chosen, seed=seed, count=count), np.float32
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory, command):
    return World(tmp_path_factory.mktemp("world"), command)


def shortened(method):
    return {"steps": STEPS} if "steps" in options(method, "restore") else {}


def arguments(files, method):
    """The command line of a restoration, without its output."""
    given = {flag(name): value for name, value in (files | shortened(method)).items()}
    return [part for pair in given.items() for part in pair]


def one_line(outcome):
    """The only line of a message on stderr."""
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert len(lines) == 1, outcome.err
    return lines[0]


# --- declarations --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_restore_exists_and_says_what_it_does(method):
    restore = restore_of(method)
    assert inspect.isgeneratorfunction(inspect.unwrap(restore))
    assert inspect.getdoc(restore)
    assert importlib.import_module(f"methods.{method}.restore").__doc__


@pytest.mark.parametrize("method", METHODS)
def test_rules_name_known_rules_and_a_forward_model(method):
    has = {"restore": True, "train": method in LEARNED, "sample": hasattr(module_of(method), "sample")}
    assert set(re.findall(r"^use rule (\w+) from bench", rules_text(method), re.M)) == {
        rule for rule, there in has.items() if there
    }
    assert applies_to(method)
    assert inputs(method, "restore")["y"] == "<measured>/test.y.npy"


@pytest.mark.parametrize(("method", "section", "name"), OPTIONS)
def test_options_are_described_and_defaults_keep_to_their_bounds(method, section, name):
    schema = options(method, section)[name]
    assert schema["description"]
    assert "enum" in schema or schema["type"] in TYPES
    jsonschema.validate(schema["default"], schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("method", METHODS)
def test_keywords_of_restore_are_its_options_and_its_files(method):
    found = keywords(restore_of(method))
    files = {name for name, parameter in found.items() if parameter.annotation is Path}
    assert files == set(inputs(method, "restore")) - {"y", "side_info"}
    assert set(found) - files - {"seed"} == set(options(method, "restore"))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_randomness_or_a_model_runs_once_for_each_seed(method):
    random = "seed" in keywords(restore_of(method)) or method in LEARNED
    assert random == method_facts.read(ROOT / "methods" / method).seeded


@pytest.mark.parametrize("method", LEARNED)
def test_keywords_of_a_learner_are_its_options_with_the_same_defaults(method):
    """A learner that inherits its constructor may leave options to the method that it comes from."""
    kind = learner_class(method)
    said = {name: schema["default"] for name, schema in own_options(method).items()}
    taken = {name: parameter.default for name, parameter in keywords(kind.__init__).items()}
    own = kind.__init__.__module__.startswith(f"methods.{method}.")
    assert said == (taken if own else {name: taken.get(name) for name in said})


@pytest.mark.parametrize("method", METHODS)
def test_every_training_takes_what_the_paper_s_protocol_hands_out(method):
    """The line `**config["protocol"],` in the rule `train`, and nowhere else."""
    found = re.findall(r'^use rule (\w+) from bench with:\n +input:\n +\*\*config\["protocol"\],$', rules_text(method), re.M)
    assert found == (["train"] if method in LEARNED else [])


@pytest.mark.parametrize("method", METHODS)
def test_only_supervised_sees_clean_images_and_no_method_those_of_the_test_split(method):
    paths = [path for rule in ("train", "restore") for path in inputs(method, rule).values()]
    clean = [path for path in paths if "clean" in path]
    assert bool(clean) == method.startswith("supervised")
    assert not any("test" in path or "{split}" in path for path in clean)
    assert not any("clean" in path for path in inputs(method, "restore").values())
    assert rules_text(method).count("clean/") == len(clean)  # none in a place that the expressions above overlook


@pytest.mark.parametrize("method", LEARNED)
def test_training_sees_the_training_split_alone(method):
    assert not any("test" in path for path in inputs(method, "train").values())


# --- estimates -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "measurement"), PAIRS)
def test_estimates_have_the_shape_of_the_images_and_are_finite(world, method, measurement):
    estimates = world.restore(method, measurement)
    assert estimates
    assert all(estimate.shape == (IMAGES, 28, 28, 1) for estimate in estimates)
    assert all(np.isfinite(estimate).all() for estimate in estimates)


@pytest.mark.parametrize(("method", "measurement"), PAIRS)
def test_estimates_follow_from_the_seed(world, method, measurement):
    first, again = (world.restore(method, measurement, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    if "seed" in keywords(restore_of(method)):  # it counts, if only under the paper's protocol
        paper = replace(world.measured(method, measurement), protocol=protocols.parse("paper"))
        assert not np.array_equal(*(world.restore(method, measurement, paper, seed=seed)[-1] for seed in (3, 4)))


@pytest.mark.parametrize(("method", "measurement"), PAIRS)
def test_an_estimate_does_not_depend_on_its_neighbours(world, method, measurement):
    measured = world.measured(method, measurement)
    alone = world.restore(method, measurement, measured[5:6])[-1]
    searches = method in LEARNED and shortened(method)
    together = world.restore(method, measurement)[-1]
    np.testing.assert_allclose(alone[0], together[5], atol=1e-3 if searches else 1e-4)


@pytest.mark.parametrize("method", ["acsg", "ambient_vaegan", "supervised"])
def test_under_the_paper_s_protocol_an_estimate_depends_on_its_neighbours(world, method):
    measured = replace(world.measured(method, "add_noise"), protocol=protocols.parse("paper"))
    alone, together = (world.restore(method, "add_noise", part)[-1][0] for part in (measured[:1], measured))
    assert np.abs(alone - together).max() > 1e-2


def test_under_the_paper_s_protocol_the_bench_hands_over_64_images_at_a_time():
    sizes = []

    def restore(part):
        sizes.append(len(part.y))
        yield part.y

    measured = contract.Measured(np.zeros((150, 4, 4, 1), np.float32), AddNoise(0.1))
    contract.restored(restore, measured)
    contract.restored(restore, replace(measured, protocol=protocols.parse("paper")))
    assert sizes == [150, 64, 64, 22]


@pytest.mark.parametrize(("method", "measurement"), [p for p in PAIRS if p[1].startswith("drop") and keeps_what_is_seen(p[0])])
def test_seen_values_stay_where_a_method_says_so(world, method, measurement):
    measured = world.measured(method, measurement)
    for estimate in world.restore(method, measurement):
        np.testing.assert_array_equal(estimate[measured.informs], np.float32(measured.y)[measured.informs])
    assert not np.array_equal(estimate, np.float32(measured.y))  # and lost ones are filled


# --- posterior samples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "measurement"), SAMPLED)
def test_samples_are_images_and_differ_from_each_other(world, method, measurement):
    samples = world.sample(method, measurement)
    assert inspect.getdoc(module_of(method).sample)
    assert samples.shape == (3, IMAGES, 28, 28, 1)
    assert np.isfinite(samples).all() and samples.min() >= 0 and samples.max() <= 1
    assert (samples.std(0).max((1, 2, 3)) > 0).all()


@pytest.mark.parametrize(("method", "measurement"), SAMPLED)
def test_samples_follow_from_the_seed(world, method, measurement):
    first = world.sample(method, measurement, seed=3)
    np.testing.assert_array_equal(first, world.sample(method, measurement, seed=3))
    assert not np.array_equal(first, world.sample(method, measurement, seed=4))


@pytest.mark.parametrize(("method", "measurement"), SAMPLED)
def test_samples_do_not_depend_on_neighbours(world, method, measurement):
    measured = world.measured(method, measurement, "sample")
    alone = world.sample(method, measurement, measured[5:6])
    np.testing.assert_allclose(alone[:, 0], world.sample(method, measurement)[:, 5], atol=1e-3)


@pytest.mark.parametrize("method", SAMPLING)
def test_the_command_writes_samples_and_their_facts(world, command, tmp_path, method, monkeypatch):
    """Chunk by chunk, of the first images only."""
    monkeypatch.setattr(contract, "SAMPLED", 10)
    monkeypatch.setattr(contract, "CHUNK", 12 * 28 * 28)
    measurement = applies_to(method)[0]
    given = arguments(world.inputs(method, measurement, "sample"), method)
    outcome = command(f"methods.{method}.restore", *given, "--output", tmp_path / "posterior.npy", "--seed", 2, "--samples", 3)
    assert outcome.code == 0, outcome.err
    samples, facts = np.load(tmp_path / "posterior.npy"), json.loads((tmp_path / "posterior.json").read_text())
    assert samples.dtype == np.float16 and samples.shape == (3, 10, 28, 28, 1)
    np.testing.assert_allclose(samples, world.sample(method, measurement, seed=2)[:, :10], atol=1e-3)
    said = [facts[key] for key in ("method", "dataset", "measurement", "seed", "samples", "images")]
    assert said == [method, DATASET, measurement, 2, 3, 10] and facts["seconds"] > 0 and facts["device"]


def test_numbers_belong_to_the_image_and_the_seed_and_are_normal():
    y = np.random.default_rng(0).random((50, 4, 4, 1)).astype(np.float32)
    measured = contract.Measured(y, AddNoise(0.1))
    numbers = measured.normal(40, (5, 3), seed=1)
    assert numbers.shape == (40, 50, 5, 3) and numbers.dtype == np.float32
    np.testing.assert_array_equal(measured[7:9].normal(40, (5, 3), seed=1), numbers[:, 7:9])
    assert not np.array_equal(measured.normal(40, (5, 3), seed=2), numbers)
    assert abs(numbers.mean()) < 4 / numbers.size**0.5 and numbers.std() == pytest.approx(1, abs=4 / (2 * numbers.size) ** 0.5)
    between = np.corrcoef(numbers.transpose(1, 0, 2, 3).reshape(50, -1))[~np.eye(50, dtype=bool)]
    assert np.abs(between).max() < 6 / 600**0.5  # nor do images share them


@pytest.mark.parametrize("shape", [(2, 3, 8, 8, 1), (3, 2, 8, 8, 3), (3, 8, 8, 1)])
def test_samples_of_another_shape_are_refused(shape):
    measured = contract.Measured(np.zeros((2, 8, 8, 1), np.float32), {})
    with pytest.raises(SystemExit, match="^the samples have shape"):
        contract.sampled(lambda part: np.zeros(shape), measured, 3)


def test_a_method_without_a_posterior_has_no_such_flag(command, tmp_path):
    outcome = command("methods.as_measured.restore", "--y", "none", "--output", tmp_path / "x.npy", "--samples")
    assert outcome.code == 2 and "--samples" in outcome.err.splitlines()[-1]


# --- commands ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "measurement"), PAIRS)
def test_the_command_writes_the_last_estimate_and_its_facts(world, command, tmp_path, method, measurement):
    given = arguments(world.inputs(method, measurement), method)
    outcome = command(f"methods.{method}.restore", *given, "--output", tmp_path / "out" / "test.npy", "--seed", 2)
    assert outcome.code == 0, outcome.err
    images, facts = np.load(tmp_path / "out" / "test.npy"), json.loads((tmp_path / "out" / "test.json").read_text())
    assert images.dtype == np.float16
    expected = world.restore(method, measurement, seed=2)[-1].clip(0, 1)
    np.testing.assert_allclose(images, expected, atol=1e-3)
    said = [facts[key] for key in ("method", "dataset", "measurement", "seed", "threads")]
    assert said == [method, DATASET, measurement, 2, 1]
    assert facts["options"] == defaults(method) | shortened(method)
    assert facts["seconds"] > 0
    assert facts["device"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test.json", "test.npy"]


@pytest.mark.parametrize("method", METHODS)
def test_timing_writes_a_point_for_each_kept_step(world, tmp_path, method):
    """As a program of its own: float16 [T, N, H, W, C], seconds that grow, steps that match the generator's yields."""
    measurement = applies_to(method)[0]
    given = map(str, [*arguments(world.inputs(method, measurement), method), "--output", tmp_path / "timing.npy", "--timing"])
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", f"methods.{method}.restore", *given]
    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    images, facts = np.load(tmp_path / "timing.npy"), json.loads((tmp_path / "timing.json").read_text())
    estimates = world.restore(method, measurement)
    steps, seconds = facts["steps"], facts["seconds"]
    assert images.dtype == np.float16
    assert images.shape == (len(steps), IMAGES, 28, 28, 1)
    assert len(seconds) == len(steps)
    assert seconds[0] > 0
    assert (np.diff(seconds) > 0).all()
    assert steps[0] == 1
    assert steps[-1] == len(estimates)
    assert all(b >= 1.1 * a for a, b in zip(steps[:-2], steps[1:-1], strict=True))
    assert facts["images"] == IMAGES
    for step, image in zip(steps, images, strict=True):
        np.testing.assert_allclose(image, estimates[step - 1].clip(0, 1), atol=1e-3)


@pytest.mark.parametrize(("method", "section"), SECTIONS)
def test_help_names_every_option(command, method, section):
    outcome = command(f"methods.{method}.{section}", "--help")
    assert outcome.code == 0
    for name in [*options(method, section), *inputs(method, section)]:
        assert flag(name) in outcome.out
    assert inspect.getdoc(restore_of(method)).split()[0] in outcome.out or section == "train"


@pytest.mark.parametrize(("method", "missing"), NEEDED)
def test_a_missing_file_is_one_line_that_names_it(world, command, tmp_path, method, missing):
    files = world.inputs(method, applies_to(method)[0])
    gone = tmp_path / ("gone.y.npy" if missing == "y" else "gone.npy")
    shutil.copy(files["y"].with_name("test.json"), tmp_path / "gone.json")
    outcome = command(
        f"methods.{method}.restore", *arguments(files | {missing: gone}, method), "--output", tmp_path / "out" / "test.npy"
    )
    assert outcome.code == 1
    assert str(gone) in one_line(outcome)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("method", "section", "name"), OPTIONS)
def test_an_option_out_of_bounds_is_one_line_that_names_it(command, tmp_path, method, section, name):
    schema = options(method, section)[name]
    bounds = {key: schema[key] for key in ("minimum", "exclusiveMinimum", "maximum") if key in schema}
    outside = {"minimum": -1, "exclusiveMinimum": 0, "maximum": 1}
    wrong = [schema[key] + step for key, step in outside.items() if key in bounds] or ["nothing_of_the_kind"]
    assert bounds or "enum" in schema  # an option that takes anything can only be wrong later
    needed = {"y": "no.y.npy", **inputs(method, section)}
    given = [part for file in needed for part in (flag(file), "none")]
    for value in wrong:
        outcome = command(f"methods.{method}.{section}", *given, "--output", tmp_path / "out.npy", f"{flag(name)}={value}")
        assert outcome.code == 2
        *usage, line = outcome.err.strip().splitlines()
        assert re.search(rf"error: argument {flag(name)}: .*{value}", line)
        assert usage[0].startswith("usage: ")
        assert all(before.startswith((" ", "usage: ")) for before in usage)
        assert list(tmp_path.iterdir()) == []


# --- classical methods against independent implementations -----------------------------------------------------------------


def noisy(shape, sigma=0.2, seed=0):
    rng = np.random.default_rng(seed)
    clean = np.kron(rng.random((shape[0], shape[1] // 4, shape[2] // 4, shape[3])), np.ones((1, 4, 4, 1)))
    y = (clean + sigma * rng.normal(size=shape)).astype(np.float32)
    return contract.Measured(y, AddNoise(sigma), np.full((len(y), 1, 1, 1), sigma, np.float32))


def lossy(y, lost=0.5, seed=0):
    seen = np.random.default_rng(seed).random(y.shape) >= lost
    return contract.Measured(np.where(seen, y, 0).astype(np.float32), DropIndependent(lost), pack(seen))


def variation(x):
    """Isotropic TV of one plane, pixel by pixel."""
    down, right = np.zeros_like(x), np.zeros_like(x)
    down[:-1], right[:, :-1] = x[1:] - x[:-1], x[:, 1:] - x[:, :-1]
    return np.sqrt(down**2 + right**2).sum()


def roughness(x):
    return (np.diff(x, axis=0) ** 2).sum() + (np.diff(x, axis=1) ** 2).sum()


@pytest.mark.parametrize("weight", [0.4, 0.75])
def test_total_variation_on_noise_is_that_of_scikit_image(weight):
    """skimage's weight is the λ of ½ ‖x - y‖² + λ TV(x): weight · σ of ours."""
    measured = noisy((2, 16, 20, 2))
    *_, ours = restore_of("total_variation")(measured, weight=weight, steps=600)
    for image, expected in zip(ours, measured.y.astype(np.float64), strict=True):
        for channel in range(2):
            plane = expected[..., channel]
            theirs = denoise_tv_chambolle(plane, weight=weight * 0.2, eps=1e-12, max_num_iter=5000)
            assert np.abs(theirs - plane).max() > 0.05  # there was something to do
            np.testing.assert_allclose(image[..., channel], theirs, atol=2e-3)


def test_the_last_default_step_of_total_variation_is_close_to_the_minimum():
    measured = noisy((2, 28, 28, 1))
    *_, ours = restore_of("total_variation")(measured, **defaults("total_variation"))
    for image, y in zip(ours[..., 0], measured.y[..., 0].astype(np.float64), strict=True):
        theirs = denoise_tv_chambolle(y, weight=defaults("total_variation")["weight"] * 0.2, eps=1e-12, max_num_iter=5000)
        assert np.sqrt(((image - theirs) ** 2).mean()) < 1e-3


def test_harmonic_inpainting_solves_the_dense_system():
    """Each lost value is the mean of its neighbours: one equation per lost value, written out and solved by NumPy."""
    height, width, channels = 6, 5, 2
    measured = lossy(np.random.default_rng(1).random((3, height, width, channels)))
    (estimate,) = restore_of("harmonic")(measured)
    for image in range(3):
        for c in range(channels):
            y, seen = measured.y[image, :, :, c].astype(np.float64), measured.informs[image, :, :, c]
            matrix, right = np.eye(height * width), np.zeros(height * width)
            for i in range(height):
                for j in range(width):
                    row = i * width + j
                    right[row] = y[i, j] if seen[i, j] else 0
                    if not seen[i, j]:
                        around = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
                        inside = [(a, b) for a, b in around if 0 <= a < height and 0 <= b < width]
                        for a, b in inside:
                            matrix[row, a * width + b] = -1 / len(inside)
            expected = np.linalg.solve(matrix, right).reshape(height, width)
            np.testing.assert_allclose(estimate[image, :, :, c], expected, atol=1e-6)


def test_each_inpainting_is_best_by_its_own_measure(world):
    """Total variation has less TV than the harmonic fill, which has less squared difference; both fit what was seen."""
    measured = world.measured("harmonic", "drop_patch")
    harmonic = world.restore("harmonic", "drop_patch", measured)[-1][..., 0]
    total = world.restore("total_variation", "drop_patch", measured, steps=300)[-1][..., 0]
    for smooth, flat in zip(harmonic, total, strict=True):
        assert variation(flat) <= variation(smooth) + 1e-2
        assert roughness(smooth) <= roughness(flat) + 1e-4


def test_normalized_convolution_by_hand():
    """Between one 0 and one 1 at equal distance lies ½; nearer to one of them G(1) and G(2) weigh them."""
    y = np.array([0, 0, 0, 1], np.float32).reshape(1, 1, 4, 1)
    seen = np.array([True, False, False, True]).reshape(y.shape)
    measured = contract.Measured(y, DropIndependent(0.5), pack(seen))
    (estimate,) = restore_of("normalized_convolution")(measured, width=1.0)
    near, far = np.exp(-1 / 2), np.exp(-4 / 2)
    np.testing.assert_allclose(estimate.ravel(), [0, far / (near + far), near / (near + far), 1], atol=1e-5)


def test_mean_image_by_hand(tmp_path):
    """Where two of three training images were seen their mean, where none was the mean of everything seen."""
    y = np.array([[0.2, 0.0], [0.6, 0.0], [0.0, 0.0]], np.float16).reshape(3, 1, 2, 1)
    store.save_array(tmp_path / "y.npy", y)
    store.save_array(tmp_path / "side_info.npy", pack(np.array([[1, 0], [1, 0], [0, 0]], bool).reshape(y.shape)))
    measured = contract.Measured(
        np.array([[0.9, 0], [0, 0]], np.float32).reshape(2, 1, 2, 1),
        DropIndependent(0.5),
        pack(np.array([[1, 0], [0, 0]], bool).reshape(2, 1, 2, 1)),
    )
    (estimate,) = restore_of("mean_image")(measured, train_y=tmp_path / "y.npy", train_side_info=tmp_path / "side_info.npy")
    np.testing.assert_allclose(estimate.reshape(2, 2), [[0.9, 0.4], [0.4, 0.4]], atol=1e-3)


CLASSICAL = [m for m in METHODS if m not in LEARNED and set(inputs(m, "restore")) <= {"y", "side_info"} and m != "as_measured"]


@pytest.mark.parametrize(("method", "measurement"), [(m, k) for m in CLASSICAL for k in applies_to(m)])
def test_a_constant_image_is_restored_as_it_is(method, measurement):
    constant = np.full((2, 12, 12, 3), 0.25, np.float32)
    measured = lossy(constant)
    if measurement == "add_noise":
        measured = contract.Measured(constant, AddNoise(0.2), AddNoise(0.2).side_info(torch.zeros(2)).numpy())
    if "side_info" not in inputs(method, "restore"):
        measured = contract.Measured(measured.y, measured.forward)
    *_, estimate = restore_of(method)(measured, **defaults(method))
    # OpenCV adds the direction of the gradient, up to √2 of 255 levels, wherever rounding makes one.
    np.testing.assert_allclose(estimate, constant, atol=5 / 255 if method == "telea" else 1e-5)


MODELS = [forward.find(name)(**options) for name in forward.names() for options in forward.find(name).EXAMPLES]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_classical_methods_restore_every_forward_model_that_they_apply_to(model):
    clean = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), np.uint8)
    y, side_info = measure.measure(clean, model, 0, "test")
    ran = set()
    for method in CLASSICAL:
        if contract.about(ROOT / "methods" / method)["applies"].items() <= model.traits().items():
            named = side_info if "side_info" in inputs(method, "restore") else None
            measured = contract.loaded(contract.Measured(y, model, named))
            *_, estimate = restore_of(method)(measured, **defaults(method) | shortened(method))
            assert contract.checked(estimate, measured).shape == y.shape
            ran.add(method)
    by_traits = {"mask": {"harmonic", "telea", "normalized_convolution"}, "noise": {"median", "gaussian"}}
    kind = "mask" if model.has_mask else "noise"
    assert ran == by_traits[kind] | (set() if model.mixes else {"total_variation"})


def test_total_variation_of_lost_and_noisy_values_is_that_of_noise_where_nothing_is_lost():
    noise = noisy((2, 16, 20, 2))
    both = contract.Measured(noise.y, DropIndependentNoise(0.5, 0.2), pack(np.ones(noise.y.shape, bool)))
    *_, expected = restore_of("total_variation")(noise, weight=0.75, steps=20)
    *_, found = restore_of("total_variation")(both, weight=0.75, steps=20)
    np.testing.assert_array_equal(found, expected)


def test_total_variation_does_not_look_at_lost_values_and_moves_noisy_ones():
    noise, seen = noisy((2, 16, 20, 2)), np.random.default_rng(5).random((2, 16, 20, 2)) < 0.5
    estimates = []
    for fill in (0, 1):
        y = np.where(seen, noise.y, np.float32(fill))
        measured = contract.Measured(y, DropIndependentNoise(0.5, 0.2), pack(seen))
        *_, estimate = restore_of("total_variation")(measured, weight=0.75, steps=20)
        estimates.append(estimate)
    np.testing.assert_array_equal(*estimates)
    assert np.abs(estimates[0] - noise.y)[seen].mean() > 0.05


def test_mean_image_of_noisy_values_keeps_none(tmp_path):
    """The mean of what was seen in training stands everywhere, as no value of the measurement is one of the image."""
    model, seen = DropIndependentNoise(0.5, 0.1), np.array([[1, 0], [1, 1]], bool).reshape(2, 1, 2, 1)
    store.save_array(tmp_path / "y.npy", np.array([[0.2, 0], [0.6, 0.5]], np.float16).reshape(2, 1, 2, 1))
    store.save_array(tmp_path / "side_info.npy", pack(seen))
    measured = contract.Measured(np.full((2, 1, 2, 1), 0.9, np.float32), model, pack(seen))
    (estimate,) = restore_of("mean_image")(measured, train_y=tmp_path / "y.npy", train_side_info=tmp_path / "side_info.npy")
    np.testing.assert_allclose(estimate.reshape(2, 2), [[0.4, 0.5], [0.4, 0.5]], atol=1e-3)


def test_median_removes_a_speck_and_does_not_mix_channels_or_images():
    y = np.zeros((2, 7, 7, 2), np.float32)
    y[0, 3, 3, 0], y[1, :, :, 1] = 1, 0.5
    (estimate,) = restore_of("median")(contract.Measured(y, AddNoise(0.1)), window=3)
    np.testing.assert_array_equal(estimate[0], 0)
    np.testing.assert_array_equal(estimate[1], y[1])


def test_gaussian_blur_of_a_point_is_the_gaussian():
    """Mass 1, symmetric, and falling by e^(-1/(2 w²)) to the first neighbour; other channels stay empty."""
    y = np.zeros((1, 21, 21, 2), np.float32)
    y[0, 10, 10, 0] = 1
    (estimate,) = restore_of("gaussian")(contract.Measured(y, AddNoise(0.1)), width=1.5)
    plane = estimate[0, :, :, 0]
    assert plane.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(plane, plane.T, atol=1e-7)
    assert plane[10, 11] / plane[10, 10] == pytest.approx(np.exp(-1 / (2 * 1.5**2)), rel=1e-4)
    assert not estimate[..., 1].any()


def test_as_measured_is_the_measurement(world):
    for measurement in MEASUREMENTS:
        measured = world.measured("as_measured", measurement)
        (estimate,) = world.restore("as_measured", measurement)
        np.testing.assert_array_equal(estimate, np.float32(measured.y))


@pytest.mark.parametrize("bench", [contract.restored, contract.timed])
def test_a_method_that_yields_nothing_is_told_so(bench):
    measured = contract.Measured(np.zeros((2, 8, 8, 1), np.float32), AddNoise(0.1))
    with pytest.raises(SystemExit, match="^the method yields no estimate$"):
        bench(lambda part: iter(()), measured)


def test_timing_needs_no_psutil(monkeypatch):
    """A machine with PyTorch alone cannot say what others did, and still times."""
    monkeypatch.setitem(sys.modules, "psutil", None)
    measured = noisy((4, 28, 28, 1))
    _, facts = contract.timed(lambda part: iter([part.y]), measured)
    assert facts["others_busy"] is None and len(facts["seconds"]) == 1
