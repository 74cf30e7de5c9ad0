"""Picture files of one's own: every kind comes in whole, goes out as it came, and what is not read is said."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import store
from bench.measured import Measured
from bench.restoring import restored
from datasets import picture_files, picture_pages, picture_ranges
from datasets.picture_pages import Page
from measurements.forward import from_facts
from pictures import save, tiles

SIZE = (70, 80)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def scene(channels: int, kind=np.uint8, most: int | None = None, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(kind).kind == "f":
        return rng.normal(0.5, 0.4, (*SIZE, channels)).astype(kind)
    return rng.integers(0, (most or np.iinfo(kind).max) + 1, (*SIZE, channels)).astype(kind)


def png(values: np.ndarray) -> bytes:
    """A PNG of any depth and number of channels, each row stored as it is (filter 0)."""
    height, width, channels = values.shape
    rows = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    data = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8 * values.dtype.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def refusal(call, *arguments) -> str:
    with pytest.raises(SystemExit) as refused:
        call(*arguments)
    assert "\n" not in (line := str(refused.value))
    return line


# Reading


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("file", ["png", "tif", "planar"])
def test_every_value_comes_in_as_it_is_in_the_file(file, kind, channels, tmp_path):
    """8 bits, 16 and floating point; grey and colour, with alpha and without; full alpha alone is opaque."""
    if file == "png" and np.dtype(kind).kind == "f":
        pytest.skip("there is no such PNG")
    x = scene(channels, kind)
    alpha = x[:, :, -1:] if channels in (2, 4) else None
    if alpha is not None:
        full = 1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
        alpha[::2] = full
        alpha[1::2] = full - full // 9 - 0.1 * (full == 1)
    path = tmp_path / f"a.{'png' if file == 'png' else 'tif'}"
    if file == "png":
        path.write_bytes(png(x))
    else:
        layout = {"planarconfig": "separate" if file == "planar" else "contig"} if channels > 1 else {}
        stored = np.moveaxis(x, 2, 0) if file == "planar" and channels > 1 else x.squeeze()
        more = {"extrasamples": ["unassalpha"]} if alpha is not None else {}
        tifffile.imwrite(path, stored, photometric="minisblack" if channels < 3 else "rgb", **layout, **more)
    page = picture_pages.read(path)
    assert page.values.dtype == kind and np.array_equal(page.values, x[:, :, : 1 if channels < 3 else 3])
    if alpha is None:
        assert page.alpha is None
    else:
        assert page.alpha.shape == (*SIZE, 1) and page.alpha[::2].all() and not page.alpha[1::2].any()


def test_compressed_and_upside_down_tiffs_of_many_bits(tmp_path):
    """LZW, which tifffile does not know by itself; white as zero; a stated white; turned as the file says."""
    x = scene(3, np.uint16, 4095)
    cv2.imwrite(str(tmp_path / "lzw.tif"), x[:, :, ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    assert np.array_equal(picture_pages.read(tmp_path / "lzw.tif").values, x)
    grey = scene(1, np.uint16)
    tifffile.imwrite(tmp_path / "inverse.tif", 65535 - grey[:, :, 0], photometric="miniswhite")
    assert np.array_equal(picture_pages.read(tmp_path / "inverse.tif").values, grey)
    tags = [(281, 3, 3, [4095] * 3, True), (274, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "turned.tif", x, photometric="rgb", extratags=tags, resolution=(100, 50), resolutionunit="inch")
    page = picture_pages.read(tmp_path / "turned.tif")
    assert np.array_equal(page.values, np.rot90(x, -1)) and page.white == 4095 and page.dpi == (50, 100)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_of_many_bits_are_turned_as_those_of_few(orientation, tmp_path):
    """Against Pillow, which turns those of 8."""
    x = scene(1)
    exif = (picture := Image.fromarray(x[:, :, 0])).getexif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    expected = picture_pages.read(tmp_path / "a.png").values
    assert np.array_equal(picture_pages.upright(x, orientation), expected)


def test_white_of_a_ppm_is_the_one_that_it_states(tmp_path):
    for name, channels, kind in (("a.ppm", 3, b"P6"), ("a.pgm", 1, b"P5")):
        x = scene(channels, np.uint16, 4095)
        (tmp_path / name).write_bytes(kind + b"\n# a remark\n80 70\n4095\n" + x.astype(">u2").tobytes())
        page = picture_pages.read(tmp_path / name)
        assert np.array_equal(page.values, x) and page.white == 4095


def saved(picture: Image.Image, path: Path, **options) -> Path:
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["gif", "jp2", "ppm", "avif", "jfif", "webp", "bmp", "jpg", "qoi", "tga"])
def test_every_kind_that_the_imaging_library_reads(ending, tmp_path):
    """Losslessly where the kind is lossless."""
    assert f".{ending}" in picture_files.ENDINGS
    smooth = np.add.outer(np.arange(70), np.arange(80))[:, :, None] + np.array([0, 20, 40])
    x = smooth.astype(np.uint8) if ending != "gif" else scene(1)
    kind = {"jfif": {"format": "JPEG"}, "webp": {"lossless": True}}.get(ending, {})
    page = picture_pages.read(saved(Image.fromarray(x.squeeze()), tmp_path / f"a.{ending}", **kind))
    assert page.values.shape == x.shape and page.values.dtype == np.uint8
    assert np.abs(page.values.astype(int) - x).max() <= (16 if ending in ("jpg", "jfif", "avif") else 0)


def test_a_palette_one_bit_and_inks_are_read_as_what_they_show(tmp_path):
    colours = scene(3)
    palette = Image.fromarray(colours).quantize(16)
    page = picture_pages.read(saved(palette, tmp_path / "p.png"))
    assert np.array_equal(page.values, np.asarray(palette.convert("RGB"))) and "palette" in page.changed
    clear = picture_pages.read(saved(palette, tmp_path / "t.png", transparency=3))
    assert np.array_equal(clear.alpha[:, :, 0], np.asarray(palette) != 3)
    bits = scene(1)[:, :, 0] > 99
    page = picture_pages.read(saved(Image.fromarray(bits), tmp_path / "b.tif"))
    assert np.array_equal(page.values[:, :, 0], 255 * bits) and page.values.dtype == np.uint8
    inks = Image.new("CMYK", (80, 70), (255, 0, 0, 0))
    page = picture_pages.read(saved(inks, tmp_path / "c.tif"))
    assert (page.values == (0, 255, 255)).all() and page.changed == "CMYK without a profile, written as RGB"


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg", "deep.png", "deep.tif", "deep.jp2"])
@pytest.mark.parametrize("fault", ["cut", "text", "empty"])
def test_a_damaged_file_is_named_in_one_line(name, fault, tmp_path):
    path = tmp_path / name
    if name.startswith("deep"):
        cv2.imwrite(str(path), scene(3, np.uint16))
    else:
        Image.fromarray(scene(3)).save(path)
    content = {"cut": path.read_bytes()[: path.stat().st_size // 2], "text": b"not a picture", "empty": b""}[fault]
    path.write_bytes(content)
    said = refusal(picture_pages.read, path)
    assert said.startswith(f"{path}: not a picture to use (") and said.endswith("replace it, or take it out of the folder")


def test_what_would_be_cut_or_mistaken_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "inks.tif", scene(4, np.uint16), photometric="separated")
    assert "SEPARATED of more than 8 bits; save it as grey or RGB" in refusal(picture_pages.read, tmp_path / "inks.tif")
    tifffile.imwrite(tmp_path / "five.tif", scene(5, np.uint16), photometric="minisblack", planarconfig="contig")
    assert "5 values a pixel" in refusal(picture_pages.read, tmp_path / "five.tif")
    tifffile.imwrite(tmp_path / "complex.tif", scene(1).astype(np.complex64)[:, :, 0])
    assert "complex numbers; save their magnitude" in refusal(picture_pages.read, tmp_path / "complex.tif")
    gdal = {"extratags": [(42113, 2, 0, "-9999", True)]}
    for name, least in (("whole", 0), ("missing", -9999)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.linspace(least, 1, 64 * 64, dtype=np.float32).reshape(64, 64), **gdal)
    assert picture_pages.read(tmp_path / "whole.tif").values.max() == 1
    assert "-9999.0 stands for missing values, which is not read" in refusal(picture_pages.read, tmp_path / "missing.tif")
    for kind, value in ((np.float64, 1e300), (np.float32, -3.4e38)):  # the second as some programs write what is missing
        said = refusal(picture_ranges.extent, tmp_path / "a.tif", np.full((2, 2, 1), value, kind), None, None)
        assert said.startswith(f"{tmp_path / 'a.tif'}: holds values as far out as {abs(value):.3g}; write NaN")
    file = io.BytesIO()
    Image.fromarray(scene(3)).save(file, "AVIF")
    at = file.getvalue().index(b"av1C") + 6
    (tmp_path / "a.avif").write_bytes(file.getvalue()[:at] + bytes([file.getvalue()[at] | 0x40]) + file.getvalue()[at + 1 :])
    assert "AVIF of 10 or 12 bits, which no reader here keeps; save it as PNG" in refusal(picture_pages.read, tmp_path / "a.avif")


def test_every_page_is_read_and_the_second_frame_of_a_phone_is_none(tmp_path):
    frames = [Image.fromarray(scene(3, seed=seed)) for seed in range(3)]
    for name in ("a.tif", "a.gif", "a.png", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **({"lossless": True} if "webp" in name else {}))
        assert picture_pages.count(tmp_path / name) == 3
        read = [picture_pages.read(tmp_path / name, number).values for number in range(3)]
        if name != "a.gif":
            assert all(np.array_equal(page, np.asarray(frame)) for page, frame in zip(read, frames, strict=True)), name
        assert not np.array_equal(read[0], read[2])
    tifffile.imwrite(tmp_path / "deep.tif", np.stack([scene(1, np.uint16, seed=seed)[:, :, 0] for seed in range(2)]))
    assert picture_pages.count(tmp_path / "deep.tif") == 2
    assert np.array_equal(picture_pages.read(tmp_path / "deep.tif", 1).values, scene(1, np.uint16, seed=1))
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    (tmp_path / "a.mpo").rename(tmp_path / "a.jpg")
    assert Image.open(tmp_path / "a.jpg").n_frames == 3 and picture_pages.count(tmp_path / "a.jpg") == 1


# Range


def test_one_range_for_all_pictures_of_a_type_unless_a_file_states_its_own():
    """12 bits in 16: a darker picture beside is on the same scale; 8 bits have one range alone."""
    extent = picture_ranges.Extent
    given = [extent("uint16", 0, 900), extent("uint8", 0, 7), extent("uint16", 3, 4000), extent("uint16", 0, 700, 1023)]
    assert picture_ranges.of_all(given) == [(0, 4095), (0, 255), (0, 4095), (0, 1023)]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_value_that_was_left_alone_is_the_one_that_came(kind):
    """To its last bit, though measurements are float16; and the others are on the file's own scale."""
    x = scene(3, kind)
    span = picture_ranges.of_all([picture_ranges.extent(Path("a.png"), x, None, None)])[0]
    y = picture_ranges.scaled(x, span).astype(np.float16).astype(np.float32)
    y[10:20] = 0.25
    made = picture_ranges.restored(x, iter([y[:7], y[7:64], y[64:]]), span)
    assert made.dtype == x.dtype and np.array_equal(np.delete(made, range(10, 20), 0), np.delete(x, range(10, 20), 0))
    assert np.allclose(made[10:20].astype(float), span[0] + 0.25 * (span[1] - span[0]), atol=0.5 if kind != np.float32 else 1e-6)


# Writing


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name, kind", [("a.png", np.uint8), ("a.png", np.uint16), ("a.tif", np.uint16), ("a.tif", np.float32)])
def test_what_is_written_is_read_again_by_others(name, kind, channels, alpha, tmp_path):
    """Numbers, colours, alpha, profile and resolution, by this reader; numbers by OpenCV, the rest by Pillow and tifffile."""
    x = scene(channels, kind)
    opaque = np.ones((*SIZE, 1), bool) if alpha else None
    save.save(tmp_path / name, [Page(x, opaque, None, ICC, (300.0, 150.0))])
    page = picture_pages.read(tmp_path / name)
    assert page.values.dtype == kind and np.array_equal(page.values, x) and page.icc == ICC
    assert page.dpi == pytest.approx((300, 150), rel=1e-4) and (page.alpha is None) == (not alpha)
    if name == "a.png":
        with Image.open(tmp_path / name) as file:
            file.verify()
            assert file.info["icc_profile"] == ICC and file.info["dpi"] == pytest.approx((300, 150), rel=1e-4)
        read = cv2.imdecode(np.fromfile(tmp_path / name, np.uint8), cv2.IMREAD_UNCHANGED).reshape(*SIZE, -1)
        assert np.array_equal(read[:, :, 0], x[:, :, -1]) and read.dtype == kind
    else:
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.pages[0].iccprofile == ICC and file.pages[0].tags["XResolution"].value == (300, 1)


def test_pages_and_the_white_of_a_file_stay(tmp_path):
    pages = [Page(scene(3, np.uint16, 4095, seed), white=4095.0) for seed in range(3)]
    save.save(tmp_path / "a.tif", iter(pages))
    assert picture_pages.count(tmp_path / "a.tif") == 3
    for number, page in enumerate(pages):
        again = picture_pages.read(tmp_path / "a.tif", number)
        assert np.array_equal(again.values, page.values) and again.white == 4095


def test_results_of_one_stem_keep_apart():
    given = ["a.png", "a.jpg", "A.bmp", "b.gif", "b.jpg.png", "b.jpg", "b.bmp", "c.TIFF", "{d}.é.jpg"]
    names = save.names([(name, 1, "uint8") for name in given])
    assert len({name.casefold() for name in names}) == len(given)
    assert dict(zip(given, names, strict=True)) | {"a.png": "a.png", "c.TIFF": "c.TIFF", "{d}.é.jpg": "{d}.é.png"} == dict(
        zip(given, names, strict=True)
    )
    assert save.names([("a.png", 1, "float32"), ("b.gif", 2, "uint8"), ("c.tif", 1, "uint8")]) == ["a.tif", "b.tif", "c.tif"]


# Which files


def test_every_file_that_is_not_read_is_named_with_the_reason(tmp_path):
    for name in ("a.png", "B.JPG", "._x.png", ".DS_Store", "notes.txt", "sub/c.png", "masks/a.png", "é {x}.tif", "bare"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    names, passed_over = picture_files.listed(tmp_path, deep=False, beside="masks")
    assert passed_over.pop("gone.png") == "it is no file, or a link to none"
    assert names == ["B.JPG", "a.png", "é {x}.tif"]
    assert passed_over.keys() == {"._x.png", ".DS_Store", "notes.txt", "sub/c.png", "bare"}
    assert passed_over["._x.png"] == "its name begins with a dot" and "move it up" in passed_over["sub/c.png"]
    assert passed_over["notes.txt"].startswith(".txt is not among .apng, ") and "without an ending" in passed_over["bare"]
    assert "sub/c.png" in picture_files.listed(tmp_path, deep=True).names


# Memory


@pytest.mark.parametrize("join", [tiles.joined, tiles.nearest])
def test_a_row_of_tiles_is_joined_before_the_next_is_read(join):
    read = []

    def rows():
        for row in tiles.rows(np.zeros((320, 128, 1))):
            read.append(len(row))
            yield row

    strips = join(rows(), 320, 128)
    heights = [len(next(strips)) for _ in range(2)]
    assert len(read) == 2 and sum(heights) + sum(map(len, strips)) == 320


def test_restoring_holds_a_part_of_the_estimates(tmp_path):
    """Of 60 MiB of estimates, written to the end, no more than a part is in memory."""
    images = 2500
    forward = from_facts({"family": "add_noise", "options": {"sigma": 0.1}})
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float16, (images, 64, 64, 3))
    y[-1] = 0.5
    measured = Measured(store.load_array(tmp_path / "y.npy"), forward, None)
    tracemalloc.start()
    restored(lambda part: iter([part.y]), measured, tmp_path / "x.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20 and np.array_equal(np.load(tmp_path / "x.npy"), y)
