"""Train the original's networks with its losses on pairs of measured and clean images."""

from methods.supervised.model import Supervised
from training.command import main

if __name__ == "__main__":
    main(Supervised)
