"""Mean filter: every value becomes the mean of a square window around it, each channel for itself."""

from scipy.ndimage import uniform_filter

from bench.command import main


def restore(measured, *, size):
    """x̂ = the mean of y over size × size pixels; beyond the edge its nearest pixel counts."""
    yield uniform_filter(measured.y, (1, size, size, 1), mode="nearest")


if __name__ == "__main__":
    main(restore)
