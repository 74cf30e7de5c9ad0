"""Train a U-Net by equivariant splitting: corrupt each measurement once more, transform it, predict what was taken away."""

from methods.equivariant_splitting.model import EquivariantSplitting
from training.command import main

if __name__ == "__main__":
    main(EquivariantSplitting)
