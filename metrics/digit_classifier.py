"""The classifier of `metrics.digits`: a small network, trained once on the clean training images of a data set with classes.

    python -m metrics.digit_classifier --clean train.npy --labels train.labels.npy --classes 10 --output classifier.pt

It runs on the CPU with one thread, so that the same images give the same weights.
Legend: B batch, H W C image, L classes.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

import store
from networks import saved
from options import COUNT, command_parser, parser_of

STEPS, BATCH, RATE = 700, 128, 4e-3  # 90,000 images drawn
SHIFT, TURN, STRETCH = 2.0, 12.0, 0.1  # largest shift in pixels, rotation in degrees and relative change of size in augmentation
AT_A_TIME = 500  # images classified at a time


def network(channels: int, classes: int) -> nn.Sequential:
    """[B, C, H, W] in [0, 1] -> logits [B, L]: three convolutions, mean over places, one linear layer."""

    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

    layers = [*block(channels, 16, 2), *block(16, 32, 1), *block(32, 64, 2), *block(64, 64, 1)]
    made = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * 64, classes))
    return made.to(memory_format=torch.channels_last)


def augmented(x: Tensor, generator: Generator) -> Tensor:
    """Each image [B, C, H, W] shifted, rotated and rescaled a little, by bilinear interpolation, with 0 outside of it."""
    shift, turn, stretch = (torch.rand(len(x), n, generator=generator) * 2 - 1 for n in (2, 1, 2))
    angle, scale = torch.deg2rad(TURN * turn[:, 0]), 1 + STRETCH * stretch
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    matrix = torch.cat([rotation * scale[:, :, None], (2 * SHIFT / x.shape[-1] * shift)[:, :, None]], 2)  # [B, 2, 3]
    return F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), align_corners=False)


def as_tensor(images: np.ndarray) -> Tensor:
    """uint8 or float16 [N, H, W, C] → float32 [N, C, H, W] in [0, 1]."""
    scale = 255 if images.dtype == np.uint8 else 1
    return torch.from_numpy(images.astype(np.float32) / scale).permute(0, 3, 1, 2)


def train(clean: np.ndarray, labels: np.ndarray, classes: int) -> nn.Sequential:
    """A network in evaluation mode, from uint8 [N, H, W, C] and [N]: Adam with a one-cycle learning rate (Smith 2018)."""
    generator = Generator().manual_seed(0)
    torch.manual_seed(0)  # of the initial weights
    net = network(clean.shape[-1], classes)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    targets, spoke = torch.from_numpy(np.array(labels)).long(), time.monotonic()
    for step in range(1, STEPS + 1):
        chosen = torch.randint(len(clean), (BATCH,), generator=generator)
        logits = net(augmented(as_tensor(clean[chosen.numpy()]), generator))
        loss = F.cross_entropy(logits, targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if time.monotonic() - spoke > 10 or step == STEPS:
            print(f"step {step}/{STEPS}  loss {loss.item():.3f}", flush=True)
            spoke = time.monotonic()
    return net.eval()


@torch.no_grad()
def probabilities(net: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """What the classifier makes of each image of [N, H, W, C]: the probability of each class, [N, L]."""
    parts = [net(as_tensor(images[start : start + AT_A_TIME])).softmax(1) for start in range(0, len(images), AT_A_TIME)]
    return torch.cat(parts).numpy()


def save(path: Path, net: nn.Sequential, classes: int) -> None:
    saved.write(path, {"classes": classes, "weights": net.state_dict()})


def load(path: Path, channels: int) -> nn.Sequential:
    """The trained network in evaluation mode. Raises SystemExit where the file is missing or does not fit the images."""
    try:
        held = saved.read(path)
        net = network(channels, held["classes"])
        net.load_state_dict(held["weights"])
        return net.eval()
    except FileNotFoundError:
        sys.exit(f"{path}: no such classifier; train it first (`{store.making(path)}`)")
    except saved.UNREADABLE as error:
        sys.exit(f"{path}: not a classifier of these images ({store.why(error)}); delete it and train again")


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("metrics.digit_classifier", __doc__)
    add = parser.add_argument
    add("--clean", type=Path, required=True, help="clean training images, uint8 .npy of [N, H, W, C]")
    add("--labels", type=Path, required=True, help="their classes, uint8 .npy of [N]")
    add("--classes", type=parser_of("classes", COUNT), required=True, help="how many classes there are")
    add("--output", type=Path, required=True, help="the trained classifier, .pt")
    args = parser.parse_args(arguments)

    torch.set_num_threads(1)
    with store.clear_errors():
        images, labels = store.load_array(args.clean), np.array(store.load_array(args.labels))
        if len(images) != len(labels):
            sys.exit(f"{args.labels}: {len(labels)} labels for the {len(images)} images of {args.clean}; make both anew")
        if len(labels) and labels.max() >= args.classes:
            sys.exit(
                f"{args.labels}: holds the class {labels.max()}, where there are {args.classes} from 0 on; correct --classes"
            )
        net = train(images, labels, args.classes)
        save(args.output, net, args.classes)


if __name__ == "__main__":
    main()
