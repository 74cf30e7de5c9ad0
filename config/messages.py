"""What a run says at its start and at its end, and the configuration as its report shows it."""

import shlex
import sys
from pathlib import Path

import yaml

from bench import method_facts
from config import cost
from config.command_line import CLOSES, in_script
from config.environment import has_gpu, why_absent
from config.jobs import Job


class Dumper(yaml.SafeDumper):
    """Text that could end a `script` stands in double quotes."""


Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if CLOSES.search(text) else None)
)


def shown_config(config: dict) -> str:
    """The complete configuration as YAML, without what differs between machines."""
    parts = ("restored", "seconds", "model", "train", "restore", "timing", "for")
    methods = {name: {k: m[k] for k in parts if m.get(k)} for name, m in config["methods"].items()}
    for name, method in config["methods"].items():
        if "restored" in method:
            methods[name] = {"title": method["title"]} | methods[name]
        elif (kind := Path(method["folder"]).name) != name:  # a variant
            methods[name] = {"like": kind, "title": method["title"]} | methods[name]
        elif method["title"] != method_facts.read(Path(method["folder"])).title:
            methods[name] = {"title": method["title"]} | methods[name]
    shown = {"note": config["note"]} if config["note"] else {}
    shown |= {"datasets": config["datasets"] | config["absent"]}
    shown |= {"images": config["images"]} if config["images"] else {}
    shown |= {key: config[key] for key in ("methods", "reference", "seeds", "measurement_seed")} | {"methods": methods}
    shown |= {} if config["protocol"] == "sound" else {"protocol": config["protocol"]}
    shown |= {"metric_weights": config["metric_weights"]} if config["metric_weights"] else {}
    return in_script(yaml.dump(shown, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120))


def report_page(config: dict) -> Path:
    return (Path(config["results"]) / "report" / "index.html").resolve()


def print_start(config: dict, jobs: list[Job], cores: int, elsewhere: bool = False) -> None:
    """What is about to be made, what it will cost, and how to watch it."""
    gpu = "a GPU" if has_gpu(config) else "the CPU, one core for each job"
    if elsewhere and config["gpu"] == "auto" and not has_gpu(config):
        gpu += ", as this host has no GPU (`--config gpu=true` asks the cluster for some)"
    print(f"The report will be {report_page(config)}", file=sys.stderr)
    if jobs:
        of_gpu = "; by rates of a CPU, as none were measured on a GPU" if has_gpu(config) else ""
        print(f"To be run: {cost.summary(jobs, cores)}{of_gpu}", file=sys.stderr)
    print(f"Methods: {', '.join(config['methods'])}", file=sys.stderr)
    logs = shlex.quote(f"{config['results']}/logs")
    print(f"Learned methods run on {gpu}; to watch: tail -f {logs}/*/train/*", file=sys.stderr)


def print_outcome(config: dict) -> str:
    """The headline numbers and where the report lies, at the end of a run. Returns the former."""
    told = ""
    if (page := report_page(config)).exists():
        told = "\n".join((page.parent / dataset / "summary.txt").read_text(encoding="utf-8") for dataset in config["datasets"])
        print(f"\n{told}\nThe report: {page}\n", file=sys.stderr)
    print_absent(config)
    return told


def print_absent(config: dict) -> None:
    """The optional data sets that a run goes on without, at its start and again where it ends, well or not."""
    for dataset in config["absent"]:
        print(f"{dataset} is left out: {why_absent(config, dataset)}", file=sys.stderr)
