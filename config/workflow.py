"""What the Snakefile needs of Python: the checked configuration, where to run from, the list of runs, what methods may see."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from config import check

__all__ = [
    "complete_config",
    "measurement_flags",
    "method_config",
    "print_outcome",
    "run_from",
    "runs",
    "sees",
    "shown_config",
]


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
        "package": f"methods.{name}" if inside else folder.name,
        "train": check.flags(method["train"]),
        "restore": check.flags(method["restore"]),
        "gpu": 1 if has_gpu() else 0,
    }


def has_gpu() -> bool:
    """Whether jobs would find a GPU, asked without importing torch, as this runs at every start of Snakemake."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not shutil.which("nvidia-smi"):
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0


def measurement_flags(config: dict, dataset: str, measurement: str) -> str:
    """The family of a forward model and its options, as the command line of measurements.measure."""
    return f"{check.family_of(measurement)} {check.flags(config['datasets'][dataset][measurement])}"


def runs(workflow, config: dict, dataset: str) -> list[tuple[str, str, str]]:
    """(measurement, method, seed) of every run; the seed is "" for a method that runs once.

    Whether a method applies to a forward model, and whether it has seeds, is what its rule `restore` can make.
    """
    found = []
    for measurement in config["datasets"][dataset]:
        for name in config["methods"]:
            rule = workflow.get_rule(f"{name}_restore")
            base = f"{config['results']}/restored/{dataset}/{measurement}/{name}"
            if rule.is_producer(f"{base}/test.npy"):
                found.append((measurement, name, ""))
            found += [(measurement, name, str(s)) for s in config["seeds"] if rule.is_producer(f"{base}/{s}/test.npy")]
    return found


def sees(workflow, config: dict) -> dict[str, dict]:
    """What each method may see, read from the inputs of its rules."""
    rules = {rule.name: [str(path) for path in rule.input] for rule in workflow.rules}
    facts = {}
    for name in config["methods"]:
        inputs = rules[f"{name}_restore"] + rules.get(f"{name}_train", [])
        theta = [split for split in ("train", "test") if any(path.endswith(f"/{split}.theta.npy") for path in inputs)]
        facts[name] = {
            "clean": "train" if any("/clean/" in path for path in inputs) else "no",
            "theta": ", ".join(theta) or "no",
            "learned": f"{name}_train" in rules,
        }
    return facts


def shown_config(config: dict) -> str:
    """The complete configuration as YAML, without what differs between machines."""
    methods = {name: {k: m[k] for k in ("train", "restore") if m[k]} for name, m in config["methods"].items()}
    shown = {key: config[key] for key in ("datasets", "methods", "seeds", "measurement_seed")} | {"methods": methods}
    return yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=120)


def print_outcome(config: dict) -> None:
    """The headline numbers and where the report lies, at the end of a run."""
    report = Path(config["results"]) / "report"
    if (report / "index.html").exists():
        for dataset in config["datasets"]:
            print("\n" + (report / dataset / "summary.txt").read_text(), file=sys.stderr)
        print(f"The report: {(report / 'index.html').resolve()}\n", file=sys.stderr)
