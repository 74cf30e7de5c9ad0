"""The memory that jobs of methods take, which clusters are asked for (config/resources.py): `python -m benchmarks.memory` writes
benchmarks/memory.csv.

    python -m benchmarks.memory                                       every method, twenty minutes of one core; Linux alone
    python -m benchmarks.memory --methods splitting unsure            these alone, such as new ones; the other rows stay

A row says MiB = fixed + each · count, the most that a process of its own ever had in memory (VmHWM), with libraries that only
this program loads:

    part      count
    train     images of a step, from trainings of two steps of 16 and of 64 images
    restore   nothing: as many images as the workflow restores at a time; what is learned from training measurements included
    sample    nothing: likewise

Methods, rows and shapes are those of benchmarks/rates.py, on the first forward model that the method is for. Images are noise and
networks have random weights, which changes no memory. Measurements lie in memory here; a run maps their files, whose pages the
system takes back where it needs them.
"""

import argparse
import datetime
import importlib
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import yaml

import store
from bench.held_out import HELD_OUT
from bench.restoring import SAMPLES, images_at_a_time
from benchmarks.learners import BUDGET, learner_of
from benchmarks.rates import BATCHES, CONFIGURATION, DATASETS, FEW, line, methods_of, shortened, write
from benchmarks.restoration import restorer
from benchmarks.side_by_side import Bench, commit
from benchmarks.training import engine
from config.memory import COLUMNS, TABLE
from config.rates import differing
from config.runs import mismatch
from config.schema import forward_model
from measurements.forward import ForwardModel
from options import command_parser

TRAINED_ON = 20 * HELD_OUT  # measurements that a method without networks learns from
PARTS = ("train", "restore", "sample")
FACTS = ("torch", "date", "commit")


def peak() -> float:
    """MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def bench_of(dataset: str) -> Bench:
    return Bench(argparse.Namespace(shape=dataset, threads=1))


def noise(bench: Bench, count: int) -> np.ndarray:
    """uint8 [N, H, W, C]"""
    return np.random.default_rng(0).integers(0, 256, (count, *bench.shape), np.uint8)


def of_training(dataset: str, name: str, row: dict, forward: ForwardModel, batch: int) -> float:
    """MiB of a process that takes two steps: optimisers make what they remember in the first."""
    bench = bench_of(dataset)
    clean = noise(bench, batch)
    measured = bench.measure(clean, forward)
    options = {option: value for option, value in row["train"].items() if option not in BUDGET}
    learner = learner_of(name)(bench.images, forward, bench.generator(), **options)
    learner.steps = 10_000
    data = {"y": torch.from_numpy(measured.y).half(), "side_info": torch.from_numpy(measured.stored)}
    data |= {f"{part}_again": values for part, values in data.items()} | {"x": torch.from_numpy(clean)}
    step = engine(learner, data, batch, bench.generator(), record=False)
    step()
    step()
    return peak()


def of_restoring(dataset: str, name: str, row: dict, forward: ForwardModel, function: str) -> float:
    """MiB of a process that restores one part of the images, or draws samples of one."""
    bench = bench_of(dataset)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not row["learned"]:
            trained_on = bench.measure(noise(bench, TRAINED_ON), forward)
            for file, values in {"train_y": trained_on.y, "train_side_info": trained_on.stored}.items():
                store.save_array(folder / f"{file}.npy", values.astype(np.float16) if file == "train_y" else values)
            del trained_on
        measured = bench.measure(noise(bench, 600), forward)
        count = images_at_a_time(measured)
        call = restorer(name, measured, bench, folder, shortened(row), function)
        if function == "sample":
            call(measured[: max(1, count // SAMPLES)].loaded(), SAMPLES)
        else:
            for step, _ in enumerate(call(measured[:count].loaded())):
                if step == FEW["steps"]:
                    break
        return peak()


def measure_shape(config: dict, dataset: str, names: list[str] | None, parts: list[str]) -> Iterator[dict]:
    """The rows of one shape of images, each measured by processes of their own."""
    forwards = {name: forward_model(name, options) for name, options in config["datasets"][dataset].items()}
    alone = {"mp_context": get_context("spawn"), "max_tasks_per_child": 1}
    with ProcessPoolExecutor(1, **alone) as processes:

        def measured(function, *given) -> float:
            return processes.submit(function, dataset, *given).result()

        for name, row in methods_of(config):
            forward = next((each for each in forwards.values() if not mismatch(row["applies"], each.traits())), None)
            if (names and name not in names) or forward is None:
                continue
            shape = "x".join(map(str, bench_of(dataset).shape))
            about = {"method": name, "shape": shape, "each": 0.0, "torch": torch.__version__}
            about |= {"date": datetime.date.today().isoformat(), "commit": commit()}
            if row["learned"] and "train" in parts:
                mib = [measured(of_training, name, row, forward, batch) for batch in BATCHES]
                yield about | {"part": "train", "options": differing(row, "train", row["train"])} | line(*mib, BATCHES)
            for function in (part for part in parts if part != "train"):
                has = hasattr(importlib.import_module(f"methods.{name}.restore"), function)
                if has and (function == "restore" or not mismatch(row["posterior"], forward.traits())):
                    fixed = measured(of_restoring, name, row, forward, function)
                    yield about | {"part": function, "options": differing(row, "restore", row["restore"]), "fixed": fixed}


def main() -> None:
    parser = command_parser("benchmarks.memory", __doc__)
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="folders of methods/ (all)")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS, help="of the configuration (both)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="(all)")
    parser.add_argument("--output", type=Path, default=TABLE, help="the table (%(default)s)")
    args = parser.parse_args()
    if torch.cuda.is_available():
        sys.exit("this is about the memory of a machine, not of a GPU; put CUDA_VISIBLE_DEVICES= before the command")
    config = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    found: dict[tuple, dict] = {}
    for dataset in args.datasets:
        for row in measure_shape(config, dataset, args.methods, args.parts):
            key = tuple(row[name] for name in COLUMNS[:4])
            found[key] = row
            print(*key, f"{row['fixed']:.4g} + {row['each']:.4g} MiB", flush=True)
            write(args.output, found, COLUMNS, FACTS)


if __name__ == "__main__":
    main()
