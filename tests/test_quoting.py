"""What the rules put into shell commands: paths are quoted, and what is not quoted can hold no character of the shell."""

import re
from string import Formatter

import numpy as np
import pytest
from declared import METHODS
from parsed import workflow_of

QUOTED_BEFORE = {  # words of config/command_line.py (flags, pairs), which quotes each
    "params.datasets", "params.family", "params.first", "params.images", "params.inputs", "params.measured", "params.options",
    "params.restored", "params.run", "params.samples",
}  # fmt: skip
WORDS = {  # names of a closed set, whole numbers, or flags made of these
    "params.classes", "params.learning", "params.name", "params.package", "params.part", "params.partial", "params.posterior",
    "params.program", "params.reference", "params.runs", "params.seed", "params.sha256", "params.split", "resources.limit",
}  # fmt: skip


@pytest.fixture(scope="module")
def rules(tmp_path_factory) -> dict[str, tuple[str, dict[str, str]]]:
    """Shell command and wildcards' patterns of each rule of a workflow with all methods, own pictures and submissions."""
    folder = tmp_path_factory.mktemp("quoting")
    np.save(folder / "mine.npy", np.zeros(1))
    datasets = {"mnist5k": {"add_noise": {"sigma": 0.2}, "drop_patch": {"size": 9}}, "pictures": {"add_noise": {"sigma": 0.1}}}
    methods = dict.fromkeys(METHODS) | {"mine": {"restored": str(folder / "mine.npy")}}
    with workflow_of({"datasets": datasets, "methods": methods}, folder) as workflow:
        general = workflow.wildcard_constraints
        return {rule.name: (rule.shellcmd, general | rule.wildcard_constraints) for rule in workflow.rules if rule.shellcmd}


def bare(command: str) -> set[str]:
    """The placeholders that are not quoted."""
    return {name for _, name, spec, _ in Formatter().parse(command) if name is not None and spec != "q"}


def test_every_path_in_a_command_is_quoted(rules):
    assert {"clean", "measure_pictures", "submitted", "acsg_train", "as_measured_restore", "page"} <= rules.keys()
    found = {name: bare(command) for name, (command, _) in rules.items()}
    known, used = QUOTED_BEFORE | WORDS, set().union(*found.values())
    unknown = {name: {each for each in of if not each.startswith("wildcards.")} - known for name, of in found.items()}
    assert {name: of for name, of in unknown.items() if of} == {}
    assert known <= used  # the lists hold no param that is gone


def test_wildcards_that_a_command_does_not_quote_are_words(rules):
    for rule, (command, patterns) in rules.items():
        for name in (each.removeprefix("wildcards.") for each in bare(command) if each.startswith("wildcards.")):
            assert name in patterns, f"{rule}: {name}"
            pattern = re.compile(patterns[name])
            assert not any(pattern.fullmatch(text) for text in ("a b", "a;b", "$a", "a'b", "a\nb", "*", "~")), f"{rule}: {name}"


def test_a_list_of_methods_that_may_be_empty_stays_the_value_of_its_flag(rules):
    """Quoted, nothing is no word: where `as_measured` runs alone, the figure's `--order` would take the next flag."""
    given = {name: re.findall(r"--order(.)\{params\.order:q\}", command) for name, (command, _) in rules.items()}
    assert {"restorations", "write_pictures"} <= {name for name, found in given.items() if found}
    assert {sign for found in given.values() for sign in found} == {"="}
