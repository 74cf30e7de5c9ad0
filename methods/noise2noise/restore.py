"""Restore with the plain U-Net: the same forward pass."""

from bench.command import main
from methods.supervised_unet.restore import restore

if __name__ == "__main__":
    main(restore)
