"""The speed of one core of this machine, measured once by benchmarks/calibration.py and kept in .cache/."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import store
from bench import machine

ROOT = Path(__file__).parent.parent
CACHE = Path(".cache/calibration")
TIMEOUT = 60  # seconds; a machine that is so busy is not to be calibrated

Speed = dict[str, float]  # "networks" and "arrays" -> seconds of their fixed work


def calibrated(cache: Path = CACHE) -> Speed | None:
    """The two numbers of this machine; None where they could not be measured.

    They are measured in a process of its own, as this one must not import torch, and again on another machine or with another
    version of PyTorch.
    """
    named = [platform.node(), machine.device_name(), os.cpu_count(), metadata.version("torch")]
    path = cache / f"{hashlib.sha256(repr(named).encode()).hexdigest()[:12]}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.calibration"]
    try:
        ran = subprocess.run(command, cwd=ROOT, env=os.environ | one, capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    store.save_json(path, json.loads(ran.stdout))
    return json.loads(ran.stdout)
