"""Options that are declared once: default, bounds and description, from which checks and command-line flags follow.

The one form of a declaration is a JSON schema, `{"type": "number", "minimum": 0, "default": 0.5, "description": "…"}`. A method
writes it in its `method.yaml`; a dataclass writes `option(…)` in place of a default:

    @dataclass(frozen=True)
    class AddNoise(ForwardModel):
        sigma: float = option("Standard deviation of the noise; images are in [0, 1].", minimum=0)

An option without a default must be given.
"""

import argparse
import contextlib
import dataclasses
import io
import math
import sys
import typing
from collections.abc import Callable
from dataclasses import MISSING

LARGEST = 2**32 - 1  # no option, seed or other number of a configuration is larger: PyTorch's generator takes 32 bits of a seed
SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST}
COUNT = {"type": "integer", "minimum": 1}
TYPES = {"boolean": bool, "integer": int, "number": float, "string": str}
NAMES = {kind: name for name, kind in TYPES.items()}
BOUNDS = {  # keyword of JSON schema: how a message says it, and whether a value keeps to it
    "minimum": ("at least {}", lambda value, bound: value >= bound),
    "exclusiveMinimum": ("above {}", lambda value, bound: value > bound),
    "maximum": ("at most {}", lambda value, bound: value <= bound),
    "exclusiveMaximum": ("below {}", lambda value, bound: value < bound),
}


def option(description: str, default=MISSING, **schema):
    """A dataclass field with its JSON schema. The type is that of the annotation unless `type` or `enum` is given."""
    return dataclasses.field(default=default, metadata={"schema": {"description": description, **schema}})


def schemas_of(declared: type) -> dict[str, dict]:
    """The JSON schema of each option of a dataclass, in the order of declaration.

    >>> @dataclasses.dataclass
    ... class Blur:
    ...     width: float = option("Width in pixels.", exclusiveMinimum=0)
    >>> schemas_of(Blur)
    {'width': {'type': 'number', 'description': 'Width in pixels.', 'exclusiveMinimum': 0}}
    """
    kinds, schemas = typing.get_type_hints(declared), {}
    for field in dataclasses.fields(declared):
        schema = dict(field.metadata["schema"])
        if "enum" not in schema:
            schema = {"type": NAMES[kinds[field.name]]} | schema
        schemas[field.name] = schema if field.default is MISSING else schema | {"default": field.default}
    return schemas


def object_schema(declared: type, description: str) -> dict:
    """The JSON schema of all options of a dataclass together, an object without other keys."""
    schemas = schemas_of(declared)
    required = [name for name, schema in schemas.items() if "default" not in schema]
    closed = {"type": "object", "additionalProperties": False, "required": required, "properties": schemas}
    return {"description": description, **closed}


def checked(name: str, value, schema: dict):
    """The value of an option, of the type that its schema says. Raises ValueError, in one line, where it is not allowed.

    >>> checked("p", 0, {"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    0.0
    >>> checked("p", 1.5, {"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    Traceback (most recent call last):
    ValueError: p is 1.5; it must be a number, at least 0 and below 1
    """
    if "enum" in schema:
        if value not in schema["enum"]:
            raise ValueError(f"{name} is {value}; it must be one of {', '.join(map(str, schema['enum']))}")
        return value
    kind = TYPES[schema["type"]]
    right = isinstance(value, bool) == (kind is bool) and isinstance(value, (int, float) if kind is float else kind)
    if right and kind is float:
        right = math.isfinite(value)
    if right and kind in (int, float):
        right = abs(value) <= LARGEST
    if not right or not all(keeps(value, schema[key]) for key, (_, keeps) in BOUNDS.items() if key in schema):
        raise ValueError(f"{name} is {value}; it must be {allowed(schema)}")
    return kind(value)


def allowed(schema: dict) -> str:
    """Type and bounds of a schema in words.

    >>> allowed({"type": "integer", "minimum": 1})
    'an integer, at least 1'
    """
    kinds = {"boolean": "true or false", "integer": "an integer", "number": "a number", "string": "text"}
    bounds = [words.format(schema[key]) for key, (words, _) in BOUNDS.items() if key in schema]
    return kinds[schema["type"]] + (f", {' and '.join(bounds)}" if bounds else "")


def parser_of(name: str, schema: dict) -> Callable[[str], bool | int | float | str]:
    """A function from the text of a command-line flag to the value of an option, as argparse takes it for a flag's type."""

    def parse(text: str):
        kind, value = TYPES[schema["type"]], text
        if kind is bool:
            value = {"true": True, "false": False}.get(text.lower(), text)
        elif kind is not str:
            with contextlib.suppress(ValueError):  # then `checked` refuses the text itself
                value = kind(text)
        try:
            return checked(name, value, schema)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parse.__name__ = schema["type"]
    return parse


def command_parser(program: str, description: str | None, **further) -> argparse.ArgumentParser:
    """The parser of `python -m PROGRAM`, whose description keeps its lines. A terminal that lacks a letter shows ?."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    shape = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=f"python -m {program}", description=description, formatter_class=shape, **further)


THREADS = {
    "type": parser_of("threads", COUNT | {"maximum": 1024}),
    "default": 1,
    "help": "threads that libraries may use (%(default)s)",
}


def add_options(parser: argparse.ArgumentParser, schemas: dict[str, dict]) -> None:
    """A command-line flag for each option, with its type, bounds, default and description; booleans are true or false."""
    for name, schema in schemas.items():
        kind: dict = {"help": schema["description"].replace("%", "%%")}
        if "enum" in schema:
            kind["choices"] = schema["enum"]
        else:
            kind |= {"type": parser_of(name, schema), "metavar": schema["type"].upper()}
        if "default" in schema:
            kind |= {"default": schema["default"], "help": f"{kind['help']} (%(default)s)"}
        else:
            kind["required"] = True
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, **kind)
