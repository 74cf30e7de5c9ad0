"""The learning curve of a training: what its weights make of held-out measurements as it goes on, which changes nothing in it."""

import numpy as np
import torch
from torch import Generator, Tensor

from measurements.forward import ForwardModel
from training.callbacks import Callback, estimated
from training.learner import Batch, Learner

FIRST = 125  # the first step that is looked at; then every doubling of it, and the last step of the training
IMAGES = 128  # of the held-out split, from the first
TAU, HIDDEN, SEED = 0.5, 0.1, 7919  # of the further corruption of the criterion


class Criterion:
    """How well a learner predicts what a further corruption took from measurements that no training sees, with no clean image.

        e = mean_i (E[y | x̂, s]_i - t_i)² - σ_t²        over the values i that count in (ỹ, s̃), t, σ_t = recorrupt(y, s)

    The corruption is drawn once, so that the same is asked of every learner. Where values are lost it hides a tenth of those that
    are lost independently, or one more patch: x̂ is then made of nearly as much as at test, and e estimates its squared error on
    what is lost. Under noise t = y - n / τ (R2R: Pang et al., CVPR 2021), and e estimates the squared error at noise √(1 + τ²) σ.
    """

    def __init__(self, forward: ForwardModel, held_out: Batch, sees_side_info: bool):
        self.forward, self.sees_side_info, self.side_info = forward, sees_side_info, held_out["side_info"]
        generator = Generator(held_out["y"].device).manual_seed(SEED)
        self.example = forward.recorrupt(held_out["y"], self.side_info, generator, share=HIDDEN, tau=TAU)

    def restored(self, learner: Learner, y: Tensor, side_info: Tensor) -> Tensor | None:
        """The learner's estimates in [0, 1], some images at a time; its training names the side information or does not."""
        batches = zip(y.split(IMAGES), side_info.split(IMAGES), strict=True)
        names = ("y", "side_info") if self.sees_side_info else ("y",)
        parts = [estimated(learner, dict(zip(names, batch, strict=False))) for batch in batches]
        return None if parts[0] is None else torch.cat(parts).clamp(0, 1)

    def error(self, learner: Learner) -> float | None:
        """e in units of [0, 1] squared; None where the method makes no estimate while it trains."""
        input_, side_info, target, counts, sigma = self.example
        if (estimate := self.restored(learner, input_, side_info)) is None:
            return None
        off = (self.forward.predict(estimate, self.side_info) - target) ** 2 - sigma**2
        return float(off[counts].mean())


class LearningCurve(Callback):
    """After every doubling of the steps: the criterion, and the estimates of held-out measurements, to be scored by others."""

    def __init__(self, criterion: Criterion, held_out: Batch):
        self.criterion, self.held_out = criterion, held_out
        self.state = {"steps": [], "held_out": [], "estimates": []}

    def due(self, step: int, steps: int) -> bool:
        doublings = step // FIRST
        return step == steps or (step % FIRST == 0 and doublings & (doublings - 1) == 0)

    def after_step(self, step: int, learner: Learner) -> None:
        if (error := self.criterion.error(learner)) is None:
            return
        estimate = self.criterion.restored(learner, **self.held_out)
        self.state["steps"].append(step)
        self.state["held_out"].append(error)
        self.state["estimates"].append(estimate.half().cpu())

    def estimates(self) -> np.ndarray:
        """float16 [T, N, H, W, C], one for each look; T = 0 where the method makes none."""
        looks = self.state["estimates"]
        return (torch.stack(looks) if looks else self.held_out["y"].half().cpu()[None][:0]).numpy()

    def rows(self, batch_size: int) -> list[dict]:
        """A row for each look, of the csv beside the estimates."""
        looks = zip(self.state["steps"], self.state["held_out"], strict=True)
        return [{"step": step, "images_seen": step * batch_size, "held_out": error} for step, error in looks]
