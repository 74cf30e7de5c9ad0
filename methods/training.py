"""The training engine of every learned method: data on the device, progress, log, checkpoint, resume.

A method states its networks, its losses and one step (`Learner`); `main` turns that into a command, `fit` owns the loop.
"""

import argparse
import contextlib
import csv
import functools
import inspect
import pickle
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

import store
from measurements.families import from_facts
from methods import contract, device, networks

LOG_EVERY = 100  # steps between rows of the log; each row is the mean over them
SPEAK_EVERY = 10  # seconds between lines of progress
SAVE_EVERY = 60  # seconds between checkpoints

Batch = dict[str, Tensor]  # "y" (and "theta", "x" where the rule names them): [B, H, W, C]


class Learner(ABC):
    """What a method gives to the engine."""

    networks: dict[str, networks.Network]
    optimizers: dict[str, Optimizer]  # by the name of what they train, as `update` takes the losses
    steps: int  # of the whole training, for a schedule; the engine sets it

    @abstractmethod
    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Update every network once; return the losses as scalars on the device, which the engine logs."""

    def learning_rate(self, step: int) -> float | None:
        """The learning rate of every optimiser at a step; None leaves them alone."""
        return None


def as_float(values: Tensor) -> Tensor:
    """uint8 images and float16 measurements as float32 in the same range; masks as they are."""
    return values if values.dtype == torch.bool else values.float() / (255 if values.dtype == torch.uint8 else 1)


class Interrupted(Exception):
    """Training was told to stop and has saved what it had."""


def update(optimizers: dict[str, Optimizer], losses: dict[str, Tensor]) -> None:
    """One step of each network down its own loss, all gradients taken at the weights of the one forward pass."""
    gradients = {}
    for name, loss in losses.items():
        weights = [w for group in optimizers[name].param_groups for w in group["params"]]
        gradients[name] = zip(weights, torch.autograd.grad(loss, weights, retain_graph=True), strict=True)
    for name, pairs in gradients.items():
        for weight, gradient in pairs:
            weight.grad = gradient
        optimizers[name].step()


def rmsprop(network: nn.Module) -> Optimizer:
    """RMSProp with the decay of TensorFlow's default, as the original uses it."""
    return torch.optim.RMSprop(network.parameters(), lr=3e-4, alpha=0.9, foreach=True)


def fit(
    learner: Learner,
    data: Batch,
    generator: Generator,
    *,
    steps: int,
    batch_size: int,
    checkpoint: Path,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> list[dict]:
    """Train for `steps` steps of `batch_size` images drawn with replacement; return the log, a row per LOG_EVERY steps.

    Continues from `checkpoint` where there is one, bit for bit on the CPU, and writes it every SAVE_EVERY seconds and on
    SIGINT or SIGTERM (then raises Interrupted). Raises SystemExit at the end of the first row with a non-finite loss.
    """
    images = len(data["y"])
    learner.steps = steps
    start, elapsed, log = 0, 0.0, []
    total: dict[str, Tensor] = {}  # of each loss, since the last row of the log
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=generator.device)
        start, elapsed, log, total = state["step"], state["seconds"], state["log"], state["total"]
        generator.set_state(state["generator"].cpu())
        for name, network in learner.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimizer in learner.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        say(f"continuing at step {start} of {steps} ({checkpoint})")

    def save(step: int) -> None:
        with store.replacing(checkpoint) as partial:
            torch.save(
                {
                    "step": step,
                    "seconds": elapsed + time.monotonic() - began,
                    "log": log,
                    "total": total,
                    "generator": generator.get_state(),
                    "networks": {name: network.state_dict() for name, network in learner.networks.items()},
                    "optimizers": {name: optimizer.state_dict() for name, optimizer in learner.optimizers.items()},
                },
                partial,
            )

    stop = []
    handlers = {s: signal.signal(s, lambda number, _: stop.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    for network in learner.networks.values():
        network.train()
    began = spoke = saved = time.monotonic()
    try:
        for step in range(start + 1, steps + 1):
            if (rate := learner.learning_rate(step - 1)) is not None:
                for optimizer in learner.optimizers.values():
                    for group in optimizer.param_groups:
                        group["lr"] = rate
            chosen = torch.randint(images, (batch_size,), generator=generator, device=generator.device)
            batch = {name: values[chosen] for name, values in data.items()}
            batch = {name: as_float(values) for name, values in batch.items()}
            losses = learner.step(batch, generator)
            total = {name: total[name] + loss if total else loss for name, loss in losses.items()}

            if step % LOG_EVERY == 0 or step == steps:
                rows = (step - 1) % LOG_EVERY + 1
                means = {name: float(value) / rows for name, value in total.items()}  # the loop's only synchronisation
                total = {}
                if bad := [name for name, value in means.items() if not np.isfinite(value)]:
                    good = f"; the last good checkpoint is {checkpoint}" if checkpoint.exists() else ""
                    sys.exit(f"{', '.join(bad)} not finite at step {step}: lower the learning rate{good}")
                now = time.monotonic()
                log.append({"step": step, "seconds": round(elapsed + now - began, 3), **means})
                if now - spoke > SPEAK_EVERY or step == steps:
                    rate = (step - start) / (now - began)
                    values = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
                    say(f"step {step}/{steps}  {rate * batch_size:.0f} images/s  {(steps - step) / rate:.0f} s to go  {values}")
                    spoke = now
                if now - saved > SAVE_EVERY:
                    save(step)
                    saved = time.monotonic()
            if stop:
                save(step)
                raise Interrupted(f"stopped at step {step} of {steps}; run again to continue ({checkpoint})")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return log


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
    parser.add_argument("--theta", type=Path, help="the θ of each training image, .npy; only where the rule names it")
    parser.add_argument("--clean", type=Path, help="clean training images, .npy; only for supervised controls")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="unfinished training (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, batches and θ' (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads that libraries may use (%(default)s)")
    contract.add_options(parser, schemas)
    args = parser.parse_args()

    contract.limit_threads(args.threads)
    options = {name: getattr(args, name) for name in schemas}
    budget = {name: options[name] for name in ("steps", "batch_size")}
    own = {name: value for name, value in options.items() if name not in budget}
    facts = store.describe(args.y)
    made_of = {"method": folder.name, "options": options, "seed": args.seed, "data": facts}
    # Named by what makes the model, its code included: other options or another learner start afresh.
    code = [inspect.getsource(kind) for kind in make.__mro__ if issubclass(kind, Learner)]
    key = store.digest(made_of | {"code": code})
    name = f"{facts['dataset']}-{facts['measurement']}-{folder.name}-{args.seed}-{key}"
    checkpoint = args.checkpoints / f"{name}.pt"

    with store.clear_errors(), alone(checkpoint):
        where = device.take()
        files = {"y": args.y, "theta": args.theta, "x": args.clean}
        data = {name: torch.from_numpy(np.array(store.load_array(path))).to(where) for name, path in files.items() if path}
        generator = Generator(where).manual_seed(args.seed)
        learner = make(tuple(data["y"].shape[1:]), from_facts(facts), generator, **own)
        try:
            log = fit(learner, data, generator, **budget, checkpoint=checkpoint)
        except Interrupted as interruption:
            print(interruption, flush=True)
            sys.exit(143)
        finish(args.output, learner, log, made_of | {"threads": args.threads})
        checkpoint.unlink(missing_ok=True)


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
def trained(model: Path, shape: tuple[int, int, int], *names: str) -> tuple[nn.Module, ...]:
    """The named networks with the weights of model.pt, on this job's device, in evaluation mode.

    Raises SystemExit where the file is missing or does not fit: random weights are never scored.
    """
    where = device.take()
    try:
        packed = torch.load(model, weights_only=True, map_location=where)
        found = tuple(networks.unpacked(packed[name], shape).to(where) for name in names)
        for network in found:
            network.eval().requires_grad_(False)
        return found
    except FileNotFoundError:
        sys.exit(f"{model}: no such model; train it first (`snakemake {model}`)")
    except (KeyError, TypeError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        sys.exit(f"{model}: not the weights of this method ({why}); delete it and train again")
