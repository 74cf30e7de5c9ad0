"""Keys that stand twice in a configuration file: YAML keeps the last of them without a word."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from config.validate import ConfigError


def refuse(files: Iterable[Path | str]) -> None:
    """Raise ConfigError, in one line, for the first key that stands twice in one mapping of a file."""
    for file in files:
        text = Path(file).read_text(encoding="utf-8")
        for key, line in twice(yaml.compose(text, yaml.SafeLoader)):
            raise ConfigError(f"{file}: line {line}: the key {key} stands there a second time; keep one of them")


def twice(node: yaml.Node | None) -> Iterable[tuple[str, int]]:
    """Every key that its mapping has already, with its line in the file, from 1.

    >>> list(twice(yaml.compose("a: 1\\nb: {c: 1, d: 2, c: 3}\\n")))
    [('c', 2)]
    """
    if isinstance(node, yaml.MappingNode):
        met = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in met:
                    yield key.value, key.start_mark.line + 1
                met.add(key.value)
            yield from twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from twice(each)
