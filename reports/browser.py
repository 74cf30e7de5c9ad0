"""Clean, measured and restored → the images that the page's browser shows, with the scores by which it finds the worst and best.

Of the test images that every method restored: the first, and by each method the worst and the best, of all methods, so that any
two compare on each. Written as one `.json`: for each measurement the images' places in the test split, and for each row
(original, measured, methods) a sheet with all of them, as a WebP picture in text, and the score of each. Grey images are kept as
they are shown (8 bits), those in colour are compressed with a loss. What lies outside [0, 1] is clipped.
"""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import store
from options import command_parser
from reports import files, found, shown
from reports.restorations import load

EACH = 8  # first, worst and best images
ACROSS = 16  # images side by side in a sheet
QUALITY = 90  # of WebP, of 100, for images in colour


def sheet(images: np.ndarray) -> str:
    """Images [N, H, W, C] in [0, 1] → a WebP picture as text, ACROSS of them in a row, without gaps, the rest black."""
    n, h, w, c = images.shape
    down = -(-n // ACROSS)
    canvas = np.zeros((down * ACROSS, h, w, c), np.uint8)
    canvas[:n] = (255 * images).round()
    pixels = canvas.reshape(down, ACROSS, h, w, c).swapaxes(1, 2).reshape(down * h, ACROSS * w, c)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if c == 1 else pixels).save(file, "WebP", lossless=c == 1, quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def extremes(scores: pd.Series) -> tuple[list[int], list[int]]:
    """The EACH worst images and the EACH best, the most extreme first, by a score (index: the image) of which more is better.

    >>> worst, best = extremes(pd.Series(range(20)))
    >>> worst[:3], best[:3]
    ([0, 1, 2], [19, 18, 17])
    """
    ordered = scores.sort_values(kind="stable").index.tolist()
    return ordered[:EACH], ordered[::-1][:EACH]


def of_measurement(clean: Path, measured: Path, restored: dict[str, Path], scores: pd.DataFrame, titles: dict[str, str]) -> dict:
    """What the browser shows of one measurement; `scores` are a row for each image and method, with a column `score`."""
    count = min(len(store.load_array(path)) for path in (clean, measured, *restored.values()))
    by = scores[scores["image"] < count].pivot(index="image", columns="method", values="score")
    found_by = {method: extremes(by[method].dropna()) for method in by if len(by) == count}  # of a mosaic there is one score
    first = range(min(EACH, count))
    kept = sorted({*first, *(image for pair in found_by.values() for images in pair for image in images)})
    rows = [("original", "original", clean), ("measured", "measured", measured)]
    rows += [(method, files.title(method, titles), path) for method, path in restored.items()]
    made = []
    for name, title, path in rows:
        row = {"name": name, "title": title, "sheet": sheet(load(path, count)[kept])}
        # what is as measured has no row of its own, its scores are those of the measurement
        method = "as_measured" if name == "measured" else name
        if method in found_by:
            worst, best = found_by[method]
            row |= {"scores": [round(score, 2) for score in by.loc[kept, method].tolist()], "worst": worst, "best": best}
        made.append(row)
    return {"images": kept, "rows": made}


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.browser", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files")
    found.add_flags(parser)
    add("--order", type=files.names, required=True, help="the methods in order, between spaces")
    add("--measurements", type=files.names, required=True, help="the measurements in order, between spaces")
    add("--titles", type=files.mapping, default={}, metavar="JSON", help="{method: title for people}, or a file")
    add("--output", type=Path, required=True, metavar="JSON", help="path of the file")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        place = given.results / "clean" / given.dataset / "test.npy", given.results / "measured" / given.dataset
        scores = files.read_scores(
            found.of_runs(given, "scores", "quality.csv"), False, given.dataset, given.measurements, given.order
        )
        quality = shown.column_of("psnr", scores.columns, files.one_protocol(scores["protocol"]))
        scores["score"] = scores[quality]
        made = []
        for at in given.measurements:
            runs = {run.split("/")[1]: run for run in given.runs if run.partition("/")[0] == at}
            folder = given.results / "restored" / given.dataset
            paths = {method: folder / runs[method] / "test.npy" for method in given.order if method in runs}
            restored = {method: path for method, path in paths.items() if path.is_file() and method != "as_measured"}
            here = scores[(scores["measurement"] == at) & scores["method"].isin([*restored, "as_measured"])]
            if restored:
                files.restored_from(place[1] / at / "test.y.npy", restored.values())
                of_this = of_measurement(place[0], place[1] / at / "test.y.npy", restored, here, given.titles)
                made.append({"title": files.title(at, {}), **of_this})
        height, width = store.load_array(place[0]).shape[1:3]
        told = {"height": height, "width": width, "across": ACROSS, "measurements": made}
        psnr = shown.METRICS["psnr"]
        store.save_json(given.output, told | {"quality": psnr.title, "unit": psnr.unit})


if __name__ == "__main__":
    main()
