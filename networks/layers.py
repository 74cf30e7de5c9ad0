"""Layers that the networks share, and the base class of networks on images.

Images go in and come out as [B, H, W, C] in [0, 1]; inside, the same memory is read as [B, C, H, W] (channels last), on the scale
that the data set states (`low` to 1).
Legend: B batch, H W C image, O outputs, P planes of what a network sees: y alone (1), or y and its mask (2).
"""

from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.precision import autocast


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
    """The side of an image after `times` stride-2 convolutions, which round up."""
    return -(-length // 2**times)


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


class ImageNetwork(nn.Module):
    """A network on images: how they go in and come out, and the arithmetic between.

    While it trains it computes in bfloat16 where the device can; what goes in and comes out is float32.
    """

    teaches = False  # whether its images only teach another network: then it computes as if it trained

    def __init__(self, shape: tuple[int, int, int], low: int = 0):
        super().__init__()
        self.height, self.width, _ = shape
        self.low = low

    def precision(self, where: torch.device) -> torch.autocast:
        return autocast(where, self.training or self.teaches)

    def inside(self, y: Tensor) -> Tensor:
        """Images as the layers see them: [B, H, W, C] in [0, 1] -> [B, C, H, W] in [low, 1], stored channels last."""
        return (y if self.low == 0 else self.low + (1 - self.low) * y).permute(0, 3, 1, 2)

    def reaching(self, maps: Tensor) -> Tensor:
        """Images [B, H, W, C] that reach 0 and 1 exactly: ½ + ¼ `maps`, a sigmoid's tangent, clipped to [0, 1].

        A sigmoid that is stretched beyond [0, 1] reaches them too, but is flat there, so that black stayed a little grey. While
        the network trains the clipped part has a slope of 0.02, so that a gradient gets past. Rows and columns beyond the image
        are cut off.
        """
        x = 0.5 + 0.25 * maps.float()[..., : self.height, : self.width].permute(0, 2, 3, 1)
        clipped = x.clamp(0, 1)
        return clipped + 0.02 * (x - clipped) if self.training else clipped

    def stacked(self, y: Tensor, mask: Tensor | None) -> Tensor:
        """What an encoder sees, [B, P·C, H, W]: y [B, H, W, C], and beside it the mask of seen values, if there is one."""
        images = self.inside(y)
        return images if mask is None else torch.cat([images, mask.expand_as(y).permute(0, 3, 1, 2).to(y.dtype)], dim=1)


def normalised(layers: Iterable[tuple[nn.Module, int]]) -> list[nn.Module]:
    """Each layer (with its number of outputs), batch norm and ReLU."""
    norm = {nn.Linear: nn.BatchNorm1d}
    return [part for layer, o in layers for part in (layer, norm.get(type(layer), nn.BatchNorm2d)(o), nn.ReLU(inplace=True))]


def dense(widths: Iterable[int]) -> list[nn.Module]:
    """Linear layers from width to width."""
    return normalised((nn.Linear(i, o), o) for i, o in pairwise(widths))
