"""Train the same networks with skip connections on pairs of measured and clean images."""

from torch import Tensor

from methods.ambient_vaegan_elbo.model import Supervised
from methods.ambient_vaegan_skip.model import SkipVAEGAN
from methods.training import main


class SupervisedSkip(Supervised, SkipVAEGAN):
    """The upper bound of the VAE-GAN with skip connections: a U-Net that sees the clean image of each measurement."""

    def asked(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """What was not seen; seen values stay as they are. Of noise, all."""
        return super().asked(x, seen) if seen is None else ~seen


if __name__ == "__main__":
    main(SupervisedSkip)
