"""What the Snakefile needs of Python: the checked configuration, where to run from, the list of runs, what methods may see."""

import functools
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import yaml
from snakemake.exceptions import WorkflowError

import datasets
import store
from config import check
from measurements import forward
from methods.contract import about

# What every training gets besides its own inputs under `protocol: paper`: clean images, to measure anew at every step and to
# select the weights by.
PAPER = {"fresh": "<results>/clean/{dataset}/train.npy", "validation": "<results>/clean/{dataset}/validation.npy"}


def complete_config(config: dict) -> dict:
    try:
        return check.check(config)
    except check.ConfigError as error:
        raise WorkflowError(f"configuration: {error}") from None


def run_from(home: str, config: dict) -> None:
    """Every step is `python -m …` of this repository (or a method's own folder) with the Python that runs Snakemake."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    outside = [str(Path(method["folder"]).parent) for method in config["methods"].values()]
    paths = [home, *(path for path in outside if path != str(Path(home) / "methods")), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))


def method_config(config: dict, name: str, home: str) -> dict:
    """What a method's rule module may know of the configuration."""
    method = config["methods"][name]
    folder = Path(method["folder"])
    inside = folder.parent == Path(home) / "methods"
    return {
        "bench": f"{home}/methods/bench.smk",
        "name": name,
        "package": f"methods.{folder.name}" if inside else folder.name,
        "train": check.flags(method["train"]),
        "restore": check.flags(method["restore"]),
        "paper": PAPER if config["protocol"] == "paper" else {},
        "gpu": 1 if has_gpu() else 0,
    }


@functools.cache
def has_gpu() -> bool:
    """Whether jobs would find a GPU, asked once and without importing torch, as this runs at every start of Snakemake."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not shutil.which("nvidia-smi"):
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0


def measurement_flags(config: dict, dataset: str, measurement: str) -> str:
    """The family of a forward model, its options and the protocol, as the command line of measurements.measure."""
    options = config["datasets"][dataset][measurement]
    protocol = {} if config["protocol"] == "sound" else {"protocol": config["protocol"]}
    return f"{check.family_of(measurement)} {check.flags(options | protocol)}"


def at_hand(config: dict, dataset: str) -> bool:
    """Whether a data set is there, at a glance: its files, or the clean images that a run made of them."""
    splits = ["train", "test", *(["validation"] if config["protocol"] == "paper" else [])]
    clean = [Path(config["results"]) / "clean" / dataset / f"{split}.npy" for split in splits]
    return all(path.is_file() for path in clean) or importlib.import_module(f"datasets.{dataset}").present(
        Path(config["data_dir"])
    )


def own_files(config: dict, dataset: str) -> list[str]:
    """The files of a data set that is a user's own, so that a run sees what was added or changed; of others none."""
    if dataset not in datasets.OWN:
        return []
    found = (Path(config["data_dir"]) / dataset).rglob("*")
    return sorted(str(path) for path in found if path.is_file() and not path.name.startswith("."))


class Uncertain:
    """The data sets that a run may have to go on without: optional, not at hand at its start, and not the only ones."""

    def __init__(self, config: dict, checkpoints):
        absent = [name for name in config["datasets"] if name in datasets.OPTIONAL and not at_hand(config, name)]
        self.names = absent if len(absent) < len(config["datasets"]) else []
        self.others = [name for name in config["datasets"] if name not in self.names]
        self.checkpoints = checkpoints

    def obtained(self) -> list[str]:
        """For input and param functions: those that the checkpoint `obtain` could get."""
        return [name for name, outcome in self._outcomes().items() if store.load_json(outcome)["available"]]

    def missing(self) -> list[str]:
        """For input functions: the outcomes of the others, which say why."""
        return [outcome for outcome in self._outcomes().values() if not store.load_json(outcome)["available"]]

    def _outcomes(self) -> dict[str, str]:
        """The files it wrote; Snakemake runs it and asks again where there is none yet."""
        return {name: self.checkpoints.obtain.get(dataset=name).output[0] for name in self.names}


def cores(workflow, part: str) -> int:
    """One core for a job; all of them for a timing, so that nothing runs beside it (it uses one)."""
    if part != "timing":
        return 1
    try:
        return workflow.cores
    except WorkflowError:  # commands that take no --cores, such as --report
        return 1


class Run(NamedTuple):
    """A method on a forward model; the seed is "" for a method that runs once."""

    measurement: str
    method: str
    seed: str


class Runs:
    """Every run that a configuration asks for, and the files of these runs."""

    def __init__(self, workflow, config: dict):
        """Ask each method's rules what they can make: the forward models it applies to, whether it has seeds, and a posterior."""
        self.results, self.first_seed = config["results"], str(config["seeds"][0])
        self.measurements = config["datasets"]
        self.sees = sees(workflow, config)
        self.of: dict[str, list[Run]] = {}
        for dataset, measurements in config["datasets"].items():
            asked = [
                Run(measurement, method, seed)
                for measurement in measurements
                for method in config["methods"]
                for seed in ["", *map(str, config["seeds"])]
                if applies(config["methods"][method], measurement)
                if dataset != datasets.PICTURES or self.sees[method]["clean"] != "train"  # there are no clean ones
            ]
            self.of[dataset] = [
                run for run in asked if makes(workflow, f"{run.method}_restore", self.path("restored", dataset, run, "test.npy"))
            ]
        self.with_posterior = {
            run
            for dataset, runs in self.of.items()
            for run in runs
            if makes(workflow, f"{run.method}_sample", self.path("restored", dataset, run, "posterior.npy"))
        }

    def path(self, stop: str, dataset: str, run: Run, file: str) -> str:
        """Where a run's file lies at one stop: restored, scores or models."""
        return "/".join(filter(None, [self.results, stop, dataset, *run, file]))

    def measured(self, wildcards) -> list[str]:
        """Input function: the measured test split of every forward model of the data set."""
        folder = f"{self.results}/measured/{wildcards.dataset}"
        return [f"{folder}/{measurement}/test.y.npy" for measurement in self.measurements[wildcards.dataset]]

    def measured_pairs(self, wildcards) -> str:
        """Param function: the same files as measurement=path."""
        paths = zip(self.measurements[wildcards.dataset], self.measured(wildcards), strict=True)
        return " ".join(f"{measurement}={path}" for measurement, path in paths)

    def learned(self, run: Run) -> bool:
        return self.sees[run.method]["learned"]

    def timed(self, run: Run) -> bool:
        """One run of each method, that of the first seed: time does not depend on it."""
        return run.seed in ("", self.first_seed)

    def pictured(self, run: Run) -> bool:
        """One restoration of each method for the figure; what is as measured stands there anyway."""
        return run.method != "as_measured" and self.timed(run)

    def sampled(self, run: Run) -> bool:
        """One run of each method that has a posterior."""
        return run in self.with_posterior and self.timed(run)

    def files(self, stop: str, file: str, keep: Callable[[Run], bool] = lambda run: True) -> Callable:
        """Input function: that file of every run of the data set."""
        return lambda wildcards: [self.path(stop, wildcards.dataset, r, file) for r in self.of[wildcards.dataset] if keep(r)]

    def pairs(self, stop: str, file: str, keep: Callable[[Run], bool], name: str) -> Callable:
        """Param function: the same files as name=path, the name formatted from the data set and the run."""
        return lambda wildcards: " ".join(
            f"{name.format(dataset=wildcards.dataset, **r._asdict())}={self.path(stop, wildcards.dataset, r, file)}"
            for r in self.of[wildcards.dataset]
            if keep(r)
        )


def applies(method: dict, measurement: str) -> bool:
    """Whether a forward model has the traits that a method asks for in its method.yaml."""
    traits = forward.find(check.family_of(measurement)).traits()
    return about(Path(method["folder"]))["applies"].items() <= traits.items()


def makes(workflow, rule: str, path: str) -> bool:
    """Whether there is such a rule and it makes that file."""
    return workflow.is_rule(rule) and workflow.get_rule(rule).is_producer(path)


def sees(workflow, config: dict) -> dict[str, dict]:
    """What each method may see, read from the inputs of its rules."""
    rules = {rule.name: [(key, str(path)) for key, path in rule.input.items()] for rule in workflow.rules}
    facts = {}
    for name in config["methods"]:
        inputs = [each for step in ("train", "restore", "sample") for each in rules.get(f"{name}_{step}", [])]
        theta = [split for split in ("train", "test") if any(path.endswith(f"/{split}.side_info.npy") for _, path in inputs)]
        clean = {key for key, path in inputs if "/clean/" in path}
        facts[name] = {
            "clean": "train" if clean - PAPER.keys() else "measured afresh" if clean else "no",
            "theta": ", ".join(theta) or "no",
            "learned": f"{name}_train" in rules,
        }
    return facts


def shown_config(config: dict) -> str:
    """The complete configuration as YAML, without what differs between machines."""
    methods = {name: {k: m[k] for k in ("train", "restore") if m[k]} for name, m in config["methods"].items()}
    for name, method in config["methods"].items():
        if (kind := Path(method["folder"]).name) != name:  # a variant
            methods[name] = {"like": kind, "title": method["title"]} | methods[name]
    shown = {key: config[key] for key in ("datasets", "methods", "reference", "seeds", "measurement_seed")} | {"methods": methods}
    shown |= {} if config["protocol"] == "sound" else {"protocol": config["protocol"]}
    return yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=120)


def report_page(config: dict) -> Path:
    return (Path(config["results"]) / "report" / "index.html").resolve()


def print_start(config: dict) -> None:
    """What is about to be made, and how to watch it."""
    gpu = "a GPU" if has_gpu() else "the CPU, one core for each job"
    print(f"The report will be {report_page(config)}", file=sys.stderr)
    print(f"Learned methods run on {gpu}; to watch: tail -f {config['results']}/logs/*/train/*", file=sys.stderr)


def print_outcome(config: dict) -> None:
    """The headline numbers and where the report lies, at the end of a run."""
    if (page := report_page(config)).exists():
        for dataset in config["datasets"]:
            obtained = Path(config["results"]) / "obtained" / f"{dataset}.json"
            if dataset in datasets.OPTIONAL and not at_hand(config, dataset) and obtained.exists():
                said = f"{dataset} is missing. {store.load_json(obtained)['why']}"
            else:
                said = (page.parent / dataset / "summary.txt").read_text()
            print(f"\n{said}", file=sys.stderr)
        print(f"The report: {page}\n", file=sys.stderr)
