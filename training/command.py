"""The command `python -m methods.NAME.train`, which every learned method has."""

import argparse
import csv
import functools
import inspect
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Generator

import protocols
import store
from bench import machine, method_facts
from bench.guard import guard, protected_by
from measurements.forward import ForwardModel, from_facts
from measurements.measure import measure as measure_once
from networks.architectures import ImageFormat
from networks.precision import has_bfloat16
from options import add_options
from training import checkpoints, device, models
from training.batches import as_float, measure_afresh, on_device, unpacked_side_info
from training.callbacks import SELECT_IMAGES, CleanSelection
from training.learner import Learner
from training.loop import Interrupted, fit
from training.recording import Unrecordable


def main(make: type[Learner]) -> None:
    """Build `make(images, forward, generator, **options)` and train it; writes model.pt, train.csv and train.json."""
    folder = Path(sys.modules["__main__"].__file__).parent
    schemas = method_facts.read(folder).train
    args = parser_of(folder.name, make, schemas).parse_args()

    machine.limit_threads(args.threads)
    options = {name: getattr(args, name) for name in schemas}
    budget = {name: options[name] for name in ("steps", "batch_size")}
    own = {name: value for name, value in options.items() if name not in budget}
    facts = store.describe(args.y)
    protocol = protocols.parse(facts.get("protocol", "sound"))
    check_protocol(args, protocol)
    made_of = {"method": folder.name, "options": options, "seed": args.seed, "data": facts}
    checkpoint = args.checkpoints / checkpoints.name(make, made_of)

    with store.clear_errors(), checkpoints.alone(checkpoint):
        named = [path for path in (args.y, args.side_info, args.clean, args.fresh, args.validation) if path]
        guard(named, protected_by(args.y))
        where = device.take()
        forward = from_facts(facts)
        files = {"fresh": args.fresh} if args.fresh else {"y": args.y, "side_info": args.side_info}
        data = on_device(files | {"x": args.clean}, where)
        generator = Generator(where).manual_seed(args.seed)
        images = ImageFormat(tuple(next(iter(data.values())).shape[1:]), facts.get("value_range", [0, 1])[0])
        learner = make(images, forward, generator, **own)
        models.check_savable(learner.networks)
        measure = functools.partial(measure_afresh, forward, bool(args.side_info)) if args.fresh else None
        selection = clean_selection(args, forward, facts, protocol, where) if args.validation else None
        try:
            log = fit(
                learner, data, generator, **budget,
                checkpoint=checkpoint, measure=measure, callback=selection, record=not args.plain,
            )  # fmt: skip
        except Interrupted as interruption:
            print(interruption, flush=True)
            sys.exit(143)
        except Unrecordable as reason:
            print(f"starting again with --plain, as a step could not be recorded: {reason}", flush=True)
            os.execv(sys.executable, [*sys.orig_argv, "--plain"])
        made_of |= {"threads": args.threads, "precision": "bfloat16" if has_bfloat16(where) else "float32"}
        made_of |= {"selected": selection.choose(learner)} if selection else {}
        kept = {name: network for name, network in learner.networks.items() if name not in learner.only_in_training}
        models.save(args.output / "model.pt", kept, images.shape)
        save_log(args.output, learner, log, made_of)
        checkpoint.unlink(missing_ok=True)


def parser_of(name: str, make: type[Learner], schemas: dict[str, dict]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m methods.{name}.train",
        description=f"{inspect.getdoc(make)}\n\nWrites model.pt, train.csv (every loss) and train.json (what was done).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--y", type=Path, required=True, help="measured training images, .npy")
    add("--side-info", type=Path, help="what may be told of the θ of each training image, .npy; only where the rule names it")
    add("--clean", type=Path, help="clean training images, .npy; only for supervised controls")
    add("--fresh", type=Path, help="protocol fresh_theta: clean training images, measured anew at every step")
    add("--validation", type=Path, help="protocol clean_selection: clean validation images, to select the weights by")
    add("--output", type=Path, required=True, help="folder of the model")
    add("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="folder of unfinished trainings (%(default)s)")
    add("--seed", type=int, default=0, help="seed of weights, batches and θ' (%(default)s)")
    add("--threads", type=int, default=1, help="threads that libraries may use (%(default)s)")
    add("--plain", action="store_true", help="on a GPU, run every step as it is written, not from a recording")
    add_options(parser, schemas)
    return parser


def check_protocol(args: argparse.Namespace, protocol: frozenset[str]) -> None:
    """Raises SystemExit where the clean images that a protocol adds are missing, or are given without it."""
    for flag, switch in {"fresh": "fresh_theta", "validation": "clean_selection"}.items():
        if bool(getattr(args, flag)) != (switch in protocol):
            remedy = 'name `**config["protocol"]` among the inputs of the rule `train`, which gives it where it belongs'
            name = protocols.name(protocol)
            sys.exit(f"{args.y}: is of protocol {name}, and --{flag} goes with the switch {switch} alone; {remedy}")


def clean_selection(
    args: argparse.Namespace, forward: ForwardModel, facts: dict, protocol: frozenset[str], where: torch.device
) -> CleanSelection:
    """The original's selection of weights, on the first images of the validation split, which are measured once."""
    clean = store.load_array(args.validation)[:SELECT_IMAGES]
    y, stored = (torch.from_numpy(part).to(where) for part in measure_once(clean, forward, facts["seed"], "validation")[:2])
    batch = {"y": as_float(y)} | ({"side_info": unpacked_side_info(stored, y.shape[1:])} if args.side_info else {})
    return CleanSelection(batch, as_float(torch.from_numpy(np.array(clean)).to(where)), protocol)


def save_log(folder: Path, learner: Learner, log: list[dict], made_of: dict) -> None:
    """Write train.csv and, last, train.json."""
    with store.replacing(folder / "train.csv") as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, fieldnames=log[0].keys())
        rows.writeheader()
        rows.writerows(log)
    options, seconds = made_of["options"], log[-1]["seconds"]
    measured = {
        "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in learner.networks.items()},
        "seconds": seconds,
        "images_per_second": options["steps"] * options["batch_size"] / seconds,
        "device": machine.device_name(),
        "torch": torch.__version__,
    }
    store.save_json(folder / "train.json", made_of | measured)
