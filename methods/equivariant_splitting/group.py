"""Groups of transformations T_g that images of a kind may be unchanged by, as a law: what is as likely before as after.

    flips     the image and its mirror image, left to right
    shifts    by up to `reach` pixels down and across; what leaves the image at one side enters at the other

An element is (mirrored, down, across), three integers; none both mirrors and shifts, so (mirrored, -down, -across) undoes it.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def elements(group: str, reach: int) -> list[tuple[int, int, int]]:
    """All elements, the identity first, then by how far they shift."""
    if group == "flips":
        return [(0, 0, 0), (1, 0, 0)]
    steps = range(-reach, reach + 1)
    return sorted(((0, down, across) for down in steps for across in steps), key=lambda g: (abs(g[1]) + abs(g[2]), g))


def drawn(group: str, reach: int, count: int, generator: Generator) -> Tensor:
    """Elements for `count` images, each equally likely: integers [count, 3]."""
    if group == "flips":
        return F.pad(torch.randint(2, (count, 1), generator=generator, device=generator.device), (0, 2))
    return F.pad(torch.randint(-reach, reach + 1, (count, 2), generator=generator, device=generator.device), (1, 0))


def moved(values: Tensor, g: Tensor) -> Tensor:
    """T_g of each image, mask or noise level [B, H, W, c], by its element of g, integers [B, 3]."""
    count, height, width, _ = values.shape
    mirrored, down, across = g[:, :, None].unbind(1)  # [B, 1] each
    rows = (torch.arange(height, device=values.device) - down) % height  # where each row comes from, [B, H]
    columns = (torch.arange(width, device=values.device) - across) % width
    columns = torch.where(mirrored.bool(), width - 1 - columns, columns)
    return values[torch.arange(count, device=values.device)[:, None, None], rows[:, :, None], columns[:, None]]


def undone(g: Tensor) -> Tensor:
    """The elements that undo those of g."""
    return torch.stack([g[:, 0], -g[:, 1], -g[:, 2]], 1)
