"""Deep image prior (Ulyanov, Vedaldi and Lempitsky, CVPR 2018): a network fitted to one measurement, and stopped early.

    z ~ U(0, 0.1),   x̂ = f_w(z + n_t),   n_t ~ N(0, 0.03²) anew at every step
    w minimises the mean of (E[y | x̂, s]_i - y_i)² over the values where y informs, by Adam, for a number of steps
        or, under noise, until that mean is down to σ²

No image but the one at hand is seen: what a network of random weights fits first is what restores. With enough steps it would
fit the noise as well; that the fit ends at σ² (Morozov's discrepancy principle) is ours, in place of a number of steps chosen for
each noise. The estimate is a running mean of the outputs, as in the authors' program for noise. Network and settings are theirs,
but for fewer channels and levels, as our images are small, and a shorter mean, as there are fewer steps. A network is trained for
each image, which takes seconds: run it on some images only.
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
        self.mean, self.done = None, False

    def step(self, memory: float) -> Tensor:
        """One step of Adam; the running mean of the outputs before each, [1, H, W, C], which stays when the fit is done."""
        if self.done:
            return self.mean
        n = INPUT_NOISE * torch.randn(self.z.shape, generator=self.generator, device=self.z.device)
        with torch.enable_grad():
            x = self.network(self.z + n)
            self.optimizer.zero_grad()
            self.misfit(x).backward()
        self.optimizer.step()
        self.mean = x.detach() if self.mean is None else memory * self.mean + (1 - memory) * x.detach()
        self.done = bool(self.forward.sigma) and bool(self.misfit(self.mean) <= self.forward.sigma**2)
        return self.mean

    def misfit(self, x: Tensor) -> Tensor:
        """The mean of (E[y | x̂, s] - y)² over the values where y informs."""
        off = torch.where(self.informs, self.forward.predict(x, self.s) - self.y, 0)
        return (off**2).sum() / self.informs.sum().clamp_min(1)


def restore(measured: Measured, *, seed: int, steps: int, width: int, learning_rate: float, memory: float) -> Iterator[Tensor]:
    """The running mean of what a network gives that is fitted to each measurement alone; values measured exactly stay."""
    where = device.take()
    y, s, observed = (torch.from_numpy(np.array(part)).to(where) for part in (measured.y, measured.side_info, measured.observed))
    fits = []
    for image in range(len(y)):  # random numbers belong to the image and the seed, so that no estimate depends on its neighbours
        state = np.random.SeedSequence([seed, crc32(np.ascontiguousarray(measured.y[image]))]).generate_state(1, np.uint32)
        part = slice(image, image + 1)
        generator = Generator(where).manual_seed(int(state[0]))
        fits.append(Fit(y[part], s[part], measured.forward, generator, width=width, learning_rate=learning_rate))
    for _ in range(steps):
        yield torch.where(observed, y, torch.cat([fit.step(memory) for fit in fits]))


if __name__ == "__main__":
    main(restore)
