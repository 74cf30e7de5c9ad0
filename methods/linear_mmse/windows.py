"""Images as windows: the whole image where it has few values, else overlapping squares that are treated alike."""

from dataclasses import dataclass

import numpy as np

WHOLE = 4096  # values of an image, at most, that is one window
SIDE, STEP = 16, 8  # of the squares of a larger image, in pixels


@dataclass(frozen=True)
class Windows:
    """All windows of images [N, H, W, C] as rows [N · P, values of a window]."""

    shape: tuple[int, int, int]  # (H, W, C)

    @property
    def side(self) -> tuple[int, int]:
        height, width, channels = self.shape
        return (height, width) if height * width * channels <= WHOLE else (min(SIDE, height), min(SIDE, width))

    @property
    def places(self) -> list[tuple[slice, slice]]:
        """The rows and columns of each; the last ones end at the image's edge."""
        height, width = self.side
        tops, lefts = (sorted({*range(0, n - s, STEP), n - s}) for n, s in zip(self.shape[:2], self.side, strict=True))
        return [(slice(top, top + height), slice(left, left + width)) for top in tops for left in lefts]

    def cut(self, images: np.ndarray) -> np.ndarray:
        """Rows, image by image."""
        each = [images[:, down, across].reshape(len(images), -1) for down, across in self.places]
        return np.stack(each, axis=1).reshape(-1, each[0].shape[1])

    def paste(self, rows: np.ndarray) -> np.ndarray:
        """Images, the average of the windows that cover a value."""
        count = len(rows) // len(self.places)
        total, times = np.zeros((count, *self.shape)), np.zeros((*self.shape[:2], 1))
        each = rows.reshape(count, len(self.places), *self.side, self.shape[2])
        for index, (down, across) in enumerate(self.places):
            total[:, down, across] += each[:, index]
            times[down, across] += 1
        return total / times
