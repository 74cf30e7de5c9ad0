"""AmbientGAN (Bora, Price and Dimakis, ICLR 2018): a generator learnt from measurements alone.

    x_p = G(z),  z ~ N(0, I)
    G minimises  -log Dis(f_θ(x_p))           Dis maximises  log Dis(y) + log(1 - Dis(f_θ(x_p)))

with θ drawn afresh; G is the decoder and Dis the discriminator of the Ambient VAE-GAN, trained with its label targets,
optimiser and schedule, so that the two differ in the method alone.
"""

import torch
from torch import Generator, Tensor

from methods.ambient_vaegan.model import cross_entropy, paper_learning_rate
from methods.learner import Batch, Learner, rmsprop, update
from methods.networks import Decoder, Discriminator, architecture, initialise


class AmbientGAN(Learner):
    """A generator whose measured samples a discriminator cannot tell from real measurements."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        measurement,
        generator: Generator,
        *,
        real_target: float = 0.75,
        fake_target: float = 0.375,
    ):
        self.shape, self.measurement, self.latent = shape, measurement, architecture(shape).latent
        self.real_target, self.fake_target = real_target, fake_target
        self.gen, self.dis = (initialise(kind(shape), generator) for kind in (Decoder, Discriminator))
        self.networks = {"decoder": self.gen, "discriminator": self.dis}
        self.optimizers = {name: rmsprop(network) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return paper_learning_rate(step)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y = self.measurement.unbiased(batch["y"])
        x_p = self.gen(torch.randn(len(y), self.latent, generator=generator, device=y.device))
        theta = self.measurement.draw(len(y), self.shape, generator)
        y_p = self.measurement.unbiased(self.measurement.forward(x_p, theta))
        real, fake = self.dis(y).logit, self.dis(y_p).logit

        fool = cross_entropy(fake, self.fake_target)
        tell = cross_entropy(real, self.real_target) + cross_entropy(fake, 0)
        update(self.optimizers, {"decoder": fool, "discriminator": tell})
        return {"fool": fool.detach(), "tell": tell.detach()}
