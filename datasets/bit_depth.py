"""How many bits a value of a picture file has, by the file's head, where Pillow would cut or scale values without a word."""

from pathlib import Path


def avif_is_deep(path: Path) -> bool:
    """Whether an AVIF's codec configuration says more than 8 bits (AV1 Codec ISO Media File Format Binding, section 2.3)."""
    with open(path, "rb") as file:
        head = file.read(2**16)
    _, found, after = head.partition(b"av1C")
    return head[4:8] == b"ftyp" and bool(found) and bool(after[2] & 0x40)


def jpeg2000_bits(path: Path) -> int:
    """Of the first channel, by the size segment of the codestream (ISO 15444-1, A.5.1): Ssiz, 38 bytes behind its marker."""
    with open(path, "rb") as file:
        _, found, after = file.read(2**20).partition(b"\xff\x4f\xff\x51")
    return (after[38] & 0x7F) + 1 if found and len(after) > 38 else 8


def png_bits(path: Path) -> int:
    """Of a sample, by the chunk IHDR (PNG, section 11.2.2)."""
    with open(path, "rb") as file:
        return file.read(25)[24]


def maxval(path: Path) -> int | None:
    """The value of white that the head of a PGM or PPM states; None for a PBM or PFM, which state none."""
    words: list[bytes] = []
    with open(path, "rb") as file:
        for line in file:
            words += line.partition(b"#")[0].split()
            if words[0] not in (b"P2", b"P3", b"P5", b"P6"):
                return None
            if len(words) >= 4:
                return int(words[3])
    return None


def is_tiff(path: Path) -> bool:
    """Whether it begins as a TIFF or BigTIFF does; Pillow does not recognise every one."""
    with open(path, "rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
