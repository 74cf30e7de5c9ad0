"""A U-Net that gives a Gaussian with a covariance of low rank, not only an image."""

from torch import Tensor, nn

from networks.architectures import architecture
from networks.stochastic_unet import StochasticUNet


class LowRankUNet(StochasticUNet):
    """N(μ, Σ_k w_k w_kᵀ) from (y, m): the mean image μ is that of a StochasticUNet without noise, beside it are r maps w_k.

    A StochasticUNet can go on from its weights.
    """

    def __init__(self, shape: tuple[int, int, int], low: int = 0, *, planes: int = 1, rank: int):
        super().__init__(shape, low, planes=planes)
        width, channels = architecture(shape).sampler[0], shape[2]
        self.rank = rank
        self.factor = nn.Conv2d(width, rank * channels, 3, padding=1)
        nn.init.normal_(self.factor.weight, std=0.01)  # at first the covariance is small beside any noise
        nn.init.zeros_(self.factor.bias)

    def forward(self, y: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """μ [B, H, W, C] and w [r, B, H, W, C]."""
        with self.precision(y.device):
            maps = self.last_maps(self.encode(y, mask), y.new_zeros(len(y), self.noise))
            mean, factor = self.image(maps), self.factor(maps)
        factor = factor.float()[..., : self.height, : self.width].unflatten(1, (self.rank, -1))
        return self.reaching(mean), factor.permute(1, 0, 3, 4, 2)

    def sampler(self) -> dict[str, Tensor]:
        """The weights with which a StochasticUNet begins as μ, whatever its noise then adds."""
        return {name: weight for name, weight in self.state_dict().items() if not name.startswith("factor.")}
