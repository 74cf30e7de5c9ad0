"""Equivariant splitting: measurement splitting by a network that treats an image and its transformed versions alike.

    (ỹ, s̃), t, c, σ_t = recorrupt(y, s)     as in methods/splitting
    x̂ = T_g U(T_g⁻¹ ỹ, T_g⁻¹ m̃),           g drawn from a group for each image

    U minimises  Σ_i w_i (E[y | x̂, s]_i - t_i)² / Σ_i w_i,     w = c / σ_t²,   σ_t² = 1 where it is exact

Where T_g x is as likely an image as x, y is as well a measurement of T_g⁻¹ x, by the operator A T_g: one corruption teaches what
many would (equivariant imaging: Chen, Tachella and Davies, ICCV 2021, and under noise CVPR 2022). The loss is that of Sechaud et
al., "Equivariant splitting" (arXiv 2510.00929), over the values that were hidden. At test x̂ is averaged over elements of the
group (Reynolds averaging), which makes the estimate equivariant where it is all of them; training draws one for each image.

Which group is a statement about the images. A mirrored face is a face, but a mirrored digit is none: flips are no symmetry of
digits, though each is learnt with its mirror image. Small shifts are one of digits, but only roughly, as digits are centred; on
MNIST neither has been found better than `splitting` so far. Where y mixes values across the edge of an image, shifts that wrap
around are exact only for images with a constant border.
"""

import torch
from torch import Generator, Tensor, nn

from measurements.forward import ForwardModel
from methods.equivariant_splitting.group import drawn, moved, undone
from methods.splitting.model import error
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


class EquivariantUNet(nn.Module):
    """T_g U(T_g⁻¹ y, T_g⁻¹ m), [B, H, W, C], for elements g of its group, integers [B, 3]; U is a plain U-Net."""

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int, group: str, reach: int):
        super().__init__()
        self.unet, self.planes, self.group, self.reach = PlainUNet(shape, low, planes=planes), planes, group, reach

    def forward(self, y: Tensor, mask: Tensor | None, g: Tensor) -> Tensor:
        back = undone(g)
        return moved(self.unet(moved(y, back), None if mask is None else moved(mask, back)), g)


class EquivariantSplitting(Learner):
    """A U-Net that predicts what a further corruption took from each measurement, whichever way the image is turned."""

    def __init__(
        self,
        images: ImageFormat,
        forward: ForwardModel,
        generator: Generator,
        *,
        group: str,
        reach: int,
        share: float,
        tau: float,
        learning_rate: float,
    ):
        self.forward, self.share, self.tau, self.peak = forward, share, tau, learning_rate
        planes = 2 if forward.has_mask else 1
        self.unet = with_default_weights(EquivariantUNet, generator, *images, planes=planes, group=group, reach=reach)
        self.networks = {"unet": self.unet}
        self.optimizers = {"unet": muon(self.unet.parameters(), learning_rate)}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, s = batch["y"], batch["side_info"]
        again = self.forward.recorrupt(y, s, generator, share=self.share, tau=self.tau)
        g = drawn(self.unet.group, self.unet.reach, len(y), generator)
        x = self.unet(again.input, self.forward.mask(again.side_info, y.shape), g)
        loss = error(self.forward, x, s, again)
        update(self.optimizers, {"unet": loss})
        return {"loss": loss.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        y, s = batch["y"], batch["side_info"]
        return torch.where(self.forward.observed(s, y.shape), y, self.unet.unet(y, self.forward.mask(s, y.shape)))
