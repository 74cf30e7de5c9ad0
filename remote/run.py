"""Run the jobs of a file that `python -m remote.plan` wrote, in the order of their files, as many at once as there are cores.

Jobs that train, or restore with a trained model, take turns on the GPU; timings run alone. What has been made is not made again.
A failed job stops only those that need its files, and its log says why.
"""

import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from options import COUNT, command_parser, parser_of
from remote import jobs
from remote.jobs import Job


def run(every: list[Job], cores: int, minutes: float) -> int:
    """Run the jobs; return how many were not made. After `minutes` no job is begun."""
    began = time.monotonic()
    waiting = [job for job in every if not job.made]
    running: dict[Future, Job] = {}
    print(f"{len(waiting)} of {len(every)} jobs to do, {cores} at once", flush=True)
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
    return sum(not job.made for job in every)


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
    parser = command_parser("remote.run", __doc__)
    parser.add_argument("jobs", type=Path, help="the file of jobs")
    parser.add_argument("--cores", type=parser_of("cores", COUNT), default=1, help="jobs at once (%(default)s)")
    parser.add_argument(
        "--minutes",
        type=parser_of("minutes", {"type": "number", "minimum": 0}),
        default=float("inf"),
        help="begin no job after so long (%(default)s)",
    )
    args = parser.parse_args()
    if left := run(jobs.read(args.jobs), args.cores, args.minutes):
        sys.exit(f"{left} jobs were not made")


if __name__ == "__main__":
    main()
