"""Does a restored image still show what was there? The class that a classifier of clean images sees in it.

For data sets whose images have classes. With `--estimates` the restored images of a run are classified, as handed in and with
the observed values pasted in; with `--ceiling` in its place the clean images themselves, which gives the accuracy that restored
images can reach at best.
The classifier runs on the CPU with one thread, so that the same images give the same answers.
"""

import sys

import numpy as np

import store
from measurements import files
from measurements.forward import from_facts
from measurements.side_info import from_disk
from metrics import scores as scores_file
from metrics.declared import PASTED, Metric

NEEDS = ("estimates", "y", "side_info", "labels", "classifier")
METRICS = {
    "accuracy": Metric(
        "digit accuracy",
        "",
        "higher",
        "Share of the estimates that a classifier of clean images takes for the right digit.",
        decimals=3,
        shown="main",
        pasted=True,
        note="Digit accuracy: the share of restored images that a small network, trained once on the clean training images with "
        "their labels, assigns to the right digit; of the clean test images themselves it gets {ceiling:.3f} right.",
    )
}


def scores(labels: np.ndarray, probabilities: np.ndarray, of_pasted: np.ndarray | None = None):
    """A DataFrame with a row per image: its class, the predicted one, the probability of the true one, 1 if correct.

    From the true classes [N] and the classifier's probabilities [N, L], of the images and, where there are such, of the pasted
    ones, whose columns end in `_pasted`.
    """
    import pandas as pd  # slow to import, and Snakemake lists this file at every start

    table = {"label": labels}
    for ending, found in {"": probabilities, PASTED: of_pasted}.items():
        if found is not None:
            predicted = found.argmax(1)
            table[f"predicted{ending}"] = predicted
            table[f"probability{ending}"] = found[np.arange(len(labels)), labels]
            table[f"accuracy{ending}"] = (predicted == labels).astype(int)
    return pd.DataFrame(table).rename_axis("image").reset_index()


def main(arguments: list[str] | None = None) -> None:
    parser = scores_file.parser_of("digits", __doc__, ("labels", "classifier"), ("y", "side_info"))
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--estimates", type=scores_file.Path, help=scores_file.HELP["estimates"])
    images.add_argument("--ceiling", type=scores_file.Path, help="the clean test images instead, uint8 .npy of [N, H, W, C]")
    args = parser.parse_args(arguments)
    if args.estimates and not (args.y and args.side_info):
        parser.error("--estimates needs --y and --side-info, the measurements that the estimates were restored from")

    import torch  # only here: reports read METRICS without it

    from metrics import digit_classifier

    torch.set_num_threads(1)
    with store.clear_errors():
        labels = np.array(store.load_array(args.labels))
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            sys.exit(f"{args.labels}: holds {labels.dtype} {labels.shape}, not classes, whole numbers [N]; make it anew")
        if args.ceiling:
            images = filled = scores_file.load_clean(args.ceiling)
            facts = dict.fromkeys(scores_file.IDENTITY)
        else:
            images = scores_file.load_restored(args.estimates, (None, None, None, None))
            facts, measured = scores_file.facts_of(args.estimates), store.describe(args.y)
            scores_file.same_measurements(args.estimates, facts, measured)
            y, side_info = map(files.load, (args.y, args.side_info))
            y, side_info, labels = scores_file.of_restored(args.estimates, facts, images, y, side_info, labels)
            filled = scores_file.pasted(images, y, from_disk(side_info, y.shape), from_facts(measured))
        if len(images) != len(labels):
            sys.exit(f"{args.labels}: {len(labels)} labels for the {len(images)} images of {args.estimates or args.ceiling}")
        net = digit_classifier.load(args.classifier, images.shape[-1])
        both = scores_file.twice(lambda some, at: digit_classifier.probabilities(net, some), images, filled)
        table = scores(labels, *both)
        scores_file.write(args.output, table, facts)
        print(f"{args.output}: {table['accuracy'].mean():.2%} of {len(table)} images")


if __name__ == "__main__":
    main()
