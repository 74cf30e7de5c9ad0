"""Train the original's networks by the evidence bound on pairs of measured and clean images."""

from methods.supervised_elbo.model import SupervisedBound
from training.command import main

if __name__ == "__main__":
    main(SupervisedBound)
