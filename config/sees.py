"""What a method may see: the inputs of its rules, by names of a closed vocabulary, read as Snakemake parsed them.

    name               in the rules                what it is
    y                  train | restore, sample     the measurements of the training split | of the test split
    side_info          train | restore, sample     the side information of each, what may be told of its θ
    train_y            restore, sample             the measurements of the training split
    train_side_info    restore, sample             their side information
    y_again            train                       a second measurement of each training image: the method is a control
    side_info_again    train                       the side information of each of these
    clean              train                       clean training images: the method is a control
    fresh              train                       clean training images to measure anew, where the protocol has fresh_theta
    validation         train                       clean validation images to select by, where the protocol has clean_selection
    held_out           train                       measurements of the validation split, for the learning curve
    held_out_side_info train                       their side information
    model              restore, sample             what the method's own training made

Beside these, and by other names, a rule may name files in the method's own folder and files that other rules of the method make.
A rule that is not train, restore or sample may name what restore may. Anything else is refused before any job starts.
"""

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import get_wildcard_names, is_callable, strip_wildcard_constraints

import datasets
import protocols

WILDCARDS = {"dataset", "measurement", "seed", "part"}


def protocol_inputs(config: dict) -> dict[str, str]:
    """What every training is given beside its own inputs: name -> path, as a rule module writes it.

    The clean images that switches of the protocol add; and held-out measurements, for the learning curve alone. Data sets without
    clean images have no split to hold out.
    """
    added = {"fresh_theta": ("fresh", "train"), "clean_selection": ("validation", "validation")}
    on = protocols.parse(config["protocol"])
    given = {name: f"<results>/clean/{{dataset}}/{split}.npy" for switch, (name, split) in added.items() if switch in on}
    if all(map(datasets.has_clean, config["datasets"])):
        given |= {"held_out": "<measured>/validation.y.npy", "held_out_side_info": "<measured>/validation.side_info.npy"}
    return given


def vocabulary(config: dict, method: str, step: str) -> dict[str, str]:
    """The inputs that a step of a method may name, each with its path."""
    results = config["results"]
    measured = f"{results}/measured/{{dataset}}/{{measurement}}"
    train = {name: f"{measured}/train.{name}.npy" for name in ("y", "side_info")}
    if step == "train":
        given = protocol_inputs(config).items()
        added = {name: path.replace("<results>", results).replace("<measured>", measured) for name, path in given}
        again = {f"{name}_again": f"{measured}/train_again.{name}.npy" for name in ("y", "side_info")}
        return train | again | {"clean": f"{results}/clean/{{dataset}}/train.npy"} | added
    test = {name: f"{measured}/test.{name}.npy" for name in ("y", "side_info")}
    model = {"model": f"{results}/models/{{dataset}}/{{measurement}}/{method}/{{seed}}/model.pt"}
    return test | {f"train_{name}": path for name, path in train.items()} | model


MEASURED = ("y", "side_info", "train_y", "train_side_info", "y_again", "side_info_again")
EVERY_NAME = (*MEASURED, "clean", "fresh", "validation", "held_out", "model")
CONTROLS = ("train", "measured twice")  # what a control alone sees: clean training images, or two measurements of each


def sees(workflow, config: dict) -> dict[str, dict]:
    """What each method sees: {"clean": …, "theta": the splits whose side information it has, "learned": …}.

    Raises WorkflowError, in one line that names the rule and the input, where a method names what it may not see.
    """
    facts = {}
    for method, rules in rules_of(workflow, config).items():
        inputs = {step: checked(config, method, step, rules) for step in rules}
        names = {name for found in inputs.values() for name in found}
        training = bool({"side_info", "side_info_again"} & inputs.get("train", set())) or "train_side_info" in names
        testing = any("side_info" in found for step, found in inputs.items() if step != "train")
        learned = config["methods"][method]["learned"]
        if learned != ("train" in rules):
            said = "has a train.py but no rule train" if learned else "has a rule train but no train.py"
            raise WorkflowError(f"methods.{method}: its folder {said}; add the one or remove the other")
        facts[method] = {
            "clean": seen_of_clean(names),
            "theta": ", ".join(split for split, seen in (("train", training), ("test", testing)) if seen) or "no",
            "learned": learned,
        }
    return facts


def seen_of_clean(names: set[str]) -> str:
    """What a method sees of clean training images, by the names of its inputs."""
    if "clean" in names:
        return "train"
    if "y_again" in names:
        return "measured twice"
    return "measured afresh" if names & {"fresh", "validation"} else "no"


def rules_of(workflow, config: dict) -> dict[str, dict]:
    """The rules of each method by their names in its rule module. The Snakefile puts the method's name before these."""
    found: dict[str, dict] = {method: {} for method in config["methods"]}
    for rule in workflow.rules:
        owners = [method for method in found if rule.name.startswith(f"{method}_")]
        if owners:
            owner = max(owners, key=len)
            found[owner][rule.name.removeprefix(f"{owner}_")] = rule
    return found


def checked(config: dict, method: str, step: str, rules: dict) -> set[str]:
    """The names of the vocabulary that a rule has among its inputs. Raises WorkflowError as `sees` does."""
    rule, known, names = rules[step], vocabulary(config, method, step), set()
    own = config["methods"][method]["folder"]

    def refuse(place: str, why: str) -> None:
        raise WorkflowError(f"methods.{method}: rule {step}, {place}: {why}")

    for path in rule.output:
        made = strip_wildcard_constraints(str(path))
        kinds = [f"{config['results']}/{kind}/{{dataset}}/{{measurement}}/{method}/" for kind in ("restored", "models")]
        if not made.startswith(tuple(kinds)) or ".." in Path(made).parts:
            refuse(f"output {made}", f"a method writes below {' or '.join(kinds)} alone")
    made_here = {strip_wildcard_constraints(str(path)) for other in rules.values() if other is not rule for path in other.output}
    counted = 0
    for name, value in rule.input.items():
        paths = [value] if isinstance(value, str) or is_callable(value) else list(value)
        counted += len(paths)
        if any(is_callable(path) for path in paths):
            refuse(f"input {name}", "is a function; state the path itself, so that what the method sees can be read")
        given = [str(path) for path in paths]
        if name in known:
            if given != [known[name]]:
                refuse(f"input {name}", f"is {' '.join(given)}; by this name there is {known[name]} alone")
            names.add(name)
        elif name in EVERY_NAME:
            refuse(f"input {name}", unknown_here(config, name, step))
        elif strange := [path for path in given if path not in made_here and not inside(path, own)]:
            refuse(f"input {name}", f"{strange[0]} is neither in the method's folder nor made by its rules; {offered(known)}")
    if counted < len(rule.input):
        refuse(f"input {rule.input[0]}", f"has no name; {offered(known)}")
    return names


def inside(path: str, folder: str) -> bool:
    """Whether a path lies in a method's own folder, links followed, whatever its wildcards stand for."""
    return get_wildcard_names(path) <= WILDCARDS and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def offered(known: dict[str, str]) -> str:
    return f"the rule may name {', '.join(known)}"


def unknown_here(config: dict, name: str, step: str) -> str:
    """Why a rule may not name an input that others may."""
    switch = {"fresh": "fresh_theta", "validation": "clean_selection"}.get(name)
    if step == "train" and switch:
        remedy = 'write `**config["protocol"]` instead, which names what the protocol adds'
        return f"is given where the protocol has {switch}, and this one is {config['protocol']}; {remedy}"
    return "is not for this rule; remove it"
