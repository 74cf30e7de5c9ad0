"""Train the Ambient VAE-GAN on measurements alone."""

from methods.ambient_vaegan.model import AmbientVAEGAN
from training.command import main

if __name__ == "__main__":
    main(AmbientVAEGAN)
