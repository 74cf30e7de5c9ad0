"""Restore with the supervised network with skip connections: the same forward pass."""

from methods.ambient_vaegan_skip.restore import restore, sample
from bench.command import main

if __name__ == "__main__":
    main(restore, sample=sample)
