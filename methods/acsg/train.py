"""Train the AmbientGAN that ACSG searches."""

from methods.acsg.model import AmbientGAN
from training.command import main

if __name__ == "__main__":
    main(AmbientGAN)
