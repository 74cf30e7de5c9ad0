"""What a method's jobs ask a scheduler for: memory and time (docs/running.md, "On a cluster").

Both are asked for amply, as a job that takes more is ended, and more of both at each further attempt (`retries`).
"""

import math
from collections.abc import Callable
from pathlib import Path

from config.command_line import options_on
from config.jobs import images, seconds_of, values
from config.memory import mib_of
from config.rates import differing

SPARE_MEMORY = 1.25  # times what was measured (benchmarks/memory.csv) …
STEP_MB = 500  # … rounded up to a multiple of this
GPU_MB = 4000  # more on a GPU, whose libraries take memory of the machine as well; not measured
SPARE_TIME = 5  # times what the rates of one core say (benchmarks/rates.csv): other processors are slower, and share their memory
START = 15  # minutes more: to start, and to wait for what a shared disk holds
UNKNOWN = 480  # minutes, where there is no rate
OWN_IMAGES = 100_000  # of a user's own data set, which nobody has counted
SAVES = 10  # minutes more than the limit of the configuration, in which a job ends by itself


def asked(config: dict, name: str, on_gpu: bool) -> dict[str, dict[tuple[str, str, str], int]]:
    """{"mem_mb": …, "runtime": …} of a method's jobs by (part, data set, forward model): parts train, restore, timing, sample."""
    method, found = config["methods"][name], {"mem_mb": {}, "runtime": {}}
    parts = [*(["train"] if method["learned"] else []), "restore", "timing", "sample"]
    for dataset, measurements in config["datasets"].items():
        mib = {part: memory(method, dataset, part) for part in parts if part != "timing"}
        for measurement in measurements:
            for part in parts:
                key = part, dataset, measurement
                found["mem_mb"][key] = mib.get(part, mib["restore"]) + on_gpu * GPU_MB
                limit = limit_of(config, name)
                found["runtime"][key] = limit + SAVES if limit else minutes(seconds_of(config, method, *key))
    return found


def asks(amounts: dict[tuple[str, str, str], int], part: str) -> Callable[..., int]:
    """What a job of a part asks for, as a rule's resource, and as much again at each further attempt."""

    def amount(wildcards, attempt: int) -> int:
        of = "timing" if wildcards.get("part") == "timing" else part
        return attempt * amounts[of, wildcards.dataset, wildcards.measurement]

    return amount


def limit_of(config: dict, name: str) -> int:
    """Minutes that the configuration allows a training or restoration of a method; 0 where it sets no limit."""
    return config["methods"][name]["runtime"] or config.get("runtime", 0)


def memory(method: dict, dataset: str, part: str) -> int:
    """mem_mb of a job."""
    section = "train" if part == "train" else "restore"
    options = options_on(method, section, dataset)
    count = options.get("batch_size", 0) if part == "train" else 0
    mib = mib_of(part, Path(method["folder"]), differing(method, section, options), values(dataset), count)
    return STEP_MB * math.ceil(SPARE_MEMORY * mib / STEP_MB)


def of_clean(config: dict, dataset: str, split: str) -> int:
    """mem_mb of writing a split's clean images, which are in memory at once; 1,600 of CelebA, 19 MiB, took 72 MiB."""
    mib = 100 + (images(config, dataset, split) or OWN_IMAGES) * values(dataset) / 2**20
    return STEP_MB * math.ceil(SPARE_MEMORY * mib / STEP_MB)


def minutes(seconds: float | None) -> int:
    """
    >>> minutes(None), minutes(6.0), minutes(7200.0)
    (480, 16, 615)
    """
    return UNKNOWN if seconds is None else START + math.ceil(SPARE_TIME * seconds / 60)
