"""Callbacks: what is called while a training goes on, and changes nothing in it."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Set

import torch
from torch import Generator, Tensor

from networks.modes import at_test, in_training
from training.learner import Batch, Learner

SELECT_EVERY = 500  # steps between two looks of the selection by clean error at its validation batch
SELECT_IMAGES = 64  # in that batch


class Callback(ABC):
    """Called after the steps of a training that it asks for; the training itself goes on as if it were not there."""

    state: dict  # what it remembers (tensors, numbers, lists of them), kept in the checkpoint

    @abstractmethod
    def due(self, step: int, steps: int) -> bool:
        """Whether it is called after this step of a training of `steps`."""

    @abstractmethod
    def after_step(self, step: int, learner: Learner) -> None: ...


class CleanSelection(Callback):
    """Of every so many steps and the last, keep the weights with the least clean error on one batch of measurements.

    The original selects its weights so. `protocol` are the switches in force, which say how an estimate is made.
    """

    def __init__(self, batch: Batch, x: Tensor, protocol: Set[str], every: int = SELECT_EVERY):
        self.batch, self.x, self.protocol, self.every = batch, x, protocol, every
        self.state = {}

    def due(self, step: int, steps: int) -> bool:
        return step % self.every == 0 or step == steps

    def after_step(self, step: int, learner: Learner) -> None:
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


def estimated(learner: Learner, batch: Batch, protocol: Set[str] = frozenset()) -> Tensor | None:
    """The learner's estimate of a batch with its present weights, [B, H, W, C]. Changes nothing in it, nor any random number."""
    seed = Generator(batch["y"].device).manual_seed(0)
    try:
        for network in learner.networks.values():
            at_test(network, "batch_statistics" in protocol)
        with torch.no_grad():
            return learner.estimate(batch, seed if "posterior_sample" in protocol else None)
    finally:
        for network in learner.networks.values():
            in_training(network)
