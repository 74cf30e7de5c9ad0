"""Train the sampler on pairs of measured and clean images."""

from methods.sampler_supervised.model import SupervisedSampler
from training.command import main

if __name__ == "__main__":
    main(SupervisedSampler)
