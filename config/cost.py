"""What a run costs, without running it: `make cost CONFIG=config/paper.yaml`, or `python -m config.cost --help`.

    trainings, restorations    those of config/runs.py: the seconds of benchmarks/rates.csv at the configuration's steps, batch
                               size and numbers of images, times this machine's calibration over that of the row
                               (benchmarks/calibration.py)
    GiB                        clean images, measurements, models, estimates, samples and timings (docs/formats.md)

A method whose rate was not measured is named as unknown and is in no sum. Measuring, scoring and reports are not counted.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from config.calibration import calibrated
from config.jobs import Job, plan
from config.rates import reference
from options import COUNT, command_parser, parser_of


class Cost(NamedTuple):
    """The sum over jobs."""

    trainings: int
    training: float  # core-hours
    restoring: float  # core-hours; estimates, samples and timings
    hours: float  # on so many cores, with a timing alone on all of them
    gib: float
    unknown: list[str]  # methods of which something is in no sum


def total(jobs: Iterable[Job], cores: int = 1) -> Cost:
    jobs = list(jobs)

    def hours(*parts: str) -> float:
        return sum(job.seconds or 0 for job in jobs if job.part in parts) / 3600

    longest = max((job.seconds or 0 for job in jobs), default=0) / 3600
    training, restoring, alone = hours("train"), hours("restore", "sample"), hours("timing")
    return Cost(
        trainings=sum(job.part == "train" for job in jobs),
        training=training,
        restoring=restoring + alone,
        hours=max((training + restoring) / cores, longest) + alone,
        gib=sum(job.bytes or 0 for job in jobs) / 2**30,
        unknown=list(dict.fromkeys(job.method for job in jobs if job.method and None in (job.seconds, job.bytes))),
    )


# --- as text -------------------------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Two digits, or whole from ten on.

    >>> number(0), number(0.001), number(0.123), number(1.96), number(123.4)
    ('0', '< 0.01', '0.12', '2.0', '123')
    """
    if value < 0.005:
        return "< 0.01" if value else "0"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def row(name: str, jobs: Iterable[Job]) -> list[str]:
    """The cells of a line, "unknown" where nothing that it sums up is known, "+ unknown" where something is not."""
    jobs = list(jobs)
    cost, cells = total(jobs), [name]
    cells.append(str(cost.trainings))
    for part, value in {"train": cost.training, "restore": cost.restoring, "": cost.gib}.items():
        about = [job for job in jobs if not part or (job.part == "train") == (part == "train") and job.part != "data"]
        known = [(job.seconds if part else job.bytes) is not None for job in about]
        cells.append(number(value) if all(known) else f"{number(value)} + unknown" if any(known) else "unknown")
    return cells


def report(config: dict, jobs: list[Job], cores: int) -> str:
    """The cost of a whole configuration, a line for each method and each data set."""
    head = ["", "trainings", "core-hours training", "core-hours restoring", "GiB"]
    rows = [row(name, (job for job in jobs if job.method == name)) for name in config["methods"]]
    rows.append(row("clean images and measurements", (job for job in jobs if job.part == "data")))
    rows += [row(f"all of {name}", (job for job in jobs if job.dataset == name)) for name in config["datasets"]]
    rows.append(row("total", jobs))
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in [head, *rows]]
    cost = total(jobs, cores)
    lines += ["", f"{number(cost.hours)} hours on {cores_said(cores)}; measuring, scoring and reports are not counted"]
    return "\n".join(lines + ([f"{UNKNOWN}: {', '.join(cost.unknown)}"] if cost.unknown else []))


UNKNOWN = "not all counted, for want of a rate or of the number of images"


def cores_said(cores: int) -> str:
    return "1 core" if cores == 1 else f"{cores} cores"


def summary(jobs: list[Job], cores: int) -> str:
    """One line on what is about to be run."""
    cost = total(jobs, cores)
    training = f"{cost.trainings} trainings ({number(cost.training)} core-hours), " if cost.trainings else ""
    restoring = f"restorations ({number(cost.restoring)} core-hours)"
    said = f"{training}{restoring}: about {number(cost.hours)} hours on {cores_said(cores)}; {number(cost.gib)} GiB"
    return said + (f"; {UNKNOWN}: {', '.join(cost.unknown)}" if cost.unknown else "")


def markdown(configfile: Path, cores: int = 8) -> list[str]:
    """Lines of the README's table, one for each data set of a configuration, at the speed of most rates' machine."""
    from config.planned import planned  # here, as it parses the workflow, which imports this module

    with planned([configfile]) as (config, runs):
        jobs = plan(config, runs, reference())
    lines = []
    for dataset in config["datasets"]:
        of = [job for job in jobs if job.dataset == dataset]
        *cells, gib = row(f"`{configfile}`, `{dataset}`", of)
        cost = total(of, cores)
        hours = f"{number(cost.hours)}{' + unknown' if cost.unknown else ''}"
        lines.append(f"| {' | '.join([*cells, hours, gib])} |")
    return lines


# --- the command ---------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = command_parser("config.cost", __doc__)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[Path("config/paper.yaml")], help="(config/paper.yaml)")
    parser.add_argument("--cores", type=parser_of("cores", COUNT), default=8, help="of the machine (%(default)s)")
    parser.add_argument("--reference", action="store_true", help="at the speed of the machine of most rates, not of this one")
    parser.add_argument("--markdown", action="store_true", help="lines of the README's table, each file by itself")
    args = parser.parse_args()
    if missing := next((path for path in args.configfile if not path.is_file()), None):
        sys.exit(f"{missing}: there is no such file; name a configuration, such as config/quick.yaml")
    if args.markdown:
        print("\n".join(line for path in args.configfile for line in markdown(path)))
        return
    from config.planned import planned

    with planned(args.configfile) as (config, runs):
        print(report(config, plan(config, runs, reference() if args.reference else calibrated()), args.cores))


if __name__ == "__main__":
    main()
