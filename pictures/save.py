"""Restored pictures as files that keep what came in: type of the numbers, grey or colour, alpha, profile, resolution, pages.

PNG where one page holds 8 or 16 bits and came as anything but TIFF, else TIFF.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile

import store
from datasets.picture_pages import Page

TIFF, PNG = (".tif", ".tiff"), (".png", ".apng")
BIG = 2**32 - 2**27  # bytes; offsets in a plain TIFF have 32 bits
STRIP = 64  # rows of a picture that are compressed at a time


def names(pictures: list[tuple[str, int, str]]) -> list[str]:
    """The name of each restored file, given name, pages and type of each picture.

    It is the picture's own, with another ending where it has to be of another kind, and that behind the whole name where two
    would be the same, also where upper and lower case are one.

    >>> names([("a.png", 1, "uint16"), ("a.jpg", 1, "uint8"), ("b.jpg", 1, "uint8"), ("c.gif", 3, "uint8")])
    ['a.png', 'a.jpg.png', 'b.png', 'c.tif']
    """
    kept = {name: name for name, *rest in pictures if Path(name).suffix.lower() in endings(name, *rest)}
    others = {name: endings(name, *rest)[0] for name, *rest in pictures if name not in kept}
    wanted = [f"{Path(name).stem}{end}".casefold() for name, end in others.items()]
    taken = {name.casefold() for name in kept}
    for (name, end), short in zip(others.items(), wanted, strict=True):
        alone = wanted.count(short) == 1 and short not in taken
        kept[name] = f"{Path(name).stem if alone else name}{end}"
        while kept[name].casefold() in taken:
            kept[name] = f"_{kept[name]}"
        taken.add(kept[name].casefold())
    return [kept[name] for name, *_ in pictures]


def endings(name: str, pages: int, kind: str) -> tuple[str, ...]:
    """Those of the kind of file that a picture is written as."""
    return TIFF if Path(name).suffix.lower() in TIFF or pages > 1 or kind not in ("uint8", "uint16") else PNG


def save(path: Path, pages: Iterable[Page], size: int = 0) -> None:
    """Write the pages of a file, of `size` bytes uncompressed in all; TIFF takes any number of pages and PNG one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.replacing(path) as partial:
        if path.suffix.lower() in TIFF:
            with tifffile.TiffWriter(partial, bigtiff=size > BIG) as file:
                for page in pages:
                    tiff_page(file, page)
        else:
            (page,) = pages
            with open(partial, "wb") as file:
                file.writelines(png(page))


def with_alpha(values: np.ndarray, page: Page) -> np.ndarray:
    """Rows of a page with a fully opaque alpha behind its colours where it came with one: all of it is restored."""
    if page.alpha is None:
        return values
    full = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1
    return np.concatenate([values, np.full((*values.shape[:2], 1), full, values.dtype)], axis=2)


def tiff_page(file: tifffile.TiffWriter, page: Page) -> None:
    values = with_alpha(page.values, page)
    samples = values.shape[2]
    file.write(
        values[:, :, 0] if samples == 1 else values,
        photometric="minisblack" if page.values.shape[2] == 1 else "rgb",
        planarconfig=None if samples == 1 else "contig",
        extrasamples=["unassalpha"] if page.alpha is not None else None,
        rowsperstrip=STRIP,
        compression="zlib",
        iccprofile=page.icc,
        resolution=page.dpi,
        resolutionunit="inch" if page.dpi else None,
        extratags=[(281, 3, samples, [int(page.white)] * samples, True)] if stated(page) else (),
        metadata=None,
    )


def stated(page: Page) -> bool:
    """Whether the file said which value is white, and a TIFF of its type can say it."""
    return page.white is not None and page.values.dtype in (np.uint8, np.uint16) and 0 < page.white < 2**16


def png(page: Page) -> Iterator[bytes]:
    """The chunks of a PNG of 8 or 16 bits (ISO 15948), each row stored as its difference to the one above (filter 2)."""
    height, width, channels = page.values.shape
    kind = {(1, False): 0, (3, False): 2, (1, True): 4, (3, True): 6}[channels, page.alpha is not None]
    yield b"\x89PNG\r\n\x1a\n"
    yield chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * page.values.dtype.itemsize, kind, 0, 0, 0))
    if page.icc:
        yield chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(page.icc))
    if page.dpi:
        across, down = (round(each / 0.0254) for each in page.dpi)  # pixels a metre
        yield chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    packer, above = zlib.compressobj(), None
    for top in range(0, height, STRIP):
        strip = with_alpha(page.values[top : top + STRIP], page)
        rows = np.ascontiguousarray(strip, strip.dtype.newbyteorder(">")).reshape(len(strip), -1).view(np.uint8)
        before = np.concatenate([np.zeros_like(rows[:1]) if above is None else above, rows[:-1]])
        filtered = np.concatenate([np.full((len(rows), 1), 2, np.uint8), rows - before], axis=1)
        above = rows[-1:]
        if data := packer.compress(filtered.tobytes()):
            yield chunk(b"IDAT", data)
    yield chunk(b"IDAT", packer.flush())
    yield chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
