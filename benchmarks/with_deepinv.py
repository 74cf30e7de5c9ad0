"""deepinv 0.5.0 on our networks, losses and data: what `training` and `search` measure beside ours.

What stands in the way of a fair comparison there, and what is done about it here:

    training metrics are on by default                               off
    a bar of progress, with values fetched from the device           off; the one fetch of its total loss each step stays
    masks do not follow torch.manual_seed                            drawn by our forward model from our generator
    y_hat = A(x) has no noise                                        A measures with a fresh θ, noise included
    no loss is handed q(z|y), and there is no draw from the prior    the model keeps q for the losses, which draw x_p
    one loss and one backward pass for all that is no discriminator  the sum of what Enc and Dec minimise (below)
    CSGMGenerator draws one latent vector however many images        a batch of one
    its search stops at a tolerance                                  the tolerance is 0, so that all steps are taken

Its trainer knows a generator and a discriminator, so Enc and Dec are its one generator: both go down the gradient of
the sum of their two losses, a backward pass through Dis and Dec less than ours. It runs Dis on all three batches twice.
"""

from collections.abc import Callable, Iterator

import torch
from deepinv.loss import Loss
from deepinv.models import CSGMGenerator
from deepinv.physics import Inpainting, Physics
from deepinv.training import AdversarialOptimizer, AdversarialTrainer
from torch import Generator, Tensor, nn

from methods.ambient_vaegan.model import AmbientVAEGAN, L_prior, nll
from networks.original import Decoder
from training.batches import draw_batch
from training.learner import Batch
from training.losses import FAKE_TARGET, REAL_TARGET, cross_entropy
from training.optimizers import rmsprop


class Autoencoder(nn.Module):
    """x^g from y; q(z|y) and the measured prior draw y_p of this step are kept for the losses."""

    def __init__(self, learner: AmbientVAEGAN, generator: Generator):
        super().__init__()
        self.enc, self.dec, self.generator = learner.enc, learner.dec, generator

    def forward(self, y: Tensor, physics: Physics) -> Tensor:
        self.q = self.enc(y)
        return self.dec(self.q.sample(self.generator))


class GeneratorLoss(Loss):
    """What Enc minimises and what Dec minimises, added."""

    def __init__(self, learner: AmbientVAEGAN):
        super().__init__()
        self.chosen = learner

    def forward(self, x_net, y, y_hat, physics: Physics, model: Autoencoder, D: nn.Module, **_) -> Tensor:
        q, chosen = model.q, self.chosen
        model.y_p = physics.A(model.dec(torch.randn(q.mean.shape, generator=model.generator, device=y.device)))
        dis_y, dis_g, dis_p = D(y), D(y_hat), D(model.y_p)
        pixel = chosen.images.value_range**2 * nll(y, x_net if chosen.pixel_term == "direct" else y_hat)
        reconstruction = chosen.alpha * pixel + chosen.beta * nll(dis_y.features, dis_g.features)
        L_G = cross_entropy(dis_g.logit, FAKE_TARGET) + cross_entropy(dis_p.logit, FAKE_TARGET)
        return L_prior(q) + reconstruction + L_G + chosen.gamma * reconstruction


class DiscriminatorLoss(Loss):
    """What Dis minimises, from forward passes of its own."""

    def __init__(self, learner: AmbientVAEGAN):
        super().__init__()
        self.chosen = learner

    def forward(self, y: Tensor, y_hat: Tensor, model: Autoencoder, D: nn.Module, **_) -> Tensor:
        fakes = [cross_entropy(D(fake.detach()).logit, 0) for fake in (y_hat, model.y_p)]
        return cross_entropy(D(y).logit, REAL_TARGET) + sum(fakes)


class Batches:
    """A loader of batches drawn from memory, as our engine draws them."""

    drop_last = False

    def __init__(self, learner: AmbientVAEGAN, data: Batch, size: int, generator: Generator):
        self.learner, self.data, self.size, self.generator = learner, data, size, generator

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Batch]:
        while True:
            batch = draw_batch(self.data, self.size, self.generator)
            yield {"y": self.learner.forward.unbiased(batch["y"])}


def training(
    learner: AmbientVAEGAN, data: Batch, size: int, generator: Generator
) -> tuple[AdversarialTrainer, Callable[[], None]]:
    """deepinv's trainer set up on a learner's networks, and a function that takes one step of it."""
    model = Autoencoder(learner, generator)
    batches = Batches(learner, data, size, generator)
    trainer = AdversarialTrainer(
        model=model,
        D=learner.dis,
        physics=Physics(A=lambda x, **_: learner.measure(x, generator)),
        optimizer=AdversarialOptimizer(rmsprop(model), learner.optimizers["discriminator"]),
        train_dataloader=batches,
        losses=GeneratorLoss(learner),
        losses_d=DiscriminatorLoss(learner),
        metrics=None,
        compute_train_metrics=False,
        optimizer_step_multi_dataset=False,
        non_blocking_transfers=generator.device.type == "cuda",
        save_path=None,
        verbose=False,
        device=generator.device,
        epochs=1,
    )
    trainer.setup_train()
    trainer.reset_metrics()
    trainer.current_train_iterators = [iter(batches)]
    return lambda: trainer.step(0, None, train_ite=0)


class Backbone(nn.Module):
    """A decoder as CSGMGenerator takes it: [1, D, 1, 1] -> [1, C, H, W]."""

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.decoder, self.nz = decoder, decoder.latent

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(z.flatten(1)).permute(0, 3, 1, 2)


@torch.no_grad()
def search(decoder: Decoder, y: Tensor, mask: Tensor, steps: int, restarts: int, learning_rate: float) -> Tensor:
    """x̂ [H, W, C] of one image by CSGMGenerator, the restart with the least error on the measurement; y and mask [H, W, C]."""
    y, mask = y.permute(2, 0, 1)[None], mask.permute(2, 0, 1)[None].float()
    physics = Inpainting(img_size=tuple(y.shape[1:]), mask=mask, device=y.device)
    csgm = CSGMGenerator(Backbone(decoder), inf_max_iter=steps, inf_tol=0, inf_lr=learning_rate).eval()
    found = [csgm(y, physics) for _ in range(restarts)]
    best = min(found, key=lambda x: float(((physics.A(x) - y) ** 2).sum()))
    return best[0].permute(1, 2, 0)
