"""The table that the cost of a run is reckoned with (config/cost.py): `python -m benchmarks.rates` writes benchmarks/rates.csv.

    python -m benchmarks.rates                                       every method, half an hour of one core
    python -m benchmarks.rates --methods splitting unsure            these alone, such as new ones; the other rows stay

A row says seconds = fixed + each · count, on one thread, where the count depends on what the row is about:

    part      count
    train     images of a step, from steps of 16 and of 64 images as `fit` takes them
    fit       training measurements that a method without networks learns from before its first estimate
    restore   restored images, a batch of 64 (or fewer, where fewer are restored at a time) as the workflow restores them; for a
              search, whose time is proportional to `steps` and `restarts`, images × steps × restarts; where each image is
              compared with `neighbours` of the training, images × neighbours
    sample    posterior samples

Methods are those of methods/ and the rows of config/paper.yaml; `options` are those of a row that are not a method's default.
Forward models are those of config/paper.yaml; a training, which hardly depends on it, is timed on the first that the method is
for. Images are smoothed noise and networks have random weights, which changes no time. Seconds
are those of the processor, and the shortest of several repetitions counts (`least`), so that the table can be made beside other
work. `networks` and `arrays` are what benchmarks/calibration.py measured for the same method.
`bytes` is the size of the trained model's file.
"""

import argparse
import csv
import datetime
import functools
import importlib
import inspect
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import yaml

import store
from bench.clock import TIMING_BATCH
from bench.held_out import HELD_OUT
from bench.measured import Measured
from bench.restoring import images_at_a_time
from benchmarks.calibration import calibration, least
from benchmarks.learners import BUDGET, FOLDER, learner_of
from benchmarks.restoration import restorer
from benchmarks.side_by_side import IMAGES, Bench, parser
from benchmarks.training import engine
from config.check import check
from config.rates import TABLE, differing, iterations, repeats
from config.runs import mismatch
from config.schema import forward_model

CONFIGURATION = Path(__file__).parent.parent / "config" / "paper.yaml"
DATASETS = ("mnist", "celeba")  # of the configuration, whose forward models are measured: one for each shape of images
BATCHES = 16, 64  # images of a step
TRAINING_IMAGES = 10 * HELD_OUT, 20 * HELD_OUT  # measurements that a fit is timed with: as many are held out as in a run
FEW = {"steps": 10, "restarts": 1}  # of a search
SAMPLES = 8  # of as many images
SECONDS = 0.5  # of repetitions, where they are short
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COLUMNS = ("part", "method", "options", "shape", "measurement", "fixed", "each", "bytes")
FACTS = ("networks", "arrays", "device", "torch", "date", "commit", "cores_busy_otherwise")


def methods_of(config: dict) -> Iterator[tuple[str, dict]]:
    """(folder, complete facts) of each method of methods/ with its defaults, and of each row whose options differ from these."""
    folders = [path.parent for path in sorted(FOLDER.glob("*/rules.smk"))]
    folders = [each.name for each in folders if not (each / "requirements.txt").exists()]  # packages of their own
    alone = {"datasets": config["datasets"], "methods": dict.fromkeys(folders)}
    every, asked = (list(check(each)["methods"].values()) for each in (alone, config))
    kinds, seen = {row["folder"] for row in asked}, set()
    # what matters most first
    for row in sorted([*every, *asked], key=lambda row: (not row["learned"], row["folder"] not in kinds)):
        name = Path(row["folder"]).name
        key = name, *(differing(row, part, row[part]) for part in ("train", "restore"))
        if key not in seen and name in folders:
            seen.add(key)
            yield name, row


def line(few: float, many: float, counts: tuple[int, int]) -> dict[str, float]:
    """fixed and each, through the seconds of two counts; through the origin where the fixed part would be negative."""
    each = (many - few) / (counts[1] - counts[0])
    fixed = few - each * counts[0]
    return {"fixed": fixed, "each": each} if fixed > 0 and each > 0 else {"fixed": 0.0, "each": many / counts[1]}


def shortened(row: dict) -> dict:
    """The options of a restoration of the images that it is given, a search with few iterations."""
    options = {name: value for name, value in row["restore"].items() if name != "first_images"}
    return options | {name: few for name, few in FEW.items() if name in options and name in iterations(row)}


def training(bench: Bench, name: str, row: dict, measured: Measured, clean: torch.Tensor) -> dict[str, float]:
    """A step of a learner on measurements held in memory, and the bytes of its file."""
    options = {option: value for option, value in row["train"].items() if option not in BUDGET}
    learner = learner_of(name)(bench.images, measured.forward, bench.generator(), **options)
    learner.steps = 10_000
    data = {"y": torch.from_numpy(measured.y).half(), "side_info": torch.from_numpy(measured.stored)}
    data |= {f"{name}_again": values for name, values in data.items()} | {"x": clean}
    seconds = []
    for batch in BATCHES:
        step = engine(learner, data, batch, bench.generator(), record=False)
        seconds.append(least(step, SECONDS))
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.pt"
        importlib.import_module("training.models").save(path, learner.networks, bench.shape)
        return line(*seconds, BATCHES) | {"bytes": path.stat().st_size}


def restoring(bench: Bench, name: str, row: dict, measured: Measured, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """(part, rate) of a method's estimates, of what it learns first, and of its posterior samples."""
    options = shortened(row)
    restore = restorer(name, measured, bench, folder, options)
    count = min(TIMING_BATCH, images_at_a_time(measured), len(measured.y))
    part = measured[:count].loaded()

    def whole() -> None:
        for _ in restore(part):
            pass

    program = importlib.import_module(f"methods.{name}.restore")
    if any(each.annotation is Path and each.name == "train_y" for each in inspect.signature(program.restore).parameters.values()):
        yield "fit", fit(bench, name, measured, folder, options, whole)
    else:
        for _ in restore(measured[:2].loaded()):  # what is loaded or compiled at the first call
            pass
    work = count * repeats(row, options, TRAINING_IMAGES[-1])
    yield "restore", {"fixed": 0.0, "each": least(whole, SECONDS) / work}
    if hasattr(program, "sample") and not mismatch(row["posterior"], measured.forward.traits()):
        draw = restorer(name, measured, bench, folder, options, "sample")
        few = measured[:SAMPLES].loaded()
        draw(few, SAMPLES)
        yield "sample", {"fixed": 0.0, "each": least(lambda: draw(few, SAMPLES), SECONDS) / SAMPLES**2}


def fit(bench: Bench, name: str, measured: Measured, folder: Path, options: dict, whole: Callable[[], None]) -> dict[str, float]:
    """What a method without networks learns from training measurements before its first estimate.

    The last of the timings leaves `whole` with what was learned, so that it times estimates alone.
    """
    seconds = []
    for count in TRAINING_IMAGES:
        times = -(-count // len(measured.y))  # images that are there several times cost the same
        for file, values in {"y": measured.y, "side_info": measured.stored}.items():
            store.save_array(folder / str(count) / f"train_{file}.npy", np.concatenate([values] * times)[:count])
        learned = restorer(name, measured, bench, folder / str(count), options)
        few = measured[:1].loaded()
        took = []
        for _ in range(2):  # the second has it in memory
            began = time.process_time()
            for _ in learned(few):
                pass
            took.append(time.process_time() - began)
        seconds.append(took[0] - took[1])
    whole()
    return line(*seconds, TRAINING_IMAGES)


def measure_shape(bench: Bench, config: dict, dataset: str, names: list[str] | None) -> Iterator[dict]:
    """The rows of one shape of images."""
    forwards = {name: forward_model(name, options) for name, options in config["datasets"][dataset].items()}
    clean = bench.smooth(IMAGES)
    with tempfile.TemporaryDirectory() as temporary:

        @functools.cache
        def measured(measurement: str) -> tuple[Measured, Path]:
            """Measurements, and a folder in which they are those of a training."""
            made = bench.measure(clean, forwards[measurement])
            folder = Path(temporary) / measurement
            for file, values in {"train_y": made.y, "train_side_info": made.stored}.items():
                store.save_array(folder / f"{file}.npy", values)
            return made, folder

        for name, row in methods_of(config):
            if names and name not in names:
                continue
            on = [key for key, forward in forwards.items() if not mismatch(row["applies"], forward.traits())]
            about = {"method": name, "shape": "x".join(map(str, bench.shape)), "bytes": 0} | calibration(0.2)
            if row["learned"] and on:
                rate = training(bench, name, row, measured(on[0])[0], torch.from_numpy(clean))
                yield about | {"part": "train", "options": differing(row, "train", row["train"]), "measurement": ""} | rate
            for measurement in on[:1] if row["learned"] else on:
                for part, rate in restoring(bench, name, row, *measured(measurement)):
                    stands = {"options": differing(row, "restore", row["restore"]), "part": part}
                    yield about | stands | {"measurement": "" if row["learned"] else measurement} | rate


def main() -> None:
    options = parser("rates", __doc__, repetitions=2)
    options.add_argument("--methods", nargs="+", metavar="NAME", help="folders of methods/ (all)")
    options.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS, help="of the configuration (both)")
    options.set_defaults(output=TABLE)
    args = options.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):  # libraries read them when loaded; threads that wait count as busy
        os.execve(sys.executable, sys.orig_argv, os.environ | dict.fromkeys(THREADS, "1"))
    if torch.cuda.is_available():
        sys.exit("the rates are those of one core; put CUDA_VISIBLE_DEVICES= before the command to leave the GPU alone")
    config = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    found: dict[tuple, dict] = {}
    for dataset in args.datasets:
        bench = Bench(argparse.Namespace(**vars(args) | {"shape": dataset}))
        for row in measure_shape(bench, config, dataset, args.methods):
            facts = bench.facts() | {"date": datetime.date.today().isoformat()}
            row |= {name: facts[name] for name in FACTS if name in facts}
            key = tuple(row[name] for name in COLUMNS[:5])
            found[key] = row if key not in found else min(found[key], row, key=lambda each: each["fixed"] + each["each"])
            print(*key, f"{row['fixed']:.4g} + {row['each']:.4g}", flush=True)
            write(args.output, found)


def write(path: Path, found: dict[tuple, dict], columns: tuple[str, ...] = COLUMNS, facts: tuple[str, ...] = FACTS) -> None:
    """The table with the rows that were found, and those that it had of methods that are still there.

    `found` is by the values of the columns that stand before `fixed`.
    """
    named = columns[: columns.index("fixed")]
    kept: dict[tuple, dict] = {}
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if (FOLDER / row["method"]).exists()]
        kept = {tuple(row[name] for name in named): row for row in rows}
    rows = kept | found
    with store.replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*columns, *facts], lineterminator="\n")
        table.writeheader()
        for key in sorted(rows):
            table.writerow({name: f"{value:.4g}" if isinstance(value, float) else value for name, value in rows[key].items()})


if __name__ == "__main__":
    main()
