"""A limit on how long a command of a method may run, so that one that never ends is ended, with one line."""

import os
import signal
import sys
import threading
from types import TracebackType

from options import parser_of

LONGEST = 525_600  # minutes, a year; much longer ones are beyond what a clock can wait for
FLAG = {
    "type": parser_of("runtime", {"type": "number", "minimum": 0, "maximum": LONGEST}),
    "default": 0,
    "metavar": "MINUTES",
    "help": "end the command after so many minutes, with one line (0: no limit)",
}
GRACE = 300.0  # seconds to save what a training has, or to leave code that is not Python's, before the process is ended


class TimeLimit:
    """While it is entered, the process is sent SIGTERM after `minutes`; if it still runs GRACE seconds later, it is ended.

    A training saves its checkpoint on SIGTERM and goes on from there when it is started again. Anything else ends with `line` and
    leaves no incomplete file. With 0 minutes there is no limit.
    """

    def __init__(self, method: str, minutes: float):
        self.minutes, self.over, self.ended = minutes, False, threading.Event()
        self.line = (
            f"{method}: not done after {minutes:g} minutes, the limit `runtime`; raise or remove methods.{method}.runtime, or "
            "`runtime` for all methods, in the configuration"
        )

    def __enter__(self) -> "TimeLimit":
        if self.minutes:
            self.before = signal.signal(signal.SIGTERM, self.stop)
            threading.Thread(target=self.watch, daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ended.set()
        if self.minutes:
            signal.signal(signal.SIGTERM, self.before)

    def stop(self, number: int, _) -> None:
        sys.exit(self.line if self.over else 128 + number)

    def watch(self) -> None:
        if self.ended.wait(60 * self.minutes):
            return
        self.over = True
        os.kill(os.getpid(), signal.SIGTERM)
        if not self.ended.wait(GRACE):
            print(self.line, file=sys.stderr, flush=True)
            os._exit(1)
