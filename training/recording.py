"""A step of a training as a CUDA graph."""

from collections.abc import Callable

import torch
from torch import Generator

import store


class Unrecordable(Exception):
    """This GPU, or this version of PyTorch, does not record a step."""


class Recorded:
    """A step that the GPU plays back from a recording (a CUDA graph), once it has run a few times as it is written.

    Small networks leave a GPU waiting for Python; a recording is started with one call and waits for nothing. The step must
    be the same work every time, on memory that stays where it is, and `generator` its only source of random numbers.
    """

    WARM_UP = 5  # steps, in which libraries choose their algorithms and optimisers make their state

    def __init__(self, step: Callable[[], None], generator: Generator):
        self.step, self.generator, self.left = step, generator, self.WARM_UP
        self.side = torch.cuda.Stream()
        self.graph = torch.cuda.CUDAGraph()

    def __call__(self) -> None:
        if self.left > 0:
            self.side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.side):
                self.step()
            torch.cuda.current_stream().wait_stream(self.side)
        else:
            if self.left == 0:
                self.record()
            self.graph.replay()
        self.left -= 1

    def record(self) -> None:
        """Raises Unrecordable; the GPU is then in no state to go on in this process."""
        try:
            if hasattr(self.graph, "register_generator_state"):  # newer versions of PyTorch find a generator by themselves
                self.graph.register_generator_state(self.generator)
            with torch.cuda.graph(self.graph):
                self.step()
        except RuntimeError as error:
            raise Unrecordable(store.why(error)) from error
