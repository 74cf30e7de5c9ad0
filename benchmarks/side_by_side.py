"""What the parts of the benchmark share: contenders take turns, medians count, tables say where and when they were measured."""

import argparse
import csv
import datetime
import functools
import importlib
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Generator

import datasets
import store
from bench import machine
from bench.measured import Measured
from measurements.drop_independent import DropIndependent
from measurements.forward import ForwardModel, from_facts
from measurements.measure import measure
from networks.architectures import ImageFormat, architecture
from options import COUNT, THREADS, command_parser
from options import parser_of as value_of
from training import device

MEASUREMENT = DropIndependent(0.5)  # of trainings
FORMATS = {name: ImageFormat(datasets.of(name).SHAPE, datasets.value_range(name)[0]) for name in ("mnist", "celeba")}
IMAGES = 1000  # random ones, held in memory as a training holds its data

Rows = list[dict[str, str | float]]  # each with the same names


def parser(part: str, description: str | None, repetitions: int) -> argparse.ArgumentParser:
    """The options of every part."""
    made = command_parser(f"benchmarks.{part}", description)
    made.add_argument("--shape", choices=FORMATS, default="mnist", help="of the images, and whose networks (%(default)s)")
    made.add_argument(
        "--repetitions",
        type=value_of("repetitions", COUNT),
        default=repetitions,
        help="rounds that count, after a first (%(default)s)",
    )
    made.add_argument("--threads", **THREADS)
    made.add_argument("--output", type=Path, default=Path("results/bench"), help="folder of the tables (%(default)s)")
    return made


class Bench:
    """One part under way: the device it runs on, the facts that go with its numbers, the table it writes."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.images = args, FORMATS[args.shape]
        self.shape = self.images.shape
        architecture(self.shape)  # refuses now, not later, where there is none
        machine.limit_threads(args.threads)
        self.device = device.take()
        torch.zeros(1, device=self.device)  # a GPU in use has a name
        self.busy = machine.others_busy()

    def generator(self) -> Generator:
        return Generator(self.device).manual_seed(0)

    def data(self) -> dict[str, torch.Tensor]:
        """Random measurements in memory, stored as the benchmark stores them: {"y": float16 [N, H, W, C]}."""
        generator = self.generator()
        x = torch.rand(IMAGES, *self.shape, generator=generator, device=self.device)
        return {"y": MEASUREMENT.forward(x, MEASUREMENT.draw(IMAGES, self.shape, generator)).half()}

    def smooth(self, count: int) -> np.ndarray:
        """Smoothed noise, uint8 [N, H, W, C]."""
        side = self.shape[0]
        noise = np.random.default_rng(0).random((count, *self.shape))
        smooth = gaussian_filter(noise, sigma=(0, side / 14, side / 14, 0))
        smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
        return (255 * smooth).astype(np.uint8)

    def measure(self, clean: np.ndarray, forward: ForwardModel) -> Measured:
        """Measurements as a method is given them, their side information included."""
        y, stored = measure(clean, forward, seed=0, split="test")
        return Measured(y.astype(np.float32), forward, stored)

    def measured(self, family: str, count: int) -> Measured:
        """Measurements of smoothed noise by a family of the benchmark's forward models."""
        options = {"drop_independent": {"p": 0.5}, "drop_patch": {"size": self.shape[0] // 2}, "add_noise": {"sigma": 0.2}}[
            family
        ]
        return self.measure(self.smooth(count), from_facts({"family": family, "options": options}))

    def facts(self) -> dict[str, str | int]:
        return {
            "device": machine.device_name(),
            "threads": self.args.threads,
            "torch": torch.__version__,
            "date": datetime.date.today().isoformat(),
            "commit": commit(),
            "cores_busy_otherwise": "unknown" if (others := self.busy()) is None else f"{others:.2f}",
        }

    def write(self, part: str, rows: Rows, notes: str) -> None:
        """Write the table to <output>/<part>-<shape>.csv and .md, and print it."""
        facts = self.facts()
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
        text = f"### {part}, {self.args.shape}\n\n{markdown(rows)}\n\n{notes}\n\n{told}\n"
        path = self.args.output / f"{part}-{self.args.shape}.csv"
        with store.replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [*rows[0], *facts])
            table.writeheader()
            table.writerows(row | facts for row in rows)
        with store.replacing(path.with_suffix(".md")) as partial:
            partial.write_text(text, encoding="utf-8")
        print(text, flush=True)


@functools.cache  # as it was before the table that is being written differed from it
def commit() -> str:
    """The commit that was measured, with -dirty where files differ from it."""
    line = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(line, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def interleaved(contenders: dict[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of each contender in each of so many rounds, after a first that does not count.

    Everyone runs once in every round, and the one that begins moves on by one, so that neither the machine's moods nor a
    neighbour's warm caches favour anyone. The clock stops when the device is done.
    """
    names, seconds = list(contenders), {name: [] for name in contenders}
    for turn in range(repetitions + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            machine.synchronise()
            began = time.perf_counter()
            contenders[name]()
            machine.synchronise()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in seconds.items()}


def markdown(rows: Rows) -> str:
    """A table of its rows, numbers to three digits."""

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return value
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

    names = list(rows[0])
    rules = ["---" if isinstance(value, str) else "--:" for value in rows[0].values()]
    lines = [names, rules, *([cell(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_deepinv() -> ModuleType | None:
    """deepinv on our networks, or None and a line that says why not."""
    try:
        return importlib.import_module("benchmarks.with_deepinv")
    except ImportError as error:
        print(f"deepinv is left out ({error}); `make bench` installs it", flush=True)
        return None
