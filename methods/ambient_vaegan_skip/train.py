"""Train the VAE-GAN with skip connections on measurements alone."""

from methods.ambient_vaegan_skip.model import SkipVAEGAN
from training.command import main

if __name__ == "__main__":
    main(SkipVAEGAN)
