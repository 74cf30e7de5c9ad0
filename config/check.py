"""Check a configuration before any job starts: one line that names the key and the remedy, or the complete configuration."""

import difflib
import functools
import re
from pathlib import Path

import jsonschema
import yaml

import datasets
from methods.contract import about
from metrics import declared

HERE = Path(__file__).parent
METHODS = HERE.parent / "methods"


class ConfigError(Exception):
    """What is wrong, in one line."""


@functools.cache
def read_schema() -> dict:
    return yaml.safe_load((HERE / "schema.yaml").read_text())


def check(config: dict) -> dict:
    """The configuration with every default filled in.

    Each method comes out as {"folder": …, "title": …, "train": {option: value}, "restore": {option: value}}. Raises ConfigError.
    """
    schema = read_schema()
    config = dict(config)
    for part in ("methods", "datasets"):  # `telea:` with nothing behind it means no options
        if isinstance(config.get(part), dict):
            config[part] = {name: {} if value is None else value for name, value in config[part].items()}
    validate(config, schema, "")
    for key, key_schema in schema["properties"].items():
        if "default" in key_schema:
            config.setdefault(key, key_schema["default"])
    if config["protocol"] == "paper":
        if datasets.PICTURES in config["datasets"]:
            raise ConfigError("protocol: paper measures clean images anew, and pictures have none; use sound")
        config |= paper_protocol(config)
    for dataset, measurements in config["datasets"].items():
        check_dataset(dataset, measurements)
    config["methods"] = {name: complete(name, given) for name, given in config["methods"].items()}
    if config["reference"] not in (None, *config["methods"]):
        named = config["reference"]
        raise ConfigError(f"reference: {named} is not among methods{suggest(named, list(config['methods']))}")
    weighted = [name for name, program in declared.programs().items() if "weights" in program.needs]
    if strange := next((name for name in config["metric_weights"] if name not in weighted), None):
        raise ConfigError(f"metric_weights.{strange}: no metric of that name needs weights{suggest(strange, weighted)}")
    return config


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
        raise ConfigError(f"{path or 'the file'}: {error.message}{described(error.schema)}")


def bare(pattern: str) -> str:
    """The family that a pattern of the schema begins with."""
    return pattern.removeprefix("^").split("(")[0]


def described(schema: dict) -> str:
    return f" ({schema['description']})" if "description" in schema else ""


def suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known) or 'none'}"


def paper_protocol(config: dict) -> dict:
    """The keys that the paper's protocol changes: a folder of its own, and squares that never touch the lower and right edge."""
    changed = {
        dataset: {
            name: {"last_offset": False} | options if family_of(name) == "drop_patch" else options
            for name, options in measurements.items()
        }
        for dataset, measurements in config["datasets"].items()
    }
    return {"results": f"{config['results']}/paper_protocol", "datasets": changed}


def check_dataset(dataset: str, measurements: dict) -> None:
    if dataset not in (known := [*datasets.SHAPES, datasets.PICTURES]):
        raise ConfigError(f"datasets.{dataset}: no such data set{suggest(dataset, known)}")
    side = datasets.SIDE if dataset == datasets.PICTURES else min(datasets.SHAPES[dataset][:2])
    for name, options in measurements.items():
        if options.get("size", 0) > side:
            raise ConfigError(
                f"datasets.{dataset}.{name}.size: {options['size']} is larger than the images, whose side is {side}"
            )
        if options.get("size", 0) == side and not options.get("last_offset", True):
            raise ConfigError(
                f"datasets.{dataset}.{name}.size: {side} is the side of the images; without the last offset (as under "
                "protocol: paper) it must be smaller"
            )


def complete(name: str, given: dict) -> dict:
    """A method's folder and all its options."""
    folder = Path(given["folder"]).resolve() if "folder" in given else METHODS / given.get("like", name)
    if not (folder / "rules.smk").exists():
        if "folder" in given:
            raise ConfigError(f"methods.{name}.folder: {folder}/rules.smk does not exist")
        known = sorted(path.parent.name for path in METHODS.glob("*/rules.smk"))
        where = f"methods.{name}.like: {given['like']}" if "like" in given else f"methods.{name}"
        raise ConfigError(f"{where}: no such method{suggest(folder.name, known)}")
    if "folder" in given and folder.name != name:
        raise ConfigError(f"methods.{name}.folder: {folder} must be called {name}, as results carry the folder's name")
    told = about(folder)
    own_title = told["title"] if folder.name == name else name.replace("_", " ")
    method = {"folder": str(folder), "title": given.get("title", own_title)}
    for section in ("train", "restore"):
        options = told[section]
        schema = {"type": "object", "additionalProperties": False, "properties": options}
        chosen = given.get(section, {})
        validate(chosen, schema, f"methods.{name}.{section}")
        method[section] = {option: chosen.get(option, option_schema["default"]) for option, option_schema in options.items()}
    return method


def flags(options: dict) -> str:
    """Options, or a rule's named inputs, as flags of a command line."""
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())


def family_of(measurement: str) -> str:
    """The family of a forward model's name, as the schema has them: drop_patch of drop_patch_44."""
    patterns = read_schema()["properties"]["datasets"]["additionalProperties"]["patternProperties"]
    return next(bare(pattern) for pattern in patterns if re.search(pattern, measurement))
