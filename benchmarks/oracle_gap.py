"""What selecting weights by clean error would gain over keeping the last ones, measured on a sound training.

    python -m benchmarks.oracle_gap --method ambient_vaegan --data results/measured/mnist/drop_patch --steps 20000

trains a method as the workflow does, on its one measurement of each image, and looks at it every so many steps, which changes
nothing. A look is a row of the csv: `validation_mse`, the clean error on validation images (what the original selects by; an
oracle, as it needs clean images); `test_psnr`, per image and then averaged; `held_out`, a criterion on measurements alone:

    drops  the mean of (x̂(f_θ'(y)) - y)² over values that θ let through and a further θ' hid from the network: a tenth of those
           that are dropped independently, so that its input is nearly that of the test, and another patch
    noise  the mean of (x̂(y + τ n) - (y - n / τ))², n ~ N(0, σ²): recorrupted-to-recorrupted (Pang et al., CVPR 2021), τ = 1/2

Validation and test are measured here, in the draws of the workflow. The draws of the criterion are the same at every look.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

import store
from benchmarks.restoration import learner_of
from measurements.forward import Example, ForwardModel, from_facts
from measurements.measure import measure
from methods import contract, device, training
from methods.batches import as_float, as_told, on_device
from methods.learner import Batch, Learner
from methods.watching import Watch, estimated
from metrics.quality import PSNR_CEILING

TAU, HIDDEN = 0.5, 0.1
BATCH = 500  # images restored at a time


def corrupted_again(measurement: ForwardModel, batch: Batch, generator: Generator) -> Example:
    """Measurements corrupted once more: what the network gets, what its prediction is compared with, and where."""
    return measurement.recorrupt(batch["y"], batch["side_info"], generator, share=HIDDEN, tau=TAU)


class Gap(Watch):
    """A row for each look: step, validation_mse, test_psnr, held_out."""

    def __init__(self, every: int, measurement: ForwardModel, splits: dict[str, tuple[Tensor, Batch]], told: bool):
        super().__init__(every)
        self.measurement, self.splits, self.told = measurement, splits, told
        batch = splits["validation"][1]
        self.example = corrupted_again(measurement, batch, Generator(batch["y"].device).manual_seed(1))
        self.state = {"rows": []}

    def look(self, step: int, learner: Learner) -> None:
        errors = {split: image_mse(self.restored(learner, batch), x) for split, (x, batch) in self.splits.items()}
        example = self.example
        estimate = self.restored(learner, {"y": example.input, "side_info": example.side_info})
        predicted = self.measurement.predict(estimate, self.splits["validation"][1]["side_info"])
        row = {
            "step": step,
            "validation_mse": float(errors["validation"].mean()),
            "test_psnr": float((-10 * errors["test"].clamp(min=10 ** (-PSNR_CEILING / 10)).log10()).mean()),
            "held_out": float(((predicted - example.target)[example.counts] ** 2).mean()),
        }
        self.state["rows"].append(row)
        print("  ".join(f"{name} {value:.6g}" for name, value in row.items()), flush=True)

    def restored(self, learner: Learner, batch: Batch) -> Tensor:
        """The learner's estimates of all images; it has side information where its rule names it."""
        names = ["y", "side_info"] if self.told else ["y"]
        parts = zip(*(batch[name].split(BATCH) for name in names), strict=True)
        return torch.cat([estimated(learner, dict(zip(names, part, strict=True))) for part in parts])


def image_mse(estimate: Tensor, x: Tensor) -> Tensor:
    """[N], of estimates clipped as the bench clips them."""
    return ((estimate.clamp(0, 1) - x) ** 2).mean((1, 2, 3))


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """The looks that each way of selecting takes, and what it gains on the test split over the last one."""
    looks = {"clean error": rows["validation_mse"].idxmin(), "held out": rows["held_out"].idxmin(), "last": rows.index[-1]}
    table = rows.loc[list(looks.values())].set_axis(list(looks), axis=0)
    return table.assign(gain_db=table["test_psnr"] - table["test_psnr"].iloc[-1])


def main() -> None:
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--method", required=True, help="a folder of methods/ whose learner has an estimate")
    method = first.parse_known_args()[0].method
    folder = Path(training.__file__).parent / method
    if not (folder / "train.py").exists():
        sys.exit(f"methods/{method}/train.py: no such file; name a method that learns")
    schemas = contract.about(folder)["train"]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.oracle_gap",
        parents=[first],
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="<results>/measured/DATASET/MEASUREMENT; clean splits lie in <results>/clean")
    add("--sees", nargs="*", choices=["side_info", "clean"], default=[], help="what else than y the method's rule `train` names")
    add("--every", type=int, default=500, help="steps between looks (%(default)s)")
    add("--images", type=int, default=1000, help="of the validation and of the test split, from the first (%(default)s)")
    add("--seed", type=int, default=0, help="seed of weights and batches (%(default)s)")
    add("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="unfinished training (%(default)s)")
    add("--output", type=Path, default=Path("selection.csv"), help="a row for each look (%(default)s)")
    contract.add_options(parser, schemas)
    args = parser.parse_args()

    contract.limit_threads(1)
    facts = store.describe(args.data / "train.y.npy")
    if facts.get("protocol", "sound") != "sound":
        sys.exit(f"{args.data}: is of protocol {facts['protocol']}; this asks what a sound training would gain")
    measurement, kind, where = from_facts(facts), learner_of(method), device.take()
    if kind.estimate is Learner.estimate:
        sys.exit(f"methods/{method}: its learner has no estimate, so there is nothing to select by")
    clean = args.data.parents[2] / "clean" / facts["dataset"]
    files = {"y": args.data / "train.y.npy"}
    files |= {"side_info": args.data / "train.side_info.npy"} if "side_info" in args.sees else {}
    files |= {"x": clean / "train.npy"} if "clean" in args.sees else {}

    splits = {}
    for split in ("validation", "test"):
        x = np.array(store.load_array(clean / f"{split}.npy")[: args.images])
        arrays = x, *measure(x, measurement, facts["seed"], split)
        x, y, side_info = (torch.from_numpy(array).to(where) for array in arrays)
        seen = {"y": as_float(y), "side_info": as_told(side_info, x.shape[1:])}
        splits[split] = as_float(x), seen
    options = {name: getattr(args, name) for name in schemas}
    made_of = {"options": options, "seed": args.seed, "data": facts, "looks": [args.every, args.images, args.sees]}
    checkpoint = args.checkpoints / f"oracle-gap-{method}-{training.fingerprint(kind, made_of)}.pt"
    budget = {name: options.pop(name) for name in ("steps", "batch_size")}
    with store.clear_errors(), training.alone(checkpoint):
        generator = Generator(where).manual_seed(args.seed)
        learner = kind(tuple(splits["test"][0].shape[1:]), measurement, generator, **options)
        gap = Gap(args.every, measurement, splits, "side_info" in args.sees)
        data = on_device(files, where)
        try:
            training.fit(learner, data, generator, **budget, checkpoint=checkpoint, watch=gap)
        except training.Interrupted as interruption:
            print(interruption, flush=True)
            sys.exit(143)
        rows = pd.DataFrame(gap.state["rows"])
        with store.replacing(args.output) as partial:
            rows.to_csv(partial, index=False, float_format="%.7g")
        checkpoint.unlink(missing_ok=True)
    print(f"\n{chosen(rows).to_string(float_format='%.4f')}\n\n{args.output}: {len(rows)} looks")


if __name__ == "__main__":
    main()
