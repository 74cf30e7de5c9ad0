"""A training step on a GPU that is not there: tensors without values, which know their shape, type and device alone.

What a recording (methods/recording.py) does not allow shows without a GPU: a value read back, or an array that is brought from
elsewhere. Kernels and gradients do not run.
"""

import pytest
import torch
from learners import LEARNED, learner_class
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from measurements.add_noise import AddNoise
from measurements.drop_independent import DropIndependent
from measurements.drop_patch import DropPatch
from methods import batches, device, learner, networks, training

MEASUREMENTS = [DropIndependent(0.5), DropIndependent(0.5, 0.5, per_channel=False), DropPatch(9), AddNoise(0.2)]
IMAGES, BATCH = 50, 8


class MadeUp(torch.Generator):
    """A generator that says that it is on a GPU."""

    device = torch.device("cuda", 0)


class OnOneDevice(TorchDispatchMode):
    """Fails where an operation has tensors of two devices."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        fused = function is torch.ops.aten._fused_adam_.tensor_lr  # knows no tensors without values
        results = None if fused else function(*args, **(kwargs or {}))
        devices = {each.device.type for each in tree_leaves((args, kwargs, results)) if isinstance(each, torch.Tensor)}
        assert len(devices) < 2, f"{function} has tensors of {devices}"
        return results


@pytest.fixture
def gpu(monkeypatch):
    """Tensors are on a GPU and have no values; its generator."""

    def capturable(weights, learning_rate):
        return {"lr": learning_rate, "capturable": True}  # an optimiser's constructor reads the rate; it is made a tensor later

    def gradients(loss, inputs, **options):
        return [torch.empty_like(each) for each in (inputs if isinstance(inputs, list) else [inputs])]

    monkeypatch.setattr(learner, "recordable", capturable)
    monkeypatch.setattr(torch.autograd, "grad", gradients)
    monkeypatch.setattr(device, "has_bfloat16", lambda where: False)
    monkeypatch.setattr(torch.nn.Module, "to", lambda network, *where, **how: network)  # layers are made in their place
    for module in ("ambient_vaegan_elbo", "ambient_vaegan_skip"):  # `placed` reads its seed
        monkeypatch.setattr(f"methods.{module}.model.placed", lambda kind, generator, *a, **k: kind(*a, **k))
    with FakeTensorMode(), torch.device("cuda"):
        yield MadeUp()


def training_of(method, shape, measurement, generator) -> training.Training:
    made = learner_class(method)(shape, measurement, generator)
    made.steps = 10
    for optimizer in made.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(group["lr"])
    data = {"y": torch.empty(IMAGES, *shape, dtype=torch.float16), "x": torch.empty(IMAGES, *shape, dtype=torch.uint8)}
    if isinstance(measurement, AddNoise):
        data["side_info"] = torch.empty(IMAGES, 1, 1, 1)
    else:
        bits = measurement.draw(1, shape, generator).numel()
        data["side_info"] = torch.empty(IMAGES, -(-bits // 8), dtype=torch.uint8)
    return training.Training(made, generator, lambda: batches.draw_batch(data, BATCH, generator))


@pytest.mark.parametrize("shape", networks.ARCHITECTURES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=str)
@pytest.mark.parametrize("method", LEARNED)
def test_a_step_reads_nothing_back_and_brings_nothing(method, measurement, shape, gpu):
    under_way = training_of(method, shape, measurement, gpu)
    with OnOneDevice():
        for _ in range(2):
            under_way.advance()
    assert {value.device.type for value in under_way.total.values()} == {"cuda"}


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=str)
@pytest.mark.parametrize("told", [False, True])
def test_fresh_measurements_are_made_on_the_gpu(measurement, told, gpu):
    x = torch.empty(BATCH, 28, 28, 1)
    with OnOneDevice():
        batch = batches.measure_afresh(measurement, told, x, gpu)
    assert {values.device.type for values in batch.values()} == {"cuda"}


SLIPS = {"reads": lambda loss: loss.item(), "brings": lambda loss: loss + torch.ones((), device="cpu")}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_seen(slip, gpu):
    """Each of the two ways to make a step that cannot be recorded."""
    under_way = training_of("acsg", (28, 28, 1), DropIndependent(0.5), gpu)
    step = under_way.learner.step
    under_way.learner.step = lambda *given: {name: SLIPS[slip](loss) for name, loss in step(*given).items()}
    with OnOneDevice(), pytest.raises(DataDependentOutputException if slip == "reads" else AssertionError):
        under_way.advance()
