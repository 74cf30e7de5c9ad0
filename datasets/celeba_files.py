"""Where CelebA's files may lie below data_dir/celeba/: as the official site, torchvision and Kaggle hand them out.

list_eval_partition.txt, or Kaggle's list_eval_partition.csv, which says the same
img_align_celeba/*.jpg, or one such folder within the other, as Kaggle's archive unpacks it
img_align_celeba.zip, which is not unpacked
celeba_64.zip, the packed form (datasets/pack.py)
"""

from pathlib import Path

LIST, CSV = "list_eval_partition.txt", "list_eval_partition.csv"
FOLDER, ZIP, PACKED = "img_align_celeba", "img_align_celeba.zip", "celeba_64.zip"
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz")


def listing(here: Path) -> Path | None:
    """The file of the partition; None where there is none."""
    return next((here / name for name in (LIST, CSV) if (here / name).is_file()), None)


def lines_of(path: Path) -> bytes:
    """The partition as the official list has it: lines `NAME NUMBER` with the ends that these have."""
    text = path.read_bytes()
    if path.name != CSV:
        return text
    rows = [line for line in text.splitlines() if not line.startswith(b"image_id")]  # without the head
    return b"".join(row.replace(b",", b" ") + b"\r\n" for row in rows)


def folder(here: Path) -> Path | None:
    """The folder of the images; None where none holds a JPEG file."""
    return next((at for at in (here / FOLDER, here / FOLDER / FOLDER) if next(at.glob("*.jpg"), None)), None)


def images(here: Path) -> Path | None:
    """The folder of the images or their zip, at a glance."""
    return folder(here) or (here / ZIP if (here / ZIP).is_file() else None)


def present(data_dir: Path) -> bool:
    """Whether the files are there, at a glance."""
    here = data_dir / "celeba"
    return bool(images(here) and listing(here)) or (here / PACKED).is_file()


def instead(data_dir: Path) -> str:
    """What is there in place of a complete CelebA, and what to do with it; "" where nothing is."""
    here, known = data_dir / "celeba", {LIST, CSV, FOLDER, ZIP, PACKED}
    if not here.is_dir():
        beside = sorted(data_dir.glob("*"))
        if at := next((path for path in beside if path.is_dir() and path.name.lower().startswith("celeba")), None):
            return f"there is {at}; call it {here}"
        at = next((path for path in beside if path.name in known), None)
        return f"there is {at}; put it into {here}" if at else ""
    if at := images(here):
        return f"there is {at} without {LIST} (or {CSV}); put that beside it"
    if at := next(here.rglob("*.png"), None):
        return f"{at.parent} holds PNG files, whose pixels are not those of the JPEG files that count; put {ZIP} there"
    if at := listing(here):
        return f"there is {at} without images; put {ZIP} or the folder {FOLDER} beside it"
    held = sorted(path for path in here.glob("*") if not path.name.startswith("."))
    if at := next((path for path in held if path.suffix in ARCHIVES), None):
        return f"there is {at}, which is not read; unpack it there"
    return f"{here} holds {', '.join(path.name for path in held[:3])}, and neither {LIST} nor {FOLDER}" if held else ""
