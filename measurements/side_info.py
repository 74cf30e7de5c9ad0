"""Side information in its files: what a method may be told of θ, for masks a bit for each value. NumPy alone.

That of each image lies in `{split}.side_info.npy` in one of two forms:

    uint8 [N, ceil(H·W·c / 8)]    a mask [H, W, c] of each image, its bits in the order of np.packbits; 1 where a value was seen
    float32 [N, 1, 1, 1]          the noise level of each image; nothing is lost

c is C, or 1 where all channels of a pixel are lost together; the number of bytes says which (for images of more than 8 values).
"""

import sys

import numpy as np


def to_disk(s: np.ndarray) -> np.ndarray:
    """Side information as its file holds it, from what a forward model gives."""
    return pack(s) if s.dtype == bool else s


def from_disk(stored: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Side information as forward models take it, a mask bool [..., H, W, c] or noise levels, for images of `shape`.

    Raises SystemExit where the file holds neither masks of such images nor noise levels.

    >>> stored = pack(np.array([[True, False]] * 8).reshape(1, 8, 2, 1))  # one image, 8 × 2, its right column lost
    >>> from_disk(stored, (1, 8, 2, 3)).sum(axis=(1, 2))
    array([[8]])
    >>> from_disk(np.full((1, 1, 1, 1), 0.2), (1, 8, 2, 3)).shape
    (1, 1, 1, 1)
    """
    if stored.dtype != np.uint8 and stored.dtype.kind != "f":
        sys.exit(f"side information: is {stored.dtype}, neither masks (uint8, a bit a value) nor noise levels; measure again")
    return unpack(stored, shape[-3:]) if stored.dtype == np.uint8 else stored


def pack(mask: np.ndarray) -> np.ndarray:
    """Bits uint8 [N, ceil(H·W·c / 8)] of masks bool [N, H, W, c].

    >>> pack(np.array([[True, False, False], [True, True, True]]).reshape(1, 2, 3, 1))
    array([[156]], dtype=uint8)
    """
    return np.packbits(mask.reshape(len(mask), -1), axis=1)


def channels(count: int, shape: tuple[int, int, int]) -> int:
    """The c of masks that take `count` bytes, for images of shape (H, W, C). Raises SystemExit where there is no one c.

    >>> channels(12, (8, 4, 3)), channels(4, (8, 4, 3))
    (3, 1)
    """
    height, width, colours = shape
    found = [c for c in {1, colours} if -(-height * width * c // 8) == count]
    if len(found) != 1:
        sys.exit(f"side information: masks of {count} bytes are not those of images {tuple(shape)}; measure again")
    return found[0]


def unpack(bits: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Masks bool [..., H, W, c] from their bits uint8 [..., bytes], for images of shape (H, W, C).

    >>> unpack(np.array([156], np.uint8), (2, 3, 1))[:, :, 0]
    array([[ True, False, False],
           [ True,  True,  True]])
    """
    height, width, _ = shape
    c = channels(bits.shape[-1], shape)
    flat = np.unpackbits(bits, axis=-1, count=height * width * c).view(bool)
    return flat.reshape(*bits.shape[:-1], height, width, c)
