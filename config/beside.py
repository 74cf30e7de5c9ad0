"""The facts beside a file of images, as a further input of every rule that names the file.

Each job that reads measurements or restored images also reads the `.json` beside them. No rule module writes these down:
`declare` adds them to the rules as Snakemake parsed them. They have no name, so that they become no flag of a command
(config/command_line.py).
"""

from collections.abc import Callable
from pathlib import Path

import store
from measurements.files import part_of


def declare(workflow, results: str) -> None:
    """Add to the inputs of every rule the facts beside those that are images below the folder of results."""
    for rule in workflow.rules:
        named, functions = ([item for item in rule.input if callable(item) == kind] for kind in (False, True))
        rule.set_input(*facts([str(path) for path in named], results), *(of_function(each, results) for each in functions))


def facts(paths: list[str], results: str) -> list[str]:
    """The facts beside those of the paths that are measurements or restored images, each once.

    >>> facts(["r/measured/{dataset}/blur_noise/test.y.npy", "r/restored/mnist/median/test.npy", "r/clean/mnist/test.npy"], "r")
    ['r/measured/{dataset}/blur_noise/test.json', 'r/restored/mnist/median/test.json']
    """
    measured = [path for path in paths if path.startswith(f"{results}/measured/") and part_of(Path(path))]
    restored = [path for path in paths if path.startswith(f"{results}/restored/") and path.endswith(".npy")]
    return list(dict.fromkeys(str(store.facts_beside(Path(path))) for path in (*measured, *restored)))


def of_function(function: Callable, results: str) -> Callable:
    """The facts beside what an input function of wildcards gives."""

    def given(wildcards) -> list[str]:
        paths = function(wildcards)
        return facts([paths] if isinstance(paths, str) else list(paths), results)

    return given
