"""Training images per second of the Ambient VAE-GAN, ours against other schedules: `python -m benchmarks.training`.

    ours                       a forward pass that the three updates share, as `fit` runs it; a GPU plays it back from a recording
    ours, not recorded         the same without the recording, on a GPU
    three passes               a forward pass for each update, so that Dec learns against the new Enc and Dis against the new Dec:
                               the schedule of the released code, with our networks
    released                   the same with networks and optimisers as PyTorch makes them by default
    deepinv                    the trainer of deepinv 0.5.0 on our networks and losses (benchmarks/with_deepinv.py)
    deepinv, default networks  the same on networks and optimisers as PyTorch makes them by default
    …, float32                 the same in float32, as they run unless told otherwise; only on a device that computes in bfloat16,
                               where all others do

All draw their batches from the same measurements in memory by the same function. The floor is what the products of our step
would take at this machine's rate for products of large matrices.
"""

import argparse
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from benchmarks.learners import learner_options
from benchmarks.roofline import cost, rates
from benchmarks.side_by_side import MEASUREMENT, Bench, interleaved, medians, parser, with_deepinv
from methods.ambient_vaegan.model import AmbientVAEGAN
from networks.layers import FlattenChannelsLast, ToImage, UnflattenChannelsLast
from networks.precision import autocast, has_bfloat16
from options import COUNT, parser_of
from training.batches import draw_batch
from training.learner import Batch, Learner
from training.loop import Training
from training.optimizers import update
from training.recording import Recorded


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


def in_float32(learner: AmbientVAEGAN) -> AmbientVAEGAN:
    """Such a learner that computes in float32, whatever the device can do: what PyTorch does unless told otherwise."""
    for network in learner.networks.values():
        network.precision = lambda where: autocast(where, wanted=False)
    return with_default_networks(learner)


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


def engine(learner: Learner, data: Batch, batch: int, generator: Generator, record: bool) -> Callable[[], None]:
    """A step as `fit` takes it: a batch drawn from memory, the learning rate set, the losses added up."""
    training = Training(learner, generator, lambda: draw_batch(data, batch, generator), record=record)
    if isinstance(training.run, Recorded):  # before any clock runs
        for _ in range(Recorded.WARM_UP + 1):
            training.advance()
    return training.advance


def schedules(bench: Bench, batch: int, record: bool = True) -> dict[str, Callable[[], None]]:
    """A function that takes one step, for each contender that can run here."""
    data, options = bench.data(), learner_options("ambient_vaegan")

    def new(kind: type[AmbientVAEGAN], change: Callable = lambda same: same) -> tuple[AmbientVAEGAN, Batch, int, Generator]:
        generator = bench.generator()
        return change(kind(bench.images, MEASUREMENT, generator, **options)), data, batch, generator

    steps = {"ours": engine(*new(AmbientVAEGAN), record)}
    if record and bench.device.type == "cuda":
        steps["ours, not recorded"] = engine(*new(AmbientVAEGAN), record=False)
    steps["three passes"] = engine(*new(ThreePasses), record=False)
    changes = {"": with_default_networks} | ({", float32": in_float32} if has_bfloat16(bench.device) else {})
    for precision, change in changes.items():
        steps[f"released{precision}"] = engine(*new(ThreePasses, change), record=False)
    if deepinv := with_deepinv():
        steps["deepinv"] = deepinv.training(*new(AmbientVAEGAN))
        for precision, change in changes.items():
            steps[f"deepinv, default networks{precision}"] = deepinv.training(*new(AmbientVAEGAN, change))
    return steps


def add_options(options: argparse.ArgumentParser) -> None:
    options.add_argument("--batch", type=parser_of("batch", COUNT), default=64, help="images per step (%(default)s)")
    options.add_argument(
        "--steps", type=parser_of("steps", COUNT), default=20, help="steps of a contender in a round (%(default)s)"
    )


def seconds_per_step(contenders: dict[str, Callable[[], None]], steps: int, repetitions: int) -> dict[str, list[float]]:
    """Of each contender in each round, the mean over the steps of its block."""

    def block(step: Callable[[], None]) -> Callable[[], None]:
        return lambda: [step() for _ in range(steps)]

    seconds = interleaved({name: block(step) for name, step in contenders.items()}, repetitions)
    return {name: [each / steps for each in blocks] for name, blocks in seconds.items()}


def main() -> None:
    options = parser("training", __doc__, repetitions=7)
    add_options(options)
    args = options.parse_args()
    bench = Bench(args)
    contenders = schedules(bench, args.batch)
    seconds = seconds_per_step(contenders, args.steps, args.repetitions)
    middle = medians(seconds)
    rows = [
        {
            "schedule": name,
            "images/s": args.batch / middle[name],
            "slowest": args.batch / max(seconds[name]),
            "fastest": args.batch / min(seconds[name]),
            "ms per step": 1e3 * middle[name],
            "times slower than ours": middle[name] / middle["ours"],
        }
        for name in contenders
    ]
    counted = schedules(bench, args.batch, record=False)["ours"]  # a recording hides its operations
    floor = cost(counted).flops / rates(bench.device, args.repetitions).training(bench.device)
    at_rate = args.batch / floor
    rows.append(dict(zip(rows[0], ["floor", at_rate, at_rate, at_rate, 1e3 * floor, floor / middle["ours"]], strict=True)))
    notes = f"Batch {args.batch}, median of {args.repetitions} interleaved blocks of {args.steps} steps."
    bench.write("training", rows, notes)


if __name__ == "__main__":
    main()
