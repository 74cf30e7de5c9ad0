"""Training images per second of the Ambient VAE-GAN, ours against other schedules: `python -m benchmarks.training`.

    ours                       a forward pass that the three updates share, as `fit` runs it
    three passes               a forward pass for each update, so that Dec learns against the new Enc and Dis against the new Dec:
                               the schedule of the released code, with our networks
    released                   the same with networks and optimisers as PyTorch makes them by default
    deepinv                    the trainer of deepinv 0.5.0 on our networks and losses (benchmarks/with_deepinv.py)
    deepinv, default networks  the same on networks as PyTorch makes them by default

All draw their batches from the same measurements in memory by the same function. The floor is what the products of our step
would take at this machine's rate for products of large matrices.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from benchmarks.roofline import cost, rates
from benchmarks.side_by_side import MEASUREMENT, Bench, interleaved, medians, parser, with_deepinv
from methods.ambient_vaegan.model import AmbientVAEGAN
from methods.networks import FlattenChannelsLast, ToImage, UnflattenChannelsLast
from methods.training import Batch, Learner, Training, draw_batch, update


class ThreePasses(AmbientVAEGAN):
    """A full forward pass for each of Enc, Dec and Dis, in that order."""

    def step(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        for name in self.networks:
            losses, terms = self.losses(batch, generator)
            update({name: self.optimizers[name]}, {name: losses[name]})
        return {name: term.detach() for name, term in terms.items()}


def with_default_networks(learner: AmbientVAEGAN) -> AmbientVAEGAN:
    """A learner with networks and optimisers as PyTorch makes them by default: channels first, no layer of ours."""
    learner.enc.body, learner.dec.body = by_default(learner.enc.body), by_default(learner.dec.body)
    learner.dis.features, learner.dis.verdict = by_default(learner.dis.features), by_default(learner.dis.verdict)
    learner.optimizers = {
        name: torch.optim.RMSprop(network.parameters(), lr=3e-4, alpha=0.9) for name, network in learner.networks.items()
    }
    return learner


def by_default(layers: nn.Sequential) -> nn.Sequential:
    """The same layers without our changes for speed, with fresh weights where a layer is replaced."""

    def plain(layer: nn.Module) -> nn.Module:
        if isinstance(layer, FlattenChannelsLast):
            return nn.Flatten()
        if isinstance(layer, UnflattenChannelsLast):
            height, width, channels = layer.shape
            return nn.Unflatten(1, (channels, height, width))
        if isinstance(layer, ToImage):
            made = nn.ConvTranspose2d(layer.in_channels, layer.out_channels, 3, stride=2, padding=1, output_padding=1)
            return made.to(layer.weight.device)
        return layer.to(memory_format=torch.contiguous_format)

    return nn.Sequential(*map(plain, layers))


def engine(learner: Learner, data: Batch, batch: int, generator: Generator) -> Callable[[], None]:
    """A step as `fit` takes it: a batch drawn from memory, the learning rate set, the losses added up."""
    training = Training(learner, generator, watch=None)
    return lambda: training.advance(draw_batch(data, batch, generator))


def schedules(bench: Bench, batch: int) -> dict[str, Callable[[], None]]:
    """A function that takes one step, for each contender that can run here."""
    data = bench.data()

    def new(kind: type[AmbientVAEGAN]) -> tuple[AmbientVAEGAN, Generator]:
        generator = bench.generator()
        learner = kind(bench.shape, MEASUREMENT, generator)
        return learner, generator

    steps = {}
    for name, kind in {"ours": AmbientVAEGAN, "three passes": ThreePasses}.items():
        learner, generator = new(kind)
        steps[name] = engine(learner, data, batch, generator)
    learner, generator = new(ThreePasses)
    steps["released"] = engine(with_default_networks(learner), data, batch, generator)
    if deepinv := with_deepinv():
        for name, changed in {"deepinv": lambda same: same, "deepinv, default networks": with_default_networks}.items():
            learner, generator = new(AmbientVAEGAN)
            steps[name] = deepinv.training(changed(learner), data, batch, generator)[1]
    return steps


def add_options(options: argparse.ArgumentParser) -> None:
    options.add_argument("--batch", type=int, default=64, help="images per step (%(default)s)")


def main() -> None:
    options = parser("training", __doc__, repetitions=7)
    add_options(options)
    options.add_argument("--steps", type=int, default=20, help="steps of a contender in a round (%(default)s)")
    args = options.parse_args()
    bench = Bench(args)
    contenders = schedules(bench, args.batch)

    def block(step: Callable[[], None]) -> Callable[[], None]:
        return lambda: [step() for _ in range(args.steps)]

    seconds = interleaved({name: block(step) for name, step in contenders.items()}, args.repetitions)
    images, middle = args.steps * args.batch, medians(seconds)
    rows = [
        {
            "schedule": name,
            "images/s": images / middle[name],
            "slowest": images / max(seconds[name]),
            "fastest": images / min(seconds[name]),
            "ms per step": 1e3 * middle[name] / args.steps,
            "times slower than ours": middle[name] / middle["ours"],
        }
        for name in contenders
    ]
    floor = cost(contenders["ours"]).flops / rates(bench.device, args.repetitions).float32
    at_rate = args.batch / floor
    ratio = floor * args.steps / middle["ours"]
    rows.append(dict(zip(rows[0], ["floor", at_rate, at_rate, at_rate, 1e3 * floor, ratio], strict=True)))
    notes = f"Batch {args.batch}, median of {args.repetitions} interleaved blocks of {args.steps} steps."
    bench.write("training", rows, notes)


if __name__ == "__main__":
    main()
