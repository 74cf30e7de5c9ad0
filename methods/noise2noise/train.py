"""Train the plain U-Net on two measurements of each image."""

from methods.noise2noise.model import Noise2Noise
from training.command import main

if __name__ == "__main__":
    main(Noise2Noise)
