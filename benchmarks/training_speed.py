"""Training images per second of the Ambient VAE-GAN against the released code's schedule: `python -m benchmarks.training_speed`.

The released schedule runs the full forward pass once per network update, three times a step, so that Dec learns against the new
Enc and Dis against the new Dec. Ours takes all three gradients from one forward pass. Both have the same losses and batch, on one
thread. `released` has the networks as PyTorch makes them by default (channels first); `three passes` has our networks.
Blocks of steps alternate, and the median block counts.
"""

import argparse
import statistics
import time

import torch
from torch import Generator, Tensor, nn

from measurements.families import DropIndependent
from methods.ambient_vaegan.model import AmbientVAEGAN
from methods.contract import device_name
from methods.training import update

SHAPE, BATCH = (28, 28, 1), 64


class ThreePasses(AmbientVAEGAN):
    """A full forward pass for each of Enc, Dec and Dis, in that order."""

    def step(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        for name in self.networks:
            losses, terms = self.losses(batch, generator)
            update({name: self.optimizers[name]}, {name: losses[name]})
        return terms


class ChannelsFirst(ThreePasses):
    """The same with memory laid out as [B, C, H, W] and one optimiser call per weight."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        for name, network in self.networks.items():
            network.to(memory_format=torch.contiguous_format)
            swap(network)
            self.optimizers[name] = torch.optim.RMSprop(network.parameters(), lr=3e-4, alpha=0.9, foreach=False)


def swap(network: nn.Module) -> None:
    """Flatten and unflatten as PyTorch does."""
    from methods.networks import FlattenChannelsLast, UnflattenChannelsLast

    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, FlattenChannelsLast):
                setattr(parent, name, nn.Flatten())
            elif isinstance(layer, UnflattenChannelsLast):
                height, width, channels = layer.shape
                setattr(parent, name, nn.Unflatten(1, (channels, height, width)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    parser.add_argument("--blocks", type=int, default=7, help="blocks of each kind (%(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps in a block (%(default)s)")
    args = parser.parse_args()

    torch.set_num_threads(1)
    batch = {"y": torch.rand(BATCH, *SHAPE, generator=Generator().manual_seed(0))}
    kinds = {"ours": AmbientVAEGAN, "three passes": ThreePasses, "released": ChannelsFirst}
    generators = {name: Generator().manual_seed(0) for name in kinds}
    learners = {name: kind(SHAPE, DropIndependent(0.5), generators[name]) for name, kind in kinds.items()}
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for block in range(args.blocks + 1):
        for name, learner in learners.items():
            began = time.perf_counter()
            for _ in range(args.steps):
                learner.step(batch, generators[name])
            if block:  # the first warms up
                rates[name].append(args.steps * BATCH / (time.perf_counter() - began))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"MNIST, batch {BATCH}, {device_name()}, 1 thread, median of {args.blocks} blocks of {args.steps} steps")
    for name, rate in medians.items():
        print(f"{name:>14}  {rate:6.0f} images/s  {medians['ours'] / rate:5.2f} times slower than ours")


if __name__ == "__main__":
    main()
