"""Train the Ambient VAE-GAN on measurements alone, by the evidence bound and an adversary."""

from methods.ambient_vaegan_elbo.model import EvidenceBound
from training.command import main

if __name__ == "__main__":
    main(EvidenceBound)
