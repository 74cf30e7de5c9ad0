"""What a picture file holds: each of its pages as an array of the file's own type, with nothing cut off or scaled.

Pillow reads what it keeps whole. It would cut colours of more than 8 bits to 8; these are read by datasets/deep_pages.py.
"""

import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps

from datasets.bit_depth import avif_is_deep, is_tiff, jpeg2000_bits, maxval, png_bits
from datasets.picture_files import FORMATS

Image.MAX_IMAGE_PIXELS = 2**30  # one's own pictures may be large; Pillow warns beyond this and refuses twice as much
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # modes of Pillow
GREY = ("1", "L", "LA", *DEEP)
MODES = (*GREY, "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "CMYK")


class Page(NamedTuple):
    values: np.ndarray  # [H, W, C] of the file's own type, C = 1 (grey) or 3 (colour)
    alpha: np.ndarray | None = None  # how opaque, bool [H, W, 1], True where fully; None where nothing can be transparent
    white: float | None = None  # the value of white, where the file states it
    icc: bytes | None = None  # colour profile
    dpi: tuple[float, float] | None = None  # pixels an inch, across and down
    changed: str = ""  # what cannot be written as it came, in words


def count(path: Path) -> int:
    """How many pages or frames a file holds. Raises SystemExit as `read` does."""
    try:
        if is_tiff(path):
            from datasets import deep_pages

            return deep_pages.count(path)
        with Image.open(path, formats=FORMATS) as file:
            # A JPEG's further frames (MPO) are a preview, a depth map or the other eye, not pages
            return 1 if file.format in ("JPEG", "MPO") else getattr(file, "n_frames", 1)
    except PermissionError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        refuse(path, error)


def read(path: Path, number: int = 0, smallest: int = 1) -> Page:
    """A page, upright. Raises SystemExit, in one line, where it is damaged, of an unknown kind or has a side below `smallest`."""
    try:
        page = undecided(path, number)
        height, width, _ = page.values.shape
        if min(height, width) < smallest:
            raise ValueError(f"{width}×{height}, and no side may be shorter than {smallest}")
        return page
    except PermissionError:
        raise
    except Exception as error:
        refuse(path, error)


def is_eight_bit(path: Path) -> bool:
    """Whether no value has more than 8 bits, by the file's head. Raises SystemExit as `read` does."""
    try:
        if is_tiff(path):
            from datasets import deep_pages

            return deep_pages.is_eight_bit(path)
        with Image.open(path, formats=FORMATS) as file:
            return not is_deep(file, path) and file.mode not in DEEP
    except PermissionError:
        raise
    except Exception as error:
        refuse(path, error)


def refuse(path: Path, error: Exception) -> None:
    why = " ".join(str(error).split()) or type(error).__name__
    sys.exit(f"{path}: not a picture to use ({why}); replace it, or take it out of the folder")


def undecided(path: Path, number: int) -> Page:
    """As `read`, by the reader that keeps the page whole."""
    if is_tiff(path):
        from datasets import deep_pages  # only where it is needed: tifffile and OpenCV take a while to import

        if (page := deep_pages.tiff(path, number)) is not None:
            return page
    if avif_is_deep(path):
        raise ValueError("AVIF of 10 or 12 bits, which no reader here keeps; save it as PNG or TIFF with 16")
    with Image.open(path, formats=FORMATS) as file:
        file.seek(number)
        orientation = file.getexif().get(0x0112, 1)
        file.load()  # complains of a truncated file, where OpenCV fills up with zeros
        icc, dpi = facts_of(file, orientation)
        if is_deep(file, path):
            from datasets import deep_pages

            values, alpha = deep_pages.by_opencv(path)
            white = maxval(path) if file.format == "PPM" else None
            return Page(upright(values, orientation), upright(alpha, orientation), white, icc, dpi)
        ImageOps.exif_transpose(file, in_place=True)
        return from_pillow(file, icc, dpi)


def is_deep(file: Image.Image, path: Path) -> bool:
    """Whether Pillow cuts or scales the values of a file that it opened."""
    if file.format == "JPEG2000":
        return jpeg2000_bits(path) > 8
    if file.format == "PPM":
        return file.mode != "F" and (maxval(path) or 1) > 255
    return file.format == "PNG" and file.mode in ("RGB", "RGBA", "LA") and png_bits(path) == 16


def facts_of(file: Image.Image, orientation: int) -> tuple[bytes | None, tuple[float, float] | None]:
    """Colour profile, and resolution across and down once the picture is upright, where the file has them."""
    dpi = tuple(map(float, file.info.get("dpi") or ()))
    known = len(dpi) == 2 and all(np.isfinite(each) and each > 0 for each in dpi)
    return file.info.get("icc_profile") or None, turned(dpi, orientation) if known else None


def from_pillow(picture: Image.Image, icc: bytes | None, dpi: tuple[float, float] | None) -> Page:
    """The page that Pillow holds whole. Raises ValueError where it is neither grey nor in colour."""
    mode, changed = picture.mode, ""
    if mode not in MODES:
        raise ValueError(f"mode {mode}; save it as grey or RGB")
    alpha = None
    if mode in ("LA", "RGBA"):
        alpha = np.asarray(picture.getchannel("A"))[:, :, None] == 255
    elif mode == "PA" or "transparency" in picture.info:
        alpha = np.asarray(picture.convert("RGBA").getchannel("A"))[:, :, None] == 255
    if mode == "CMYK":
        picture, icc, changed = rgb_of_cmyk(picture, icc)
    palette = mode in ("P", "PA") or picture.format == "GIF"
    if palette:
        changed = "a palette, written as its colours"
    elif mode == "1":
        changed = "one bit a pixel, written with 8"
    if mode in ("1", "LA"):
        values = np.asarray(picture.convert("L"))[:, :, None]
    elif mode in GREY:
        values = np.asarray(picture)[:, :, None]
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    else:
        values = np.asarray(picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGB"))[:, :, :3]
        if palette and (values == values[:, :, :1]).all():
            values = values[:, :, :1]
    return Page(np.ascontiguousarray(values), alpha, None, icc, dpi, changed)


def rgb_of_cmyk(picture: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None, str]:
    """In sRGB by its profile, or by the complement of its inks where it has none."""
    if not icc:
        return picture.convert("RGB"), None, "CMYK without a profile, written as RGB"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        made = ImageCms.profileToProfile(picture, io.BytesIO(icc), srgb, outputMode="RGB")
    except ImageCms.PyCMSError:
        return picture.convert("RGB"), None, "CMYK with a profile that cannot be used, written as RGB"
    return made, srgb.tobytes(), "CMYK, written as sRGB by its profile"


def upright(values: np.ndarray | None, orientation: int) -> np.ndarray | None:
    """An image [H, W, C] turned and mirrored as Exif's tag 0x0112 asks."""
    if values is None:
        return None
    turn = {
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: x[::-1].swapaxes(0, 1),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: x[:, ::-1].swapaxes(0, 1),
    }
    return turn[orientation](values) if orientation in turn else values


def turned(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    """The resolution, across and down, of a picture that was turned upright."""
    return dpi[::-1] if dpi and orientation in (5, 6, 7, 8) else dpi
