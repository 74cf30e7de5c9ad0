"""Train a diffusion model on images with holes: hide more, add noise, predict all that was seen."""

from methods.ambient_diffusion.model import AmbientDiffusion
from training.command import main

if __name__ == "__main__":
    main(AmbientDiffusion)
