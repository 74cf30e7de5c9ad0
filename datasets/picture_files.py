"""A user's own picture files of whatever kind and size: which there are in a folder, and what each holds."""

import sys
from pathlib import Path

from PIL import Image, ImageOps

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}  # modes of Pillow


def listed(here: Path, pattern: str) -> list[str]:
    """The pictures that a pattern finds, by their names from `here` on, in the order of these."""
    paths = (path for path in here.glob(pattern) if path.suffix.lower() in ENDINGS and path.is_file())
    return sorted(path.relative_to(here).as_posix() for path in paths)


def opened(path: Path, smallest: int) -> Image.Image:
    """A picture of 8 bits, upright, no side shorter than `smallest`. Raises SystemExit where it is not, or is damaged."""
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
        if picture.mode not in EIGHT_BITS:
            raise ValueError(f"mode {picture.mode}; save it with 8 bits a channel")
        if min(picture.size) < smallest:
            raise ValueError(f"{picture.width}×{picture.height}, and no side may be shorter than {smallest}")
    except PermissionError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        sys.exit(f"{path}: not a picture to use ({error}); replace it, or take it out of the folder")
    return picture
