"""Training images per second of the Ambient VAE-GAN against the released code's schedule: `python -m benchmarks.training_speed`.

The released schedule runs the full forward pass once per network update, three times a step, so that Dec learns against the new
Enc and Dis against the new Dec. Ours takes all three gradients from one forward pass. Both have the same losses and batch, on one
thread. `three passes` has our networks, `released` has them as PyTorch makes them by default.
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
from methods.networks import FlattenChannelsLast, ToImage, UnflattenChannelsLast
from methods.training import update

SHAPE, BATCH = (28, 28, 1), 64


class ThreePasses(AmbientVAEGAN):
    """A full forward pass for each of Enc, Dec and Dis, in that order."""

    def step(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        for name in self.networks:
            losses, terms = self.losses(batch, generator)
            update({name: self.optimizers[name]}, {name: losses[name]})
        return terms


class Released(ThreePasses):
    """The same schedule with networks and optimisers as PyTorch makes them by default: channels first, no layer of ours."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.enc.body, self.dec.body = by_default(self.enc.body), by_default(self.dec.body)
        self.dis.features, self.dis.verdict = by_default(self.dis.features), by_default(self.dis.verdict)
        self.optimizers = {
            name: torch.optim.RMSprop(network.parameters(), lr=3e-4, alpha=0.9) for name, network in self.networks.items()
        }


def by_default(layers: nn.Sequential) -> nn.Sequential:
    """The same layers without our changes for speed, with fresh weights where a layer is replaced."""

    def plain(layer: nn.Module) -> nn.Module:
        if isinstance(layer, FlattenChannelsLast):
            return nn.Flatten()
        if isinstance(layer, UnflattenChannelsLast):
            height, width, channels = layer.shape
            return nn.Unflatten(1, (channels, height, width))
        if isinstance(layer, ToImage):
            return nn.ConvTranspose2d(layer.in_channels, layer.out_channels, 3, stride=2, padding=1, output_padding=1)
        return layer.to(memory_format=torch.contiguous_format)

    return nn.Sequential(*map(plain, layers))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    parser.add_argument("--blocks", type=int, default=7, help="blocks of each kind (%(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps in a block (%(default)s)")
    args = parser.parse_args()

    torch.set_num_threads(1)
    batch = {"y": torch.rand(BATCH, *SHAPE, generator=Generator().manual_seed(0))}
    kinds = {"ours": AmbientVAEGAN, "three passes": ThreePasses, "released": Released}
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
