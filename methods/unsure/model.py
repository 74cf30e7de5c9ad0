"""Stein's unbiased risk estimate where the noise level is unknown (UNSURE: Tachella, Davies and Jacques, ICLR 2025).

    x̂ = U(y),    div = bᵀ J b / n,    J = ∂x̂ / ∂y,  b ~ N(0, I),  n values

    L = ‖x̂ - y‖² / n + 2 η div
    U minimises  L,     η maximises  L

With η = σ² this is the risk up to a constant (Stein 1981). The multiplier η, which the method finds by itself, holds the mean
divergence of U at 0 instead; the price is an estimate somewhat smoother than the conditional mean. The divergence is that of
Ramani, Blu and Unser (IEEE TIP 2008), with the derivative itself in place of a difference, which bfloat16 would not resolve. The
ascent is Adam's in log η, in place of the authors' steps in η, so that it needs no size of step that fits the noise. A quarter
of the batch tells the divergence, whose gradient costs as much as four steps without it.
"""

import torch
from torch import Generator, Tensor, nn

from measurements.forward import ForwardModel
from networks.architectures import ImageFormat
from networks.initial import with_default_weights
from networks.plain_unet import PlainUNet
from training.learner import Batch, Learner
from training.optimizers import muon, rise_and_fall, update


class Multiplier(nn.Module):
    """η = exp(4 l) > 0, what the method takes for σ²; it starts at 0.1².

    Adam's steps in l have the size of the learning rate, so the 4 makes them four times as long in log η. With steps like the
    network's, 1,000 did not bring the divergence to 0 on MNIST at σ = 0.2.
    """

    VERSION, PACE = 2, 4.0  # of training/models.py: 1 had exp(l)

    def __init__(self):
        super().__init__()
        self.paced = nn.Parameter(torch.tensor(0.01).log() / self.PACE)

    def forward(self) -> Tensor:
        return (self.PACE * self.paced).exp()


class Unsure(Learner):
    """A U-Net (Ronneberger, Fischer and Brox 2015) that learns to remove noise of unknown strength."""

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator, *, learning_rate: float):
        self.peak = learning_rate
        self.unet = with_default_weights(PlainUNet, generator, *images)
        self.eta = with_default_weights(Multiplier, generator)
        self.networks = {"unet": self.unet, "eta": self.eta}
        self.optimizers = {name: muon(network.parameters(), learning_rate) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return rise_and_fall(self.peak, step, self.steps)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y, eta = batch["y"], self.eta()
        few = y[: max(2, len(y) // 4)].detach().requires_grad_()
        b = torch.randn(few.shape, generator=generator, device=y.device)
        (Jb,) = torch.autograd.grad((b * self.unet(few)).sum(), [few], create_graph=True)  # Jᵀ b
        div = (b * Jb).mean()
        loss = ((self.unet(y) - y) ** 2).mean() + 2 * eta * div
        update(self.optimizers, {"unet": loss, "eta": -loss})
        return {"loss": loss.detach(), "divergence": div.detach(), "eta": eta.detach()}

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor:
        return self.unet(batch["y"])
