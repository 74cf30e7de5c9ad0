"""Muon: its steps beside the definition, PyTorch's own, and Adam where it is Adam."""

import pytest
import torch
from torch import nn

from training.optimizers import Muon, adam, muon, orthogonal

RATE = 1e-3


@pytest.mark.parametrize("shape", [(16, 144), (64, 32), (32, 32)])
def test_a_matrix_keeps_its_directions_and_loses_its_sizes(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    U, _, V = torch.linalg.svd(matrix, full_matrices=False)
    within = U.T @ orthogonal(matrix) @ V.T
    sizes = within.diagonal()
    assert (within - sizes.diag()).abs().max() < 1e-4
    assert sizes.min() > 0.6 and sizes.max() < 1.25  # Jordan's polynomial trades nearness to 1 for speed


def network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = (
            nn.Conv2d(2, 8, 3),
            nn.BatchNorm2d(8),
            nn.ConvTranspose2d(8, 4, 2),
            nn.Conv2d(4, 1, 1),
            nn.Flatten(),
            nn.Linear(49, 3),
        )
        return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def stepped(make, steps: int = 3) -> dict[str, torch.Tensor]:
    net = network()
    optimizer = make(net.parameters(), RATE)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for weight in net.parameters():
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return {name: weight.detach() for name, weight in net.named_parameters()}


def test_all_but_the_filters_of_convolutions_move_as_with_adam():
    by_muon, by_adam = stepped(muon), stepped(adam)
    same = {name for name in by_muon if torch.equal(by_muon[name], by_adam[name])}
    assert set(by_muon) - same == {"0.weight", "2.weight"}  # 3 has a single filter


def test_filters_move_as_with_pytorchs_muon_on_the_same_matrix():
    filters = nn.Parameter(torch.randn(8, 18, 1, 1, generator=torch.Generator().manual_seed(0)))
    matrix = nn.Parameter(filters.detach().flatten(1).clone())
    ours = muon([filters], RATE)
    theirs = torch.optim.Muon([matrix], RATE * Muon.STEP / 0.2, weight_decay=0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        before = filters.detach().flatten(1).clone(), matrix.detach().clone()
        filters.grad = torch.randn(filters.shape, generator=generator)
        matrix.grad = filters.grad.flatten(1).clone()
        ours.step(), theirs.step()
        one, two = filters.detach().flatten(1) - before[0], matrix.detach() - before[1]
        assert torch.cosine_similarity(one.flatten(), two.flatten(), dim=0) > 0.998  # theirs computes in bfloat16
        assert float(one.norm()) == pytest.approx(float(two.norm()), rel=0.03)


@pytest.mark.parametrize("shape", [(8, 2, 3, 3), (64, 64, 3, 3), (32, 16, 2, 2)])
def test_a_step_is_as_large_for_filters_of_every_shape(shape):
    weight = nn.Parameter(torch.zeros(shape))
    optimizer = muon([weight], RATE)
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    optimizer.step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(Muon.STEP * RATE, rel=0.25)


def test_a_state_that_was_saved_goes_on_alike():
    halves, whole = network(), network()
    one, other = muon(halves.parameters(), RATE), muon(whole.parameters(), RATE)
    for step in range(4):
        if step == 2:
            state, one = one.state_dict(), muon(halves.parameters(), RATE)
            one.load_state_dict(state)
        for a, b in zip(halves.parameters(), whole.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=torch.Generator().manual_seed(step))
            b.grad = a.grad.clone()
        one.step(), other.step()
    assert all(torch.equal(a, b) for a, b in zip(halves.parameters(), whole.parameters(), strict=True))
