"""A plain U-Net from a measurement to an image: no latent vector, no adversary."""

from itertools import pairwise

from torch import Tensor, nn

from networks.architectures import architecture
from networks.layers import ImageNetwork
from networks.unet import beyond, contracted, expanded, twice


class PlainUNet(ImageNetwork):
    """x̂ = U(y, m), which reaches 0 and 1: a U-Net (networks/unet.py). With y + U(y, m), noisy digits were 1 dB worse."""

    VERSION = 2  # of training/models.py: 1 ended in a stretched sigmoid

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
            return self.reaching(self.image(expanded(coarsest, finer, self.ups, self.joins)))
