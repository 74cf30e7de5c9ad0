"""Optimisers, and one update of several networks from the gradients of one forward pass."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


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
    return Adam(weights, betas=betas, fused=True, **recordable(weights, learning_rate))


def muon(weights: Iterable[nn.Parameter], learning_rate: float) -> Optimizer:
    """Muon for the filters of convolutions, Adam for all other weights."""
    weights = list(weights)
    return Muon(weights, fused=True, **recordable(weights, learning_rate))


class Muon(Adam):
    """Adam, but the filters of a convolution, the rows of a matrix W, move along the orthogonal matrix nearest to their momentum.

        M = 0.95 M + 0.05 ∇W,    W = W - 3 η √max(rows, columns) orthogonal(0.95 M + 0.05 ∇W)

    A step then changes all directions of W alike, where Adam's follows the few that have the largest gradients. Jordan, "Muon: an
    optimizer for hidden layers in neural networks", 2024; the root makes the mean square of a step the same for every shape (Liu
    et al., arXiv 2502.16982). torch.optim.Muon takes no convolutions, and computes in bfloat16 on every device. Layers with a
    single filter are Adam's, and so are linear ones: some are so large here that this would take longer than all else.
    """

    MOMENTUM, STEP = 0.95, 3.0

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for W in group["params"]:
                if W.grad is None or W.ndim != 4 or len(W) == 1:
                    continue
                gradient, W.grad = W.grad, None  # Adam passes over weights without a gradient
                if not self.state[W]:
                    self.state[W] |= {"momentum": torch.zeros_like(W), "step": W.new_zeros(())}  # Adam loads no state without
                M = self.state[W]["momentum"].lerp_(gradient, 1 - self.MOMENTUM)
                along = gradient.lerp(M, self.MOMENTUM).flatten(1)
                way = orthogonal(along).view_as(W) * (self.STEP * math.sqrt(max(along.shape)))
                W.sub_(group["lr"] * way)
        super().step()


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly U Vᵀ of a matrix U S Vᵀ, [N, M] -> [N, M]: five Newton-Schulz iterations (Jordan) bring its singular values near 1.

    X = P X₀ is multiplied out at the end alone: the iterations need P and X Xᵀ, which are small where X is long.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    X = matrix / (matrix.norm() + 1e-7)
    A = X @ X.T
    P = one = torch.eye(len(A), dtype=A.dtype, device=A.device)
    for _ in range(5):
        Q = 3.4445 * one - 4.7750 * A + 2.0315 * A @ A
        P, A = Q @ P, Q @ A @ Q
    return P @ X


def recordable(weights: list[nn.Parameter], learning_rate: float) -> dict:
    """The learning rate and, on a GPU, what lets a CUDA graph hold an optimiser's step: the rate is a tensor there."""
    if weights[0].device.type != "cuda":
        return {"lr": learning_rate}
    return {"lr": torch.tensor(learning_rate, device=weights[0].device), "capturable": True}


def rise_and_fall(peak: float, step: int, steps: int) -> float:
    """A learning rate that rises to its peak over 200 steps, or a quarter of few, and falls to 0 in a straight line over all."""
    return peak * min(1, (step + 1) / min(200, max(1, steps / 4))) * (1 - step / steps)
