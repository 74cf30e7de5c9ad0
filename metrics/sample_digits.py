"""What digit is each posterior sample? The class that a classifier of clean images sees in it, and how often two differ.

For data sets whose images have classes; the classifier is that of metrics.digits. For an exact posterior, a sample is read as the
digit that the truth is read as as often as two samples are read as the same digit. One row per image.
"""

import numpy as np

import store
from metrics import samples as of_samples
from metrics import scores as scores_file
from metrics.declared import Metric

NEEDS = ("samples", "labels", "classifier")
METRICS = {
    "accuracy_sample": Metric(
        "digit accuracy of samples",
        "",
        "higher",
        "Share of single samples that a classifier of clean images takes for the right digit.",
        decimals=3,
        shown="posterior details",
    ),
    "digits_differ": Metric(
        "two samples differ in digit",
        "",
        "",
        "Share of pairs of samples that are taken for different digits; for an exact posterior it is 1 less the accuracy of "
        "samples, but for the classifier's own errors.",
        decimals=3,
        shown="posterior details",
    ),
}


def scores(probabilities: np.ndarray, labels: np.ndarray):
    """A DataFrame with a row per image, from the classifier's probabilities [K, N, L] and the true classes [N].

    >>> scores(np.eye(2)[[[0, 1], [0, 0], [0, 1]]], np.array([0, 1])).round(3).to_dict("list")
    {'image': [0, 1], 'accuracy_sample': [1.0, 0.667], 'digits_differ': [0.0, 0.667]}
    """
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    predicted, k = probabilities.argmax(-1), len(probabilities)  # [K, N]
    counts = (predicted[..., None] == np.arange(probabilities.shape[-1])).sum(0)  # [N, L]
    same = (counts * (counts - 1)).sum(1) / (k * (k - 1)) if k > 1 else np.full(len(labels), np.nan)
    table = {"accuracy_sample": (predicted == labels).mean(0), "digits_differ": 1 - same}
    return pd.DataFrame(table).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    args = scores_file.parser_of("sample_digits", __doc__, NEEDS).parse_args(arguments)

    import torch  # only here: reports read METRICS without it

    from metrics import digit_classifier

    torch.set_num_threads(1)
    with store.clear_errors():
        labels = np.array(store.load_array(args.labels))
        samples = of_samples.load(args.samples, (len(labels), None, None, None))
        net = digit_classifier.load(args.classifier, samples.shape[-1])
        probabilities = np.stack([digit_classifier.probabilities(net, np.array(images)) for images in samples])
        table = scores(probabilities, labels[: samples.shape[1]])
        scores_file.write(args.output, table.assign(samples=len(samples)), scores_file.facts_of(args.samples))


if __name__ == "__main__":
    main()
