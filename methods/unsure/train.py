"""Train the plain U-Net by Stein's unbiased risk estimate, the noise level unknown."""

from methods.unsure.model import Unsure
from training.command import main

if __name__ == "__main__":
    main(Unsure)
