"""Train the plain U-Net on pairs of measured and clean images."""

from methods.supervised_unet.model import SupervisedUNet
from training.command import main

if __name__ == "__main__":
    main(SupervisedUNet)
