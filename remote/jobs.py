"""A job of a run, and the file of jobs that passes between two machines."""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    rule: str
    inputs: list[str]
    outputs: list[str]
    log: str
    command: str
    priority: int = 0  # among jobs that could start, the highest goes first

    @property
    def made(self) -> bool:
        return all(Path(path).exists() for path in self.outputs)

    @property
    def ready(self) -> bool:
        return all(Path(path).exists() for path in self.inputs)

    @property
    def name(self) -> str:
        """What a reader knows it by: its rule and the first file that it makes."""
        return f"{self.rule}: {self.outputs[0]}"

    @property
    def alone(self) -> bool:
        """Whether nothing else may run meanwhile: it measures time."""
        return "--timing" in self.command

    @property
    def on_gpu(self) -> bool:
        """Whether it trains a method, or restores with a trained model."""
        return bool(re.match(r".*python -m \S+\.train ", self.command)) or any(path.endswith("model.pt") for path in self.inputs)


def write(path: Path, jobs: list[Job]) -> None:
    path.write_text(json.dumps([job._asdict() for job in jobs], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> list[Job]:
    """Raises SystemExit, in one line, where the file is no file of jobs."""
    try:
        return [Job(**job) for job in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{path}: not a file of jobs ({error}); write it with `python -m remote.plan`")
