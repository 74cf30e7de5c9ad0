"""Networks after training: evaluation mode, and an equal of a generator that is faster to search."""

import copy

import torch
from torch import nn

from networks.original import Decoder, Encoder


def at_test(network: nn.Module, batch_statistics: bool = False) -> nn.Module:
    """Evaluation mode; with `batch_statistics` batch norm uses the statistics of each batch, so that neighbours matter."""
    network.eval()
    for layer in network.modules():
        if batch_statistics and isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.train()
            layer.track_running_stats = False  # neither read nor written
    return network


def in_training(network: nn.Module) -> nn.Module:
    """Back from `at_test`."""
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.track_running_stats = True
    return network


def folded(network: Encoder | Decoder) -> Encoder | Decoder:
    """A copy that is the same function in evaluation mode, each batch norm folded into the layer with weights before it.

    For a search, which runs a generator and its gradient hundreds of times for an image.
    """
    made, found = copy.deepcopy(network), []
    for layer in made.body:
        if not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            # Without its batch norm the first layer's output is a view; a ReLU in place on it would make the gradient copy.
            found.append(nn.ReLU() if isinstance(layer, nn.ReLU) else layer)
            continue
        before = next(each for each in reversed(found) if hasattr(each, "weight"))
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()  # [C]
        shift = layer.bias - layer.running_mean * scale
        times = before.bias.numel() // scale.numel()  # of a linear layer's outputs, which are stored channels last
        scale, shift = scale.repeat(times), shift.repeat(times)
        outputs = 1 if isinstance(before, nn.ConvTranspose2d) else 0  # the axis of the weights
        with torch.no_grad():
            before.weight.mul_(scale.view([-1 if axis == outputs else 1 for axis in range(before.weight.dim())]))
            before.bias.mul_(scale).add_(shift)
    made.body = nn.Sequential(*found)
    return made
