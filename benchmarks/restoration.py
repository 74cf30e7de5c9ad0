"""Milliseconds to restore an image with each method of methods/, alone and in a batch of 64: `python -m benchmarks.restoration`.

The clock is the workflow's (`methods.contract.timed`): from the measurements in memory to the last estimate, after a warm-up
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

import torch

import methods
import store
from benchmarks.side_by_side import Bench, parser
from measurements.forward import ForwardModel
from methods import contract
from methods.contract import Measured
from methods.learner import Learner
from methods.networks import packed

FOLDER = Path(methods.__file__).parent
METHODS = sorted(path.parent.name for path in FOLDER.glob("*/restore.py"))
BATCHES = 1, contract.TIMING_BATCH


def learner_of(method: str) -> type[Learner]:
    """The learner that a method's train.py names: the most derived, where it names those that it comes from, too."""
    named = vars(importlib.import_module(f"methods.{method}.train")).values()
    kinds = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Learner)]
    return max(kinds, key=lambda kind: len(kind.__mro__))


def applies_to(method: str, forward: ForwardModel) -> bool:
    """Whether a forward model has the traits that a method asks for."""
    return contract.about(FOLDER / method)["applies"].items() <= forward.traits().items()


def restorer(method: str, measured: Measured, bench: Bench, folder: Path) -> Callable[[Measured], object]:
    """A method's `restore` with its default options, and with files for the inputs it names: a model of random weights, and
    the measurements themselves for those of the training."""
    restore = importlib.import_module(f"methods.{method}.restore").restore
    parameters = inspect.signature(restore).parameters
    given = {name: schema["default"] for name, schema in contract.about(FOLDER / method)["restore"].items()}
    given |= {"seed": 0} if "seed" in parameters else {}
    given |= {name: folder / f"{name}.npy" for name in ("train_y", "train_side_info") if name in parameters}
    if "model" in parameters:
        given["model"] = folder / f"{method}.{measured.forward.name()}.pt"
        learner = learner_of(method)(bench.shape, measured.forward, bench.generator())
        torch.save({name: packed(network) for name, network in learner.networks.items()}, given["model"])
    return lambda part: restore(part, **given)


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
            measured = bench.measured(measurement, contract.TIMING_BATCH)
            (folder / measurement).mkdir()
            store.save_array(folder / measurement / "train_y.npy", measured.y)
            store.save_array(folder / measurement / "train_side_info.npy", measured.side_info)
            for method in args.methods:
                if applies_to(method, measured.forward):
                    contenders[method, measurement] = restorer(method, measured, bench, folder / measurement), measured
        for _ in range(args.repetitions):
            for row, (restore, measured) in contenders.items():
                for batch in BATCHES:
                    _, facts = contract.timed(restore, measured[:batch])
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
