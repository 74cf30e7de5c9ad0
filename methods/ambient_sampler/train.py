"""Train a network that draws from the posterior: an energy score on hidden measurements, then EM."""

from methods.ambient_sampler.model import AmbientSampler
from training.command import main

if __name__ == "__main__":
    main(AmbientSampler)
