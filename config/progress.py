"""A run in short lines: jobs done of all, time to go, what runs now.

Snakemake says a dozen lines for each job. Here the terminal is told one line now and then instead, at most every ten seconds and,
as a run goes on, every fiftieth of the time that it has taken so far. What is said of a job that fails, with its log, stays as it
is, and Snakemake's own log in .snakemake/log holds everything. `--verbose` and `--printshellcmds` bring the long form back.

Snakemake's messages are records of Python's logging with an `event`: a handler of its logger follows them, and a filter on the
handler that writes to the terminal holds back those that the short lines stand for. Where there is no such handler, as with a
logger plugin (`--logger`), nothing is changed.
"""

import logging
import threading
import time
from collections import defaultdict
from typing import NamedTuple

from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from config.environment import at_once

TERMINAL = "DefaultStreamHandler"  # as Snakemake names what writes to the terminal
HELD_BACK = {
    LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS, LogEvent.RESOURCES_INFO, LogEvent.SHELLCMD
}  # fmt: skip
CHOOSING = "Select jobs to execute..."  # said whenever a core is free, without an event
EVERY, SHARE = 10.0, 1 / 50  # seconds between two lines at least; and of the time so far
NAMED = 3  # jobs that run now


class Todo(NamedTuple):
    """A job that is to be run."""

    rule: str
    wildcards: str  # "mnist drop_patch 0"
    dataset: str
    cores: int
    seconds: float | None  # that it is expected to take


class Progress(logging.Handler):
    """Follows the records of a run and says, now and then, how far it is."""

    def __init__(self, todo: dict[int, Todo], cores: int, clock=time.monotonic):
        """`todo`: jobs by Snakemake's number of them."""
        super().__init__()
        self.todo, self.cores, self.clock = todo, cores, clock
        self.left, self.running, self.failed = set(todo), {}, 0  # running: number -> when it started
        self.took: dict[tuple[str, str], list[float]] = defaultdict(list)  # (rule, data set) -> seconds of jobs that finished
        self.began, self.over, self.said = clock(), threading.Event(), ""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self.running[record.jobid] = self.clock()
        elif event == LogEvent.JOB_FINISHED:
            self.end(record.job_id, well=True)
        elif event == LogEvent.JOB_ERROR:
            self.end(record.jobid, well=False)

    def end(self, number: int, well: bool) -> None:
        started = self.running.pop(number, None)
        if number not in self.todo:
            return
        self.left.discard(number)
        self.failed += not well
        if well and started is not None:
            job = self.todo[number]
            self.took[job.rule, job.dataset].append(self.clock() - started)
        if not self.left:
            self.stop()

    def expected(self, job: Todo) -> float | None:
        """Seconds of a job: the mean of those like it, else what its rate says, else the mean of others that have no rate."""
        alike = self.took.get((job.rule, job.dataset))
        if not alike and job.seconds is not None:
            return job.seconds
        rated = {(each.rule, each.dataset) for each in self.todo.values() if each.seconds is not None}
        alike = alike or [second for key, times in list(self.took.items()) if key not in rated for second in times]
        return sum(alike) / len(alike) if alike else None

    def seconds_to_go(self) -> float | None:
        """As long as all cores are busy, but not less than the longest job; None as long as nothing is known of some job."""
        now, work, longest = self.clock(), 0.0, 0.0
        for number in list(self.left):
            job = self.todo[number]
            if (seconds := self.expected(job)) is None:
                return None
            seconds = max(0.0, seconds - (now - self.running.get(number, now)))
            work, longest = work + seconds * min(job.cores, self.cores), max(longest, seconds)
        return max(work / self.cores, longest)

    def line(self) -> str:
        """
        >>> todo = {1: Todo("acsg_train", "mnist drop_patch 0", "mnist", 1, 90.0), 2: Todo("acsg_restore", "", "mnist", 1, 9.0)}
        >>> Progress(todo, cores=2, clock=lambda: 0.0).line()
        '0 of 2 jobs done, about 2 min to go'
        """
        done = len(self.todo) - len(self.left) - self.failed
        parts = [f"{done} of {len(self.todo)} jobs done", *([f"{self.failed} failed"] if self.failed else [])]
        if not self.left:
            parts.append(f"in {duration(self.clock() - self.began)}")
        elif (seconds := self.seconds_to_go()) is not None:
            parts.append(f"about {duration(seconds)} to go")
        jobs = [self.todo[number] for number in list(self.running) if number in self.todo]
        names = [f"{job.rule} ({job.wildcards})" if job.wildcards else job.rule for job in jobs[:NAMED]]
        more = [f"{len(jobs) - NAMED} more"] if len(jobs) > NAMED else []
        return ", ".join(parts) + (f"; now: {', '.join([*names, *more])}" if names else "")

    def say(self) -> None:
        """A line, unless it is the same as the last one."""
        if (line := self.line()) != self.said:
            logger.info(line, extra={"quietness": Quietness.PROGRESS})  # `--quiet progress` hides these, too
            self.said = line

    def speak(self, every: float = EVERY) -> None:
        """Lines until `stop`, from a thread of its own that ends with the process."""

        def lines() -> None:
            while not self.over.wait(max(every, SHARE * (self.clock() - self.began))):
                self.say()

        threading.Thread(target=lines, daemon=True).start()

    def stop(self) -> None:
        if not self.over.is_set():
            self.over.set()
            self.say()


def duration(seconds: float) -> str:
    """
    >>> duration(4), duration(90), duration(3 * 3600 + 20 * 60)
    ('4 s', '2 min', '3 h 20 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def follow(workflow, seconds: dict[str, float | None]) -> None:
    """Say how far the run is from now on, unless Snakemake's own messages are to stay. `seconds`: expected ones, by a file."""
    terminal = next((handler for handler in logger.handlers if handler.name == TERMINAL), None)
    settings = workflow.output_settings
    if terminal is None or settings.verbose or settings.printshellcmds:
        return
    todo = {}
    for job in workflow.dag.needrun_jobs():
        given = job.wildcards_dict
        names = [given[name] for name in ("dataset", "measurement", "run", "seed", "part", "split") if given.get(name)]
        known = next((seconds[path] for path in map(str, job.output) if path in seconds), None)
        todo[workflow.dag.jobid(job)] = Todo(job.rule.name, " ".join(names), given.get("dataset", ""), job.threads, known)
    progress = Progress(todo, at_once(workflow))
    terminal.addFilter(lambda record: getattr(record, "event", None) not in HELD_BACK and record.msg != CHOOSING)
    logger.addHandler(progress)
    progress.speak()
