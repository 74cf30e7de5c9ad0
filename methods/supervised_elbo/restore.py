"""Restore with the networks of the evidence bound: one forward pass."""

from methods.ambient_vaegan_elbo.restore import restore, sample
from bench.command import main

if __name__ == "__main__":
    main(restore, sample=sample)
