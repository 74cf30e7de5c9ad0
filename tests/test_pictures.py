"""Corrupted pictures of one's own: tiles and back, what a picture says of its lost pixels, a run from pictures to pictures."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import store
from config import check
from measurements.forward import from_facts
from measurements.side_info import from_disk, unpack
from pictures import corruption, measure, tiles, write

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
    cut = tiles.cut(x)
    assert cut.shape[1:] == (64, 64, 3)
    assert tiles.starts(height)[-1] + 64 == height and np.diff([*tiles.starts(height), height - 64]).max() <= 32
    np.testing.assert_allclose(tiles.joined(cut, height, width), x, atol=1e-3)


def test_where_tiles_disagree_their_mean_leaves_no_edge():
    """Two tiles side by side, all 0 and all 1: from one to the other in small steps, and each alone where no other is."""
    row = tiles.joined(np.stack([np.zeros((64, 64, 1)), np.ones((64, 64, 1))]), 64, 96)[10, :, 0]
    assert not row[:32].any() and (row[64:] == 1).all()
    steps = np.diff(row)
    assert (steps >= 0).all() and steps.max() < 0.05


# A folder of pictures


def test_noisy_pictures_are_measurements_as_they_are(tmp_path):
    """Every tile in the order of the names, values over 255; what is learnt from is what is restored; the noise level is told."""
    second, first = save(tmp_path / "b.png", scene(64, 100)), save(tmp_path / "a.png", scene(70, 64, seed=1))
    y, theta, facts = measured(tmp_path, "add_noise", "--sigma", "0.1")
    expected = np.concatenate([tiles.cut(first), tiles.cut(second)]) / 255
    assert y.dtype == np.float16 and y.shape == (5, 64, 64, 3)
    np.testing.assert_allclose(y, expected, atol=5e-4)
    assert theta.shape == (5, 1, 1, 1) and np.allclose(theta, 0.1)
    assert [each["name"] for each in facts["pictures"]] == ["a.png", "b.png"]
    assert facts["family"] == "add_noise" and facts["options"] == {"sigma": 0.1} and facts["images"] == 5
    again, _, others = measured(tmp_path, "add_noise", "--sigma", "0.1", split="train")
    assert np.array_equal(again, y) and others["digests"] == facts["digests"]


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_noise_is_estimated_whatever_it_lies_on(sigma, tmp_path):
    """White noise on a ramp with a step in it, 8 bits, is found to 5 %; it stands beside what the configuration has."""
    ramp = np.linspace(0.3, 0.5, 200)[:, None] + 0.2 * (np.arange(300) > 150)
    noisy = ramp[:, :, None] + sigma * np.random.default_rng(0).standard_normal((200, 300, 3))
    x = save(tmp_path / "a.png", (255 * noisy).round().clip(0, 255).astype(np.uint8))
    assert corruption.noise(x) == pytest.approx(sigma, rel=0.05)
    *_, facts = measured(tmp_path, "add_noise", "--sigma", "0.1")
    assert facts["estimated"] == {"sigma": corruption.noise(x)}
    assert corruption.described(facts["estimated"], from_facts(facts)) == (
        f"The standard deviation of their noise is estimated as σ = {corruption.noise(x):.2g}; the configuration has 0.1."
    )


@pytest.mark.parametrize("size", [(200, 300), (301, 201)])
def test_noise_is_estimated_from_what_was_seen(size, tmp_path):
    """With a third of the pixels lost both are known; what lost pixels hold does not count."""
    x = (127 + 0.1 * 255 * np.random.default_rng(0).standard_normal((*size, 3))).round().clip(0, 255)
    seen = np.random.default_rng(1).random((*size, 1)) > 1 / 3
    save(tmp_path / "a.png", np.concatenate([np.where(seen, x, scene(*size)), 255 * seen], axis=2).astype(np.uint8))
    *_, facts = measured(tmp_path, "drop_independent_noise", "--p", "0.3", "--sigma", "0.1")
    assert facts["estimated"] == {"lost": pytest.approx(1 - seen.mean()), "sigma": pytest.approx(0.1, rel=0.1)}
    assert np.isnan(corruption.noise(x, np.zeros_like(seen)))


@pytest.mark.parametrize("flags", [["add_noise", "--sigma", "0.1"], ["drop_independent", "--p", "0.4"]])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_files_are_those_of_every_measurement(flags, channels, tmp_path):
    """As measurements.measure writes them, the number of tiles that show each value and the value range included."""
    seen = np.random.default_rng(2).random((100, 64, 1)) > 0.9
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


@pytest.mark.parametrize("told_by", ["transparency", "mask"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lost_pixels_are_those_that_a_picture_tells(told_by, channels, tmp_path):
    x, seen = scene(64, 64, channels), np.random.default_rng(2).random((64, 64, 1)) > 0.4
    if told_by == "transparency":
        save(tmp_path / "a.png", np.concatenate([x, np.uint8(255) * seen], axis=2))
    else:
        save(tmp_path / "a.png", x)
        save(tmp_path / "masks" / "a.png", np.uint8(255) * seen)
    y, theta, _ = measured(tmp_path, "drop_independent", "--p", "0.4", "--fill", "0.5")
    assert np.array_equal(unpack(theta, (64, 64, channels))[0], seen)
    np.testing.assert_allclose(y[0], np.where(seen, x / 255, 0.5), atol=5e-4)


def test_what_cannot_be_used_is_named(tmp_path):
    assert f"{tmp_path}: no picture there (.bmp," in refusal(tmp_path, "add_noise", "--sigma", "0.1")
    save(tmp_path / "a.png", scene(64, 80))
    said = refusal(tmp_path, "drop_patch", "--size", "9")
    assert f"{tmp_path / 'a.png'}: does not tell which pixels are lost" in said and f"{tmp_path / 'masks' / 'a'}.png" in said
    save(tmp_path / "masks" / "a.png", scene(80, 64, 1))
    assert "is 64×80 and its picture 80×64" in refusal(tmp_path, "drop_patch", "--size", "9")
    save(tmp_path / "b.png", scene(64, 64, 1))
    assert f"{tmp_path / 'b.png'}: is grey and a.png in colour" in refusal(tmp_path, "add_noise", "--sigma", "0.1")
    assert not (tmp_path / "out").exists()


def test_no_other_room_knows_of_them():
    """They are a data set that states it has no clean images; programs of theirs are called by their own rules alone."""
    others = [path for path in ROOT.glob("*/*.py") if path.parent.name not in ("pictures", "tests")]
    named = re.compile(r"^\s*(from|import) pictures\b|\bdatasets\.pictures\b", re.MULTILINE)
    assert not [path for path in others if named.search(path.read_text())]


# From tiles to pictures


def test_pictures_of_one_name_keep_apart():
    assert write.png_names([{"name": name} for name in ("a.png", "a.jpg", "b.jpg")]) == ["a.png.png", "a.jpg.png", "b.png"]


def test_tiles_of_other_pictures_are_refused(tmp_path):
    store.save_array(tmp_path / "test.npy", np.zeros((3, 64, 64, 3), np.float16))
    with pytest.raises(SystemExit, match="not the 2 tiles of the pictures; delete it"):
        write.whole(tmp_path / "test.npy", [{"name": "a.png", "height": 64, "width": 96}])


# The run


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2", "--configfile", "c.yaml"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Grey pictures with lost pixels, and a run that restores them beside one of noise."""
    folder = tmp_path_factory.mktemp("run")
    for number, size in enumerate([(64, 90), (80, 64)]):
        x = scene(*size, 1, seed=number) // 8 + 100
        seen = np.uint8(255) * (np.random.default_rng(number).random((*size, 1)) > 0.3)
        save(folder / "data" / "pictures" / f"{number}.png", np.concatenate([x, seen], axis=2))
    methods = dict.fromkeys(["as_measured", "mean_image", "normalized_convolution", "supervised"])
    config = {"datasets": {"pictures": {"drop_independent": {"p": 0.3}}}, "methods": methods, "seeds": [0]}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    return folder


def test_a_run_makes_a_picture_of_every_picture_and_scores_nothing(folder):
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    made = folder / "results" / "report" / "pictures" / "restored" / "drop_independent"
    assert sorted(path.relative_to(made).as_posix() for path in made.rglob("*.png")) == [
        f"{method}/{number}.png" for method in ("mean_image", "normalized_convolution") for number in (0, 1)
    ]
    for number in (0, 1):  # what was seen stays as it was
        with Image.open(folder / "data" / "pictures" / f"{number}.png") as file:
            x, seen = np.moveaxis(np.asarray(file), 2, 0)
        restored = np.asarray(Image.open(made / "normalized_convolution" / f"{number}.png"))
        assert restored.shape == x.shape
        assert np.abs(restored.astype(int) - x)[seen > 0].max() <= 1
        assert restored[seen == 0].min() > 95 and restored[seen == 0].max() < 135  # 100 to 131 in the pictures
    page = (folder / "results" / "report" / "index.html").read_text()
    assert "of 2 pictures as they were given" in page and "against the truth" not in page
    assert 'href="pictures/restored"' in page and "differences.csv" not in page
    assert "drop independent: 30% of their pixels are lost." in done.stderr and "2 pictures restored" in done.stderr
    assert not (folder / "results" / "scores").exists() and not (folder / "results" / "clean").exists()


def test_a_picture_that_was_added_is_restored_with_the_others(folder):
    assert "Nothing to be done" in (said := snakemake(folder, "-n")).stdout + said.stderr
    save(folder / "data" / "pictures" / "2.png", np.full((64, 64, 2), 255, np.uint8))
    assert "measure_pictures" in (said := snakemake(folder, "-n", "--quiet", "rules")).stdout + said.stderr
    (folder / "data" / "pictures" / "2.png").unlink()


def test_the_paper_s_protocol_has_no_use_for_them():
    config = {"datasets": {"pictures": {"add_noise": {"sigma": 0.1}}}, "methods": {"median": None}, "protocol": "paper"}
    with pytest.raises(check.ConfigError, match="the data set pictures has none; use sound"):
        check.check(config)
