"""Optimisers, and one update of several networks from the gradients of one forward pass."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def update(optimizers: dict[str, Optimizer], losses: dict[str, Tensor]) -> None:
    """One step of each network down its own loss, all gradients taken at the weights of the one forward pass."""
    gradients = {}
    for name, loss in losses.items():
        weights = [w for group in optimizers[name].param_groups for w in group["params"]]
        gradients[name] = zip(weights, torch.autograd.grad(loss, weights, retain_graph=True), strict=True)
    for name, pairs in gradients.items():
        for weight, gradient in pairs:
            weight.grad = gradient
        optimizers[name].step()


def rmsprop(network: nn.Module) -> Optimizer:
    """RMSProp with the decay of TensorFlow's default, as the original uses it."""
    weights = list(network.parameters())
    return torch.optim.RMSprop(weights, alpha=0.9, foreach=True, **recordable(weights, 3e-4))


def adam(weights: Iterable[nn.Parameter], learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> Optimizer:
    weights = list(weights)
    return torch.optim.Adam(weights, betas=betas, fused=True, **recordable(weights, learning_rate))


def recordable(weights: list[nn.Parameter], learning_rate: float) -> dict:
    """The learning rate and, on a GPU, what lets a CUDA graph hold an optimiser's step: the rate is a tensor there."""
    if weights[0].device.type != "cuda":
        return {"lr": learning_rate}
    return {"lr": torch.tensor(learning_rate, device=weights[0].device), "capturable": True}


def rise_and_fall(peak: float, step: int, steps: int) -> float:
    """A learning rate that rises to its peak over 200 steps, or a quarter of few, and falls to 0 in a straight line over all."""
    return peak * min(1, (step + 1) / min(200, max(1, steps / 4))) * (1 - step / steps)
