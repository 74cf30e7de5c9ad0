"""Do posterior samples spread as much as their mean errs? The spread-skill relation of ensemble forecasts.

For an exact posterior the squared error of the mean of K samples has the expectation (1 + 1 / K) times their variance (Fortin et
al., Journal of Hydrometeorology 2014), in every part of the values that is chosen by what is predicted. One row per image, over
the values that the measurement leaves open.
"""

import numpy as np

from measurements.forward import ForwardModel
from metrics import samples
from metrics.declared import Metric
from metrics.samples import Sampled

EDGES = (0, 0.01, 0.03, 0.1, 0.2, 0.3, np.inf)  # of the parts, by predicted standard deviation


def moments(image: Sampled) -> tuple[np.ndarray, np.ndarray]:
    """(1 + 1 / K) times the variance of the samples, and the squared error of their mean, of each open value: [V] twice."""
    drawn, x = image.samples[:, image.free], image.x[image.free]
    if len(drawn) < 2:
        return np.full(x.shape, np.nan), (drawn.mean(0) - x) ** 2
    return (1 + 1 / len(drawn)) * drawn.var(0, ddof=1), (drawn.mean(0) - x) ** 2


def ratio(means: np.ndarray) -> np.ndarray:
    """The root of mean variance over mean squared error, [..., 2] → [...]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(means[..., 0] / means[..., 1])


PARTS = range(1, len(EDGES))
NEEDS = ("clean", "side_info", "samples")
METRICS = {
    "spread_skill": Metric(
        "spread over error",
        "",
        "near 1",
        "Root of the mean variance of the samples over the mean squared error of their mean; below 1 is over-confident.",
        decimals=3,
        shown="posterior details",
    ),
    **{
        f"{moment}_{part}": Metric(
            f"{title}, part {part}", "", "", f"{says}, of values with a predicted s.d. of {EDGES[part - 1]} to {EDGES[part]}."
        )
        for part in PARTS
        for moment, title, says in (
            ("variance", "variance", "1 + 1 / K times the variance of the samples"),
            ("error", "squared error", "The squared error of the mean of the samples"),
        )
    },
}  # fmt: skip


def parts_of(variance: np.ndarray, error: np.ndarray) -> dict[str, float]:
    """The means of both in each part."""
    part = np.digitize(np.sqrt(variance), EDGES)
    found = {}
    for number in PARTS:
        found[f"variance_{number}"] = samples.mean(variance[part == number])
        found[f"error_{number}"] = samples.mean(error[part == number])
    return found


def scores(clean: np.ndarray, drawn: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it.

    `spread_skill` is a jackknife pseudo-value (metrics/samples.py), which may be negative for a single image.
    """
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    both = [moments(image) for image in samples.each(clean, drawn, side_info, forward)]
    means = np.array([[samples.mean(variance), samples.mean(error)] for variance, error in both])
    table = pd.DataFrame([parts_of(*each) for each in both])
    table.insert(0, "spread_skill", samples.pseudo_values(means, ratio))
    return table.rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    samples.main("spread_skill", __doc__, NEEDS, scores, arguments)


if __name__ == "__main__":
    main()
