"""The schema of a configuration: schema.yaml, with the forward models' part made of what these declare (measurements/).

The key of a forward model is its family, or the family and a suffix (drop_patch_44), so that a family can stand in a data set
several times. The longest family counts: drop_independent_noise is not a drop_independent with a suffix.
"""

import functools
import inspect
from pathlib import Path

import yaml

import protocols
from measurements import forward
from options import object_schema

SUFFIXES = "(_[a-z0-9]+)*$"


@functools.cache
def assembled() -> dict:
    """The JSON schema of a whole configuration."""
    schema = yaml.safe_load(Path(__file__).with_name("schema.yaml").read_text(encoding="utf-8"))
    schema["properties"]["datasets"]["additionalProperties"]["patternProperties"] = {
        pattern_of(family): object_schema(forward.find(family), inspect.getdoc(forward.find(family)).splitlines()[0])
        for family in forward.names()
    }
    schema["properties"]["protocol"]["anyOf"][1]["items"]["enum"] = list(protocols.SWITCHES)
    return schema


def pattern_of(family: str) -> str:
    """The keys of a family, without those of families whose names begin with its own."""
    longer = [name.removeprefix(family) for name in forward.names() if name.startswith(f"{family}_")]
    return f"^{family}{''.join(f'(?!{rest}(_|$))' for rest in longer)}{SUFFIXES}"


def family_of(measurement: str) -> str:
    """The family of a forward model's key."""
    return max((name for name in forward.names() if f"{measurement}_".startswith(f"{name}_")), key=len)


def module_of(measurement: str) -> str:
    """The module that defines the forward model of a key."""
    return f"measurements.{family_of(measurement)}"


def forward_model(measurement: str, options: dict) -> forward.ForwardModel:
    """The forward model that a configuration describes. Raises ValueError where its options do not go together."""
    return forward.find(family_of(measurement))(**options)
