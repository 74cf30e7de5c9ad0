"""The paper's three networks (3×3 kernels, stride 2, ReLU, batch norm except where noted), and two of ours: a decoder with skip
connections, and one that says how far off a reconstruction may be.

Images go in and come out as [B, H, W, C] in [0, 1]; inside, the same memory is read as [B, C, H, W] (channels last), on the
scale that the paper has for the data set.
Legend: B batch, H W C image, D latent, P planes of what an encoder sees: y alone (1), or y and its mask (2).
"""

import copy
import sys
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from methods.device import autocast


class Architecture(NamedTuple):
    latent: int
    low: int  # images run from `low` to 1 inside the networks: 0, or -1 (then lost values, mid-grey, are 0 there)
    encoder: tuple[int, ...]  # channels of each stride-2 convolution …
    encoder_linear: tuple[int, ...]  # … and of the linear layers between them and μ, log σ²
    decoder: tuple[int, ...]  # channels after the linear layer, then of each transposed convolution
    last: str  # what makes the image of them: one more transposed convolution ("up"), or one of stride 1 ("same")
    discriminator: tuple[int, ...]  # the last convolution's output are the features …
    verdict_linear: tuple[int, ...]  # … and the linear layers between them and the verdict
    skip: tuple[int, ...]  # channels of the decoder with skips at H, H/2, …: ours, not the paper's

    @property
    def width(self) -> int:
        """The length of the images' range inside the networks, in which the paper states its L_pixel."""
        return 1 - self.low


MNIST = Architecture(
    latent=20,
    low=0,
    encoder=(16, 32, 64),
    encoder_linear=(),
    decoder=(32, 16),
    last="up",
    discriminator=(16, 32, 64),
    verdict_linear=(),
    skip=(16, 32, 64),
)
CELEBA = Architecture(
    latent=128,
    low=-1,
    encoder=(64, 128, 256),
    encoder_linear=(1024,),
    decoder=(256, 256, 128, 32),
    last="same",
    discriminator=(32, 128, 256, 256),
    verdict_linear=(256,),
    skip=(32, 64, 128, 256),
)
ARCHITECTURES = {(28, 28, 1): MNIST, (64, 64, 3): CELEBA, (64, 64, 1): CELEBA}  # keyed by image shape


def architecture(shape: tuple[int, int, int]) -> Architecture:
    if tuple(shape) not in ARCHITECTURES:
        known = ", ".join("×".join(map(str, s)) for s in ARCHITECTURES)
        sys.exit(f"methods/networks.py: no networks for images of {'×'.join(map(str, shape))}; there are some for {known}")
    return ARCHITECTURES[tuple(shape)]


def down(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)


def up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


class ToImage(nn.ConvTranspose2d):
    """`up`, computed on the CPU as a matrix product and `fold`: PyTorch's own is slow where there are few output channels."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, stride=2, padding=1, output_padding=1)

    def forward(self, maps: Tensor) -> Tensor:  # [B, C, H, W] -> [B, O, 2H, 2W]
        if maps.device.type != "cpu":
            return super().forward(maps)
        batch, channels, height, width = maps.shape
        patches = maps.permute(0, 2, 3, 1).reshape(batch * height * width, channels) @ self.weight.reshape(channels, -1)
        patches = patches.view(batch, height * width, -1).transpose(1, 2)  # [B, O·3·3, H·W]
        image = F.fold(patches, (2 * height, 2 * width), kernel_size=3, stride=2, padding=1)
        return image + self.bias.view(1, -1, 1, 1)


def halved(length: int, times: int) -> int:
    """The side of an image after `times` stride-2 convolutions."""
    return length if times == 0 else halved((length + 1) // 2, times - 1)


class FlattenChannelsLast(nn.Module):
    """[B, C, H, W] stored channels last -> [B, H·W·C], without moving memory."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1).flatten(1)


class UnflattenChannelsLast(nn.Module):
    """[B, H·W·C] -> [B, C, H, W] stored channels last, without moving memory."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__()
        self.shape = shape  # (H, W, C)

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(1, self.shape).permute(0, 3, 1, 2)


class Network(nn.Module):
    """A network that remembers what it was made with, so that its weights can be loaded without saying it again.

    While it trains it computes in bfloat16 where the device can; what goes in and comes out is float32.
    """

    def __init__(self, shape: tuple[int, int, int], **choices: int):
        super().__init__()
        self.made_with = {"shape": list(shape), **choices}
        self.low = architecture(shape).low

    def precision(self, where: torch.device) -> torch.autocast:
        return autocast(where, self.training)

    def inside(self, y: Tensor) -> Tensor:
        """Images as the layers see them: [B, H, W, C] in [0, 1] -> [B, C, H, W] in [low, 1], stored channels last."""
        return (y if self.low == 0 else self.low + (1 - self.low) * y).permute(0, 3, 1, 2)

    def outside(self, maps: Tensor) -> Tensor:
        """An image from the last layer's output: [B, C, H, W] -> [B, H, W, C] in [0, 1]."""
        bounded = maps.float().sigmoid() if self.low == 0 else 0.5 + 0.5 * maps.float().tanh()
        return bounded.permute(0, 2, 3, 1)

    def stacked(self, y: Tensor, seen: Tensor | None) -> Tensor:
        """What an encoder sees, [B, P·C, H, W]: y [B, H, W, C], beside it where it was seen, if that is told."""
        images = self.inside(y)
        return images if seen is None else torch.cat([images, seen.expand_as(y).permute(0, 3, 1, 2).to(y.dtype)], dim=1)


def normalised(layers: Iterable[tuple[nn.Module, int]]) -> list[nn.Module]:
    """Each layer (with its number of outputs), batch norm and ReLU."""
    norm = {nn.Linear: nn.BatchNorm1d}
    return [part for layer, o in layers for part in (layer, norm.get(type(layer), nn.BatchNorm2d)(o), nn.ReLU(inplace=True))]


def dense(widths: Iterable[int]) -> list[nn.Module]:
    """Linear layers from width to width."""
    return normalised((nn.Linear(i, o), o) for i, o in pairwise(widths))


class Gaussian(NamedTuple):
    """q(z|y) = N(μ, diag σ²)."""

    mean: Tensor  # [B, D]
    log_variance: Tensor  # [B, D]

    def at(self, noise: Tensor) -> Tensor:
        """The samples that belong to standard normal numbers: [..., B, D] -> [..., B, D]."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def sample(self, generator: Generator) -> Tensor:
        return self.at(torch.randn(self.mean.shape, generator=generator, device=self.mean.device))


class Encoder(Network):
    """q(z|y) from a measurement y, or q(z|y, m) with two planes."""

    def __init__(self, shape: tuple[int, int, int], planes: int = 1, latent: int = 0):
        height, width, channels = shape
        arch = architecture(shape)
        latent = latent or arch.latent
        super().__init__(shape, planes=planes, latent=latent)
        widths = (planes * channels, *arch.encoder)
        flat = widths[-1] * halved(height, len(arch.encoder)) * halved(width, len(arch.encoder))
        linear = (flat, *arch.encoder_linear)
        self.body = nn.Sequential(
            *normalised((down(i, o), o) for i, o in pairwise(widths)), FlattenChannelsLast(), *dense(linear)
        )
        self.heads = nn.Linear(linear[-1], 2 * latent)  # μ and log σ² side by side

    def forward(self, y: Tensor, seen: Tensor | None = None) -> Gaussian:  # [B, H, W, C]
        with self.precision(y.device):
            return Gaussian(*self.heads(self.body(self.stacked(y, seen))).float().chunk(2, dim=1))


class Decoder(Network):
    """x^g = Dec(z), in [0, 1]."""

    def __init__(self, shape: tuple[int, int, int], latent: int = 0):
        height, width, channels = shape
        arch = architecture(shape)
        latent = latent or arch.latent
        super().__init__(shape, latent=latent)
        times = len(arch.decoder) - (arch.last == "same")
        start = (height >> times, width >> times, arch.decoder[0])
        inputs = arch.decoder[-1]
        self.body = nn.Sequential(
            nn.Linear(latent, start[0] * start[1] * start[2]),
            UnflattenChannelsLast(start),
            nn.BatchNorm2d(arch.decoder[0]),
            nn.ReLU(inplace=True),
            *normalised((up(i, o), o) for i, o in pairwise(arch.decoder)),
            ToImage(inputs, channels) if arch.last == "up" else nn.Conv2d(inputs, channels, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:  # [B, D] -> [B, H, W, C]
        with self.precision(z.device):
            return self.outside(self.body(z))


class Verdict(NamedTuple):
    logit: Tensor  # [B]; sigmoid(logit) = Dis(y)
    features: Tensor  # Dis_l(y): the last convolution, before its batch norm


class Discriminator(Network):
    """Dis(y) and Dis_l(y) of a measurement y."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__(shape)
        height, width, channels = shape
        arch = architecture(shape)
        widths = arch.discriminator
        self.features = nn.Sequential(
            down(channels, widths[0]),
            nn.ReLU(inplace=True),
            *normalised((down(i, o), o) for i, o in pairwise(widths[:-1])),
            down(*widths[-2:]),
        )
        flat = widths[-1] * halved(height, len(widths)) * halved(width, len(widths))
        linear = (flat, *arch.verdict_linear)
        self.verdict = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(), FlattenChannelsLast(), *dense(linear), nn.Linear(linear[-1], 1)
        )

    def forward(self, y: Tensor) -> Verdict:  # [B, H, W, C]
        with self.precision(y.device):
            features = self.features(self.inside(y))
            return Verdict(self.verdict(features).squeeze(1).float(), features.float())


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 convolutions of stride 1."""
    return nn.Sequential(*normalised((nn.Conv2d(i, outputs, 3, padding=1), outputs) for i in (inputs, outputs)))


class SkipDecoder(Network):
    """x^g = Dec(z; y, m), in [0, 1]: a U-Net (Ronneberger, Fischer and Brox 2015) on the measurement, which z joins where it is
    coarsest."""

    def __init__(self, shape: tuple[int, int, int], planes: int = 1):
        super().__init__(shape, planes=planes)
        height, width, channels = shape
        arch = architecture(shape)
        widths = (planes * channels, *arch.skip)
        coarse = 2 ** (len(arch.skip) - 1)
        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise(widths))
        grid = (height // coarse, width // coarse, widths[-1])
        self.latent = nn.Sequential(nn.Linear(arch.latent, grid[0] * grid[1] * grid[2]), UnflattenChannelsLast(grid))
        self.middle = twice(widths[-1], widths[-1])
        coarse_to_fine = list(pairwise(arch.skip[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.image = nn.Conv2d(arch.skip[0], channels, 1)

    def forward(self, z: Tensor, y: Tensor, seen: Tensor | None = None) -> Tensor:  # [B, D], [B, H, W, C] -> [B, H, W, C]
        with self.precision(y.device):
            maps, skips = self.stacked(y, seen), []
            for level in self.downs:
                maps = level(F.max_pool2d(maps, 2) if skips else maps)
                skips.append(maps)
            maps = self.middle(maps + self.latent(z))
            for up_, join, skip in zip(self.ups, self.joins, reversed(skips[:-1]), strict=True):
                maps = join(torch.cat([up_(maps), skip], dim=1))
            return self.outside(self.image(maps))


class Spread(Network):
    """s, how far each value of a reconstruction x^g may be from the image, from x^g, or x^g and m with two planes.

    It does not see y, which may be what it learns from.
    """

    LEAST = 1 / 255  # a step of an 8-bit image

    def __init__(self, shape: tuple[int, int, int], planes: int = 1):
        super().__init__(shape, planes=planes)
        channels, width = shape[2], architecture(shape).skip[0]
        widths = (planes * channels, width, width)
        layers = [part for i, o in pairwise(widths) for part in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True))]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels, 1))

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:  # [B, H, W, C] each, in [LEAST, 1]
        with self.precision(x.device):
            maps = self.body(self.stacked(x, seen))
        return self.LEAST + (1 - self.LEAST) * (maps.float() - 2).sigmoid().permute(0, 2, 3, 1)


def at_test(network: nn.Module, protocol: frozenset[str] = frozenset()) -> nn.Module:
    """Evaluation mode; with the protocol's batch_statistics batch norm uses those of each batch, so that neighbours matter."""
    network.eval()
    for layer in network.modules():
        if "batch_statistics" in protocol and isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
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


NETWORKS = {kind.__name__: kind for kind in (Encoder, Decoder, Discriminator, SkipDecoder, Spread)}


def packed(network: Network) -> dict:
    """What model.pt holds of a network."""
    return {"kind": type(network).__name__, "made_with": network.made_with, "weights": network.state_dict()}


def unpacked(saved: dict, shape: tuple[int, int, int]) -> Network:
    """The network that `packed` saved. Raises ValueError where it is for images of another shape."""
    choices = dict(saved["made_with"])
    if (made_for := tuple(choices.pop("shape"))) != tuple(shape):
        raise ValueError(f"made for images of {made_for}, not {tuple(shape)}")
    network = NETWORKS[saved["kind"]](made_for, **choices)
    network.load_state_dict(saved["weights"])
    return network


def initialise(network: nn.Module, generator: Generator) -> nn.Module:
    """Weights N(0, 0.02²) and biases 0, as the original's, on the generator's device."""
    network.to(generator.device, memory_format=torch.channels_last)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.02, generator=generator)
            nn.init.zeros_(layer.bias)
    return network


def placed(kind: type[Network], generator: Generator, *arguments, **choices) -> Network:
    """A network with PyTorch's own initial weights, drawn from the generator, on its device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator, device=generator.device)))
        network = kind(*arguments, **choices)
    return network.to(generator.device, memory_format=torch.channels_last)
