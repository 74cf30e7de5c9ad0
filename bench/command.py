"""The command `python -m methods.NAME.restore`, which every method has.

A method is a folder with a rule module and a `restore.py` that ends in `main(restore)`, where

    def restore(measured: Measured, *, <named inputs>: Path, <options>) -> Iterator[Images]

yields one or more estimates of the clean images, each better than the last or at least later. Every estimate is one point of the
curve of MSE against time; the last one is scored. The bench holds the clock and saves the files, a method computes.
Keyword parameters annotated `Path` are files that the rule names; `seed` is the run's seed; the others are options, described
with bounds and defaults in `method.yaml` beside `restore.py`. Loading a model belongs in a function under `functools.cache`, so
that the untimed warm-up does it.

A method that has a posterior over clean images, not only an estimate, ends in `main(restore, sample=sample)`, where

    def sample(measured: Measured, *, <named inputs>: Path, seed: int, count: int, <options>) -> Images of [K, N, H, W, C]

gives K = count independent draws for each image, and its rule module uses the rule `sample` too. Of the named inputs and options
of `restore` it takes what it names itself. `measured.normal` makes random numbers that belong to an image, wherever it stands.
"""

import argparse
import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import protocols
import store
from bench import machine, method_facts
from bench.clock import TIMING_BATCH, timed
from bench.guard import guard, protected_by
from bench.measured import Measured
from bench.restoring import SAMPLED_IMAGES, SAMPLES, Restorer, restored, sampled
from bench.time_limit import FLAG, TimeLimit
from measurements import files
from measurements.forward import from_facts
from options import COUNT, SEED, THREADS, add_options, command_parser, parser_of


def main(restore: Restorer, sample: Callable | None = None) -> None:
    """Restore a file of measurements, time one batch of it, or sample from it."""
    folder = Path(sys.modules["__main__"].__file__).parent
    schemas = method_facts.read(folder).restore
    parameters = [p for p in inspect.signature(restore).parameters.values() if p.kind is p.KEYWORD_ONLY]
    named = [p.name for p in parameters if p.annotation is Path]
    args = parser_for(folder.name, restore, named, schemas, sample is not None).parse_args()

    machine.limit_threads(args.threads)
    given = {name: getattr(args, name) for name in [*named, *schemas]}
    if any(p.name == "seed" for p in parameters):
        given["seed"] = args.seed or 0
    facts = store.describe(args.y, files.KEYS)
    with store.clear_errors(), TimeLimit(args.method, args.runtime):
        y = files.load(args.y)
        if not len(y):
            sys.exit(f"{args.y}: holds no images")
        stored = files.load(args.side_info) if args.side_info else None
        protocol = facts.get("protocol", "sound")
        measured = Measured(y, from_facts(facts), stored, protocols.parse(protocol))[: args.first_images]
        inputs = [args.y, *filter(None, [args.side_info]), *(given[name] for name in named)]
        guard(files.with_facts(inputs), protected_by(args.y))
        record = {
            "method": args.method,
            "dataset": facts["dataset"],
            "measurement": facts["measurement"],
            "seed": args.seed,
            "protocol": protocol,
            "digest": facts.get("digests", {}).get("y"),
        }
        record |= {"options": {name: given[name] for name in schemas}, "threads": args.threads}
        record |= {"first_images": len(measured.y)} if len(measured.y) < len(y) else {}
        if sample and args.samples:
            wanted = inspect.signature(sample).parameters
            given = {name: value for name, value in given.items() if name in wanted} | {"seed": args.seed or 0}
            draw = functools.partial(sample, **given, count=args.samples)
            estimates, measurements = sampled(draw, measured[:SAMPLED_IMAGES], args.samples)
            files.check(inputs)
            store.save_array(args.output, estimates)
        elif args.timing is not None:
            others = {text: functools.partial(restore, **(given | other)) for text, other in args.timing}
            with machine.alone():
                estimates, measurements = timed(functools.partial(restore, **given), measured, others)
            files.check(inputs)
            store.save_array(args.output, estimates)
        else:
            unaltered = functools.partial(files.check, inputs)
            measurements = restored(lambda part: restore(part, **given), measured, args.output, unaltered)
        store.save_json(args.output.with_suffix(".json"), record | measurements | {"device": machine.device_name()})


def setting(schemas: dict, text: str) -> tuple[str, dict]:
    """`restarts=4` and what it says, {"restarts": 4}."""
    name, equals, value = text.partition("=")
    if not equals or name not in schemas:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form OPTION=VALUE; there are {', '.join(schemas) or 'none'}")
    return text, {name: parser_of(name, {"type": "string"} | schemas[name])(value)}  # one of several texts states no type


def parser_for(name: str, restore: Restorer, named: list[str], schemas: dict, with_samples: bool) -> argparse.ArgumentParser:
    parser = command_parser(f"methods.{name}.restore", inspect.getdoc(restore))
    add = parser.add_argument
    add("--y", type=Path, required=True, help="measurements, float16 .npy of [N, H, W, C]")
    add("--side-info", type=Path, help="what may be told of the θ of each image, .npy; only for a method whose rule names it")
    for each in named:
        add(f"--{each.replace('_', '-')}", type=Path, required=True, help="an input that the rule names")
    add("--output", type=Path, required=True, help="estimates, float16 .npy; the facts go to .json beside it")
    add("--method", default=name, help="the row's name in the tables (%(default)s)")
    for name, schema in method_facts.EVERY_RESTORATION.items():
        add(f"--{name.replace('_', '-')}", type=parser_of(name, schema), metavar="N", help=schema["description"])
    add("--timing", nargs="*", type=functools.partial(setting, schemas), metavar="OPTION=VALUE",
        help=f"time the first {TIMING_BATCH} images instead, and once more with each of these options")  # fmt: skip
    if with_samples:
        count = {"type": parser_of("samples", COUNT), "nargs": "?", "const": SAMPLES, "metavar": "K"}
        add("--samples", **count,
            help=f"write K posterior samples of the first {SAMPLED_IMAGES} images instead (%(const)s)")  # fmt: skip
    add("--seed", type=parser_of("seed", SEED), help="seed of the run, for a method that has any randomness")
    add("--threads", **THREADS)
    add("--runtime", **FLAG)
    add_options(parser, schemas)
    return parser
