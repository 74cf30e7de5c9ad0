"""A plain U-Net from a measurement to an image: no latent vector, no adversary."""

from itertools import pairwise

from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork
from networks.unet import beyond, contracted, expanded, twice


class PlainUNet(ImageNetwork):
    """x̂ = 1.1 sigmoid(U(y, m)) - 0.05, clipped to [0, 1] in evaluation mode: a U-Net (networks/unet.py).

    So 0 and 1 are reached exactly, at logits of ±3. (y + U(y, m) in its place was 1 dB worse on noisy digits after 1,000 steps.)
    """

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1):
        super().__init__(shape, low)
        height, width, channels = shape
        skip, self.planes = architecture(shape).skip, planes
        self.beyond = beyond(height, width, len(skip) - 1)
        self.downs = nn.ModuleList(twice(i, o) for i, o in pairwise((planes * channels, *skip)))
        coarse_to_fine = list(pairwise(skip[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in coarse_to_fine)
        self.joins = nn.ModuleList(twice(2 * o, o) for _, o in coarse_to_fine)
        self.image = nn.Conv2d(skip[0], channels, 1)

    def forward(self, y: Tensor, mask: Tensor | None = None) -> Tensor:  # [B, H, W, C] each -> [B, H, W, C]
        with self.precision(y.device):
            *finer, coarsest = contracted(self.stacked(y, mask), self.downs, self.beyond)
            maps = expanded(coarsest, finer, self.ups, self.joins)
            logits = self.image(maps).float()[..., : self.height, : self.width]
        x = 1.1 * logits.sigmoid().permute(0, 2, 3, 1) - 0.05
        return x if self.training else x.clamp(0, 1)
