"""Check a configuration before any job starts: one line that names the key and the remedy, or the complete configuration."""

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

import datasets
import protocols
from bench import method_facts
from config import duplicates, paths
from config.command_line import options_on
from config.schema import assembled, family_of, forward_model
from config.validate import ConfigError, suggest, validate, with_numbers
from measurements.forward import find, names
from metrics import declared
from options import LARGEST, schemas_of

METHODS = Path(__file__).parent.parent / "methods"


def check(config: dict) -> dict:
    """The configuration with every default filled in; the protocol as the text that facts and tables hold. Raises ConfigError.

    Each method comes out as its facts (bench/method_facts.py) with "folder", and with {option: value} for "train" and "restore"
    and {option: values} for "timing"; of these, "for" holds what is another on some data set. Restorations from elsewhere have
    "restored" and no folder. "seeds" comes out as {data set: list}.
    """
    schema = assembled()
    config = dict(config)
    for part in ("methods", "datasets"):  # `telea:` with nothing behind it means no options
        if isinstance(config.get(part), dict):
            config[part] = {name: {} if value is None else value for name, value in config[part].items()}
    config = with_numbers(config, schema)
    check_values(config, "")
    validate(config, schema, "")
    for key, key_schema in schema["properties"].items():
        if "default" in key_schema:
            config.setdefault(key, key_schema["default"])
    config |= {"results": path_of("results", config["results"], paths.own_folder)}
    config |= under_protocol(config)
    config |= {"data_dir": path_of("data_dir", config["data_dir"], paths.folder)}
    for dataset, measurements in config["datasets"].items():
        check_dataset(dataset, measurements, config["protocol"])
    config["seeds"] = of_each(config["datasets"], config["seeds"], schema["properties"]["seeds"]["default"])
    check_names(config["images"], "images")
    config["methods"] = {name: complete(name, given) for name, given in config["methods"].items()}
    check_titles(config["methods"])
    check_whole(config)
    check_batches(config)
    if config["reference"] not in (None, *config["methods"]):
        named = config["reference"]
        raise ConfigError(f"reference: {named} is not among methods{suggest(named, list(config['methods']))}")
    weighted = [name for name, program in declared.programs().items() if "weights" in program.needs]
    if strange := next((name for name in config["metric_weights"] if name not in weighted), None):
        raise ConfigError(f"metric_weights.{strange}: no metric of that name needs weights{suggest(strange, weighted)}")
    config["metric_weights"] = {
        name: given | {"path": path_of(f"metric_weights.{name}.path", given["path"])}
        for name, given in config["metric_weights"].items()
    }
    return config


def path_of(key: str, path: str, usable: Callable[[str], str] = paths.usable) -> str:
    """A path of the configuration as config/paths.py makes it. Raises ConfigError."""
    try:
        return usable(path)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


def check_values(value, where: str) -> None:
    """Raise ConfigError for a key that is no text of one line, and for a number that is not finite or beyond LARGEST."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            path = f"{where}.{key}" if where else str(key)
            if isinstance(value, dict) and not isinstance(key, str):
                raise ConfigError(f"{path}: a key must be text; put it between quotes")
            if isinstance(value, dict) and not key.isprintable():
                raise ConfigError(f"{where or 'the file'}: the key {key!r} holds a line break or the like; remove it")
            check_values(each, path)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:  # nan is not, either
        shown = value if isinstance(value, float) or value.bit_length() < 200 else "a number of so many digits"
        raise ConfigError(f"{where}: {shown} is not a number to use; it must be finite and at most {LARGEST}")


def under_protocol(config: dict) -> dict:
    """The keys that the protocol changes: its own form, the folder of results and, under `paper`, defaults of forward models."""
    asked = config["protocol"]
    protocol = asked if isinstance(asked, str) else protocols.name(asked)
    if protocol == "sound":
        return {"protocol": protocol}
    folder = "paper_protocol" if protocol == "paper" else f"protocol_{protocol}"
    changed = {"protocol": protocol, "results": f"{config['results']}/{folder}"}
    if protocol == "paper":
        changed["datasets"] = {
            dataset: {name: defaults_of_paper(name) | options for name, options in measurements.items()}
            for dataset, measurements in config["datasets"].items()
        }
    return changed


def defaults_of_paper(measurement: str) -> dict:
    """The options of a forward model whose default is another under `protocol: paper`, with that default."""
    schemas = schemas_of(find(family_of(measurement)))
    return {name: schema["paper"] for name, schema in schemas.items() if "paper" in schema}


def check_dataset(dataset: str, measurements: dict, protocol: str) -> None:
    """Raise ConfigError where there is no such data set, or the protocol or a forward model cannot take its images."""
    if dataset not in (known := datasets.names()):
        raise ConfigError(f"datasets.{dataset}: no such data set{suggest(dataset, known)}")
    if protocol != "sound" and not datasets.has_clean(dataset):
        raise ConfigError(f"protocol: {protocol} needs clean images, and the data set {dataset} has none; use sound")
    for name, options in measurements.items():
        try:
            forward_model(name, options).check(datasets.of(dataset).SHAPE)
        except ValueError as error:
            why = str(error).removeprefix(f"{family_of(name)}: ")
            raise ConfigError(f"datasets.{dataset}.{name}: {why}") from None


def check_names(by_dataset: dict, where: str) -> None:
    """Raise ConfigError where a key is no data set. One that this run leaves out may be named."""
    if strange := next((name for name in by_dataset if name not in datasets.names()), None):
        raise ConfigError(f"{where}.{strange}: no such data set{suggest(strange, datasets.names())}")


def of_each(asked: Collection[str], seeds: list | dict, default: list) -> dict[str, list]:
    """The seeds of each data set of the run."""
    if not isinstance(seeds, dict):
        return {dataset: [*seeds] for dataset in asked}
    check_names(seeds, "seeds")
    return {dataset: [*seeds.get(dataset, default)] for dataset in asked}


def check_titles(methods: dict) -> None:
    """Raise ConfigError where two methods have the same title, by which nobody could tell their rows apart."""
    found: dict[str, str] = {}
    for name, method in methods.items():
        if (other := found.setdefault(" ".join(method["title"].split()), name)) != name:
            raise ConfigError(f"methods.{name}.title: {method['title']} is the title of {other} too; give one of them another")


def check_whole(config: dict) -> None:
    """Raise ConfigError where only a part of a data set without clean images is asked for: all its pictures are restored."""
    for dataset in filter(lambda name: not datasets.has_clean(name), {**config["images"], **config["datasets"]}):
        parts = {f"images.{dataset}": config["images"].get(dataset, {})}
        for name, method in config["methods"].items():
            if dataset in config["datasets"]:
                parts[f"methods.{name}.restore.first_images"] = "first_images" in method["restore"]
            over = method["for"].get(dataset, {}).get("restore", {})
            parts[f"methods.{name}.for.{dataset}.restore.first_images"] = "first_images" in over
        if where := next((key for key, given in parts.items() if given), None):
            raise ConfigError(f"{where}: the data set {dataset} is restored whole; remove the key")


def check_batches(config: dict) -> None:
    """Raise ConfigError where a batch is larger than the training split, as far as it is known how many images that has."""
    for dataset in config["datasets"]:
        counts = datasets.images(dataset).get("train"), config["images"].get(dataset, {}).get("train")
        count = min((each for each in counts if each), default=LARGEST)
        for name, method in config["methods"].items():
            if (size := options_on(method, "train", dataset).get("batch_size", 0)) > count:
                raise ConfigError(
                    f"methods.{name}.train.batch_size: is {size}, and {dataset} has {count} training images; take fewer"
                )


def complete(name: str, given: dict) -> dict:
    """A method's folder, its facts and all its options."""
    if "restored" in given:
        return submitted(name, given)
    if "seconds" in given:
        raise ConfigError(f"methods.{name}.seconds: is for restorations from elsewhere; add `restored` or remove it")
    if {"folder", "like"} <= given.keys():
        raise ConfigError(f"methods.{name}.like: its folder is named by `folder`; remove one of the two")
    if "folder" in given:
        folder = Path(path_of(f"methods.{name}.folder", given["folder"], paths.importable)).resolve()
        path_of(f"methods.{name}.folder", str(folder), paths.importable)  # where it lies below the current folder, this one too
    else:
        folder = METHODS / given.get("like", name)
    if not (folder / "rules.smk").exists():
        if "folder" in given:
            raise ConfigError(f"methods.{name}.folder: {folder}/rules.smk does not exist")
        known = sorted(path.parent.name for path in METHODS.glob("*/rules.smk"))
        where = f"methods.{name}.like: {given['like']}" if "like" in given else f"methods.{name}"
        raise ConfigError(f"{where}: no such method{suggest(folder.name, known)}")
    if "folder" in given and folder.name != name:
        raise ConfigError(f"methods.{name}.folder: {folder} must be called {name}, as results carry the folder's name")
    try:
        facts = method_facts.read(folder)
    except ValueError as error:
        raise ConfigError(f"methods.{name}: {error}") from None
    duplicates.refuse(folder.glob("method.yaml"))
    traits = find(names()[0]).traits()
    for part in ("applies", "posterior"):
        for trait, wanted in getattr(facts, part).items():
            if trait not in traits or not isinstance(wanted, bool):
                known = f"there are {', '.join(traits)}, each true or false"
                raise ConfigError(f"methods.{name}: {folder / 'method.yaml'}: {part}.{trait}: {wanted}: no such trait; {known}")
    own_title = facts.title if folder.name == name else name.replace("_", " ")
    model = path_of(f"methods.{name}.model", given["model"]) if "model" in given else ""
    if model and not (facts.learned and Path(model).is_file()):
        why = f"{model} does not exist" if facts.learned else f"{name} learns nothing; leave it out"
        raise ConfigError(f"methods.{name}.model: {why}")
    method = facts._asdict() | {"folder": str(folder), "title": given.get("title", own_title)}
    method["model"] = str(Path(model).resolve()) if model else ""
    method["runtime"] = given.get("runtime")  # minutes, where it is not that of all methods
    return with_options(name, method, given)


def submitted(name: str, given: dict) -> dict:
    """The same for restorations that were made elsewhere: no folder, no options but how many of the first images there are."""
    others = [key for key in ("folder", "like", "model", "train", "timing", "runtime") if key in given]
    others += [f"for.{at}.{key}" for at, options in given.get("for", {}).items() for key in ("train", "timing") if key in options]
    if others:
        raise ConfigError(f"methods.{name}.{others[0]}: nothing is run where `restored` names a file; remove one of the two")
    if strange := set(re.findall("{.*?}", given["restored"])) - set(known := ("{dataset}", "{measurement}")):
        raise ConfigError(f"methods.{name}.restored: {min(strange)} stands for nothing; there are {', '.join(known)}")
    path_of(f"methods.{name}.restored", re.sub("[{}]", "", given["restored"]))
    facts = method_facts.MethodFacts(given.get("title", name.replace("_", " ")), {}, {}, {}, {}, False, False, False, False)
    own = {"restored": os.path.expanduser(given["restored"])} | ({"seconds": given["seconds"]} if "seconds" in given else {})
    return with_options(name, facts._asdict() | own, given)


def with_options(name: str, method: dict, given: dict) -> dict:
    """A method's facts with the values of its options in the place of their schemas."""
    declared_options = {"train": method["train"], "restore": method["restore"] | method_facts.EVERY_RESTORATION}
    declared_options["timing"] = {option: several(schema) for option, schema in method["restore"].items()}
    for section, schemas in declared_options.items():
        defaults = {option: schema["default"] for option, schema in schemas.items() if "default" in schema}
        method[section] = defaults | chosen(given.get(section, {}), schemas, f"methods.{name}.{section}")
    check_names(given.get("for", {}), f"methods.{name}.for")
    method["for"] = {
        dataset: {
            section: chosen(options, declared_options[section], f"methods.{name}.for.{dataset}.{section}")
            for section, options in others.items()
        }
        for dataset, others in given.get("for", {}).items()
    }
    return method


def several(schema: dict) -> dict:
    """The schema of further values of an option."""
    return {"type": "array", "uniqueItems": True, "items": schema, "description": "a list of values"}


def chosen(given: dict, schemas: dict[str, dict], where: str) -> dict:
    """The options that are given, as numbers where they are numbers. Raises ConfigError where one is not allowed."""
    schema = {"type": "object", "additionalProperties": False, "properties": schemas}
    given = with_numbers(given, schema)
    check_values(given, where)
    validate(given, schema, where)
    return given
