"""A training step on a GPU that is not there: tensors without values, which know their shape, type and device alone.

What a recording (training/recording.py) does not allow shows without a GPU: a value read back, or an array that is brought from
elsewhere. Kernels and gradients do not run.
"""

import sys

import pytest
import torch
from conftest import phases_of
from declared import FAMILIES, LEARNED, MODELS, learner_class
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from measurements import forward
from measurements.drop_independent import DropIndependent
from networks.architectures import ImageFormat
from networks.initial import build
from training.batches import draw_batch, measure_afresh
from training.loop import Training

IMAGES, BATCH = 50, 8
MNIST, CELEBA = ImageFormat((28, 28, 1)), ImageFormat((64, 64, 3), -1)
CASES = [*((MNIST, model) for model in FAMILIES.values()), (CELEBA, FAMILIES["drop_independent"])]


class MadeUp(torch.Generator):
    """A generator that says that it is on a GPU."""

    device = torch.device("cuda", 0)


class OnOneDevice(TorchDispatchMode):
    """Fails where an operation has tensors of two devices, from now on or when it is told to."""

    def __init__(self, from_now: bool = True):
        super().__init__()
        self.from_now = from_now

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        fused = function is torch.ops.aten._fused_adam_.tensor_lr  # knows no tensors without values
        results = None if fused else function(*args, **(kwargs or {}))
        devices = {each.device.type for each in tree_leaves((args, kwargs, results)) if isinstance(each, torch.Tensor)}
        assert len(devices) < 2 or not self.from_now, f"{function} has tensors of {devices}"
        return results


@pytest.fixture
def gpu(monkeypatch):
    """Tensors are on a GPU and have no values; its generator."""

    def capturable(weights, learning_rate):
        return {"lr": learning_rate, "capturable": True}  # an optimiser's constructor reads the rate; it is made a tensor later

    def gradients(loss, inputs, **options):
        return [torch.empty_like(each) for each in (inputs if isinstance(inputs, list) else [inputs])]

    monkeypatch.setattr("training.optimizers.recordable", capturable)
    monkeypatch.setattr(torch.autograd, "grad", gradients)
    monkeypatch.setattr("networks.precision.has_bfloat16", lambda where: False)
    monkeypatch.setattr(torch.nn.Module, "to", lambda network, *where, **how: network)  # layers are made in their place
    for method in LEARNED:  # `with_default_weights` reads its seed
        module = sys.modules[learner_class(method).__module__]
        monkeypatch.setattr(module, "with_default_weights", lambda kind, _, *a, **k: build(kind, *a, **k), raising=False)
    forward._on_device.cache_clear()  # constants of one test are no good in another
    with FakeTensorMode(), torch.device("cuda"):
        yield MadeUp()
    forward._on_device.cache_clear()


@pytest.fixture
def training_of(learner, gpu):
    """A function: the training of a method, its data on the GPU."""

    def make(method, images, model):
        made = learner(method, images, model, gpu)
        for optimizer in made.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"])
        data = {"y": torch.empty(IMAGES, *images.shape, dtype=torch.float16)}
        data |= {"x": torch.empty(IMAGES, *images.shape, dtype=torch.uint8)}
        s = model.side_info(model.draw(1, images.shape, gpu))
        bits = torch.empty(IMAGES, -(-s.numel() // 8), dtype=torch.uint8)
        data["side_info"] = bits if model.has_mask else torch.empty(IMAGES, 1, 1, 1)
        data |= {f"{name}_again": data[name] for name in ("y", "side_info")}
        return Training(made, gpu, lambda: draw_batch(data, BATCH, gpu))

    return make


@pytest.mark.parametrize(("images", "model"), CASES, ids=str)
@pytest.mark.parametrize("method", LEARNED)
def test_a_step_reads_nothing_back_and_brings_nothing(method, images, model, training_of):
    under_way = training_of(method, images, model)
    with OnOneDevice(from_now=False) as devices:
        under_way.advance()  # the first steps are not recorded; constants are brought here
        devices.from_now = True
        under_way.advance()
    assert {value.device.type for value in under_way.total.values()} == {"cuda"}


@pytest.mark.parametrize("model", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("method", LEARNED)
def test_so_do_the_steps_of_every_later_phase(method, model, training_of):
    under_way = training_of(method, MNIST, model)
    for first, *_ in list(phases_of(under_way.learner).values())[1:]:
        under_way.step = first
        with OnOneDevice(from_now=False) as devices:
            under_way.advance()
            devices.from_now = True
            under_way.advance()


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("named", [(), ("side_info", "y_again", "side_info_again")])
def test_fresh_measurements_are_made_on_the_gpu(model, named, gpu):
    x = torch.empty(BATCH, 28, 28, 1)
    measure_afresh(model, named, x, gpu)
    with OnOneDevice():
        batch = measure_afresh(model, named, x, gpu)
    assert {values.device.type for values in batch.values()} == {"cuda"}


SLIPS = {"reads": lambda loss: loss.item(), "brings": lambda loss: loss + torch.ones((), device="cpu")}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_seen(slip, training_of):
    """Each of the two ways to make a step that cannot be recorded."""
    under_way = training_of("acsg", MNIST, DropIndependent(0.5))
    step = under_way.learner.step
    under_way.learner.step = lambda *given: {name: SLIPS[slip](loss) for name, loss in step(*given).items()}
    with OnOneDevice(), pytest.raises(DataDependentOutputException if slip == "reads" else AssertionError):
        under_way.advance()
