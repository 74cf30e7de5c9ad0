"""What every method shares: its command line, its options, its view of the measurements, and the clock.

A method is a folder with a rule module and a `restore.py` that ends in `contract.main(restore)`, where

    def restore(measured: Measured, *, <named inputs>: Path, <options>) -> Iterator[Images]

yields one or more estimates of the clean images, each better than the last or at least later. Every estimate is one point of the
curve of MSE against time; the last one is scored. The bench holds the clock and saves the files, a method computes.
Keyword parameters annotated `Path` are files that the rule names; `seed` is the run's seed; the others are options, described
with bounds and defaults in `method.yaml` beside `restore.py`. Loading a model belongs in a function under `functools.cache`, so
that the untimed warm-up does it.

A method that has a posterior over clean images, not only an estimate, ends in `contract.main(restore, sample=sample)`, where

    def sample(measured: Measured, *, <named inputs>: Path, seed: int, count: int, <options>) -> Images of [K, N, H, W, C]

gives K = count independent draws for each image, and its rule module uses the rule `sample` too. Of the named inputs and options
of `restore` it takes what it names itself. `measured.normal` makes random numbers that belong to an image, wherever it stands.
"""

import argparse
import functools
import inspect
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import yaml

import store
from measurements.forward import ForwardModel, from_facts
from measurements.side_info import from_disk
from options import add_options, parser_of

TIMING_BATCH = 64  # images, as in the paper's Figure 5
CHUNK = (
    400_000  # values restored at a time on a CPU, 510 images of MNIST or 32 of CelebA: more leave its cache and are no faster …
)
GPU_CHUNK = 16 * CHUNK  # … and on a GPU
PAPER_CHUNK = 64  # images; the paper's batches, as its estimates depend on them
SAMPLES, SAMPLED = 32, 256  # posterior samples, and of how many images


@dataclass(frozen=True)
class Measured:
    """Measurements as a method sees them."""

    y: np.ndarray  # float32 [N, H, W, C]; noise may leave [0, 1]
    forward: ForwardModel  # how y came about (measurements/forward.py)
    side_info: np.ndarray | None = None  # as its file holds it (measurements/side_info.py), where the rule names it
    protocol: str = "sound"  # or "paper": how the original would have it (README, Protocols)

    @functools.cached_property
    def informs(self) -> np.ndarray:
        """Where y says anything of x: bool [N, H, W, C]. Raises SystemExit where that takes side information without its file."""
        return self.forward.informs(self._told(), self.y.shape)

    @functools.cached_property
    def observed(self) -> np.ndarray:
        """Where y is a value of x: bool [N, H, W, C]. Raises SystemExit as `informs` does."""
        return self.forward.observed(self._told(), self.y.shape)

    def _told(self) -> np.ndarray | None:
        if self.side_info is None and self.forward.has_mask:
            sys.exit("this method uses the side information of each image; name `side_info` among the inputs of its rule")
        return None if self.side_info is None else from_disk(self.side_info, self.y.shape)

    def normal(self, count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
        """Standard normal numbers for `count` samples of each image, float32 [K, N, *shape].

        Those of an image depend on (seed, its measurement) alone, so that its samples do not depend on its neighbours.
        """
        sources = [np.random.default_rng([seed, crc32(np.ascontiguousarray(y))]) for y in self.y]
        return np.stack([source.standard_normal((count, *shape), np.float32) for source in sources], axis=1)

    def __getitem__(self, images: slice) -> "Measured":
        return replace(self, y=self.y[images], side_info=None if self.side_info is None else self.side_info[images])


def about(folder: Path) -> dict:
    """What method.yaml says: {"title": …, "train", "restore": {option: JSON schema}, "applies": {trait: bool}}.

    Learned methods have the training engine's options (methods/training.yaml) before their own.
    """
    own = folder / "method.yaml"
    told = {"title": folder.name.replace("_", " "), "train": {}, "restore": {}, "applies": {}}
    told |= (yaml.safe_load(own.read_text()) or {}) if own.exists() else {}
    if (folder / "train.py").exists():
        told["train"] = yaml.safe_load(Path(__file__).with_name("training.yaml").read_text()) | told["train"]
    return told


def main(restore: Callable[..., Iterator], sample: Callable | None = None) -> None:
    """The command `python -m methods.<name>.restore`: restore a file of measurements, time one batch of it, or sample from it."""
    folder = Path(sys.modules["__main__"].__file__).parent
    parameters = [p for p in inspect.signature(restore).parameters.values() if p.kind is p.KEYWORD_ONLY]
    named = [p.name for p in parameters if p.annotation is Path]
    schemas = about(folder)["restore"]

    parser = argparse.ArgumentParser(prog=f"python -m methods.{folder.name}.restore", description=inspect.getdoc(restore))
    parser.add_argument("--y", type=Path, required=True, help="measurements, float16 .npy of [N, H, W, C]")
    parser.add_argument("--side-info", type=Path, help="side information of each image, .npy; only for a rule that names it")
    for name in named:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True, help="an input that the rule names")
    parser.add_argument("--output", type=Path, required=True, help="estimates, float16 .npy; the facts go to .json beside it")
    parser.add_argument("--method", default=folder.name, help="the row's name in the tables (%(default)s)")
    parser.add_argument("--timing", action="store_true", help=f"time the first {TIMING_BATCH} images instead")
    if sample:
        parser.add_argument(
            "--samples",
            type=parser_of("samples", {"type": "integer", "minimum": 1}),
            nargs="?",
            const=SAMPLES,
            metavar="K",
            help=f"write K posterior samples of the first {SAMPLED} images instead, [K, N, H, W, C] (%(const)s)",
        )
    parser.add_argument("--seed", type=int, help="seed of the run, for a method that has any randomness")
    parser.add_argument("--threads", type=int, default=1, help="threads that libraries may use (%(default)s)")
    add_options(parser, schemas)
    args = parser.parse_args()

    limit_threads(args.threads)
    given = {name: getattr(args, name) for name in [*named, *schemas]}
    if any(p.name == "seed" for p in parameters):
        given["seed"] = args.seed or 0
    facts = store.describe(args.y)
    with store.clear_errors():
        y = store.load_array(args.y)
        if not len(y):
            sys.exit(f"{args.y}: holds no images")
        side_info = store.load_array(args.side_info) if args.side_info else None
        protocol = facts.get("protocol", "sound")
        measured = Measured(y, from_facts(facts), side_info, protocol)
        record = {
            "method": args.method,
            "dataset": facts["dataset"],
            "measurement": facts["measurement"],
            "seed": args.seed,
            "protocol": protocol,
        }
        record |= {"options": {name: given[name] for name in schemas}, "threads": args.threads}
        if sample and args.samples:
            wanted = inspect.signature(sample).parameters
            given = {name: value for name, value in given.items() if name in wanted} | {"seed": args.seed or 0}
            draw = functools.partial(sample, **given, count=args.samples)
            estimates, measurements = sampled(draw, measured[:SAMPLED], args.samples)
        else:
            run = timed if args.timing else restored
            estimates, measurements = run(lambda part: restore(part, **given), measured)
        store.save_array(args.output, estimates)
        store.save_json(args.output.with_suffix(".json"), record | measurements | {"device": device_name()})


Restorer = Callable[[Measured], Iterator]


def chunk_of(measured: Measured) -> int:
    """Images restored at a time."""
    if measured.protocol == "paper":
        return PAPER_CHUNK
    on_gpu = (torch := sys.modules.get("torch")) and torch.cuda.is_available()
    return max(1, (GPU_CHUNK if on_gpu else CHUNK) // math.prod(measured.y.shape[1:]))


def restored(restore: Restorer, measured: Measured) -> tuple[np.ndarray, dict]:
    """The last estimate of every image, float16 [N, H, W, C], chunk by chunk."""
    count, began, spoke = len(measured.y), time.monotonic(), time.monotonic()
    estimates = np.empty(measured.y.shape, np.float16)
    chunk = chunk_of(measured)
    for start in range(0, count, chunk):
        part = loaded(measured[start : start + chunk])
        last = None
        for last in restore(part):  # noqa: B007 - only the last one counts
            pass
        if last is None:
            sys.exit("the method yields no estimate")
        estimates[start : start + chunk] = checked(last, part)
        done, now = min(start + chunk, count), time.monotonic()
        if now - spoke > 10 or done == count:
            print(f"restored {done}/{count}  {(now - began) / done * (count - done):.0f} s to go", flush=True)
            spoke = now
    return estimates, {"seconds": time.monotonic() - began}


def sampled(sample: Callable[[Measured], object], measured: Measured, count: int) -> tuple[np.ndarray, dict]:
    """`count` posterior samples of every image, float16 [K, N, H, W, C]; a chunk has as many samples as one has estimates."""
    began, step = time.monotonic(), max(1, chunk_of(measured) // count)
    samples = np.empty((count, *measured.y.shape), np.float16)
    for start in range(0, len(measured.y), step):
        part = loaded(measured[start : start + step])
        samples[:, start : start + step] = checked(sample(part), part, count)
    return samples, {"samples": count, "images": len(measured.y), "seconds": time.monotonic() - began}


def timed(restore: Restorer, measured: Measured) -> tuple[np.ndarray, dict]:
    """Estimates of one batch with the time each took: float16 [T, B, H, W, C] and {"steps": [T], "seconds": [T]}.

    The clock starts with the measurements in memory and stops at each estimate when the device is done; saving is not counted.
    After an untimed warm-up the method runs for half a second, at least 5 times but not again after 5 seconds, and the median
    counts. Of a long search a geometric series of steps is kept.
    """
    batch = loaded(measured[:TIMING_BATCH])
    if next(iter(restore(batch)), None) is None:
        sys.exit("the method yields no estimate")
    runs: list[list[float]] = []
    busy, opened = others_busy(), time.monotonic()
    while not runs or (so_far := time.monotonic() - opened) < 0.5 or (len(runs) < 5 and so_far < 5):
        estimates, steps, seconds, unsaved = [], [], [], 0.0
        synchronise()
        began = time.perf_counter()
        for step, estimate in enumerate(restore(batch), start=1):
            synchronise()
            now = time.perf_counter()
            seconds.append(now - began - unsaved)
            kept = not steps or step >= 1.1 * steps[-1]
            if kept:
                steps.append(step)
                estimates.append(checked(estimate, batch))
            unsaved += time.perf_counter() - now
        if not kept:
            steps.append(step)
            estimates.append(checked(estimate, batch))
        runs.append(seconds)
    median = np.median(runs, axis=0)
    if ((others := busy()) or 0) > 0.25:
        print(f"warning: other programs kept {others:.1f} cores busy meanwhile; do not trust these times", file=sys.stderr)
    kept_seconds = [float(median[step - 1]) for step in steps]
    facts = {"steps": steps, "seconds": kept_seconds, "runs": len(runs), "images": len(batch.y), "others_busy": others}
    return np.stack(estimates), facts


def loaded(part: Measured) -> Measured:
    return replace(part, y=np.asarray(part.y, np.float32), side_info=None if part.side_info is None else np.array(part.side_info))


def checked(estimate, part: Measured, samples: int | None = None) -> np.ndarray:
    """The estimate clipped to [0, 1], float16 [N, H, W, C], or its samples [K, N, H, W, C].

    Raises SystemExit where it is not finite or misshapen.
    """
    array = np.asarray(estimate.cpu() if hasattr(estimate, "cpu") else estimate, np.float32)
    what, shape = ("estimate has", part.y.shape) if samples is None else ("samples have", (samples, *part.y.shape))
    if array.shape != shape:
        sys.exit(f"the {what} shape {array.shape}, where the measurements ask for {shape}")
    if not np.isfinite(array).all():
        sys.exit(f"the {what} values that are not finite")
    return np.clip(array, 0, 1).astype(np.float16)


def limit_threads(threads: int) -> None:
    """Bound the threads of the libraries that this process has loaded; others read OMP_NUM_THREADS, which Snakemake sets."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(threads)


def synchronise() -> None:
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def device_name() -> str:
    """What stands beside every time: the name of the GPU that was used, else of the processor."""
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def others_busy() -> Callable[[], float | None]:
    """A function that says how many cores other programs have kept busy since this call; None where psutil is not installed."""
    try:
        import psutil
    except ModuleNotFoundError:  # a machine that has PyTorch and little else
        return lambda: None

    def busy() -> float:
        times = psutil.cpu_times()
        return sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0)

    before, own, began = busy(), sum(os.times()[:4]), time.monotonic()
    return lambda: max(0.0, (busy() - before - sum(os.times()[:4]) + own) / max(time.monotonic() - began, 1e-9))
