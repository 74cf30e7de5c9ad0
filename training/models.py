"""model.pt: the trained networks of a method that restoring needs, with what is needed to make each again.

    {"shape": (H, W, C), "networks": {name: made}}
    made = {"class": "module:Class", "version": 1, "arguments": …, "keywords": …, "weights": state_dict}

Any `nn.Module` whose class can be imported can be saved. Nothing in the file is executed when it is read: it holds tensors,
numbers and strings (`weights_only`), and only a subclass of `nn.Module` from networks/, methods/ or the method's own folder is
made from it. Equal weights give equal files. A class of which the same weights now make other images says so by a higher VERSION
(1 where it has none), and files of other versions are refused.
"""

import functools
import importlib
import io
import pickle
import sys
from pathlib import Path

import torch
from torch import nn

import store
from networks import saved
from networks.initial import build
from networks.modes import at_test
from training import device


def class_name(kind: type) -> str:
    """`module:Class`; of a class in the program that runs, its module's name as `python -m` was given it."""
    module = kind.__module__
    if module == "__main__" and (spec := sys.modules["__main__"].__spec__):
        module = spec.name
    return f"{module}:{kind.__qualname__}"


def version(kind: type) -> int:
    return getattr(kind, "VERSION", 1)


def packed(network: nn.Module) -> dict:
    """What model.pt holds of a network."""
    arguments, keywords = getattr(network, "made_with", ((), {}))
    kind = {"class": class_name(type(network)), "version": version(type(network))}
    return kind | {"arguments": arguments, "keywords": keywords, "weights": network.state_dict()}


def unpacked(held: dict) -> nn.Module:
    """The network that `packed` saved. Raises ValueError or TypeError where it cannot be made or its weights do not fit."""
    module, _, name = held["class"].partition(":")
    own = sys.modules["__main__"].__spec__
    packages = {"networks", "methods", *([own.name.partition(".")[0]] if own else [])}
    if module.partition(".")[0] not in packages:
        raise ValueError(f"its class {held['class']} is from none of {', '.join(sorted(packages))}")
    kind = getattr(importlib.import_module(module), name, None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"{held['class']} is not a network")
    if (theirs := held.get("version", 1)) != version(kind):
        raise ValueError(f"of version {theirs} of {name}, this is version {version(kind)}: it would make other images of them")
    with torch.random.fork_rng(devices=[]):  # weights are drawn, and then replaced
        network = build(kind, *held["arguments"], **held["keywords"])
    network.load_state_dict(held["weights"])
    return network


def check_savable(networks: dict[str, nn.Module]) -> None:
    """Raises SystemExit, before any training, where a network could not be loaded again from its file."""
    for name, network in networks.items():
        try:
            torch.save(packed(network), file := io.BytesIO())
            file.seek(0)
            unpacked(torch.load(file, weights_only=True))
        except (AttributeError, ImportError, RuntimeError, TypeError, ValueError, pickle.PickleError) as error:
            kind = type(network).__name__
            sys.exit(
                f"networks[{name!r}]: a saved {kind} could not be made again ({store.why(error)}); define the class at the top "
                "level of a module of the method's folder and make it with "
                f"networks.initial.with_default_weights({kind}, generator, …)"
            )


def save(path: Path, networks: dict[str, nn.Module], shape: tuple[int, int, int]) -> None:
    model = {"shape": tuple(shape), "networks": {name: packed(network) for name, network in networks.items()}}
    saved.write(path, model)


def trained(model: Path, measured, *names: str) -> tuple[nn.Module, ...]:
    """The named networks with the weights of model.pt, on this job's device, as the protocol of `measured` uses them at test.

    Raises SystemExit where the file is missing or does not fit the images: random weights are never scored.
    """
    return load(model, tuple(measured.y.shape[1:]), names, "batch_statistics" in measured.protocol)


@functools.cache
def load(
    model: Path, shape: tuple[int, int, int], names: tuple[str, ...], batch_statistics: bool = False
) -> tuple[nn.Module, ...]:
    """As `trained`, for images of `shape`; kept, so that the bench's warm-up does the loading."""
    where = device.take()
    try:
        held = saved.read(model, where)
        if tuple(held["shape"]) != shape:
            raise ValueError(f"made for images of {tuple(held['shape'])}, not {shape}")
        found = tuple(unpacked(held["networks"][name]).to(where) for name in names)
        for network in found:
            at_test(network, batch_statistics).requires_grad_(False)
        return found
    except FileNotFoundError:
        sys.exit(f"{model}: no such model; train it first (`{store.making(model)}`)")
    except saved.UNREADABLE as error:
        sys.exit(f"{model}: not the weights of this method ({store.why(error)}); delete it and train again")
