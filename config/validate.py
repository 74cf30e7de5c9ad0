"""A value against a JSON schema: numbers made of text, and the first mistake in one line that names the key and the remedy."""

import difflib
import re

import jsonschema


class ConfigError(Exception):
    """What is wrong, in one line."""


def with_numbers(value, schema: dict):
    """The value with numbers, true and false where the schema wants these: `--config` hands over "7" and "true" as text, and YAML
    reads 1e-4 as text.

    A whole number may be written as 7.0. What is no number stays as it is, for `validate` to refuse.
    """
    if isinstance(value, dict):
        patterns, more = schema.get("patternProperties", {}), schema.get("additionalProperties")

        def schema_of(key) -> dict:
            matching = [each for pattern, each in patterns.items() if re.search(pattern, str(key))]
            known = schema.get("properties", {}).get(key) or next(iter(matching), more)
            return known if isinstance(known, dict) else {}

        return {key: with_numbers(each, schema_of(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [with_numbers(each, schema.get("items", {})) for each in value]
    if isinstance(value, str) and (schema.get("type") == "boolean" or True in schema.get("enum", [])):
        return {"true": True, "false": False}.get(value.lower(), value)
    if schema.get("type") in ("integer", "number") and isinstance(value, str | float):
        try:
            number = float(value)
        except ValueError:
            return value
        if "_" in str(value):  # Python takes 1_0 for 10
            return value
        return int(number) if number.is_integer() and (schema["type"] == "integer" or isinstance(value, str)) else number
    return value


def validate(value, schema: dict, where: str) -> None:
    """Raise ConfigError for the first thing in `value` that the JSON schema does not allow."""
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        path = ".".join(filter(None, [where, *map(str, error.absolute_path)]))
        inside = f"{path}." if path else ""
        if error.validator == "additionalProperties":
            patterns = error.schema.get("patternProperties", {})
            known = [*error.schema.get("properties", {}), *map(bare, patterns)]
            strange = next(key for key in error.instance if key not in known and not any(re.search(p, key) for p in patterns))
            raise ConfigError(f"{inside}{strange}: no such key{suggest(strange, known)}")
        if error.validator == "required":
            missing = next(key for key in error.validator_value if key not in error.instance)
            raise ConfigError(f"{inside}{missing}: is missing{described(error.schema.get('properties', {}).get(missing, {}))}")
        if error.validator == "pattern":
            raise ConfigError(f"{path}: {error.instance!r} is not of the right form{described(error.schema)}")
        if error.validator == "anyOf":  # the deepest of the reasons is of the alternative that was meant
            cause = max(error.context, key=lambda each: (len(each.path), {"type": 0, "enum": 1}.get(each.validator, 2)))
            raise ConfigError(f"{path}: {cause.message}{described(error.schema)}")
        raise ConfigError(f"{path or 'the file'}: {error.message}{described(error.schema)}")


def bare(pattern: str) -> str:
    """The family that a pattern of the schema begins with."""
    return pattern.removeprefix("^").split("(")[0]


def described(schema: dict) -> str:
    return f" ({schema['description']})" if "description" in schema else ""


def suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known) or 'none'}"
