"""Train a DnCNN on measurements alone: corrupt each once more, and predict what that took away."""

from networks.initial import with_default_weights
from training.command import main
from training.learner import Learner
from training.optimizers import adam, update

from .model import DnCNN


class Recorrupted(Learner):
    """(ỹ, s̃), t, c = recorrupt(y, s);   minimises Σ c (E[y | DnCNN(ỹ), s] - t)² / Σ c."""

    def __init__(self, images, forward, generator, *, share, tau, learning_rate):
        self.forward, self.share, self.tau = forward, share, tau
        self.net = with_default_weights(DnCNN, generator, images.shape[2])
        self.networks = {"dncnn": self.net}
        self.optimizers = {"dncnn": adam(self.net.parameters(), learning_rate)}

    def step(self, batch, generator):
        again = self.forward.recorrupt(batch["y"], batch["side_info"], generator, share=self.share, tau=self.tau)
        off = self.forward.predict(self.net(again.input), batch["side_info"]) - again.target
        loss = (again.counts * off**2).sum() / again.counts.sum()
        update(self.optimizers, {"dncnn": loss})
        return {"loss": loss.detach()}


if __name__ == "__main__":
    main(Recorrupted)
