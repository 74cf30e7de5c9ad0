"""Restore with the networks of the evidence bound: one forward pass."""

from bench.command import main
from methods.ambient_vaegan_elbo.restore import restore, sample

if __name__ == "__main__":
    main(restore, sample=sample)
