"""LPIPS, the learned perceptual distance of Zhang, Isola, Efros, Shechtman and Wang (CVPR 2018), with AlexNet.

    φ_l(x)       the features of layer l at each place, scaled to length 1, from AlexNet's five ReLU layers
    d(x, x̂) = Σ_l  mean over places of  Σ_c w_lc (φ_lc(x) - φ_lc(x̂))²,   w_lc ≥ 0

Nothing is downloaded: all weights are in one local file, which the configuration names with its hash, and which holds the state
of `lpips.LPIPS(net="alex")` of the package `lpips` 0.1.4 (or the same of AlexNet's features `net.*` and the weights `lin*`):

    torch.save(lpips.LPIPS(net="alex").state_dict(), "lpips_alex.pth")

Images are in [0, 1]; grey ones are expanded to three channels. Images with a side below 64 are enlarged bilinearly until it is
64, since nothing would be left of them after the strides of AlexNet.
"""

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np

import store
from measurements import files
from measurements.forward import from_facts
from measurements.side_info import from_disk
from metrics import scores as scores_file
from metrics.declared import PASTED, Metric

NEEDS = ("clean", "y", "side_info", "estimates", "weights")
METRICS = {
    "lpips": Metric(
        "LPIPS",
        "",
        "lower",
        "Learned perceptual distance (AlexNet).",
        shown="main",
        pasted=True,
        note="LPIPS: the learned perceptual distance of Zhang et al. 2018 with AlexNet; 0 for equal images.",
        absent="LPIPS is not shown, as the configuration names no weights for it (key metric_weights).",
    )
}
SMALLEST = 64  # pixels; shorter sides are enlarged
AT_A_TIME = 250  # images
ENDS = (2, 5, 8, 10, 12)  # of AlexNet's features: where each of its five parts ends, all of them in a ReLU
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels, by which AlexNet was trained
EPSILON = 1e-10  # beside the length of a feature


def load(path: Path, sha256: str):
    """(AlexNet's features, the weights w_l [1, C_l, 1, 1] of each layer) from a local file. Raises SystemExit in one line."""
    import torch
    from torchvision.models import alexnet

    if (found := hash_of(path)) != sha256:
        sys.exit(f"{path}: its SHA-256 is {found}, the configuration says {sha256}; get the right file or correct metric_weights")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        features = alexnet(weights=None).features[: ENDS[-1]]
        own = {}
        for name in features.state_dict():  # "0.weight" is net.slice1.0.weight in the package's names
            layer, kind = name.split(".")
            part = 1 + sum(int(layer) >= end for end in ENDS)
            own[name] = state[f"net.slice{part}.{layer}.{kind}"]
        features.load_state_dict(own)
        weights = [state[f"lin{place}.model.1.weight"] for place in range(len(ENDS))]
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        sys.exit(
            f"{path}: not the weights of LPIPS with AlexNet ({store.why(error)}); see the head of metrics/lpips.py "
            "for how to make the file"
        )
    return features.eval().requires_grad_(False), weights


def hash_of(path: Path) -> str:
    """The SHA-256 of a file. Raises SystemExit where there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        sys.exit(f"{path}: no such file; put the weights of the metric there or correct metric_weights in the configuration")


def as_input(images: np.ndarray):
    """uint8 or float16 [B, H, W, C] → float32 [B, 3, H', W'], normalised as AlexNet's training images were."""
    import torch

    scale = 255 if images.dtype == np.uint8 else 1
    x = torch.from_numpy(images.astype(np.float32) / scale).permute(0, 3, 1, 2)
    x = x.expand(-1, 3, -1, -1)
    size = [max(side, SMALLEST) for side in x.shape[2:]]
    if size != list(x.shape[2:]):
        x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (x - mean) / deviation


def distances(network, x: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """d(x, x̂) of each pair of [N, H, W, C]: float32 [N]. `network` is what `load` returns."""
    import torch

    features, weights = network
    found = []
    with torch.no_grad():
        for start in range(0, len(x), AT_A_TIME):
            a, b = (as_input(images[start : start + AT_A_TIME]) for images in (x, estimates))
            distance, begin = 0, 0
            for end, weight in zip(ENDS, weights, strict=True):
                a, b = features[begin:end](a), features[begin:end](b)  # [B, C_l, H_l, W_l]
                difference = (of_length_one(a) - of_length_one(b)) ** 2
                distance, begin = distance + (weight * difference).sum(1).mean((1, 2)), end
            found.append(distance)
    return torch.cat(found).numpy()


def of_length_one(features):
    return features / (features.square().sum(1, keepdim=True).sqrt() + EPSILON)


def main(arguments: list[str] | None = None) -> None:
    parser = scores_file.parser_of("lpips", __doc__, NEEDS)
    parser.add_argument("--sha256", required=True, help="the SHA-256 that the file of weights must have")
    args = parser.parse_args(arguments)

    import pandas as pd
    import torch

    torch.set_num_threads(1)
    with store.clear_errors():
        facts, measured = scores_file.facts_of(args.estimates), store.describe(args.y)
        scores_file.same_measurements(args.estimates, facts, measured)
        clean, estimates = scores_file.load_clean(args.clean), scores_file.load_restored(args.estimates, (None,) * 4)
        files.check_clean(args.clean, clean, measured)
        y, side_info = map(files.load, (args.y, args.side_info))
        clean, y, side_info = scores_file.of_restored(args.estimates, facts, estimates, clean, y, side_info)
        filled = scores_file.pasted(estimates, y, from_disk(side_info, y.shape), from_facts(measured))
        network = load(args.weights, args.sha256)
        handed_in, of_filled = scores_file.twice(lambda some, at: distances(network, clean[at], some), estimates, filled)
        table = pd.DataFrame({"image": range(len(clean)), "lpips": handed_in, f"lpips{PASTED}": of_filled})
        scores_file.write(args.output, table, facts)


if __name__ == "__main__":
    main()
