"""Train the paper's networks by the evidence bound on pairs of measured and clean images."""

from methods.ambient_vaegan_elbo.model import EvidenceBound, Supervised
from methods.training import main


class SupervisedBound(Supervised, EvidenceBound):
    """The upper bound of the evidence-bound rows: the same networks and objective, with the clean image as the target."""


if __name__ == "__main__":
    main(SupervisedBound)
