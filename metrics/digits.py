"""Does a restored image still show what was there? The class that a classifier of clean images sees in it.

For data sets whose images have classes. With `--estimates` the restored images of a run are classified; with `--ceiling` in
its place the clean images themselves, which gives the accuracy that restored images can reach at best.
The classifier runs on the CPU with one thread, so that the same images give the same answers.
"""

import sys

import numpy as np

import store
from metrics import scores as scores_file
from metrics.declared import Metric

NEEDS = ("estimates", "labels", "classifier")
METRICS = {
    "accuracy": Metric(
        "digit accuracy",
        "",
        "higher",
        "Share of the estimates that a classifier of clean images takes for the right digit.",
        decimals=3,
        shown="main",
        note="Digit accuracy: the share of restored images that a small network, trained once on the clean training images with "
        "their labels, assigns to the right digit; of the clean test images themselves it gets {ceiling:.3f} right.",
    )
}


def scores(probabilities: np.ndarray, labels: np.ndarray):
    """A DataFrame with a row per image: its class, the predicted one, the probability of the true one, 1 if correct.

    From the classifier's probabilities [N, L] and the true classes [N].
    """
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    predicted = probabilities.argmax(1)
    true = probabilities[np.arange(len(labels)), labels]
    table = {"label": labels, "predicted": predicted, "probability": true, "accuracy": (predicted == labels).astype(int)}
    return pd.DataFrame(table).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    parser = scores_file.parser_of("digits", __doc__, NEEDS[1:])
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--estimates", type=scores_file.Path, help=scores_file.HELP["estimates"])
    images.add_argument("--ceiling", type=scores_file.Path, help="the clean test images instead, uint8 .npy of [N, H, W, C]")
    args = parser.parse_args(arguments)

    import torch  # only here: reports read METRICS without it

    from metrics import digit_classifier

    torch.set_num_threads(1)
    with store.clear_errors():
        labels = np.array(store.load_array(args.labels))
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            sys.exit(f"{args.labels}: holds {labels.dtype} {labels.shape}, not classes, whole numbers [N]; make it anew")
        if args.estimates:
            images = scores_file.load_restored(args.estimates, (None, None, None, None))
        else:
            images = scores_file.load_clean(args.ceiling)
        if len(images) != len(labels):
            sys.exit(f"{args.labels}: {len(labels)} labels for the {len(images)} images of {args.estimates or args.ceiling}")
        net = digit_classifier.load(args.classifier, images.shape[-1])
        table = scores(digit_classifier.probabilities(net, images), labels)
        facts = scores_file.facts_of(args.estimates) if args.estimates else dict.fromkeys(scores_file.IDENTITY)
        scores_file.write(args.output, table, facts)
        print(f"{args.output}: {table['accuracy'].mean():.2%} of {len(table)} images")


if __name__ == "__main__":
    main()
