"""What a learned method gives to the training engine: its networks, its optimisers, and one step."""

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from methods import networks

Batch = dict[str, Tensor]  # "y" (and "side_info", "x" where the rule names them): [B, H, W, C]


class Learner(ABC):
    """What a method gives to the engine."""

    networks: dict[str, networks.Network]
    optimizers: dict[str, Optimizer]  # by the name of what they train, as `update` takes the losses
    steps: int  # of the whole training, for a schedule; the engine sets it

    @abstractmethod
    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Update every network once; return the losses as scalars on the device, which the engine logs."""

    def learning_rate(self, step: int) -> float | None:
        """The learning rate of every optimiser at a step; None leaves them alone."""
        return None

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor | None:
        """x̂ from batch["y"] as `restore` makes it, with a generator one sample of it where there are any; None: not to be had."""
        return None


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


def adam(weights: list[nn.Parameter], learning_rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> Optimizer:
    return torch.optim.Adam(weights, betas=betas, fused=True, **recordable(weights, learning_rate))


def recordable(weights: list[nn.Parameter], learning_rate: float) -> dict:
    """The learning rate and, on a GPU, what lets a CUDA graph hold an optimiser's step: the rate is a tensor there."""
    if weights[0].device.type != "cuda":
        return {"lr": learning_rate}
    return {"lr": torch.tensor(learning_rate, device=weights[0].device), "capturable": True}
