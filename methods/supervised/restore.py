"""Restore with the supervised VAE-GAN: the same forward pass."""

from bench.command import main
from methods.ambient_vaegan.restore import restore, sample

if __name__ == "__main__":
    main(restore, sample=sample)
