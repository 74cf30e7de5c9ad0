"""What a learned method gives to the training engine: its networks, its optimisers, and one step."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Generator, Tensor, nn
from torch.optim import Optimizer

Batch = dict[str, Tensor]  # "y" (and "side_info", "x" where the rule names them), the images [B, H, W, C] in [0, 1]


class Learner(ABC):
    """A method while it learns. The engine makes it as `kind(images, forward, generator, **options)`:

    images      ImageFormat, the shape (H, W, C) of the images and their scale inside the networks
    forward     ForwardModel, y = f_θ(x)
    generator   makes the initial weights and names the device
    options     those of `train` in method.yaml, as keywords
    """

    goes_on: ClassVar[bool] = False  # whether no step depends on how many there will be: a finished training can then go on

    networks: dict[str, nn.Module]  # made with networks.initial, so that model.pt can say how to make them again
    optimizers: dict[str, Optimizer]  # by the name of what they train, as `update` takes the losses
    steps: int  # of the whole training, for a schedule; the engine sets it
    only_in_training: frozenset[str] = frozenset()  # networks that checkpoints hold, and model.pt does not

    def begin(self, step: int) -> str:
        """Called before each step, outside of what a GPU records; the name of the phase that the step belongs to.

        Within a phase every step does the same work. It may change networks in place; what it does follows from the step alone.
        """
        return ""

    @abstractmethod
    def step(self, batch: Batch, generator: Generator) -> dict[str, Tensor]:
        """Update every network once; return the losses as scalars on the device, which the engine logs."""

    def learning_rate(self, step: int) -> float | None:
        """The learning rate of every optimiser at a step; None leaves them alone."""
        return None

    def estimate(self, batch: Batch, generator: Generator | None = None) -> Tensor | None:
        """x̂ of a batch as `restore` makes it, [B, H, W, C]; with a generator one posterior sample, where the method has them.

        None where the method makes no estimate while it trains.
        """
        return None
