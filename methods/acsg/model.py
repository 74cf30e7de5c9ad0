"""AmbientGAN (Bora, Price and Dimakis, ICLR 2018): a generator learnt from measurements alone.

    x_p = G(z),  z ~ N(0, I)
    G   minimises  H(t_f, Dis(f_θ(x_p)))                         t_f = 0.375
    Dis minimises  H(t_r, Dis(y)) + H(0, Dis(f_θ(x_p)))          t_r = 0.75

with θ drawn afresh and the cross-entropy H(t, p) = -t log p - (1 - t) log(1 - p). G is the decoder and Dis the discriminator of
the Ambient VAE-GAN, trained with its label targets, optimiser and schedule, so that the two differ in the method alone.
"""

import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from methods.ambient_vaegan.model import original_learning_rate
from networks.architectures import ImageFormat
from networks.initial import with_normal_weights
from networks.original import Decoder, Discriminator
from training.learner import Batch, Learner
from training.losses import FAKE_TARGET, REAL_TARGET, cross_entropy
from training.optimizers import rmsprop, update


class AmbientGAN(Learner):
    """A generator whose measured samples a discriminator cannot tell from real measurements."""

    goes_on = True

    def __init__(self, images: ImageFormat, forward: ForwardModel, generator: Generator):
        self.shape, self.forward = images.shape, forward
        self.gen, self.dis = (with_normal_weights(kind, generator, *images) for kind in (Decoder, Discriminator))
        self.networks = {"decoder": self.gen, "discriminator": self.dis}
        self.optimizers = {name: rmsprop(network) for name, network in self.networks.items()}

    def learning_rate(self, step: int) -> float:
        return original_learning_rate(step)

    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        y = self.forward.unbiased(batch["y"])
        x_p = self.gen(torch.randn(len(y), self.gen.latent, generator=generator, device=y.device))
        theta = self.forward.draw(len(y), self.shape, generator)
        y_p = self.forward.unbiased(self.forward.forward(x_p, theta))
        real, fake = self.dis(y).logit, self.dis(y_p).logit

        L_G = cross_entropy(fake, FAKE_TARGET)
        L_D = cross_entropy(real, REAL_TARGET) + cross_entropy(fake, 0)
        update(self.optimizers, {"decoder": L_G, "discriminator": L_D})
        return {"L_G": L_G.detach(), "L_D": L_D.detach()}
