"""Train the same networks with skip connections on pairs of measured and clean images."""

from methods.supervised_skip.model import SupervisedSkip
from training.command import main

if __name__ == "__main__":
    main(SupervisedSkip)
