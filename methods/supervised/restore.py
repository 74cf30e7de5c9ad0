"""Restore with the supervised VAE-GAN: the same forward pass."""

from methods.ambient_vaegan.restore import restore, sample
from bench.command import main

if __name__ == "__main__":
    main(restore, sample=sample)
