"""Posterior samples → scores of their spread and their error, as a table, and what they look like, as a figure.

posterior.csv                   a row for each measurement, method and metric: mean, its standard error, images, seeds, samples
posterior.md, .tex              the same numbers as a table
posterior.png, .pdf, .json      the first test images: measured, original, mean of the samples, samples, standard deviation
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import store
from reports import captions, files, posterior_table, writers
from reports.restorations import draw, load

SAMPLES = 4  # in the figure
DEVIATION = 0.5  # the largest there is for values in [0, 1], the brightest colour


def row(clean: np.ndarray, y: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """One image as the figure shows it: its columns [4 + SAMPLES, H, W, 3], from [H, W, C] twice and [K, H, W, C]."""
    deviation = samples.std(0).mean(-1)  # [H, W]
    colours = matplotlib.colormaps["magma"](deviation / DEVIATION)[..., :3]
    grey = [np.broadcast_to(image, colours.shape) for image in (y, clean, samples.mean(0), *samples[:SAMPLES])]
    return np.stack([*grey, colours])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reports.posterior", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files")
    add(
        "--scores",
        nargs="+",
        type=Path,
        required=True,
        metavar="CSV",
        help="the scores files of posterior samples of every run (posterior.csv …), one row an image",
    )
    add("--methods", type=Path, required=True, metavar="CSV", help="methods.csv of reports.table: rows, titles, what they see")
    add("--clean", type=Path, required=True, metavar="NPY", help="the clean test split")
    add("--measured", nargs="+", type=files.pair, required=True, metavar="NAME=NPY", help="measurement=path, in order")
    add("--samples", nargs="+", type=files.pair, required=True, metavar="NAME=NPY",
        help="measurement/method=path of posterior samples; of a method with seeds, one of them")  # fmt: skip
    add("--images", type=int, default=3, help="how many of the test split, from its first on (default: %(default)s)")
    add("--output", type=Path, required=True, metavar="DIR", help="where the files named above are written")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        methods = files.read_csv(given.methods, ["method", "title", "clean"])
        order, measurements = list(methods["method"].unique()), [name for name, _ in given.measured]
        scores = files.read_scores(given.scores, True, given.dataset, measurements, order, ["samples"])
        values = posterior_table.summarise(scores, measurements)
        files.write(given.output / "posterior.csv", values.to_csv(index=False))
        table, below = posterior_table.posterior_table(values, methods), captions.posterior_caption(values)
        files.write(given.output / "posterior.md", writers.markdown(table, below))
        files.write(given.output / "posterior.tex", writers.latex(table, below, f"tab:{given.dataset}-posterior"))

        found = files.by_measurement("--samples", given.samples, measurements, order, "--methods")
        titles = dict(zip(methods["method"], methods["title"], strict=True))
        clean, panels = load(given.clean, given.images), {}
        for measurement, path in given.measured:
            y = load(path, given.images)
            for method, drawn in found[measurement].items():
                samples = store.load_array(drawn)[:, : given.images].astype(np.float32)
                rows = [row(*each) for each in zip(clean, y, samples.swapaxes(0, 1), strict=True)]
                labels = [titles[method]] + [""] * (len(rows) - 1)
                panels.setdefault(files.title(measurement, {}), []).extend(zip(labels, rows, strict=True))
        heads = ["measured", "original", "mean", *[f"sample {k + 1}" for k in range(len(samples[:SAMPLES]))], "s.d."]
        files.save_figure(draw(panels, heads), given.output / "posterior")
        facts = {"dataset": given.dataset, "images": given.images, "samples": len(samples), "brightest": DEVIATION}
        store.save_json(given.output / "posterior.json", facts)


if __name__ == "__main__":
    main()
