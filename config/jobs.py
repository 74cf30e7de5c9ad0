"""What a run consists of, job by job, with the seconds and the bytes of each: trainings, restorations, and the data.

A job's seconds are those of benchmarks/rates.csv at the configuration's steps, batch size and numbers of images, times this
machine's calibration over that of the row (benchmarks/calibration.py). They are None for a method whose rate was not measured.
Bytes are those of docs/formats.md.
"""

import math
from typing import NamedTuple

import datasets
from config.calibration import Speed, calibrated
from config.command_line import options_on, timed_settings
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
    method = config["methods"][run.method]
    if "restored" in method:
        return []  # a file is checked and copied
    train, restore = (options_on(method, part, dataset) for part in ("train", "restore"))
    count, size = images(config, dataset, "test"), FLOAT16 * values(dataset)
    few = min(count, restore.get("first_images", count)) if count else None

    def job(stop: str, file: str, part: str, bytes: float | None) -> Job:
        seconds = seconds_of(config, method, part, dataset, run.measurement, speed)
        return Job(runs.path(stop, dataset, run, file), part, dataset, run.method, seconds, bytes)

    found = []
    if runs.learned(dataset, run) and not method["model"]:  # which is a copy of that file
        step = rate("train", method, dataset, run.measurement, train)
        found.append(job("models", "model.pt", "train", step and step.bytes))
    found.append(job("restored", "test.npy", "restore", few and few * size))
    if datasets.has_clean(dataset) and runs.timed(dataset, run):
        estimates = sum(kept(steps(method, setting)) for setting in settings(method, dataset))
        found.append(job("restored", "timing.npy", "timing", estimates * TIMED * size))
    if runs.sampled(dataset, run):
        found.append(job("restored", "posterior.npy", "sample", sampled(count) * size))
    return found


def rate(part: str, method: dict, dataset: str, measurement: str, options: dict) -> Rate | None:
    section = "train" if part == "train" else "restore"
    return rate_of(part, method, datasets.of(dataset).SHAPE, differing(method, section, options), measurement)


def sampled(count: int | None) -> int:
    """How many posterior samples are drawn of so many test images."""
    return POSTERIOR[0] * min(POSTERIOR[1], count or POSTERIOR[1])


def seconds_of(config: dict, method: dict, part: str, dataset: str, measurement: str, speed: Speed | None = None) -> float | None:
    """How long a job of a method takes on one core, `part` as in `Job`; None where no rate or number of images is known."""
    options = options_on(method, "train" if part == "train" else "restore", dataset)
    kind = "networks" if method["seeded"] else "arrays"
    count, training = (images(config, dataset, split) for split in ("test", "train"))

    def seconds(of: str, number: float | None, times: float = 1) -> float | None:
        found = rate(of, method, dataset, measurement, options)
        if found is None or number is None:
            return None
        return times * found.seconds(number) * (speed[kind] / getattr(found, kind) if speed else 1)

    if part == "train":
        return seconds("train", options["batch_size"], options["steps"])
    if part == "sample":
        return seconds("sample", sampled(count))

    def restored(setting: dict, number: int | None) -> float | None:
        times = repeats(method, setting, training)
        return seconds("restore", number and times and number * times)

    examples = training and min([training, *(options[name] for name in LEARNED_FROM if name in options)])
    first = seconds("fit", examples) if rate("fit", method, dataset, measurement, options) else 0.0
    if part == "timing":
        each = settings(method, dataset)
        took = [of_one and timing_seconds(of_one, steps(method, of)) for of in each for of_one in [restored(of, 1)]]
    else:
        took = [restored(options, count and min(count, options.get("first_images", count)))]
    return None if None in (first, *took) else sum(took, first)


def settings(method: dict, dataset: str) -> list[dict]:
    """The options of restoring that a timing measures: those of the estimates, and the others that its key `timing` names."""
    options = options_on(method, "restore", dataset)
    return [options, *({**options, name: value} for name, value in timed_settings(method, dataset))]


def steps(method: dict, options: dict) -> int:
    return options.get("steps", 1) if iterations(method) else 1


def timing_seconds(of_one: float, steps: int = 1, batch: int = TIMED) -> float:
    """How long a timing takes, by the seconds of one image: the batch and then the image by itself, each with its first step to
    warm up and as often as bench/clock.py repeats it.

    >>> timing_seconds(1.0, batch=2), timing_seconds(2.0, steps=4, batch=10)
    (14.0, 31.5)
    """
    return sum(took / steps + runs_within(took) * took for took in (batch * of_one, of_one))


def runs_within(took: float) -> int:
    """How often what takes so many seconds is repeated.

    >>> runs_within(0.01), runs_within(0.2), runs_within(2.0), runs_within(100.0)
    (25, 5, 3, 1)
    """
    return max(1, math.ceil(0.25 / took), min(5, math.ceil(5 / took))) if took else 1


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
