"""Scores of posterior samples in regions: windows of 7×7 pixels, all that is open, and the image as a whole.

Samples whose values are right one by one, but independent of each other, have far too narrow intervals of the mean of a region:
its variance is the sum of all covariances. One row per image.
"""

from functools import partial

import numpy as np

from measurements.forward import ForwardModel
from metrics import samples
from metrics.declared import Metric
from metrics.posterior import energy_of
from metrics.samples import BINS, WINDOW, Place, Sampled


class Regions:
    """Where the means of regions of one image stand among those of its samples.

    The mean of a window is that of its open values, over all channels; windows without any do not count.
    """

    def __init__(self, image: Sampled):
        self.image, self.windowed = image, samples.tiles(image.free)  # [windows, values of a window]
        x, drawn = (samples.tiles(np.where(image.free, values, 0)).sum(-1) for values in (image.x8, image.samples8))
        some = self.windowed.any(-1)
        self.windows = Place.of(x[some], drawn[:, some])
        of_open = np.array([image.free.any()])  # one region, or none
        self.open = Place.of(
            image.x8[image.free].sum(keepdims=True)[of_open], image.samples8[:, image.free].sum(1, keepdims=True)[:, of_open]
        )
        self.whole = Place.of(image.x8.sum(keepdims=True).ravel(), image.samples8.sum((1, 2, 3))[:, None])


def coverage(regions: Regions, *, of: str, level: float) -> float:
    return getattr(regions, of).coverage(level)


def share_of_bin(regions: Regions, *, number: int) -> float:
    return regions.windows.share_of_bin(number)


def energy_windows(regions: Regions) -> float:
    """The energy score of the open values of a window, mean over windows."""
    x, drawn = samples.tiles(regions.image.x), samples.tiles(regions.image.samples)  # [windows, n], [K, windows, n]
    found = [energy_of(x[at, free], drawn[:, at, free]) for at, free in enumerate(regions.windowed) if free.any()]
    return samples.mean(np.array(found))


REGIONS = {
    "windows": ("means of windows", f"means of the open values of windows of {WINDOW}×{WINDOW} pixels"),
    "open": ("mean of open values", "means of all open values of an image"),
    "whole": ("mean of image", "means of whole images"),
}
NEEDS = ("clean", "side_info", "samples")
METRICS = {
    **{
        f"coverage_{level}_{region}": Metric(
            f"{title} covered {level} %",
            "", f"near 0.{level // 10}", f"Share of {says} inside the interval of those of the samples.",
            partial(coverage, of=region, level=level / 100), 3,
            "posterior" if (region, level) == ("windows", 90) else "posterior details",
        )
        for region, (title, says) in REGIONS.items()
        for level in (50, 90)
    },
    "energy_windows": Metric(
        "energy score of windows", "", "lower",
        f"The energy score of the open values of windows of {WINDOW}×{WINDOW}, mean over windows.",
        energy_windows, 4, "posterior details",
    ),
    **{
        f"pit_windows_{number}": Metric(
            f"PIT of windows, bin {number}", "", f"near {1 / BINS}",
            f"Share of means of windows in bin {number} of {BINS} of the PIT histogram.", partial(share_of_bin, number=number),
        )
        for number in range(1, BINS + 1)
    },
}  # fmt: skip


def scores(clean: np.ndarray, drawn: np.ndarray, side_info: np.ndarray, forward: ForwardModel):
    """A DataFrame with a row per image: uint8 [N, H, W, C], float16 [K, N, H, W, C], side information as its file holds it."""
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    found = map(Regions, samples.each(clean, drawn, side_info, forward))
    rows = [{name: metric.of(regions) for name, metric in METRICS.items()} for regions in found]
    return pd.DataFrame(rows).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    samples.main("regions", __doc__, NEEDS, scores, arguments)


if __name__ == "__main__":
    main()
