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
from bench.time_limit import FLAG, TimeLimit
from measurements import files
from measurements.forward import ForwardModel, from_facts
from measurements.measure import measure as measure_once
from networks.architectures import ImageFormat
from networks.precision import has_bfloat16
from options import SEED, THREADS, add_options, command_parser
from options import parser_of as value_of
from training import checkpoints, device, models
from training.batches import as_float, measure_afresh, on_device, unpacked_side_info
from training.callbacks import SELECT_IMAGES, CleanSelection
from training.learner import Learner
from training.learning import IMAGES, Criterion, LearningCurve
from training.loop import Interrupted, fit
from training.recording import Unrecordable

MEASURED = ("y", "side_info", "y_again", "side_info_again")  # files of the measured training images


def main(make: type[Learner]) -> None:
    """Build `make(images, forward, generator, **options)` and train it; writes model.pt, train.csv and train.json."""
    folder = Path(sys.modules["__main__"].__file__).parent
    schemas = method_facts.read(folder).train
    args = parser_of(folder.name, make, schemas).parse_args()

    machine.limit_threads(args.threads)
    options = {name: getattr(args, name) for name in schemas}
    budget = {name: options[name] for name in ("steps", "batch_size")}
    own = {name: value for name, value in options.items() if name not in budget}
    facts = store.describe(args.y, files.KEYS)
    protocol = protocols.parse(facts.get("protocol", "sound"))
    check_protocol(args, protocol)
    made_of = {"method": folder.name, "options": options, "seed": args.seed, "data": facts}
    looks = {"looks": [bool(args.held_out), bool(args.validation)]}
    checkpoint = args.checkpoints / checkpoints.name(make, made_of | looks, folder)

    with store.clear_errors(), checkpoints.alone(checkpoint):
        measured = {name: path for name in MEASURED if (path := getattr(args, name))}
        others = args.clean, args.fresh, args.validation, args.held_out, args.held_out_side_info
        named = [*measured.values(), *filter(None, others)]
        files.check(named)
        for clean in {args.clean, args.fresh} - {None}:
            files.check_clean(clean, store.load_array(clean), facts)
        held_out = store.describe(args.held_out, files.KEYS) if args.held_out else {}
        if args.validation:
            files.check_clean(args.validation, store.load_array(args.validation), held_out)
        guard(files.with_facts(named), protected_by(args.y))
        check_pair(args, facts)
        where = device.take()
        forward = from_facts(facts)
        inputs = {"fresh": args.fresh} if args.fresh else measured
        data = on_device(inputs | {"x": args.clean}, where)
        generator = Generator(where).manual_seed(args.seed)
        images = ImageFormat(tuple(next(iter(data.values())).shape[1:]), facts.get("value_range", [0, 1])[0])
        learner = make(images, forward, generator, **own)
        models.check_savable(learner.networks)
        measure = functools.partial(measure_afresh, forward, measured.keys()) if args.fresh else None
        selection = clean_selection(args, forward, facts, protocol, where) if args.validation else None
        curve = learning_curve(args, forward, where) if args.held_out else None
        goes_on = make.goes_on and not selection  # which would look once more, where the shorter training ended
        limit = TimeLimit(folder.name, args.runtime)
        try:
            with limit:
                log = fit(
                    learner, data, generator, **budget, checkpoint=checkpoint,
                    shorter=checkpoints.shorter(checkpoint) if goes_on else None, keep=goes_on,
                    measure=measure, callbacks=list(filter(None, [selection, curve])), record=not args.plain,
                )  # fmt: skip
        except Interrupted as interruption:
            if limit.over:
                sys.exit(f"{limit.line} ({interruption})")
            print(interruption, flush=True)
            sys.exit(143)
        except Unrecordable as reason:
            print(f"starting again with --plain, as a step could not be recorded: {reason}", flush=True)
            os.execv(sys.executable, [*sys.orig_argv, "--plain"])
        files.check(named)
        made_of |= {"threads": args.threads, "precision": "bfloat16" if has_bfloat16(where) else "float32"}
        made_of |= {"held_out": held_out["digests"]["y"]} if "digests" in held_out else {}
        made_of |= {"selected": selection.choose(learner)} if selection else {}
        kept = {name: network for name, network in learner.networks.items() if name not in learner.only_in_training}
        models.save(args.output / "model.pt", kept, images.shape)
        save_curve(args.output, curve, options["batch_size"], images.shape)
        save_log(args.output, learner, log, made_of)
        if not goes_on:
            checkpoint.unlink(missing_ok=True)


def parser_of(name: str, make: type[Learner], schemas: dict[str, dict]) -> argparse.ArgumentParser:
    parser = command_parser(
        f"methods.{name}.train",
        f"{inspect.getdoc(make)}\n\nWrites model.pt, train.csv (every loss), train.json (what was done), and the learning curve: "
        "learning.csv and its estimates, learning.npy.",
    )
    add = parser.add_argument
    add("--y", type=Path, required=True, help="measured training images, .npy")
    add("--side-info", type=Path, help="what may be told of the θ of each training image, .npy; only where the rule names it")
    add("--y-again", type=Path, help="a second measurement of each training image, .npy; only for controls that see two")
    add("--side-info-again", type=Path, help="what may be told of the θ of each of these, .npy")
    add("--clean", type=Path, help="clean training images, .npy; only for supervised controls")
    add("--fresh", type=Path, help="protocol fresh_theta: clean training images, measured anew at every step")
    add("--validation", type=Path, help="protocol clean_selection: clean validation images, to select the weights by")
    add("--held-out", type=Path, help="measurements to draw the learning curve from, which no training sees")
    add("--held-out-side-info", type=Path, help="what may be told of the θ of each of these")
    add("--output", type=Path, required=True, help="folder of the model")
    add("--checkpoints", type=Path, default=Path(".cache/checkpoints"), help="folder of trainings that can go on (%(default)s)")
    add("--seed", type=value_of("seed", SEED), default=0, help="seed of weights, batches and θ' (%(default)s)")
    add("--threads", **THREADS)
    add("--runtime", **FLAG)
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


def check_pair(args: argparse.Namespace, facts: dict) -> None:
    """Raises SystemExit where the second measurements are not of the same images and forward model, with θ of their own."""
    if args.y_again:
        again = store.describe(args.y_again)
        same = all(facts[key] == again[key] for key in ("dataset", "family", "options", "images"))
        if not same or facts["digests"]["y"] == again["digests"]["y"]:
            sys.exit(f"{args.y_again}: not a second measurement of the images of {args.y}; measure them by the split train_again")


def clean_selection(
    args: argparse.Namespace, forward: ForwardModel, facts: dict, protocol: frozenset[str], where: torch.device
) -> CleanSelection:
    """The original's selection of weights, on the first images of the validation split, which are measured once."""
    clean = store.load_array(args.validation)[:SELECT_IMAGES]
    y, stored = (torch.from_numpy(part).to(where) for part in measure_once(clean, forward, facts["seed"], "validation")[:2])
    batch = {"y": as_float(y)} | ({"side_info": unpacked_side_info(stored, y.shape[1:])} if args.side_info else {})
    return CleanSelection(batch, as_float(torch.from_numpy(np.array(clean)).to(where)), protocol)


def learning_curve(args: argparse.Namespace, forward: ForwardModel, where: torch.device) -> LearningCurve:
    """Looks at the first held-out measurements."""
    y, stored = (
        torch.from_numpy(np.array(store.load_array(path)[:IMAGES])).to(where) for path in (args.held_out, args.held_out_side_info)
    )
    held_out = {"y": as_float(y), "side_info": unpacked_side_info(stored, y.shape[1:])}
    return LearningCurve(Criterion(forward, held_out, bool(args.side_info)), held_out)


def save_curve(folder: Path, curve: LearningCurve | None, batch_size: int, shape: tuple[int, int, int]) -> None:
    """Write learning.npy and learning.csv; both are empty where nothing was held out, or the method makes no estimate."""
    store.save_array(folder / "learning.npy", curve.estimates() if curve else np.zeros((0, 0, *shape), np.float16))
    save_rows(folder / "learning.csv", ["step", "images_seen", "held_out"], curve.rows(batch_size) if curve else [])


def save_rows(path: Path, columns: list[str], rows: list[dict]) -> None:
    with store.replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=columns)
        table.writeheader()
        table.writerows(rows)


def save_log(folder: Path, learner: Learner, log: list[dict], made_of: dict) -> None:
    """Write train.csv and, last, train.json."""
    save_rows(folder / "train.csv", list(log[0]), log)
    options, seconds = made_of["options"], log[-1]["seconds"]
    measured = {
        "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in learner.networks.items()},
        "seconds": seconds,
        "images_per_second": options["steps"] * options["batch_size"] / seconds,
        "device": machine.device_name(),
        "torch": torch.__version__,
    }
    store.save_json(folder / "train.json", made_of | measured)
