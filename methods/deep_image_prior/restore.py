"""Deep image prior (Ulyanov, Vedaldi and Lempitsky, CVPR 2018): a network fitted to one measurement, and stopped early.

    z ~ U(0, 0.1),   x̂ = f_w(z + n_t),   n_t ~ N(0, 0.03²) anew at every step
    w minimises  Σ_i (E[y | x̂, s] - y)²_i   over the values where y informs, by Adam, for a fixed number of steps

No image but the one at hand is seen: what a network of random weights fits first is what restores. With enough steps it would fit
the noise as well. The estimate is a running mean of the outputs, as in the authors' program for noise. Network and settings are
theirs, but for fewer channels and levels, as our images are small. A network is trained for each image, which takes seconds: run
it on some images only.
"""

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import torch
from torch import Generator, Tensor

from bench.command import main
from bench.measured import Measured
from measurements.forward import ForwardModel
from methods.deep_image_prior.network import INPUTS, Hourglass
from networks.initial import with_default_weights
from training import device
from training.optimizers import adam

INPUT_RANGE, INPUT_NOISE = 0.1, 0.03


class Fit:
    """The fit of a network to one measurement y [1, H, W, C] with its side information."""

    def __init__(self, y: Tensor, s: Tensor, forward: ForwardModel, generator: Generator, *, width: int, learning_rate: float):
        self.y, self.s, self.forward, self.generator = y, s, forward, generator
        self.informs = forward.informs(s, y.shape)
        self.network = with_default_weights(Hourglass, generator, tuple(y.shape[1:]), width)
        self.optimizer = adam(self.network.parameters(), learning_rate)
        self.z = INPUT_RANGE * torch.rand(1, INPUTS, *y.shape[1:3], generator=generator, device=y.device)

    def step(self) -> Tensor:
        """One step of Adam; the output before it, [1, H, W, C]."""
        n = INPUT_NOISE * torch.randn(self.z.shape, generator=self.generator, device=self.z.device)
        with torch.enable_grad():
            x = self.network(self.z + n)
            off = torch.where(self.informs, self.forward.predict(x, self.s) - self.y, 0)
            self.optimizer.zero_grad()
            (off**2).mean().backward()
        self.optimizer.step()
        return x.detach()


def restore(
    measured: Measured, *, seed: int, steps: int, width: int, learning_rate: float, memory: float
) -> Iterator[Tensor]:
    """The running mean of what a network gives that is fitted to each measurement alone; values measured exactly stay."""
    where = device.take()
    y, s, observed = (torch.from_numpy(np.array(part)).to(where) for part in (measured.y, measured.side_info, measured.observed))
    fits = []
    for image in range(len(y)):  # random numbers belong to the image and the seed, so that no estimate depends on its neighbours
        state = np.random.SeedSequence([seed, crc32(np.ascontiguousarray(measured.y[image]))]).generate_state(1, np.uint32)
        part = slice(image, image + 1)
        generator = Generator(where).manual_seed(int(state[0]))
        fits.append(Fit(y[part], s[part], measured.forward, generator, width=width, learning_rate=learning_rate))
    mean = None
    for _ in range(steps):
        x = torch.cat([fit.step() for fit in fits])
        mean = x if mean is None else memory * mean + (1 - memory) * x
        yield torch.where(observed, y, mean)


if __name__ == "__main__":
    main(restore)
