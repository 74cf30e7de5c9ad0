"""Files of weights: equal contents give equal files, and what is read is what was written."""

import pickle
import zipfile
from pathlib import Path

import torch

import store

# What `read` raises of a file that is there, and what comes of contents that are not those expected
UNREADABLE = (AttributeError, EOFError, ImportError, LookupError, RuntimeError, TypeError, ValueError)
UNREADABLE += (pickle.PickleError, zipfile.BadZipFile)


def write(path: Path, contents: dict) -> None:
    """Tensors, numbers and texts."""
    with store.replacing(path) as partial, open(partial, "wb") as file:  # given a name, PyTorch would write it into the file
        torch.save(contents, file)


def read(path: Path, where: torch.device | str = "cpu"):
    """The contents, on a device. Nothing in the file is executed. Raises OSError or one of UNREADABLE."""
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():  # PyTorch writes a checksum of each part and does not read it
            raise ValueError(f"{damaged} is not as it was written")
    return torch.load(path, weights_only=True, map_location=where)
