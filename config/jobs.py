"""What a run consists of, job by job, with the seconds and the bytes of each: trainings, restorations, and the data.

A job's seconds are those of benchmarks/rates.csv at the configuration's steps, batch size and numbers of images, times this
machine's calibration over that of the row (benchmarks/calibration.py). They are None for a method whose rate was not measured.
Bytes are those of docs/formats.md.
"""

import math
from typing import NamedTuple

import datasets
from config.calibration import Speed, calibrated
from config.command_line import options_on
from config.rates import LEARNED_FROM, Rate, differing, iterations, rate_of, repeats
from config.runs import Run, Runs
from config.schema import forward_model

POSTERIOR = 32, 256  # samples of each of the first so many images (bench/restoring.py)
TIMED = 64  # images of a timing (bench/clock.py)
FLOAT16 = 2  # bytes


class Job(NamedTuple):
    """A job of a run's plan; `seconds` on one core and `bytes` of its file are None where they are not known."""

    path: str  # of its first output
    part: str  # data, train, restore, sample or timing, which nothing runs beside
    dataset: str
    method: str  # "" for data
    seconds: float | None
    bytes: float | None


def images(config: dict, dataset: str, split: str) -> int | None:
    """How many images of a split count; None for a user's own, which nobody has counted yet."""
    whole, cap = datasets.images(dataset).get(split), config["images"].get(dataset, {}).get(split)
    return whole if cap is None else cap if whole is None else min(whole, cap)


def values(dataset: str) -> int:
    """H·W·C"""
    height, width, channels = datasets.of(dataset).SHAPE
    return height * width * channels


def plan(config: dict, runs: Runs, speed: Speed | None = None) -> list[Job]:
    """The data, trainings, restorations, timings and samples that a configuration asks for; without `speed`, each at the speed at
    which its rate was measured."""
    jobs = []
    for dataset in config["datasets"]:
        jobs += data(config, dataset)
        for run in runs.of[dataset]:
            jobs += jobs_of(config, runs, dataset, run, speed)
    return jobs


def to_run(workflow, config: dict, runs: Runs) -> list[Job]:
    """Those jobs of the plan that Snakemake is about to run, at this machine's speed."""
    outputs = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    asked = [job for job in plan(config, runs) if job.path in outputs]
    if not any(job.seconds for job in asked):
        return asked
    speed = calibrated()
    return [job for job in plan(config, runs, speed) if job.path in outputs]


def jobs_of(config: dict, runs: Runs, dataset: str, run: Run, speed: Speed | None) -> list[Job]:
    method, learned = config["methods"][run.method], runs.learned(dataset, run)
    if "restored" in method:
        return []  # a file is checked and copied
    train, restore = (options_on(method, part, dataset) for part in ("train", "restore"))
    count, training = (images(config, dataset, split) for split in ("test", "train"))
    kind = "networks" if method["seeded"] else "arrays"
    few = min(count, restore.get("first_images", count)) if count else None
    size = FLOAT16 * values(dataset)

    def rate(part: str, options: dict) -> Rate | None:
        section = "train" if part == "train" else "restore"
        return rate_of(part, method, datasets.of(dataset).SHAPE, differing(method, section, options), run.measurement)

    def seconds(rate: Rate | None, number: float | None, times: float = 1) -> float | None:
        if rate is None or number is None:
            return None
        return times * rate.seconds(number) * (speed[kind] / getattr(rate, kind) if speed else 1)

    def job(stop: str, file: str, part: str, seconds: float | None, bytes: float | None) -> Job:
        return Job(runs.path(stop, dataset, run, file), part, dataset, run.method, seconds, bytes)

    found = []
    if learned:
        step = rate("train", train)
        took = seconds(step, train["batch_size"], train["steps"])
        found.append(job("models", "model.pt", "train", took, step and step.bytes))
    each, fit, times = rate("restore", restore), rate("fit", restore), repeats(method, restore, training)
    examples = training and min([training, *(restore[name] for name in LEARNED_FROM if name in restore)])
    first = seconds(fit, examples) if fit else 0.0
    restored, batch = (seconds(each, number and times and number * times) for number in (few, TIMED))
    whole = None if restored is None or first is None else restored + first
    found.append(job("restored", "test.npy", "restore", whole, few and few * size))
    if datasets.has_clean(dataset) and runs.timed(dataset, run):
        steps = restore.get("steps", 1) if iterations(method) else 1
        took = None if batch is None or first is None else first + timing_seconds(batch, steps)
        found.append(job("restored", "timing.npy", "timing", took, kept(steps) * TIMED * size))
    if runs.sampled(dataset, run):
        number = POSTERIOR[0] * min(POSTERIOR[1], count or POSTERIOR[1])
        found.append(job("restored", "posterior.npy", "sample", seconds(rate("sample", restore), number), number * size))
    return found


def timing_seconds(batch: float, steps: int = 1) -> float:
    """How long a timing takes whose batch takes so many seconds: its first step to warm up, then as bench/clock.py repeats it.

    >>> timing_seconds(0.2), timing_seconds(2.0), timing_seconds(100.0, steps=50)
    (1.2, 8.0, 102.0)
    """
    runs = max(1, math.ceil(0.5 / batch), min(5, math.ceil(5 / batch))) if batch else 1
    return batch / steps + runs * batch


def kept(steps: int) -> int:
    """How many estimates a timing keeps of a search of so many steps.

    >>> kept(1), kept(10), kept(500)
    (1, 10, 48)
    """
    count, last = 0, 0.0
    for step in range(1, steps + 1):
        if not last or step >= 1.1 * last:
            count, last = count + 1, step
    return count + (last != steps)


def data(config: dict, dataset: str) -> list[Job]:
    """Clean images and measurements of the splits that every run has, masks at their largest."""
    found, size = [], values(dataset)
    for split in ("train", "test"):
        count = images(config, dataset, split)
        sizes = {f"clean/{dataset}/{split}.npy": size} if datasets.has_clean(dataset) else {}
        for name, options in config["datasets"][dataset].items():
            mask = forward_model(name, options).traits()["mask"]
            sizes[f"measured/{dataset}/{name}/{split}.y.npy"] = FLOAT16 * size + (size / 8 if mask else 4)
        for path, each in sizes.items():
            found.append(Job(f"{config['results']}/{path}", "data", dataset, "", 0.0, count and count * each))
    return found
