"""A run's jobs on a machine that has PyTorch but no Snakemake: `python -m benchmarks.elsewhere plan …`, carry, `… run`.

    plan    here: asks Snakemake for the jobs of a run, and writes those that want a GPU, and what these need, to a file
    run     there: runs them, in the order of their files, as many at once as there are cores; needs this file, no package
    pack    there: one archive of what was made, to unpack where Snakemake goes on

There, jobs that train, or restore with a trained model, take turns on the GPU; timings run alone. What has been made is not made
again, a failed job stops only those that need it, and its log says why.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tarfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    rule: str
    inputs: list[str]
    outputs: list[str]
    log: str
    command: str

    @property
    def made(self) -> bool:
        return all(Path(path).exists() for path in self.outputs)

    @property
    def ready(self) -> bool:
        return all(Path(path).exists() for path in self.inputs)

    @property
    def name(self) -> str:
        """What a reader knows it by: its rule and the folder of what it makes."""
        return f"{self.rule}: {self.outputs[0]}"

    @property
    def alone(self) -> bool:
        return "--timing" in self.command

    @property
    def on_gpu(self) -> bool:
        return bool(re.match(r".*python -m \S+\.train ", self.command)) or any(path.endswith("model.pt") for path in self.inputs)


def jobs_of(said: str) -> list[Job]:
    """The jobs of a dry run with `--printshellcmds`, in an order in which they can be run."""
    jobs = []
    for block in re.split(r"^\[.*\d\d:\d\d:\d\d \d{4}\]$", said, flags=re.MULTILINE):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE)
        command = re.search(r"^Shell command: (.*)", block, re.MULTILINE | re.DOTALL)
        if rule and command and not command[1].startswith("None"):  # a rule may only gather
            facts = {name: value for name, value in re.findall(r"^    (input|output|log): (.*)$", block, re.MULTILINE)}
            files = {name: facts[name].split(", ") if name in facts else [] for name in ("input", "output")}
            log = facts.get("log", "").removesuffix(" (check log file(s) for error details)")
            jobs.append(Job(rule[1], files["input"], files["output"], log, command[1].split("\n\n")[0].strip()))
    return jobs


def needed(jobs: list[Job]) -> list[Job]:
    """Those that want a GPU, and those whose files they need."""
    wanted: set[str] = set()
    kept = []
    for job in reversed(jobs):
        if job.on_gpu or wanted & set(job.outputs):
            wanted |= set(job.inputs)
            kept.append(job)
    return kept[::-1]


def plan(arguments: list[str], everything: bool, output: Path) -> None:
    """Write the jobs that `snakemake` with these arguments would run. Raises SystemExit with what it says where it will not."""
    dry = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--printshellcmds", "--forceall", *arguments]
    done = subprocess.run(dry, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{(done.stderr + done.stdout).strip()}\nsnakemake made no plan; see above")
    jobs = jobs_of(done.stdout + done.stderr)
    jobs = jobs if everything else needed(jobs)
    output.write_text(json.dumps([job._asdict() for job in jobs], indent=1) + "\n")
    print(f"{output}: {len(jobs)} jobs, {sum(job.on_gpu for job in jobs)} of them on the GPU")


def run(jobs: list[Job], cores: int, minutes: float) -> int:
    """Run them; return how many were not made. After `minutes` no job is begun."""
    began = time.monotonic()
    waiting = [job for job in jobs if not job.made]
    running: dict[Future, Job] = {}
    print(f"{len(waiting)} of {len(jobs)} jobs to do, {cores} at once", flush=True)
    with ThreadPoolExecutor(cores) as pool:
        while running or waiting:
            if time.monotonic() - began < 60 * minutes:
                for job in list(waiting):
                    if may_start(job, waiting, list(running.values()), cores):
                        waiting.remove(job)
                        running[pool.submit(execute, job)] = job
            if not running:
                break  # what is left waits for what failed, or for time
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, seconds = running.pop(future), future.result()
                state = f"{seconds:6.1f} s" if job.made else f"FAILED, see {job.log}"
                print(f"{time.monotonic() - began:7.0f} s  {state}  {job.name}  ({len(waiting)} to go)", flush=True)
    return sum(not job.made for job in jobs)


def may_start(job: Job, waiting: list[Job], running: list[Job], cores: int) -> bool:
    """Timings come when nothing else could run, so that they hold up as little as may be."""
    if not job.ready or len(running) >= cores or any(other.alone for other in running):
        return False
    if job.alone:
        return not running and not any(other.ready and not other.alone for other in waiting)
    return not (job.on_gpu and any(other.on_gpu for other in running))


def execute(job: Job) -> float:
    """Run a job's command with the Python that runs this; return its seconds. Whether it went well shows in its files."""
    began = time.monotonic()
    for path in [*job.outputs, *filter(None, [job.log])]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    command = re.sub(r"\bpython -m ", f"{shlex.quote(sys.executable)} -m ", job.command)
    subprocess.run(command, shell=True, executable="/bin/bash", check=False)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.elsewhere", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    planning = steps.add_parser("plan", help="write the jobs of a run to a file; all other arguments go to snakemake")
    planning.add_argument(
        "--everything", action="store_true", help="all jobs, scores and the report too, which need more packages"
    )
    planning.add_argument("--output", type=Path, default=Path("jobs.json"), help="the file (%(default)s)")
    running = steps.add_parser("run", help="run the jobs of such a file")
    running.add_argument("--cores", type=int, default=1, help="jobs at once (%(default)s)")
    running.add_argument("--minutes", type=float, default=1e9, help="begin no job after so long")
    packing = steps.add_parser("pack", help="archive what the jobs made")
    packing.add_argument("--only", default="", help="regular expression that the files' names must have")
    packing.add_argument("--output", type=Path, default=Path("made.tar.gz"), help="the archive (%(default)s)")
    for step in (running, packing):
        step.add_argument("jobs", type=Path, help="what `plan` wrote")
    args, more = parser.parse_known_args()
    if args.step == "plan":
        return plan(more, args.everything, args.output)
    if more:
        parser.error(f"unknown arguments: {' '.join(more)}")
    try:
        jobs = [Job(**job) for job in json.loads(args.jobs.read_text())]
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{args.jobs}: not a plan ({error}); write it with `python -m benchmarks.elsewhere plan`")
    if args.step == "run":
        sys.exit(f"{left} jobs were not made" if (left := run(jobs, args.cores, args.minutes)) else 0)
    with tarfile.open(args.output, "w:gz") as archive:
        for path in dict.fromkeys(path for job in jobs for path in job.outputs):
            if Path(path).exists() and re.search(args.only, path):
                archive.add(path)
    print(f"{args.output}: {args.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
