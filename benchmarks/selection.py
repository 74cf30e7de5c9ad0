"""What choosing a training's weights by clean error would gain over keeping the last ones, measured on a sound training.

    python -m benchmarks.selection --method ambient_vaegan --data results/measured/mnist/drop_patch --steps 20000

trains a method as the workflow does, on its one measurement of each image, and evaluates the weights every so many steps, which
does not change the training. Every evaluation is a row of the csv:

    validation_mse   the clean error on validation images, by which the original selects its weights and a sound method cannot
    test_psnr        the PSNR of each test image, averaged
    held_out         a criterion that needs measurements alone

The criterion is that of the learning curves (`training.learning.Criterion`): it corrupts the validation measurements once more,
restores the result, and asks how well that predicts what was taken away.

Validation and test images are measured here, with the random numbers of the workflow.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

import store
from bench import machine, method_facts
from benchmarks.learners import BUDGET, FOLDER, learner_of
from measurements.files import check
from measurements.forward import ForwardModel, from_facts
from measurements.measure import measure
from metrics.quality import PSNR_CEILING
from networks.architectures import ImageFormat
from options import COUNT, SEED, THREADS, add_options, command_parser, parser_of
from training import checkpoints, device
from training.batches import as_float, on_device, unpacked_side_info
from training.callbacks import Callback
from training.learner import Batch, Learner
from training.learning import Criterion
from training.loop import Interrupted, fit
from training.recording import Unrecordable


class Evaluation(Callback):
    """A row each time it is called: step, validation_mse, test_psnr, held_out.

    `splits` are the clean images and the measurements of validation and test; `sees_side_info` is whether the learner gets the
    side information too.
    """

    def __init__(self, every: int, forward: ForwardModel, splits: dict[str, tuple[Tensor, Batch]], sees_side_info: bool):
        self.every, self.splits = every, splits
        self.criterion = Criterion(forward, splits["validation"][1], sees_side_info)
        self.state = {"rows": []}

    def due(self, step: int, steps: int) -> bool:
        return step % self.every == 0 or step == steps

    def after_step(self, step: int, learner: Learner) -> None:
        restored = {split: self.criterion.restored(learner, **batch) for split, (_, batch) in self.splits.items()}
        errors = {split: image_mse(restored[split], x) for split, (x, _) in self.splits.items()}
        row = {
            "step": step,
            "validation_mse": float(errors["validation"].mean()),
            "test_psnr": float((-10 * errors["test"].clamp(min=10 ** (-PSNR_CEILING / 10)).log10()).mean()),
            "held_out": self.criterion.error(learner),
        }
        self.state["rows"].append(row)
        print("  ".join(f"{name} {value:.6g}" for name, value in row.items()), flush=True)


def image_mse(estimate: Tensor, x: Tensor) -> Tensor:
    """[N], of estimates clipped as the benchmark clips them."""
    return ((estimate.clamp(0, 1) - x) ** 2).mean((1, 2, 3))


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """The evaluations that each way of selecting takes, and what it gains on the test split over the last one."""
    taken = {"clean error": rows["validation_mse"].idxmin(), "held out": rows["held_out"].idxmin(), "last": rows.index[-1]}
    table = rows.loc[list(taken.values())].set_axis(list(taken), axis=0)
    return table.assign(gain_db=table["test_psnr"] - table["test_psnr"].iloc[-1])


def measured_split(split: str, clean: Path, images: int, forward: ForwardModel, seed: int, where: torch.device):
    """The first clean images of a split, and their measurements as a learner takes them."""
    x = np.array(store.load_array(clean / f"{split}.npy")[:images])
    x, y, stored = (torch.from_numpy(array).to(where) for array in (x, *measure(x, forward, seed, split)))
    return as_float(x), {"y": as_float(y), "side_info": unpacked_side_info(stored, x.shape[1:])}


def arguments() -> tuple[argparse.Namespace, dict[str, dict]]:
    """The command line, and the schemas of the options of the method that it names."""
    first = argparse.ArgumentParser(add_help=False)
    means = "a folder of methods/ whose learner makes an estimate while it trains (%(default)s); the options below are its own"
    first.add_argument("--method", default="ambient_vaegan", help=means)
    method = first.parse_known_args()[0].method
    if not (FOLDER / method / "train.py").exists():
        sys.exit(f"methods/{method}/train.py: no such file; name a method that learns")
    parser = command_parser("benchmarks.selection", __doc__, parents=[first])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="<results>/measured/DATASET/MEASUREMENT; clean splits lie in <results>/clean")
    sees = "the inputs beside y that the method's rule `train` names: side_info, clean; again, for a second measurement"
    add("--sees", nargs="*", choices=["side_info", "again", "clean"], default=[], help=sees)
    add("--every", type=parser_of("every", COUNT), default=500, help="steps between evaluations (%(default)s)")
    add(
        "--images",
        type=parser_of("images", COUNT),
        default=1000,
        help="of the validation and of the test split, from the first (%(default)s)",
    )
    add("--seed", type=parser_of("seed", SEED), default=0, help="seed of weights and batches (%(default)s)")
    add("--threads", **THREADS)
    add("--plain", action="store_true", help="on a GPU, run every step as it is written, not from a recording")
    add("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="folder of unfinished trainings (%(default)s)")
    add("--output", type=Path, default=Path("selection.csv"), help="a row for each evaluation (%(default)s)")
    schemas = method_facts.read(FOLDER / method).train
    add_options(parser, schemas)
    return parser.parse_args(), schemas


def main() -> None:
    args, schemas = arguments()
    machine.limit_threads(args.threads)
    facts = store.describe(args.data / "train.y.npy")
    if (protocol := facts.get("protocol", "sound")) != "sound":
        sys.exit(f"{args.data}: is of protocol {protocol}; this asks what a sound training would gain")
    forward, kind, where = from_facts(facts), learner_of(args.method), device.take()
    if kind.estimate is Learner.estimate:
        sys.exit(f"methods/{args.method}: its learner makes no estimate while it trains, so there is nothing to select by")
    clean = args.data.parents[2] / "clean" / facts["dataset"]
    files = {
        "y": args.data / "train.y.npy",
        "side_info": args.data / "train.side_info.npy" if "side_info" in args.sees else None,
        "x": clean / "train.npy" if "clean" in args.sees else None,
    }
    if "again" in args.sees:
        files |= {f"{name}_again": args.data / f"train_again.{name}.npy" for name in ("y", "side_info")}
    options = {name: getattr(args, name) for name in schemas}
    made_of = {"method": f"{args.method}-selection", "options": options, "seed": args.seed, "data": facts}
    made_of["evaluations"] = [args.every, args.images, args.sees]
    checkpoint = args.checkpoints / checkpoints.name(kind, made_of, FOLDER / args.method)
    budget = {name: options[name] for name in BUDGET}
    own = {name: value for name, value in options.items() if name not in BUDGET}
    with store.clear_errors(), checkpoints.alone(checkpoint):
        splits = {
            split: measured_split(split, clean, args.images, forward, facts["seed"], where) for split in ("validation", "test")
        }
        check(filter(None, files.values()))
        data = on_device(files, where)
        generator = Generator(where).manual_seed(args.seed)
        images = ImageFormat(tuple(data["y"].shape[1:]), facts.get("value_range", [0, 1])[0])
        learner = kind(images, forward, generator, **own)
        evaluation = Evaluation(args.every, forward, splits, "side_info" in args.sees)
        try:
            fit(learner, data, generator, **budget, checkpoint=checkpoint, callbacks=[evaluation], record=not args.plain)
        except Interrupted as interruption:
            print(interruption, flush=True)
            sys.exit(143)
        except Unrecordable as reason:
            sys.exit(f"a step could not be recorded ({reason}); run again with --plain")
        except KeyError as error:
            if not (missing := {"side_info": "side_info", "y_again": "again", "x": "clean"}.get(error.args[0])):
                raise
            sys.exit(f"methods/{args.method}: its training sees more than is given; name {missing} after --sees")
        rows = pd.DataFrame(evaluation.state["rows"])
        with store.replacing(args.output) as partial:
            rows.to_csv(partial, index=False, float_format="%.7g")
        checkpoint.unlink(missing_ok=True)
    print(f"\n{chosen(rows).to_string(float_format='%.4f')}\n\n{args.output}: {len(rows)} evaluations")


if __name__ == "__main__":
    main()
