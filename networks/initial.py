"""Making a network: on a device, with initial weights from a generator, and so that its file can say how to make it again."""

import torch
from torch import Generator, nn


def build(kind: type[nn.Module], *arguments, **keywords) -> nn.Module:
    """`kind(*arguments, **keywords)`, which remembers the two in `made_with`, so that a saved model needs no code but its class.

    The arguments are what a file of weights may hold: numbers, strings, and tuples and lists of them.
    """
    network = kind(*arguments, **keywords)
    network.made_with = (arguments, keywords)
    return network


def with_normal_weights(kind: type[nn.Module], generator: Generator, *arguments, **keywords) -> nn.Module:
    """A network with weights N(0, 0.02²) and biases 0, as the original's, on the generator's device."""
    network = build(kind, *arguments, **keywords).to(generator.device, memory_format=torch.channels_last)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.02, generator=generator)
            nn.init.zeros_(layer.bias)
    return network


def with_default_weights(kind: type[nn.Module], generator: Generator, *arguments, **keywords) -> nn.Module:
    """A network with PyTorch's own initial weights, drawn from the generator, on its device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator, device=generator.device)))
        network = build(kind, *arguments, **keywords)
    return network.to(generator.device, memory_format=torch.channels_last)
