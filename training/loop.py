"""The training loop of every learned method: steps, log, progress, checkpoints, and an end by a signal that loses nothing."""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch import Generator, Tensor

from training import checkpoints, memory
from training.batches import Measure, draw_batch
from training.callbacks import Callback
from training.learner import Batch, Learner
from training.recording import Recorded

LOG_EVERY = 100  # steps between rows of the log; each row is the mean over them
SPEAK_EVERY = 10  # seconds between lines of progress
SAVE_EVERY = 60  # seconds between checkpoints


class Interrupted(Exception):
    """Training was told to stop and has saved what it had."""


class Training:
    """A training under way: everything that a checkpoint holds."""

    def __init__(
        self,
        learner: Learner,
        generator: Generator,
        draw: Callable[[], Batch],
        callbacks: Sequence[Callback] = (),
        record: bool = False,
    ):
        self.learner, self.generator, self.draw, self.callbacks = learner, generator, draw, callbacks
        self.record = record and generator.device.type == "cuda"
        self.phase, self.run = None, self.one_step
        self.step, self.log = 0, []
        self.total: dict[str, Tensor] = {}  # of each loss, since the last row of the log
        self.began = time.monotonic()  # less what was trained before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def state(self) -> dict:
        """All that a checkpoint holds."""
        state = {name: getattr(self, name) for name in ("step", "seconds", "log", "total")}
        state |= {"generator": self.generator.get_state(), "callbacks": [callback.state for callback in self.callbacks]}
        for part in ("networks", "optimizers"):
            state[part] = {name: each.state_dict() for name, each in getattr(self.learner, part).items()}
        return state

    def continue_from(self, state: dict) -> None:
        self.step, self.log, self.total = int(state["step"]), list(state["log"]), dict(state["total"])
        self.began = time.monotonic() - state["seconds"]
        self.generator.set_state(state["generator"].cpu())
        for callback, remembered in zip(self.callbacks, state["callbacks"], strict=True):
            callback.state = remembered
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
        if (phase := self.learner.begin(self.step)) != self.phase:  # other work, which is recorded anew
            self.phase, self.run = phase, Recorded(self.one_step, self.generator) if self.record else self.one_step
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
        steps = self.step - (self.log[-1]["step"] if self.log else 0)
        means = {name: float(value) / steps for name, value in self.total.items()}
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
    shorter: Path | None = None,
    keep: bool = False,
    callbacks: Sequence[Callback] = (),
    record: bool = True,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> list[dict]:
    """Train for `steps` steps of `batch_size` images drawn with replacement; return the log, a row per LOG_EVERY steps.

    With `measure` each batch is measured when it is drawn (`draw_batch`). Continues from `checkpoint` where there is one, bit
    for bit on the CPU, and writes it every SAVE_EVERY seconds and on SIGINT or SIGTERM (then raises Interrupted). Raises
    SystemExit at the end of the first row with a non-finite loss, no checkpoint is written after one, and where a step does not
    fit into memory (training/memory.py). On a GPU steps are played
    back from a recording where the data lie there, unless `record` is false; raises Unrecordable where that cannot be.
    """
    learner.steps = steps
    record = record and all(values.is_cuda for values in data.values())
    training = Training(learner, generator, lambda: draw_batch(data, batch_size, generator, measure), callbacks, record)
    for begun in filter(None, (checkpoint, shorter)):
        if state := checkpoints.load(begun, generator.device, training.state()):
            try:
                training.continue_from(state)
            except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:  # of the right keys, but no more
                sys.exit(f"{checkpoints.set_aside(begun, error)}; run again, and the training starts afresh")
            say(f"continuing at step {training.step} of {steps} ({begun})")
            break
    for network in learner.networks.values():
        network.train()
    if not training.step:
        memory.check(learner, lambda count: draw_batch(data, count, generator, measure), generator, batch_size)
    first, began, means = training.step, time.monotonic(), {}
    spoke = saved = began
    with signals_heard() as stop, memory.clear_errors(batch_size):
        while (step := training.step) < steps:
            training.advance()
            step += 1
            now = time.monotonic()
            for callback in callbacks:
                if callback.due(step, steps):
                    callback.after_step(step, learner)
            try:
                if step % LOG_EVERY == 0 or step == steps:
                    means = training.add_row()
                if now - saved > SAVE_EVERY:
                    training.check()
                    checkpoints.save(checkpoint, training.state())
                    saved = now
            except ValueError as error:
                sys.exit(f"{error}; the last good checkpoint is {checkpoint}" if checkpoint.exists() else str(error))
            if now - spoke > SPEAK_EVERY or step == steps:
                rate = (step - first) / (now - began)
                values = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
                say(f"step {step}/{steps}  {rate * batch_size:.0f} images/s  {(steps - step) / rate:.0f} s to go  {values}")
                spoke = now
            if stop:
                checkpoints.save(checkpoint, training.state())
                raise Interrupted(f"stopped at step {step} of {steps}; run again to continue ({checkpoint})")
    if keep:
        checkpoints.save(checkpoint, training.state())
    return training.log
