"""Known PSNRs of trivial estimates on the first 1,000 MNIST test digits: a slip anywhere from reading to scoring moves them.

BENCH_DATA names a folder with MNIST in torchvision's layout; without it these tests are skipped.
"""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from datasets import mnist
from measurements.families import AddNoise, DropIndependent, DropPatch
from measurements.measure import measure
from methods import as_measured, contract, normalized_convolution
from methods.as_measured.restore import restore as as_measured_restore
from methods.normalized_convolution.restore import restore as normalized_convolution_restore
from metrics.metrics import METRICS

DATA = Path(os.environ.get("BENCH_DATA", "/nowhere"))
pytestmark = pytest.mark.skipif(not (DATA / "MNIST" / "raw").is_dir(), reason="BENCH_DATA names no folder with MNIST/raw")
MEASUREMENTS = {
    "drop_independent": DropIndependent(p=0.5),
    "drop_patch": DropPatch(size=14),
    "add_noise": AddNoise(sigma=0.2),
}


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return mnist.load("test", DATA)[:1000]


def mean_psnr(clean: np.ndarray, estimates: np.ndarray) -> float:
    """PSNR of each image, then their mean."""
    pairs = zip(clean / 255.0, estimates.astype(np.float64), strict=True)
    return float(np.mean([METRICS["psnr"].of(x, estimate, None, None, None) for x, estimate in pairs]))


def restored(clean: np.ndarray, family: str, method, restore) -> np.ndarray:
    """The last estimate of a method with its default options, as the bench takes it."""
    measurement = MEASUREMENTS[family]
    y, told = measure(clean, measurement, 0, "test")
    facts = {"family": family, "options": asdict(measurement)}
    measured = contract.loaded(contract.Measured(y, facts, told))
    schemas = contract.about(Path(method.__file__).parent)["restore"]
    *_, estimate = restore(measured, **{name: schema["default"] for name, schema in schemas.items()})
    return contract.checked(estimate, measured)


def test_all_black(clean):
    assert mean_psnr(clean, np.zeros(clean.shape, np.float16)) == pytest.approx(10.15, abs=0.1)


@pytest.mark.parametrize(("family", "psnr"), [("drop_independent", 13.19), ("add_noise", 16.77), ("drop_patch", 13.39)])
def test_as_measured(clean, family, psnr):
    estimates = restored(clean, family, as_measured, as_measured_restore)
    assert mean_psnr(clean, estimates) == pytest.approx(psnr, abs=0.1)


def test_normalized_convolution(clean):
    estimates = restored(clean, "drop_independent", normalized_convolution, normalized_convolution_restore)
    assert mean_psnr(clean, estimates) >= 19.8
