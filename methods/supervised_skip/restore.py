"""Restore with the supervised network with skip connections: the same forward pass."""

from bench.command import main
from methods.ambient_vaegan_skip.restore import restore, sample

if __name__ == "__main__":
    main(restore, sample=sample)
