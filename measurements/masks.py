"""Which values of an image were seen: a bit each, so that the masks of a large data set stay small. NumPy alone.

θ of each image, as a method may be told it, lies in `{split}.theta.npy` in one of two forms:

    uint8 [N, ceil(H·W·c / 8)]    a mask [H, W, c] for each image, its bits in the order of np.packbits; 1 where a value was seen
    float32 [N, 1, 1, 1]          the noise level of each image; nothing is lost

c is C, or 1 where all channels of a pixel are lost together; the number of bytes says which (for images of more than 8 values).
"""

import sys

import numpy as np


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
        sys.exit(f"θ: masks of {count} bytes are not those of images {tuple(shape)}; measure the images again")
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


def is_mask(theta: np.ndarray) -> bool:
    """Whether θ, as its file holds it, is a mask, not a noise level. Raises SystemExit where it is neither."""
    if theta.dtype != np.uint8 and theta.dtype.kind != "f":
        sys.exit(f"θ: is {theta.dtype}, neither masks (uint8, a bit per value) nor noise levels; measure the images again")
    return theta.dtype == np.uint8


def seen(theta: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which values were seen: bool [..., H, W, C], the shape of the images; all of them where θ is not a mask.

    >>> theta = pack(np.array([[True, False]] * 8).reshape(1, 8, 2, 1))  # one image, 8 × 2, its right column lost
    >>> seen(theta, (1, 8, 2, 3)).sum(axis=(1, 2))
    array([[8, 8, 8]])
    >>> bool(seen(np.full((1, 1, 1, 1), 0.2), (1, 8, 2, 3)).all())
    True
    """
    return np.broadcast_to(unpack(theta, shape[-3:]) if is_mask(theta) else np.True_, shape)
