"""Corrupted pictures of one's own: tiles and back, what a picture says of its lost pixels, a run from pictures to pictures."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from PIL import Image

import store
from config import check
from datasets import picture_pages
from measurements.forward import from_facts
from measurements.side_info import from_disk, unpack
from pictures import figure, measure, tiles, trial, write

ROOT = Path(__file__).parent.parent


def scene(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, values: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.squeeze(2) if values.shape[2] == 1 else values).save(path)
    return values


def measured(folder: Path, *flags: str, split: str = "test") -> tuple[np.ndarray, np.ndarray, dict]:
    """y, the side information and the facts that the command makes of the pictures in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        line = ["measure", *flags, "--pictures", folder, "--dataset", "pictures", "--output", folder / "out"]
        patch.setattr(sys, "argv", list(map(str, line)))
        measure.main()
    y, theta = (np.load(folder / "out" / f"{split}.{part}.npy") for part in ("y", "side_info"))
    return y, theta, store.load_json(folder / "out" / f"{split}.json")


def refusal(folder: Path, *flags: str) -> str:
    with pytest.raises(SystemExit) as refused:
        measured(folder, *flags)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# Tiles


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 64), (96, 160), (100, 127), (200, 71)])
def test_tiles_cover_a_picture_and_join_to_it(height, width):
    x = scene(height, width)
    cut = np.concatenate(list(tiles.rows(x)))
    assert cut.shape == (tiles.count(height, width), 64, 64, 3)
    assert tiles.starts(height)[-1] + 64 == height and np.diff([*tiles.starts(height), height - 64]).max() <= 32
    for join in (tiles.joined, tiles.nearest):
        np.testing.assert_allclose(np.concatenate(list(join(tiles.rows(x), height, width))), x, atol=1e-3)


def test_where_tiles_disagree_their_mean_leaves_no_edge():
    """Two tiles side by side, all 0 and all 1: from one to the other in small steps, and each alone where no other is."""
    pair = [np.stack([np.zeros((64, 64, 1)), np.ones((64, 64, 1))])]
    row = next(tiles.joined(pair, 64, 96))[10, :, 0]
    assert not row[:32].any() and (row[64:] == 1).all()
    steps = np.diff(row)
    assert (steps >= 0).all() and steps.max() < 0.05
    assert np.array_equal(next(tiles.nearest(pair, 64, 96))[10, :, 0], np.arange(96) >= 48)


# A folder of pictures


def test_noisy_pictures_are_measurements_as_they_are(tmp_path):
    """Every tile in the order of the names, values over 255; what is learnt from is what is restored; the noise level is told."""
    second, first = save(tmp_path / "b.png", scene(64, 100)), save(tmp_path / "a.png", scene(70, 64, seed=1))
    y, theta, facts = measured(tmp_path, "add_noise", "--sigma", "0.1")
    expected = np.concatenate([*tiles.rows(first), *tiles.rows(second)]) / 255
    assert y.dtype == np.float16 and y.shape == (5, 64, 64, 3)
    np.testing.assert_allclose(y, expected, atol=5e-4)
    assert theta.shape == (5, 1, 1, 1) and np.allclose(theta, 0.1)
    assert [each["name"] for each in facts["pictures"]] == ["a.png", "b.png"]
    assert facts["family"] == "add_noise" and facts["options"] == {"sigma": 0.1} and facts["images"] == 5
    again, _, others = measured(tmp_path, "add_noise", "--sigma", "0.1", split="train")
    assert np.array_equal(again, y) and others["digests"] == facts["digests"]
    out = tmp_path / "out"
    assert all((out / f"train.{part}.npy").samefile(out / f"test.{part}.npy") for part in ("y", "side_info", "shown"))


@pytest.mark.parametrize("flags", [["add_noise", "--sigma", "0.1"], ["drop_independent", "--p", "0.4"]])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_files_are_those_of_every_measurement(flags, channels, tmp_path):
    """As measurements.measure writes them, the number of tiles that show each value and the value range included."""
    seen = (np.random.default_rng(2).random((100, 64, 1)) > 0.9) | (flags[0] == "add_noise")
    save(tmp_path / "a.png", np.concatenate([scene(100, 64, channels), np.uint8(255) * seen], axis=2))
    for split in ("test", "train"):
        y, told, facts = measured(tmp_path, *flags, split=split)
        informs = from_facts(facts).informs(from_disk(told, y.shape), y.shape)
        shown = np.load(tmp_path / "out" / f"{split}.shown.npy")
        assert shown.dtype == np.uint32 and np.array_equal(shown, informs.sum(0)) and shown.shape == (64, 64, channels)
        assert facts["never_shown"] == (shown == 0).sum() and (facts["never_shown"] > 0) == (flags[0] != "add_noise")
        assert facts["value_range"] == [-1, 1] and facts["split"] == split and facts["protocol"] == "sound"


def test_measuring_pictures_imports_no_torch():
    line = "import sys; from pictures import measure, write; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], cwd=ROOT, check=False).returncode == 0


def lost_pixels(count: int = 64) -> np.ndarray:
    return np.random.default_rng(2).random((count, count, 1)) > 0.4


@pytest.mark.parametrize("told_by", ["transparency", "mask", "mask of 0 and 1", "mask of 16 bits", "mask by its whole name"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lost_pixels_are_those_that_a_picture_tells(told_by, channels, tmp_path):
    x, seen = scene(64, 64, channels), lost_pixels()
    if told_by == "transparency":  # the least transparency is one: what shines through is no measurement
        save(tmp_path / "a.png", np.concatenate([x, np.where(seen, 255, np.uint8([[[254]]])).astype(np.uint8)], axis=2))
    else:
        white = {"mask of 0 and 1": np.uint8(1), "mask of 16 bits": np.uint16(65535)}.get(told_by, np.uint8(255))
        save(tmp_path / "a.png", x)
        save(tmp_path / "masks" / ("a.png.tif" if told_by == "mask by its whole name" else "a.png"), white * seen)
    y, theta, facts = measured(tmp_path, "drop_independent", "--p", "0.4", "--fill", "0.5")
    assert np.array_equal(unpack(theta, (64, 64, channels))[0], seen)
    np.testing.assert_allclose(y[0], np.where(seen, x / 255, 0.5), atol=5e-4)
    assert not facts["estimated"]["warnings"] and not facts["passed_over"]


def test_what_is_not_a_number_is_lost(tmp_path):
    x, seen = scene(64, 64, 3).astype(np.float32) / 255, lost_pixels()
    x[np.broadcast_to(~seen, x.shape)] = np.nan
    x[0, 0, 1], seen[0, 0] = np.inf, False
    tifffile.imwrite(tmp_path / "a.tif", x, photometric="rgb")
    y, theta, facts = measured(tmp_path, "drop_independent", "--p", "0.4", "--fill", "0.25")
    assert np.array_equal(unpack(theta, (64, 64, 3))[0], seen) and np.isfinite(y).all() and facts["pictures"][0]["white"] == 1
    said = refusal(tmp_path, "add_noise", "--sigma", "0.1")
    assert f"{tmp_path / 'a.tif'}: " in said and "of its pixels are transparent or not a number, and this forward model" in said


def test_a_mask_that_cannot_be_meant_so_is_refused_or_doubted(tmp_path):
    """The polarity is stated; more than 60 % lost is worth a word, all or nothing is not a mask."""
    save(tmp_path / "a.png", scene(64, 64))
    for values, said in ((0, "100% of the pixels are lost"), (255, "0% of the pixels are lost")):
        save(tmp_path / "masks" / "a.png", np.full((64, 64, 1), values, np.uint8))
        line = refusal(tmp_path, "drop_independent", "--p", "0.5")
        assert str(tmp_path / "masks" / "a.png") in line and f"{said} (black is lost, white was seen)" in line
    (tmp_path / "masks" / "a.png").unlink()
    save(tmp_path / "a.png", np.concatenate([scene(64, 64), np.full((64, 64, 1), 255, np.uint8)], axis=2))
    assert "0% of the pixels are lost (a pixel is lost where it is not opaque)" in refusal(
        tmp_path, "drop_independent", "--p", "0.5"
    )
    save(tmp_path / "a.png", scene(64, 64))
    save(tmp_path / "masks" / "a.png", np.uint8(255) * (np.random.default_rng(0).random((64, 64, 1)) > 0.7))
    save(tmp_path / "masks" / "b.png", np.full((64, 64, 1), 255, np.uint8))
    *_, facts = measured(tmp_path, "drop_independent", "--p", "0.5")
    (warning,) = facts["estimated"]["warnings"]
    assert warning.startswith(
        f"a.png: {facts['estimated']['lost']:.0%} of its pixels are lost; if that is too many, its mask may be"
    )
    assert facts["passed_over"] == {"masks/b.png": "no picture is called like this mask"}


def test_pages_and_the_range_of_12_bits(tmp_path, capsys):
    """Every page is a picture; 12 bits in 16 are not black; both are said, and so is what was passed over."""
    rng = np.random.default_rng(0)
    pages = [rng.integers(0, most, (64, 64)).astype(np.uint16) for most in (4096, 900)]
    tifffile.imwrite(tmp_path / "a.tif", np.stack(pages), photometric="minisblack")
    for name in ("._a.tif", "notes.txt"):
        (tmp_path / name).write_text("")
    y, _, facts = measured(tmp_path, "add_noise", "--sigma", "0.1")
    np.testing.assert_allclose(y[:, :, :, 0], np.stack(pages) / 4095, atol=5e-4)
    assert [(each["name"], each["page"], each["pages"], each["white"]) for each in facts["pictures"]] == [
        ("a.tif", 0, 2, 4095),
        ("a.tif", 1, 2, 4095),
    ]
    said = capsys.readouterr().out
    assert "2 pictures, 2 tiles. Range of values: uint16, 0 to 4095." in said
    assert f"{tmp_path / '._a.tif'}: passed over, as its name begins with a dot" in said and "notes.txt: passed over" in said


def test_a_picture_that_is_all_but_black_on_its_scale_is_doubted(tmp_path):
    save(tmp_path / "a.png", (scene(64, 64) > 127).astype(np.uint8))
    *_, facts = measured(tmp_path, "add_noise", "--sigma", "0.1")
    assert "a.png: its largest value is 1, on a scale from 0 to 255; it is all but black" in facts["estimated"]["warnings"]


def test_where_no_picture_is_found_what_lies_there_is_named(tmp_path):
    save(tmp_path / "sub" / "a.png", scene(64, 64))
    said = refusal(tmp_path, "add_noise", "--sigma", "0.1")
    assert "put your corrupted pictures there; sub/a.png is passed over, as " in said


def test_what_cannot_be_used_is_named(tmp_path):
    assert f"{tmp_path}: no picture there (.apng," in refusal(tmp_path, "add_noise", "--sigma", "0.1")
    save(tmp_path / "a.png", scene(64, 80))
    said = refusal(tmp_path, "drop_patch", "--size", "9")
    assert f"{tmp_path / 'a.png'}: does not tell which pixels are lost" in said and f"{tmp_path / 'masks' / 'a'}.png" in said
    save(tmp_path / "masks" / "a.png", scene(80, 64, 1))
    assert "is 64×80 and its picture 80×64" in refusal(tmp_path, "drop_patch", "--size", "9")
    save(tmp_path / "b.png", scene(64, 64, 1))
    assert f"{tmp_path / 'b.png'}: is grey and a.png in colour" in refusal(tmp_path, "add_noise", "--sigma", "0.1")
    save(tmp_path / "b.png", scene(63, 64))
    assert "64×63, and no side may be shorter than 64" in refusal(tmp_path, "add_noise", "--sigma", "0.1")
    assert not (tmp_path / "out").exists()


def test_no_other_room_knows_of_them():
    """They are a data set that states it has no clean images; programs of theirs are called by their own rules alone."""
    others = [path for path in ROOT.glob("*/*.py") if path.parent.name not in ("pictures", "tests")]
    named = re.compile(r"^\s*(from|import) pictures\b|\bdatasets\.pictures\b", re.MULTILINE)
    assert not [path for path in others if named.search(path.read_text())]


# From tiles to pictures


ABOUT = {"name": "a.png", "page": 0, "pages": 1, "height": 64, "width": 96}


def test_tiles_of_other_pictures_are_refused(tmp_path):
    store.save_array(tmp_path / "test.npy", np.zeros((3, 64, 64, 3), np.float16))
    with pytest.raises(SystemExit, match="not the 2 tiles of the pictures; delete it"):
        write.opened(tmp_path / "test.npy", [ABOUT])


def test_a_picture_that_has_changed_meanwhile_is_refused(tmp_path):
    save(tmp_path / "a.png", scene(64, 90))
    with pytest.raises(SystemExit, match="a.png: has changed since it was measured; run again"):
        list(write.originals(tmp_path, from_facts({"family": "add_noise", "options": {"sigma": 0.1}}), [ABOUT | {"channels": 3}]))


@pytest.mark.parametrize("shape, shown", [((64, 96), (64, 96)), ((100, 8000), (100, 200)), ((3000, 2000), (750, 500))])
def test_a_long_picture_shows_its_middle_and_a_large_one_every_kth_pixel(shape, shown):
    assert figure.cut(np.zeros((*shape, 1))).shape == (*shown, 1)
    middle = np.zeros((100, 8000, 1))
    middle[:, 4000] = 1
    assert figure.cut(middle)[:, 100].all()


# The run


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2", "--configfile", "c.yaml"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


ODD, STACK = "{a} é.png", "b.tif"  # names of pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Grey pictures with lost pixels: 8 bits under an odd name, and two pages of 12 bits in 16 with profile and resolution."""
    folder = tmp_path_factory.mktemp("run")
    (here := folder / "data" / "pictures").mkdir(parents=True)
    for name, sizes, most in ((ODD, [(64, 90)], 255), (STACK, [(80, 64), (64, 70)], 4095)):
        pages = []
        for number, size in enumerate(sizes):
            x = (np.random.default_rng(number).uniform(0.4, 0.5, (*size, 1)) * most).astype(
                np.uint8 if most == 255 else np.uint16
            )
            seen = np.random.default_rng(number).random((*size, 1)) > 0.3
            page = np.concatenate([x, np.iinfo(x.dtype).max * seen.astype(x.dtype)], axis=2)
            pages.append(page)
        if name == ODD:
            Image.fromarray(pages[0]).save(here / name, dpi=(300, 300))
            continue
        with tifffile.TiffWriter(here / name) as file:
            for page in pages:
                more = {"iccprofile": b"a profile", "resolution": (72, 72), "resolutionunit": "inch"}
                file.write(page, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"], **more)
    methods = dict.fromkeys(["as_measured", "mean_image", "normalized_convolution", "supervised"])
    config = {"datasets": {"pictures": {"drop_independent": {"p": 0.3}}}, "methods": methods, "seeds": [0]}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_a_run_makes_a_picture_of_every_picture_and_scores_nothing(folder):
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    made = folder / "results" / "report" / "pictures" / "restored" / "drop_independent"
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.*")) == [
        f"{method}/{name}" for method in ("mean_image", "normalized_convolution") for name in (STACK, ODD)
    ]
    for name, pages, white in ((ODD, 1, 255), (STACK, 2, 4095)):  # what came in goes out, and what was seen stays as it was
        restored = made / "normalized_convolution" / name
        assert picture_pages.count(restored) == pages
        for number in range(pages):
            x = picture_pages.read(folder / "data" / "pictures" / name, number)
            page = picture_pages.read(restored, number)
            assert page.values.shape == x.values.shape and page.values.dtype == x.values.dtype
            assert (page.icc, page.dpi) == (x.icc, pytest.approx(x.dpi, rel=1e-4)) and page.alpha.all()
            assert np.array_equal(page.values[x.alpha], x.values[x.alpha])
            assert 0.38 * white < page.values[~x.alpha].min() and page.values[~x.alpha].max() < 0.52 * white
    page = (folder / "results" / "report" / "index.html").read_text()
    assert "of 3 pictures as they were given" in page and "against the truth" not in page
    assert 'href="pictures/restored"' in page and "differences.csv" not in page
    words = " ".join(page.split())
    assert "nothing is scored" in words and not re.search("upper bound|is scored on|held-out|scored by itself", words)
    assert "drop independent: 30% of their pixels are lost." in done.stderr and "3 pictures restored" in done.stderr
    assert not (folder / "results" / "scores").exists() and not (folder / "results" / "clean").exists()


@pytest.mark.parametrize("name", ["2.png", "{2}.png"])
def test_a_picture_that_was_added_is_restored_with_the_others(name, folder):
    assert "Nothing to be done" in (said := snakemake(folder, "-n")).stdout + said.stderr
    save(folder / "data" / "pictures" / name, np.full((64, 64, 2), 255, np.uint8))
    assert "measure_pictures" in (said := snakemake(folder, "-n", "--quiet", "rules")).stdout + said.stderr
    (folder / "data" / "pictures" / name).unlink()


def test_the_paper_s_protocol_has_no_use_for_them():
    config = {"datasets": {"pictures": {"add_noise": {"sigma": 0.1}}}, "methods": {"median": None}, "protocol": "paper"}
    with pytest.raises(check.ConfigError, match="the data set pictures has none; use sound"):
        check.check(config)


# A trial


def test_pictures_of_a_trial_are_corrupted_as_said_and_compared_with_their_originals(tmp_path, monkeypatch, capsys):
    for what in ("corrupt", "compare"):
        monkeypatch.setattr("sys.argv", ["trial", what, str(tmp_path)])
        if what == "corrupt":
            trial.main()
            with pytest.raises(SystemExit, match="no restored pictures; run snakemake"):
                trial.compare(tmp_path)
    name = "coffee"
    original, noisy, lost, mask = (
        trial.opened(tmp_path / place / f"{name}.png").astype(float)
        for place in ("originals", "noise/pictures", "lost/pictures", "lost/pictures/masks")
    )
    inside = (original > 128 - 25) & (original < 128 + 25)  # five standard deviations from black and white
    assert np.std((noisy - original)[inside]) / 255 == pytest.approx(trial.SIGMA, rel=0.02)
    assert set(np.unique(mask)) == {0, 255}
    assert (mask == 0).mean() == pytest.approx(trial.LOST, abs=0.01)
    assert np.array_equal(lost, np.where(mask > 0, original, 0))

    made = tmp_path / "results/noise/report/pictures/restored/add_noise"
    shutil.copytree(tmp_path / "originals", made / "splitting")  # a perfect restoration
    trial.main()
    rows = pd.read_csv(tmp_path / "scores.csv").set_index(["method", "picture"])
    assert list(rows.loc["splitting"]["psnr"]) == [60] * 5 and list(rows.loc["splitting"]["ssim"]) == [1] * 5
    assert rows.loc[("measured", name), "psnr"] == pytest.approx(-10 * np.log10(np.mean((noisy - original) ** 2) / 255**2))
    assert "splitting" in capsys.readouterr().out and (tmp_path / "noise.png").exists()
