"""Train the plain U-Net to predict pixels that it does not see."""

from methods.noise2void.model import Noise2Void
from training.command import main

if __name__ == "__main__":
    main(Noise2Void)
