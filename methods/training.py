"""The training engine of every learned method: device, progress, log, checkpoint, resume.

A method states its networks, its losses and one step (methods/learner.py); `main` turns that into a command, `fit` owns the loop.
"""

import argparse
import contextlib
import csv
import functools
import inspect
import math
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Generator, Tensor, nn

import store
from measurements.forward import from_facts
from measurements.measure import measure as measure_once
from methods import contract, device, networks
from methods.batches import Measure, as_float, as_told, draw_batch, measure_afresh, on_device
from methods.learner import Batch, Learner
from methods.networks import at_test
from methods.recording import Recorded, Unrecordable
from methods.watching import SELECT_IMAGES, Selection, Watch

LOG_EVERY = 100  # steps between rows of the log; each row is the mean over them
SPEAK_EVERY = 10  # seconds between lines of progress
SAVE_EVERY = 60  # seconds between checkpoints


class Interrupted(Exception):
    """Training was told to stop and has saved what it had."""


class Training:
    """A training under way: everything that a checkpoint holds."""

    def __init__(
        self, learner: Learner, generator: Generator, draw: Callable[[], Batch], watch: Watch | None = None, record: bool = False
    ):
        self.learner, self.generator, self.draw, self.watch = learner, generator, draw, watch
        self.run = Recorded(self.one_step, generator) if record and generator.device.type == "cuda" else self.one_step
        self.step, self.log = 0, []
        self.total: dict[str, Tensor] = {}  # of each loss, since the last row of the log
        self.began = time.monotonic()  # less what was trained before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def save(self, checkpoint: Path) -> None:
        state = {name: getattr(self, name) for name in ("step", "seconds", "log", "total")}
        state |= {"generator": self.generator.get_state(), "watch": self.watch.state if self.watch else {}}
        for part in ("networks", "optimizers"):
            state[part] = {name: each.state_dict() for name, each in getattr(self.learner, part).items()}
        with store.replacing(checkpoint) as partial:
            torch.save(state, partial)

    def load(self, checkpoint: Path) -> None:
        state = torch.load(checkpoint, weights_only=True, map_location=self.generator.device)
        self.step, self.log, self.total = state["step"], state["log"], state["total"]
        self.began = time.monotonic() - state["seconds"]
        self.generator.set_state(state["generator"].cpu())
        if self.watch:
            self.watch.state = state["watch"]
        for part in ("networks", "optimizers"):
            for name, each in getattr(self.learner, part).items():
                each.load_state_dict(state[part][name])

    def one_step(self) -> None:
        """Draw a batch, update every network, add up the losses: all on the device, without waiting for it."""
        for name, loss in self.learner.step(self.draw(), self.generator).items():
            if name in self.total:
                self.total[name] += loss
            else:
                self.total[name] = loss.clone()

    def advance(self) -> None:
        if (rate := self.learner.learning_rate(self.step)) is not None:
            for optimizer in self.learner.optimizers.values():
                for group in optimizer.param_groups:
                    if isinstance(group["lr"], Tensor):
                        group["lr"].fill_(rate)
                    else:
                        group["lr"] = rate
        self.run()
        self.step += 1

    def check(self) -> None:
        """Raises ValueError where a loss since the last row is not finite."""
        if bad := [name for name, value in self.total.items() if not math.isfinite(value)]:
            raise ValueError(f"{', '.join(bad)} not finite at step {self.step}: lower the learning rate")

    def add_row(self) -> dict[str, float]:
        """A row of the log, the means since the last one, which are returned. Raises ValueError where one is not finite."""
        self.check()
        rows = (self.step - 1) % LOG_EVERY + 1
        means = {name: float(value) / rows for name, value in self.total.items()}
        for value in self.total.values():
            value.zero_()
        self.log.append({"step": self.step, "seconds": round(self.seconds, 3), **means})
        return means


@contextlib.contextmanager
def signals_heard() -> Iterator[list]:
    """A list that SIGINT and SIGTERM are put into, in place of what they do."""
    heard: list[int] = []
    handlers = {s: signal.signal(s, lambda number, _: heard.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def fit(
    learner: Learner,
    data: Batch,
    generator: Generator,
    *,
    steps: int,
    batch_size: int,
    checkpoint: Path,
    measure: Measure | None = None,
    watch: Watch | None = None,
    record: bool = True,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> list[dict]:
    """Train for `steps` steps of `batch_size` images drawn with replacement; return the log, a row per LOG_EVERY steps.

    With `measure` each batch is measured when it is drawn (`draw_batch`). Continues from `checkpoint` where there is one, bit
    for bit on the CPU, and writes it every SAVE_EVERY seconds and on SIGINT or SIGTERM (then raises Interrupted). Raises
    SystemExit at the end of the first row with a non-finite loss; no checkpoint is written after one. On a GPU steps are played
    back from a recording where the data lie there, unless `record` is false; raises Unrecordable where that cannot be.
    """
    learner.steps = steps
    record = record and all(values.is_cuda for values in data.values())
    training = Training(learner, generator, lambda: draw_batch(data, batch_size, generator, measure), watch, record)
    if checkpoint.exists():
        training.load(checkpoint)
        say(f"continuing at step {training.step} of {steps} ({checkpoint})")
    for network in learner.networks.values():
        network.train()
    first, began, means = training.step, time.monotonic(), {}
    spoke = saved = began
    with signals_heard() as stop:
        while (step := training.step) < steps:
            training.advance()
            step += 1
            now = time.monotonic()
            if watch and (step % watch.every == 0 or step == steps):
                watch.look(step, learner)
            try:
                if step % LOG_EVERY == 0 or step == steps:
                    means = training.add_row()
                if now - saved > SAVE_EVERY:
                    training.check()
                    training.save(checkpoint)
                    saved = now
            except ValueError as error:
                sys.exit(f"{error}; the last good checkpoint is {checkpoint}" if checkpoint.exists() else str(error))
            if now - spoke > SPEAK_EVERY or step == steps:
                rate = (step - first) / (now - began)
                values = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
                say(f"step {step}/{steps}  {rate * batch_size:.0f} images/s  {(steps - step) / rate:.0f} s to go  {values}")
                spoke = now
            if stop:
                training.save(checkpoint)
                raise Interrupted(f"stopped at step {step} of {steps}; run again to continue ({checkpoint})")
    return training.log


def main(make: type[Learner]) -> None:
    """The command `python -m methods.<name>.train`: build `make(shape, measurement, generator, **options)` and fit it."""
    folder = Path(sys.modules["__main__"].__file__).parent
    schemas = contract.about(folder)["train"]
    parser = argparse.ArgumentParser(
        prog=f"python -m methods.{folder.name}.train",
        description=f"{inspect.getdoc(make)}\n\nWrites model.pt, train.csv (every loss) and train.json (what was done).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--y", type=Path, required=True, help="measured training images, .npy")
    parser.add_argument("--side-info", type=Path, help="side information of each training image, .npy; only if the rule names it")
    parser.add_argument("--clean", type=Path, help="clean training images, .npy; only for supervised controls")
    parser.add_argument("--fresh", type=Path, help="protocol paper: clean training images, measured anew at every step")
    parser.add_argument("--validation", type=Path, help="protocol paper: clean validation images, to select the weights by")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="unfinished training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, batches and θ' (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads that libraries may use (%(default)s)")
    parser.add_argument("--plain", action="store_true", help="on a GPU, run every step as it is written, not from a recording")
    contract.add_options(parser, schemas)
    args = parser.parse_args()

    contract.limit_threads(args.threads)
    options = {name: getattr(args, name) for name in schemas}
    budget = {name: options[name] for name in ("steps", "batch_size")}
    own = {name: value for name, value in options.items() if name not in budget}
    facts = store.describe(args.y)
    paper = (protocol := facts.get("protocol", "sound")) == "paper"
    if any(bool(path) != paper for path in (args.fresh, args.validation)):
        remedy = 'name `**config["paper"]` among the inputs of the rule `train`, which gives them there alone'
        sys.exit(f"{args.y}: is of protocol {protocol}, but --fresh and --validation go with protocol paper; {remedy}")
    made_of = {"method": folder.name, "options": options, "seed": args.seed, "data": facts}
    name = f"{facts['dataset']}-{facts['measurement']}-{folder.name}-{args.seed}-{fingerprint(make, made_of)}"
    checkpoint = args.checkpoints / f"{name}.pt"

    with store.clear_errors(), alone(checkpoint):
        where = device.take()
        measurement = from_facts(facts)
        files = {"fresh": args.fresh} if paper else {"y": args.y, "side_info": args.side_info}
        data = on_device(files | {"x": args.clean}, where)
        more = paper_protocol(measurement, facts, args.validation, bool(args.side_info), where) if paper else {}
        generator = Generator(where).manual_seed(args.seed)
        learner = make(tuple(next(iter(data.values())).shape[1:]), measurement, generator, **own)
        try:
            log = fit(learner, data, generator, **budget, checkpoint=checkpoint, record=not args.plain, **more)
        except Interrupted as interruption:
            print(interruption, flush=True)
            sys.exit(143)
        except Unrecordable as reason:
            print(f"starting again with --plain, as a step could not be recorded: {reason}", flush=True)
            os.execv(sys.executable, [*sys.orig_argv, "--plain"])
        made_of |= {"threads": args.threads, "precision": "bfloat16" if device.has_bfloat16(where) else "float32"}
        made_of |= {"selected": more["watch"].choose(learner)} if paper else {}
        finish(args.output, learner, log, made_of)
        checkpoint.unlink(missing_ok=True)


def fingerprint(kind: type[Learner], made_of: dict) -> str:
    """Names a checkpoint by what makes the model, its code included: other options or another learner start afresh."""
    code = [inspect.getsource(each) for each in kind.__mro__ if issubclass(each, Learner)]
    return store.digest(made_of | {"code": code})


def paper_protocol(measurement, facts: dict, validation: Path, told: bool, where: torch.device) -> dict:
    """What `fit` is given under the paper's protocol: fresh measurements, and a selection by clean error.

    The validation batch is the first of the split, measured once, as the benchmark measures that split.
    """
    clean = store.load_array(validation)[:SELECT_IMAGES]
    y, theta = (torch.from_numpy(part).to(where) for part in measure_once(clean, measurement, facts["seed"], "validation"))
    batch = {"y": as_float(y)} | ({"side_info": as_told(theta, y.shape[1:])} if told else {})
    x = as_float(torch.from_numpy(np.array(clean)).to(where))
    return {"measure": functools.partial(measure_afresh, measurement, told), "watch": Selection(batch, x)}


@contextlib.contextmanager
def alone(checkpoint: Path) -> Iterator[None]:
    """Keep a second process from training the same model. The lock dies with its holder, however that ends."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(checkpoint.with_suffix(".lock"))
    try:
        with lock.acquire(blocking=False):
            yield
    except Timeout:
        sys.exit(f"{lock.lock_file}: another process is training this model; wait for it or end it, then run again")


def finish(folder: Path, learner: Learner, log: list[dict], made_of: dict) -> None:
    """Write model.pt, train.csv and, last, train.json."""
    with store.replacing(folder / "model.pt") as partial:
        torch.save({name: networks.packed(network) for name, network in learner.networks.items()}, partial)
    with store.replacing(folder / "train.csv") as partial, open(partial, "w", newline="") as file:
        rows = csv.DictWriter(file, fieldnames=log[0].keys())
        rows.writeheader()
        rows.writerows(log)
    options, seconds = made_of["options"], log[-1]["seconds"]
    measured = {
        "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in learner.networks.items()},
        "seconds": seconds,
        "images_per_second": options["steps"] * options["batch_size"] / seconds,
        "device": contract.device_name(),
        "torch": torch.__version__,
    }
    store.save_json(folder / "train.json", made_of | measured)


@functools.cache
def trained(model: Path, shape: tuple[int, int, int], *names: str, protocol: str = "sound") -> tuple[nn.Module, ...]:
    """The named networks with the weights of model.pt, on this job's device, as a protocol uses them at test.

    Raises SystemExit where the file is missing or does not fit: random weights are never scored.
    """
    where = device.take()
    try:
        packed = torch.load(model, weights_only=True, map_location=where)
        found = tuple(networks.unpacked(packed[name], shape).to(where) for name in names)
        for network in found:
            at_test(network, protocol).requires_grad_(False)
        return found
    except FileNotFoundError:
        sys.exit(f"{model}: no such model; train it first (`snakemake {model}`)")
    except (KeyError, TypeError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        sys.exit(f"{model}: not the weights of this method ({why}); delete it and train again")
