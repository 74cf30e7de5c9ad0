"""Where a run ends: what its jobs warned of, which otherwise stands in their logs alone."""

import sys
from collections.abc import Iterable
from pathlib import Path

MARK = "warning: "  # with which such a line of a log begins
SHOWN = 20


def warnings(jobs: Iterable, told: str = "") -> list[str]:
    """`rule (wildcards): what it warned of (log)`, for each warning in the logs of Snakemake's jobs that `told` does not hold."""
    found = {}
    for job in jobs:
        for log in map(Path, job.log):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
            for says in (line.removeprefix(MARK) for line in lines if line.startswith(MARK)):
                if says not in told:
                    found[f"{job.rule.name} ({' '.join(job.wildcards)}): {says} ({log})"] = None
    return sorted(found)


def print_warnings(jobs: Iterable, told: str = "") -> None:
    said = warnings(jobs, told)
    more = [f"and {len(said) - SHOWN} more, each in a log"] * (len(said) > SHOWN)
    for line in [*said[:SHOWN], *more]:
        print(f"Warning: {line}", file=sys.stderr)
