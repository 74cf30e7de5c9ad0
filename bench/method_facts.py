"""What a method says of itself: its folder's method.yaml, read by the workflow and by the method's own commands.

    title: normalised convolution           the row's name in tables and figures (default: the folder's name)
    train:   {option: JSON schema}          options of its training and of its restoration, with bounds, default and description
    restore: {option: JSON schema}
    applies: {mask: true, noise: false}     the forward models it is run on, by traits (measurements/forward.py); default: all
    posterior: {mixing: false}              the same for its posterior samples, in addition
    seeded: true                            it has random numbers of its own and runs once for each seed
    keeps_observed: true                    every estimate holds the values that were measured exactly, as they were measured
    gpu: true                               it computes on a GPU where there is one

A method with a train.py learns: it has the options of all training (training/options.yaml) before its own, it is seeded, and it
computes on a GPU where there is one.
"""

from pathlib import Path
from typing import NamedTuple

import yaml

from options import TYPES, checked

TRAINING = Path(__file__).parent.parent / "training" / "options.yaml"
EVERY_RESTORATION = {  # options of every restoration, which no method.yaml declares
    "first_images": {
        "type": "integer",
        "minimum": 1,
        "description": "Only so many test images, the first ones, are restored and scored. Without it, all.",
    },
}
KEYS = {"title": str} | dict.fromkeys(("train", "restore", "applies", "posterior"), dict)
KEYS |= dict.fromkeys(("seeded", "keeps_observed", "gpu"), bool)


class MethodFacts(NamedTuple):
    title: str
    train: dict[str, dict]  # option -> JSON schema
    restore: dict[str, dict]
    applies: dict[str, bool]  # trait of a forward model -> what it must be
    posterior: dict[str, bool]
    learned: bool
    seeded: bool
    keeps_observed: bool
    gpu: bool


def read(folder: Path) -> MethodFacts:
    """The facts of the method in a folder. Raises ValueError, in one line, where method.yaml is not as said above."""
    path = folder / "method.yaml"
    try:
        stated = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(stated, dict):
        raise ValueError(f"{path}: holds a {type(stated).__name__}, not keys; there are {', '.join(KEYS)}")
    if strange := sorted(map(str, stated.keys() - KEYS.keys())):
        raise ValueError(f"{path}: {strange[0]}: no such key; there are {', '.join(KEYS)}")
    for key, value in stated.items():
        if not isinstance(value, KEYS[key] | None):
            raise ValueError(f"{path}: {key}: {value!r} is a {type(value).__name__}, not a {KEYS[key].__name__}")
    if taken := (stated.get("restore") or {}).keys() & EVERY_RESTORATION.keys():
        raise ValueError(f"{path}: restore.{min(taken)}: every method has this option already; give yours another name")
    for section in ("train", "restore"):
        for name, schema in (stated.get(section) or {}).items():
            check_option(f"{path}: {section}.{name}", schema)
    learned = (folder / "train.py").exists()
    shared = yaml.safe_load(TRAINING.read_text(encoding="utf-8")) if learned else {}
    return MethodFacts(
        title=stated.get("title", folder.name.replace("_", " ")),
        train=shared | (stated.get("train") or {}),
        restore=stated.get("restore") or {},
        applies=stated.get("applies") or {},
        posterior=stated.get("posterior") or {},
        learned=learned,
        seeded=learned or stated.get("seeded", False),
        keeps_observed=stated.get("keeps_observed", False),
        gpu=learned or stated.get("gpu", False),
    )


def check_option(where: str, schema: object) -> None:
    """Raises ValueError where an option of method.yaml has no schema as options.py takes it, or one that refuses its default."""
    if not isinstance(schema, dict) or "description" not in schema or not ("enum" in schema or schema.get("type") in TYPES):
        raise ValueError(f"{where}: needs a description and a type, one of {', '.join(TYPES)}, or an enum")
    if "default" in schema:
        checked(f"{where}: its default", schema["default"], schema)
