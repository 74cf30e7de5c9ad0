"""Milliseconds to search a generator's latent space for one image (CSGM): `python -m benchmarks.search`.

    ours             methods/acsg on a batch: every image and restart in one search
    ours, batch 1    the same, an image at a time
    deepinv, batch 1 CSGMGenerator of deepinv 0.5.0, which searches for one image, a restart after another
                     (benchmarks/with_deepinv.py)

All have the same generator, steps, restarts and learning rate, and random measurements with half of the values lost. The weights
are random: every step is the same work whatever they are, and none of the searches ends early. The floor is what the
generator's products would take at this machine's rate.
"""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from bench.measured import Measured
from benchmarks.learners import learner_options, restoration_options
from benchmarks.roofline import cost, rates
from benchmarks.side_by_side import MEASUREMENT, Bench, interleaved, medians, parser, with_deepinv
from methods.acsg.model import AmbientGAN
from methods.acsg.restore import restore
from networks.original import Decoder
from options import COUNT, parser_of
from training import models


def main() -> None:
    options = parser("search", __doc__, repetitions=5)
    options.add_argument("--images", type=parser_of("images", COUNT), default=64, help="of our batch (%(default)s)")
    options.add_argument("--steps", type=parser_of("steps", COUNT), default=50, help="of the search (%(default)s)")
    options.add_argument("--restarts", type=parser_of("restarts", COUNT), default=2, help="starting points (%(default)s)")
    args = options.parse_args()
    bench = Bench(args)
    learner = AmbientGAN(bench.images, MEASUREMENT, bench.generator(), **learner_options("acsg"))
    measured = bench.measured("drop_independent", args.images)
    y, mask = (torch.tensor(array[0], device=bench.device) for array in (measured.y, measured.informs))

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.pt"
        models.save(model, learner.networks, bench.shape)
        (decoder,) = models.load(model, bench.shape, ("decoder",))
        given = restoration_options("acsg") | {"model": model, "seed": 0, "steps": args.steps, "restarts": args.restarts}

        def ours(part: Measured) -> Tensor:
            *_, last = restore(part, **given)
            return last

        contenders = {"ours": lambda: ours(measured), "ours, batch 1": lambda: ours(measured[:1])}
        if deepinv := with_deepinv():
            chosen = args.steps, args.restarts, given["learning_rate"]
            contenders["deepinv, batch 1"] = lambda: deepinv.search(decoder, y, mask, *chosen)
        seconds = interleaved(contenders, args.repetitions)

    images = {name: args.images if name == "ours" else 1 for name in contenders}
    middle = {name: spent / images[name] for name, spent in medians(seconds).items()}
    rows = [
        {
            "search": name,
            "ms per image": 1e3 * middle[name],
            "fastest": 1e3 * min(seconds[name]) / images[name],
            "slowest": 1e3 * max(seconds[name]) / images[name],
            "times slower than ours": middle[name] / middle["ours"],
        }
        for name in contenders
    ]
    step = cost(lambda: one_step(decoder, args.images)).flops / args.images
    floor = args.restarts * args.steps * step / rates(bench.device, args.repetitions).float32
    rows.append(dict(zip(rows[0], ["floor", 1e3 * floor, 1e3 * floor, 1e3 * floor, floor / middle["ours"]], strict=True)))
    notes = f"{args.steps} steps, {args.restarts} restarts; ours {args.images} images at once. "
    bench.write("search", rows, f"{notes}Median of {args.repetitions} interleaved runs.")


def one_step(decoder: Decoder, images: int) -> None:
    """A generator's forward and backward pass, from the image to its latent vector."""
    z = torch.zeros(images, decoder.latent, device=next(decoder.parameters()).device, requires_grad=True)
    decoder(z).sum().backward()


if __name__ == "__main__":
    main()
