"""Milliseconds to restore an image with each method of methods/, alone and in a batch of 64: `python -m benchmarks.restoration`.

The clock is the workflow's (`bench.clock.timed`): from the measurements in memory to the last estimate, after a warm-up
that loads the model. A round is one such timing of every method, and the median over the rounds counts. Options are the defaults
of method.yaml. Networks have random weights: a forward pass and a search of a set number of steps are the same work whatever the
weights are. Measurements are of smoothed noise, with a patch lost or with noise added. `as_measured` computes nothing: it is
the floor, what the contract and the clock cost by themselves.
"""

import importlib
import inspect
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import store
from bench import method_facts
from bench.clock import TIMING_BATCH, timed
from bench.measured import Measured
from benchmarks.learners import FOLDER, learner_of, learner_options, restoration_options
from benchmarks.side_by_side import Bench, parser
from measurements.forward import ForwardModel
from training import models

PROGRAMS = sorted(FOLDER.glob("*/restore.py"))
METHODS = [path.parent.name for path in PROGRAMS if not (path.parent / "requirements.txt").exists()]  # packages of their own
BATCHES = 1, TIMING_BATCH


def applies_to(method: str, forward: ForwardModel) -> bool:
    """Whether a forward model has the traits that a method asks for."""
    return method_facts.read(FOLDER / method).applies.items() <= forward.traits().items()


def restorer(
    method: str, measured: Measured, bench: Bench, folder: Path, options: dict | None = None, function: str = "restore"
) -> Callable[..., object]:
    """A method's `restore` (or `sample`) with these options, or its defaults, and with files for the inputs it names: a model of
    random weights, and the measurements themselves for those of the training."""
    program = importlib.import_module(f"methods.{method}.restore")
    call, parameters = getattr(program, function), inspect.signature(getattr(program, function)).parameters
    given = {name: value for name, value in (options or restoration_options(method)).items() if name in parameters}
    given |= {p.name: folder / f"{p.name}.npy" for p in parameters.values() if p.annotation is Path}
    given |= {"seed": 0} if "seed" in parameters else {}
    if "model" in given:
        given["model"] = folder / f"{method}.pt"
        learner = learner_of(method)(bench.images, measured.forward, bench.generator(), **learner_options(method))
        models.save(given["model"], learner.networks, bench.shape)
    return lambda part, *count: call(part, **given, **dict(zip(["count"], count, strict=False)))


def main() -> None:
    options = parser("restoration", __doc__, repetitions=3)
    options.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="NAME", help="(all)")
    args = options.parse_args()
    bench = Bench(args)
    seconds: dict[tuple[str, str], dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        contenders = {}
        for measurement in ("drop_patch", "add_noise"):
            measured = bench.measured(measurement, TIMING_BATCH)
            (folder / measurement).mkdir()
            store.save_array(folder / measurement / "train_y.npy", measured.y)
            store.save_array(folder / measurement / "train_side_info.npy", measured.stored)
            for method in args.methods:
                if applies_to(method, measured.forward):
                    contenders[method, measurement] = restorer(method, measured, bench, folder / measurement), measured
        for _ in range(args.repetitions):
            for row, (restore, measured) in contenders.items():
                for batch in BATCHES:
                    _, facts = timed(restore, measured[:batch])
                    seconds.setdefault(row, {}).setdefault(batch, []).append(facts["seconds"][-1] / batch)
    rows = [
        {"method": method, "measurement": measurement}
        | {f"ms per image, batch {batch}": 1e3 * statistics.median(each[batch]) for batch in BATCHES}
        for (method, measurement), each in seconds.items()
    ]
    rows.sort(key=lambda row: (row["measurement"], list(row.values())[-1]))
    bench.write("restoration", rows, f"Rounds: {args.repetitions}; `as_measured` is the floor.")


if __name__ == "__main__":
    main()
