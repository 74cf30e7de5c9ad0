"""Posterior samples → a figure of the test images, the first and the most uncertain: measured, original, mean, samples, s.d.

Written as OUTPUT.png and .pdf; OUTPUT.json says which images they are.
"""

from pathlib import Path

import matplotlib
import numpy as np

import store
from options import COUNT, command_parser, parser_of
from reports import files
from reports.restorations import draw, load

SAMPLES = 8  # in the figure
DEVIATION = 0.5  # the largest there is for values in [0, 1], the brightest colour


def row(clean: np.ndarray, y: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """One image as the figure shows it: its columns [4 + SAMPLES, H, W, 3], from [H, W, C] twice and [K, H, W, C]."""
    deviation = samples.std(0).mean(-1)  # [H, W]
    colours = matplotlib.colormaps["magma"](deviation / DEVIATION)[..., :3]
    grey = [np.broadcast_to(image, colours.shape) for image in (y, clean, samples.mean(0), *samples[:SAMPLES])]
    return np.stack([*grey, colours])


def most_uncertain(samples: list[np.ndarray], first: int, count: int) -> list[int]:
    """`count` images, none of the first `first`, whose samples [K, N, H, W, C] vary most.

    The variance is the mean over values and methods, so that all methods show the same images. No clean image is used.
    """
    variance = np.mean([[drawn[:, i].astype(np.float32).var(0).mean() for i in range(drawn.shape[1])] for drawn in samples], 0)
    return [int(i) for i in np.argsort(-variance, kind="stable") if i >= first][:count]


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.posterior_samples", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files")
    add("--methods", type=Path, required=True, metavar="CSV", help="methods.csv of reports.table: rows, titles, what they see")
    add("--clean", type=Path, required=True, metavar="NPY", help="the clean test split")
    add("--measured", nargs="+", type=files.pair, required=True, metavar="NAME=NPY", help="measurement=path, in order")
    add("--samples", nargs="+", type=files.pair, required=True, metavar="NAME=NPY",
        help="measurement/method=path of posterior samples; of a method with seeds, one of them")  # fmt: skip
    add(
        "--images",
        type=parser_of("images", COUNT),
        default=2,
        help="how many of the test split, from its first on (default: %(default)s)",
    )
    add(
        "--uncertain",
        type=parser_of("uncertain", COUNT | {"minimum": 0}),
        default=2,
        help="how many more, of the largest predicted variance (default: %(default)s)",
    )
    add("--output", type=Path, required=True, metavar="STEM", help="the figure, without its ending")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        methods = files.read_csv(given.methods, ["method", "title", "clean"])
        order, measurements = list(methods["method"].unique()), [name for name, _ in given.measured]
        titles = dict(zip(methods["method"], methods["title"], strict=True))
        found = files.by_measurement("--samples", given.samples, measurements, order, "--methods")
        panels, chosen = {}, {}
        for measurement, path in given.measured:
            files.restored_from(path, found[measurement].values())
            drawn = {method: store.load_array(file) for method, file in found[measurement].items()}
            if not drawn:
                continue
            uncertain = most_uncertain(list(drawn.values()), given.images, given.uncertain)
            at = [*range(given.images), *uncertain]
            clean, y = (load(file, max(at) + 1)[at] for file in (given.clean, path))
            for method, samples in drawn.items():
                samples = samples[:, at].astype(np.float32)
                rows = [row(*each) for each in zip(clean, y, samples.swapaxes(0, 1), strict=True)]
                labels = [
                    titles[method],
                    *[""] * (given.images - 1),
                    *["most uncertain", *[""] * len(uncertain)][: len(uncertain)],
                ]
                panels.setdefault(files.title(measurement, {}), []).extend(zip(labels, rows, strict=True))
            chosen[measurement] = uncertain
        heads = ["measured", "original", "mean", *[f"sample {k + 1}" for k in range(len(samples[:SAMPLES]))], "s.d."]
        files.save_figure(draw(panels, heads), given.output)
        facts = {"dataset": given.dataset, "images": given.images, "uncertain": given.uncertain, "chosen": chosen}
        facts |= {"samples": len(samples), "shown": len(samples[:SAMPLES]), "brightest": DEVIATION}
        store.save_json(given.output.with_suffix(".json"), facts)


if __name__ == "__main__":
    main()
