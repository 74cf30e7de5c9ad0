"""DnCNN (Zhang, Zuo, Chen, Meng and Zhang, IEEE TIP 2017) without batch norm."""

from itertools import pairwise

from torch import Tensor, nn


class DnCNN(nn.Module):
    """x̂ = y - CNN(y): a plain stack of convolutions that predicts the error of a measurement."""

    def __init__(self, channels: int, width: int = 32, depth: int = 6):
        super().__init__()
        widths = (channels, *[width] * (depth - 1), channels)
        layers = [part for i, o in pairwise(widths) for part in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU())]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, y: Tensor) -> Tensor:  # [B, H, W, C] -> [B, H, W, C]
        return y - self.body(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
