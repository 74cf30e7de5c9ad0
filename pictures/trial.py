"""A trial of one's own pictures: five that ship inside scikit-image, corrupted, restored as a user's would be, and compared.

    python -m pictures.trial corrupt results/trial
    snakemake --cores 4 --configfile results/trial/noise.yaml
    snakemake --cores 4 --configfile results/trial/lost.yaml
    python -m pictures.trial compare results/trial

`corrupt` writes for each corruption a folder of 8-bit pictures, masks where pixels are lost, and a configuration. The originals
stay in another folder, of which the run knows nothing. `compare` writes scores.csv, with a row for each corruption, method and
picture, where `measured` is the picture as it came. It prints means over pictures and draws the middle of each picture in
noise.png and lost.png: as it came, by each method, and the original. With posterior samples of the pictures (`make restore …
SAMPLES=2`) in the folder noise_samples/ or lost_samples/, two of them and their standard deviation are drawn too.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import yaml
from PIL import Image

import store
from bench import method_facts
from metrics.quality import psnr, ssim
from options import command_parser
from pictures import figure
from reports import files

NAMES = ["astronaut", "chelsea", "coffee", "immunohistochemistry", "rocket"]
SIGMA, LOST = 0.1, 0.5
CORRUPTIONS = {
    "noise": {"add_noise": {"sigma": SIGMA}},
    "lost": {"drop_independent": {"p": LOST, "per_channel": False}},
}
CLASSICAL = {"noise": ["non_local_means", "total_variation"], "lost": ["biharmonic", "total_variation"]}
LEARNED = ["splitting", "ambient_vaegan_skip", "ambient_sampler"]
TRAINING = {"steps": 500, "batch_size": 16}  # a quarter of config/pictures.yaml
METHODS = Path(__file__).parent.parent / "methods"
SHOWN = 160  # pixels on a side of what the figure shows
SPREAD = 4.0  # the standard deviation is drawn so many times as bright


def opened(path: Path) -> np.ndarray:
    """A picture of 8 bits as uint8 [H, W, 3]."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def corrupt(folder: Path) -> None:
    from skimage import data

    for seed, name in enumerate(NAMES):
        original = getattr(data, name)()
        generator = np.random.default_rng(seed)
        noisy = original / 255 + SIGMA * generator.standard_normal(original.shape)
        seen = generator.random(original.shape[:2]) >= LOST
        to_write = {
            "originals": original,
            "noise/pictures": np.rint(255 * noisy.clip(0, 1)),
            "lost/pictures": original * seen[..., None],
            "lost/pictures/masks": 255 * seen,
        }
        for place, values in to_write.items():
            (folder / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.uint8(values)).save(folder / place / f"{name}.png")
    for corruption, measurement in CORRUPTIONS.items():
        methods: dict = dict.fromkeys(CLASSICAL[corruption]) | {name: {"train": dict(TRAINING)} for name in LEARNED}
        places = {"data_dir": str(folder / corruption), "results": str(folder / "results" / corruption)}
        configuration = {"datasets": {"pictures": measurement}, "methods": methods, "seeds": [0]} | places
        files.write(folder / f"{corruption}.yaml", yaml.safe_dump(configuration, sort_keys=False))


def restorations(folder: Path, corruption: str) -> dict[str, Path]:
    """{method: its folder of pictures}, the pictures as they came first; nothing where the configuration was not run."""
    [measurement] = CORRUPTIONS[corruption]
    made = folder / "results" / corruption / "report/pictures/restored" / measurement
    methods = [name for name in [*CLASSICAL[corruption], *LEARNED] if (made / name).is_dir()]
    return {"measured": folder / corruption / "pictures"} | {name: made / name for name in methods} if methods else {}


def scores(folder: Path) -> pd.DataFrame:
    rows = []
    for corruption in CORRUPTIONS:
        for method, place in restorations(folder, corruption).items():
            for name in NAMES:
                x, estimate = (opened(each / f"{name}.png") / 255 for each in (folder / "originals", place))
                rows.append((corruption, method, name, psnr(x, estimate), ssim(x, estimate)))
    return pd.DataFrame(rows, columns=["corruption", "method", "picture", "psnr", "ssim"])


def title(method: str) -> str:
    """As tables and figures name it; the pictures as they came are no method."""
    return method if method == "measured" else method_facts.read(METHODS / method).title


def middle(image: np.ndarray) -> np.ndarray:
    top, left = ((side - SHOWN) // 2 for side in image.shape[:2])
    return image[top : top + SHOWN, left : left + SHOWN]


def columns(folder: Path, corruption: str) -> list[tuple[str, list[np.ndarray]]]:
    """What the figure shows from left to right: a label, and the middle of each picture, uint8 [SHOWN, SHOWN, 3]."""

    def of(place: Path, ending: str = ".png") -> list[np.ndarray]:
        return [middle(opened(place / f"{name}{ending}")) for name in NAMES]

    shown = [(title(name), of(place)) for name, place in restorations(folder, corruption).items()]
    if (samples := folder / f"{corruption}_samples").is_dir():
        shown += [(f"sample {k}", of(samples, f"_sample_{k}.png")) for k in (1, 2)]
        spread = [middle(tifffile.imread(samples / f"{name}.png.sd.tif")) for name in NAMES]
        shown.append((f"standard deviation × {SPREAD:g}", [figure.small(SPREAD * each / 255) for each in spread]))
    return [*shown, ("original", of(folder / "originals"))]


def compare(folder: Path) -> None:
    found = scores(folder)
    if found.empty:
        sys.exit(f"{folder}: no restored pictures; run snakemake with noise.yaml or lost.yaml of that folder first")
    files.write(folder / "scores.csv", files.csv(found))
    print(found.groupby(["corruption", "method"], sort=False)[["psnr", "ssim"]].mean().round(3).to_string())
    for corruption in found["corruption"].unique():
        files.save_figure(figure.draw({corruption: columns(folder, corruption)}), folder / corruption)


def main() -> None:
    parser = command_parser("pictures.trial", __doc__)
    parser.add_argument("what", choices=["corrupt", "compare"])
    parser.add_argument("folder", type=Path, help="of the trial")
    given = parser.parse_args()
    with store.clear_errors():
        {"corrupt": corrupt, "compare": compare}[given.what](given.folder)


if __name__ == "__main__":
    main()
