"""What looks at a training while it goes on, and changes nothing in it."""

import copy
import math
from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from methods.learner import Batch, Learner
from methods.networks import at_test, in_training

SELECT_EVERY = 500  # steps between looks of clean_selection at its validation batch
SELECT_IMAGES = 64  # in that batch


class Watch(ABC):
    """Looks at a learner every `every` steps of its training and after the last; the training itself goes on as if unwatched."""

    def __init__(self, every: int):
        self.every = every
        self.state: dict = {}  # what it remembers (tensors, numbers, lists of them), kept in the checkpoint

    @abstractmethod
    def look(self, step: int, learner: Learner) -> None: ...


class Selection(Watch):
    """The protocol's clean_selection: of all looks, keep the weights with the least clean error on one batch of measurements."""

    def __init__(self, batch: Batch, x: Tensor, every: int = SELECT_EVERY, protocol: frozenset[str] = frozenset()):
        super().__init__(every)
        self.batch, self.x, self.protocol = batch, x, protocol

    def look(self, step: int, learner: Learner) -> None:
        if (estimate := estimated(learner, self.batch, self.protocol)) is None:
            return
        error = float(((estimate - self.x) ** 2).mean())
        if error < self.state.get("clean_mse", math.inf):
            weights = {name: copy.deepcopy(network.state_dict()) for name, network in learner.networks.items()}
            self.state = {"step": step, "clean_mse": error, "networks": weights}

    def choose(self, learner: Learner) -> dict:
        """Give the learner the kept weights, or leave it the last ones; the facts of it for train.json."""
        facts = {"every": self.every, "images": len(self.x)}
        if not self.state:
            return facts | {"step": None, "why": "last weights: this method makes no estimate in training"}
        for name, network in learner.networks.items():
            network.load_state_dict(self.state["networks"][name])
        return facts | {"step": self.state["step"], "clean_mse": self.state["clean_mse"]}


def estimated(learner: Learner, batch: Batch, protocol: frozenset[str] = frozenset()) -> Tensor | None:
    """What the learner as it is makes of a batch, in the way of a protocol. Changes nothing in it, nor any random number."""
    seed = Generator(batch["y"].device).manual_seed(0)
    try:
        for network in learner.networks.values():
            at_test(network, protocol)
        with torch.no_grad():
            return learner.estimate(batch, seed if "posterior_sample" in protocol else None)
    finally:
        for network in learner.networks.values():
            in_training(network)
