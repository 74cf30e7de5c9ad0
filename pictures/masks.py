"""Which pixels of a picture were seen: by its mask, its transparency or its numbers, and whether that can be meant so."""

import sys
from pathlib import Path

import numpy as np

from datasets import picture_pages
from datasets.picture_files import ENDINGS
from datasets.picture_pages import Page

FOLDER = "masks"  # in the folder of pictures
MANY = 0.6  # a larger share of lost pixels is worth a word


def mask_of(picture: Path) -> Path | None:
    """The file masks/NAME.END for the picture NAME.END, or masks/NAME.OTHER; None where there is none."""
    whole, stem = picture.parent / FOLDER / picture.name, picture.parent / FOLDER / picture.stem
    candidates = [whole, *(Path(f"{before}{end}") for before in (whole, stem) for end in sorted(ENDINGS))]
    return next((path for path in candidates if path.is_file()), None)


def unused(folder: Path, names: list[str]) -> dict[str, str]:
    """The files of masks/ that are of none of the pictures, with the reason."""
    used = {mask_of(folder / name) for name in names}
    files = sorted(path for path in (folder / FOLDER).rglob("*") if path.is_file() and path not in used)
    return {path.relative_to(folder).as_posix(): "no picture is called like this mask" for path in files}


def seen(path: Path, page: Page, number: int, with_mask: bool) -> np.ndarray | None:
    """Which pixels of a page of the picture were seen, bool [H, W, 1]; None where none can be lost.

    A pixel is lost where masks/NAME is black (below half of the mask's largest value, so that 0 and 1 will do), where the picture
    is not fully opaque, and where one of its numbers is not finite. Raises SystemExit where a mask has another size, where
    nothing tells what is lost or everything or nothing is, and where pixels are lost that the forward model does not know of.
    """
    found = [] if page.alpha is None else [page.alpha]
    if page.values.dtype.kind == "f" and not (finite := np.isfinite(page.values).all(axis=2, keepdims=True)).all():
        found.append(finite)
    if not with_mask:
        if lost := sum(int((~each).sum()) for each in found):
            sys.exit(
                f"{path}: {lost:,} of its pixels are transparent or not a number, and this forward model loses none; "
                "choose one that does (drop_…), or fill them"
            )
        return None
    mask = mask_of(path)
    if mask:
        pages = picture_pages.count(mask)
        values = picture_pages.read(mask, number if pages > 1 else 0).values
        height, width, _ = page.values.shape
        if values.shape[:2] != (height, width):
            sys.exit(f"{mask}: is {values.shape[1]}×{values.shape[0]} and its picture {width}×{height}")
        found.append(values.max(axis=2, keepdims=True) > values.max() / 2)
    if not found:
        sys.exit(
            f"{path}: does not tell which pixels are lost; make them transparent, or put a mask of the same size, black where "
            f"they are lost, at {path.parent / FOLDER / path.stem}.png"
        )
    together = np.logical_and.reduce(found)
    if (lost := 1 - together.mean()) in (0, 1):
        told, how = (mask, "black is lost, white was seen") if mask else (path, "a pixel is lost where it is not opaque")
        sys.exit(f"{told}: {lost:.0%} of the pixels are lost ({how}); correct it, or take the picture out")
    return together


def warned(name: str, lost: float) -> list[str]:
    """What is to be said of a share of lost pixels."""
    if lost <= MANY:
        return []
    return [f"{name}: {lost:.0%} of its pixels are lost; if that is too many, its mask may be inverted (black is lost)"]
