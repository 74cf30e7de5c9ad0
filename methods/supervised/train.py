"""Train the same networks with the same losses on pairs: y → x is the target everywhere, nothing is measured again."""

from torch import Generator, Tensor

from methods.ambient_vaegan.model import AmbientVAEGAN
from methods.learner import Batch
from methods.training import main


class Supervised(AmbientVAEGAN):
    """The paper's upper bound: a VAE-GAN that sees the clean image of each measurement."""

    def real(self, batch: Batch) -> Tensor:
        return batch["x"]

    def measure(self, x: Tensor, generator: Generator) -> Tensor:
        return x


if __name__ == "__main__":
    main(Supervised)
