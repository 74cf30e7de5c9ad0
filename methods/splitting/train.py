"""Train a U-Net by measurement splitting: corrupt each measurement once more, and predict what that took away."""

from methods.splitting.model import Splitting
from training.command import main

if __name__ == "__main__":
    main(Splitting)
