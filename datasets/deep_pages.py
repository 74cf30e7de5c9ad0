"""Pages of more than 8 bits a value, which Pillow would cut to 8: every TIFF of such kind, and PNG, PPM and JPEG 2000."""

from pathlib import Path

import cv2
import numpy as np
import tifffile

from datasets.picture_pages import Page, turned, upright

NODATA = 42113  # the tag of GDAL
COMPLEX = (5, 6)  # formats of a sample
UNITS = {2: 1.0, 3: 2.54}  # TIFF's unit of resolution → how many of it an inch has


def count(path: Path) -> int:
    """The pages of a TIFF."""
    with tifffile.TiffFile(path) as file:
        return len(file.pages)


def is_eight_bit(path: Path) -> bool:
    """Whether no value of any page of a TIFF has more than 8 bits."""
    with tifffile.TiffFile(path) as file:
        return all(bits(page.aspage()) <= 8 for page in file.pages)


def bits(page: tifffile.TiffPage) -> int:
    """The most bits that a value of a page has."""
    stated = page.bitspersample
    return max(stated) if isinstance(stated, tuple) else stated


def tiff(path: Path, number: int) -> Page | None:
    """A page of a TIFF; None where Pillow keeps it whole: of 8 bits or fewer with a palette, inks or a compression of its own.

    Raises ValueError where no reader knows its compression.
    """
    with tifffile.TiffFile(path) as file:
        page = file.pages[number].aspage()
        deep = bits(page) > 8
        if bits(page) < 8 or not deep and page.photometric not in (1, 2):
            return None
        if page.sampleformat in COMPLEX:
            raise ValueError("complex numbers; save their magnitude")
        if page.photometric not in (0, 1, 2):
            raise ValueError(f"{page.photometric.name} of more than 8 bits; save it as grey or RGB")
        try:
            values = page.asarray()
            values = np.moveaxis(values, 0, -1) if page.axes.startswith("S") else values
        except ValueError:  # a compression that tifffile does not know by itself
            values = None
        if values is not None and NODATA in page.tags and (values == page.nodata).any():
            raise ValueError(f"it says that {page.nodata} stands for missing values, which is not read; write NaN there")
        if values is not None:
            values = values.reshape(*page.shape[-2:], 1) if values.ndim == 2 else values
            values, alpha = split_alpha(values, bool(page.extrasamples) and page.extrasamples[0] in (1, 2))
        elif deep:
            values, alpha = by_opencv(path, number)
        else:
            return None
        if page.photometric == 0:  # white is zero
            values = np.iinfo(values.dtype).max - values
        white = page.tags.get(281) or page.tags.get(341)  # MaxSampleValue, SMaxSampleValue
        white = float(np.max(white.value)) if white else None
        orientation = page.tags[274].value if 274 in page.tags else 1
        icc = page.tags[34675].value if 34675 in page.tags else None
        dpi = turned(resolution(page), orientation)
        return Page(upright(values, orientation), upright(alpha, orientation), white, icc, dpi)


def resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Pixels an inch, across and down; None where the page does not say, or says no unit."""
    unit = int(page.tags[296].value) if 296 in page.tags else 2
    if unit not in UNITS or 282 not in page.tags or 283 not in page.tags:
        return None
    (across, of), (down, of_down) = page.tags[282].value, page.tags[283].value
    return (across / of * UNITS[unit], down / of_down * UNITS[unit]) if of and of_down and across and down else None


def split_alpha(values: np.ndarray, has_alpha: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """[H, W, samples] → the 1 or 3 colours, and where the last sample says fully opaque, bool [H, W, 1]."""
    samples = values.shape[2]
    if has_alpha and samples in (2, 4):
        alpha = values[:, :, -1:]
        full = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "ui" else 1
        return np.ascontiguousarray(values[:, :, :-1]), alpha >= full
    if samples not in (1, 3):
        raise ValueError(f"{samples} values a pixel; save it as grey or RGB, with alpha or without")
    return values, None


def by_opencv(path: Path, number: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """A page by OpenCV: its values [H, W, C], uncut, and where it is fully opaque. Raises ValueError where OpenCV cannot."""
    data = np.fromfile(path, np.uint8)  # not by its name, which OpenCV would have in the system's encoding
    read, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED) if number else (True, [cv2.imdecode(data, cv2.IMREAD_UNCHANGED)])
    if not read or number >= len(pages) or pages[number] is None:
        raise ValueError("no reader knows its compression; save it uncompressed")
    values = pages[number]
    if values.ndim == 2:
        return values[:, :, None], None
    values, alpha = split_alpha(values, values.shape[2] == 4)
    grey = (data[:8].tobytes() == b"\x89PNG\r\n\x1a\n") and data[25] == 4  # of grey with alpha OpenCV makes colours
    return (values[:, :, :1] if grey else np.ascontiguousarray(values[:, :, ::-1])), alpha
