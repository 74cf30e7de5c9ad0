"""Restore with the supervised sampler: the mean of several draws."""

from bench.command import main
from methods.ambient_sampler.restore import restore, sample

if __name__ == "__main__":
    main(restore, sample=sample)
