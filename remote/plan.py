"""Write the jobs that Snakemake would run to a file, for `python -m remote.run` on another machine.

Snakemake plans as if nothing had been made yet. Without --everything, the jobs are those that train a method or restore with a
trained model, and those whose files they need. All arguments that are not named below go to snakemake (--configfile, --config).
"""

import re
import subprocess
import sys
from pathlib import Path

from options import command_parser
from remote import jobs
from remote.jobs import Job


def jobs_of(said: str) -> list[Job]:
    """The jobs of a dry run with `--printshellcmds`, in an order in which they can be run."""
    found = []
    for block in re.split(r"^\[.*\d\d:\d\d:\d\d \d{4}\]$", said, flags=re.MULTILINE):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE)
        command = re.search(r"^Shell command: (.*)", block, re.MULTILINE | re.DOTALL)
        if rule and command and not command[1].startswith("None"):  # a rule may only gather
            stated = re.findall(r"^    (input|output|log|priority): (.*)$", block, re.MULTILINE)
            facts = dict(stated)
            files = [facts[name].split(", ") if name in facts else [] for name in ("input", "output")]
            log = facts.get("log", "").removesuffix(" (check log file(s) for error details)")
            text = command[1].split("\n\n")[0].strip()
            found.append(Job(rule[1], *files, log, text, int(facts.get("priority", 0))))
    return found


def needed(every: list[Job]) -> list[Job]:
    """Those that want a GPU, and those whose files they need."""
    wanted: set[str] = set()
    kept = []
    for job in reversed(every):
        if job.on_gpu or wanted & set(job.outputs):
            wanted |= set(job.inputs)
            kept.append(job)
    return kept[::-1]


def planned(arguments: list[str]) -> list[Job]:
    """The jobs that `snakemake` with these arguments would run. Raises SystemExit with what it says where it will not."""
    dry = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--printshellcmds", "--forceall", *arguments]
    done = subprocess.run(dry, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{(done.stderr + done.stdout).strip()}\nsnakemake made no plan; see above")
    return jobs_of(done.stdout + done.stderr)


def main() -> None:
    parser = command_parser(
        "remote.plan",
        __doc__,
        allow_abbrev=False,  # what looks like an option of ours is meant for snakemake
    )
    parser.add_argument("--everything", action="store_true", help="all jobs, also scores and report, which need more packages")
    parser.add_argument("--output", type=Path, default=Path("jobs.json"), help="the file of jobs (%(default)s)")
    args, for_snakemake = parser.parse_known_args()
    every = planned(for_snakemake)
    chosen = sorted(every if args.everything else needed(every), key=lambda job: -job.priority)  # of equals, the earlier first
    jobs.write(args.output, chosen)
    print(f"{args.output}: {len(chosen)} jobs, {sum(job.on_gpu for job in chosen)} of them on the GPU")


if __name__ == "__main__":
    main()
