"""What a run finds around it: the Python that runs it, GPUs, cores, and the data sets that are there."""

import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from snakemake.exceptions import WorkflowError

import datasets
import store
from config import check, duplicates, paths
from config.sees import protocol_inputs

NO_GPU = {"", "-1", "NoDevFiles"}  # what CUDA_VISIBLE_DEVICES says where there is none for a job


def complete_config(config: dict, files: Iterable[Path | str] = ()) -> dict:
    """The checked configuration with its defaults, without the optional data sets that are absent.

    These are under "absent", with their forward models. `files` are those that it was read from. Raises WorkflowError.
    """
    try:
        asked = config.get("results", "results")
        refuse_targets(files, check.path_of("results", asked) if isinstance(asked, str) else "results")  # which `check` refuses
        duplicates.refuse(files)
        config = check.check(config)
    except check.ConfigError as error:
        raise WorkflowError(f"configuration: {error}") from None
    asked = config["datasets"]
    absent = {name: models for name, models in asked.items() if datasets.is_optional(name) and not at_hand(config, name)}
    if len(absent) == len(asked):
        first = next(iter(absent))
        raise WorkflowError(f"configuration: datasets.{first}: {why_absent(config, first)}")
    return config | {"datasets": {name: models for name, models in asked.items() if name not in absent}, "absent": absent}


def at_hand(config: dict, dataset: str) -> bool:
    """Whether a data set is there, at a glance: its files, the clean images that a run made of them, or scores without either."""
    splits = ["train", "test", *(["validation"] if "validation" in protocol_inputs(config) else [])]
    clean = [Path(config["results"]) / "clean" / dataset / f"{split}.npy" for split in splits]
    if not (Path(config["results"]) / "clean").is_dir() and (Path(config["results"]) / "scores" / dataset).is_dir():
        return True  # merged scores (reports/merge.py)
    return all(path.is_file() for path in clean) or datasets.of(dataset).present(Path(config["data_dir"]))


def why_absent(config: dict, dataset: str) -> str:
    """One line that says how to get an absent data set."""
    found = datasets.instead(dataset, Path(config["data_dir"]))
    command = f"python -m datasets.obtain {dataset} --data-dir {shlex.quote(config['data_dir'])}"
    return f"it is not in {config['data_dir']}; {f'{found}, or ' if found else ''}`{command}` downloads it"


def own_files(config: dict, dataset: str) -> list[str]:
    """The files of a data set that is a user's own, so that a run sees what was added or changed; of others none.

    Without those that have a brace in their names, which Snakemake would take for a wildcard (`own_stamps`).
    """
    return [path for path in all_own_files(config, dataset) if not set("{}") & set(path)]


def own_stamps(config: dict, dataset: str) -> dict[str, list[int]]:
    """Size and time of the other files of a user's own, as a parameter that a run sees."""
    others = sorted(set(all_own_files(config, dataset)) - set(own_files(config, dataset)))
    return {Path(path).name: [os.stat(path).st_size, os.stat(path).st_mtime_ns] for path in others}


def all_own_files(config: dict, dataset: str) -> list[str]:
    if not datasets.is_own(dataset):
        return []
    found = (Path(config["data_dir"]) / dataset).rglob("*")
    return sorted(str(path) for path in found if path.is_file() and not path.name.startswith("."))


def run_from(home: str, config: dict, settings) -> None:
    """Every step is `python -m …` of this repository (or a method's own folder) with the Python that runs Snakemake.

    `settings` are Snakemake's of the configuration, which the jobs repeat where they say how to make a file (store.making).
    Raises WorkflowError where the folder of this repository has a name that Snakemake or Python cannot take.
    """
    try:
        paths.importable(home)
    except ValueError as error:
        raise WorkflowError(f"the folder of this repository: {error}") from None
    os.environ[store.SNAKEMAKE] = shlex.join(["snakemake", "--cores", "1", *configured(settings)])
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    outside = [str(Path(method["folder"]).parent) for method in config["methods"].values() if "folder" in method]
    found = [home, *(path for path in outside if path != str(Path(home) / "methods")), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, found)))
    os.environ["PYTHONIOENCODING"] = "utf-8:backslashreplace"  # of logs, whatever the locale is
    os.environ["BENCH_GPU"] = str(config["gpu"]).lower()  # training/device.py
    if config["gpu"] is False:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


# --- GPUs and cores ---------------------------------------------------------------------------------------------------------


def configured(settings) -> list[str]:
    """The words of a command line that name the configuration of this run: its files and the values that were given beside."""
    files = [os.path.relpath(path) for path in settings.configfiles]
    values = [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.config.items()]
    return [*(["--configfile", *files] if files else []), *(["--config", *values] if values else [])]


def refuse_targets(files: Iterable[Path | str], results: str) -> None:
    """Raise WorkflowError where a file of the results was taken for a configuration: --configfile takes all words behind it."""
    asked = [os.path.relpath(path) for path in files]
    taken = [path for path in asked if Path(path).resolve().is_relative_to(Path(results).resolve())]
    if taken and (first := next((path for path in asked if path not in taken), None)):
        command = shlex.join(["--configfile", first, "--", *taken])
        raise WorkflowError(f"{taken[0]}: was taken for a configuration, as --configfile takes several files; write `{command}`")


def shared_files_alone(workflow) -> None:
    """Raise WorkflowError for storage that is no file system: a run also looks for files by their paths."""
    if provider := workflow.storage_settings.default_storage_provider:
        raise WorkflowError(
            f"--default-storage-provider {provider}: results must lie on a shared file system; leave this flag out"
        )


@functools.cache
def gpus() -> int:
    """How many GPUs jobs would find here, asked once and without importing torch, as this runs at every start of Snakemake."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # indices, UUIDs or names of MIG instances
    few = len([name for name in visible.split(",") if name.strip() not in NO_GPU]) if visible is not None else None
    if few == 0 or not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    found = sum(line.startswith("GPU ") for line in listed.stdout.splitlines()) if not listed.returncode else 0
    return found if few is None else min(found, few)


def has_gpu(config: dict) -> bool:
    """Whether learned methods run on a GPU: as the configuration says, else if there is one here."""
    return gpus() > 0 if config["gpu"] == "auto" else config["gpu"]


def limit_gpus(workflow) -> None:
    """As many jobs on GPUs at a time as there are GPUs here, where nobody says how many (`--resources gpu=2`) and jobs run here.

    This does not stand in a profile, where any other `--resources` or profile would drop it.
    """
    on_a_cluster = workflow.global_resources.get("_nodes").value is not None
    if "gpu" not in workflow.global_resources and not on_a_cluster:
        workflow.register_resource("gpu", max(1, gpus()))


def elsewhere(workflow) -> bool:
    """Whether jobs run on other machines than the one where they are planned, as on a cluster; inside of such a job as well."""
    return workflow.remote_exec or workflow.non_local_exec


def look_once_for_each_job(workflow) -> None:
    """Here Snakemake looks for jobs to start when one has ended, and not besides.

    Because of its limit of jobs per second (100) each look asks for another one a second later, as long as any job waits for a
    core. These add up: by the hundredth job they take most of a core. A cluster keeps the limit.
    """
    if not elsewhere(workflow):
        workflow.scheduler.job_rate_limiter = None


def cores(workflow, part: str) -> int:
    """One core for a job; here all of them for a timing, so that nothing runs beside it (it uses one).

    Elsewhere how many cores this machine has says nothing, and timings keep apart by a lock (bench/machine.py).
    """
    return at_once(workflow) if part == "timing" and not elsewhere(workflow) else 1


def at_once(workflow) -> int:
    """How many jobs of one core run at a time."""
    if elsewhere(workflow):
        return workflow.nodes or 1
    try:
        return workflow.cores
    except WorkflowError:  # commands that take no --cores, such as --report
        return 1
