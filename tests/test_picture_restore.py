"""A trained model restores new pictures without training again (pictures/restore.py)."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import yaml
from PIL import Image

import store
from config import check
from datasets import picture_pages
from measurements.forward import from_facts
from pictures import restore, tiles, trained
from pictures.read import pictures

ROOT = Path(__file__).parent.parent
SIGMA, SIDE = 0.1, 64


def noisy(height: int, width: int, channels: int, seed: int, sigma: float = SIGMA) -> np.ndarray:
    ramp = np.linspace(0.3, 0.6, width)[:, None] + np.zeros(channels)
    return ramp + sigma * np.random.default_rng(seed).standard_normal((height, width, channels))


def eight_bits(x: np.ndarray) -> np.ndarray:
    return np.rint(255 * x.clip(0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory, command) -> Path:
    """A VAE-GAN with skip connections, hardly trained, on a noisy picture of 12 bits in 16."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "own").mkdir()
    deep = np.rint(4095 * noisy(64, 64, 1, 0).clip(0, 1)).astype(np.uint16)
    tifffile.imwrite(folder / "own" / "a.tif", deep[:, :, 0])
    made = folder / "measured"
    line = ["add_noise", "--sigma", SIGMA, "--pictures", folder / "own", "--dataset", "pictures", "--output", made]
    assert command("pictures.measure", *line).code == 0
    line = ["--y", made / "train.y.npy", "--side-info", made / "train.side_info.npy", "--output", folder / "trained"]
    done = command(
        "methods.ambient_vaegan_skip.train", *line, "--steps", 2, "--batch-size", 2, "--checkpoints", folder / "unfinished"
    )
    assert done.code == 0, done.err
    return folder / "trained" / "model.pt"


def test_what_is_written_is_what_the_model_gives(model, tmp_path, command):
    """Tiles in, tiles out: as the method's own function does by itself, on the range of the training; every file as it came."""
    new = tmp_path / "new"
    new.mkdir()
    dark = np.rint(4095 * noisy(64, 96, 1, 1).clip(0, 1) / 4).astype(np.uint16)  # would be 10 bits by itself
    tifffile.imwrite(new / "b.tif", dark[:, :, 0], resolution=(300, 300), resolutionunit="inch")
    Image.fromarray(eight_bits(noisy(70, 64, 1, 2))[:, :, 0]).save(new / "{c} é.png")
    done = command("pictures.restore", "--model", model, new, tmp_path / "out")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.tif", "{c} é.png"]
    page = picture_pages.read(tmp_path / "out" / "b.tif")
    assert page.values.dtype == np.uint16 and page.values.shape == (64, 96, 1) and page.dpi == (300, 300)
    loaded = trained.load(model, 0)
    y = np.stack([tile for row in tiles.rows(dark / np.float32(4095)) for tile in row]).astype(np.float16)
    (estimate,) = loaded.estimates(iter([(y, np.full((2, 1, 1, 1), SIGMA, np.float32))]))
    expected = 4095 * next(tiles.joined([estimate], 64, 96))
    assert np.abs(page.values - expected).max() <= 0.51
    assert picture_pages.read(tmp_path / "out" / "{c} é.png").values.dtype == np.uint8


def test_nothing_is_overwritten_without_force(model, tmp_path, command):
    picture = tmp_path / "new" / "a.png"
    picture.parent.mkdir()
    Image.fromarray(eight_bits(noisy(64, 64, 1, 1))[:, :, 0]).save(picture)
    before = picture.read_bytes()
    run = ["pictures.restore", "--model", model, picture, tmp_path / "out"]
    assert command(*run).code == 0
    (tmp_path / "out" / "a.png").write_text("mine")
    again = command(*run)
    there = f"{tmp_path / 'out' / 'a.png'}: exists; choose another folder, or overwrite with --force (FORCE=1 of make)"
    assert again.code and again.line == there
    assert (tmp_path / "out" / "a.png").read_text() == "mine"
    assert command(*run, "--force").code == 0 and (tmp_path / "out" / "a.png").read_bytes()[1:4] == b"PNG"
    own = command(*run[:-1], picture.parent, "--force")
    assert own.code and "is the folder of the pictures themselves" in own.line and picture.read_bytes() == before


def test_samples_and_their_standard_deviation(model, tmp_path, command):
    picture = tmp_path / "new" / "a.tif"
    picture.parent.mkdir()
    tifffile.imwrite(picture, np.stack([noisy(64, 100, 1, seed)[:, :, 0] for seed in (1, 2)]).astype(np.float32))
    done = command("pictures.restore", "--model", model, picture, tmp_path / "out", "--samples", 3)
    assert done.code == 0, done.err
    names = ["a.tif", "a.tif.sd.tif", "a_sample_1.tif", "a_sample_2.tif", "a_sample_3.tif"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for page in range(2):
        samples = np.stack([picture_pages.read(tmp_path / "out" / name, page).values for name in names[2:]])
        spread = picture_pages.read(tmp_path / "out" / names[1], page).values
        assert np.allclose(samples.std(axis=0, ddof=1), spread, atol=1e-3) and spread.min() > 0


def test_a_picture_that_is_called_like_a_sample_of_another_is_refused(model, tmp_path, command):
    for name in ("a.png", "a_sample_1.png"):
        (tmp_path / "new").mkdir(exist_ok=True)
        Image.fromarray(eight_bits(noisy(64, 64, 1, 1))[:, :, 0]).save(tmp_path / "new" / name)
    run = ["pictures.restore", "--model", model, tmp_path / "new", tmp_path / "out", "--force"]
    done = command(*run, "--samples", 1)
    assert done.code and "a_sample_1.png: would be of two pictures; rename" in done.line and not (tmp_path / "out").exists()
    assert command(*run).code == 0


def test_a_sample_is_of_one_tile_at_each_place_so_that_its_spread_is_right(tmp_path):
    """Of independent standard normal tiles a pixel of the picture is standard normal too, also where tiles overlap."""
    Image.fromarray(eight_bits(noisy(100, 200, 1, 0))[:, :, 0]).save(tmp_path / "a.png")
    forward = from_facts({"family": "add_noise", "options": {"sigma": SIGMA}})
    (picture,) = pictures(tmp_path, False)
    rng = np.random.default_rng(0)

    def draw(measured, count):
        return 0.5 + 0.1 * rng.standard_normal((count, *measured.y.shape))

    model = trained.Trained("", {}, forward, (SIDE, SIDE, 1), None, draw)
    *_, deviation = restore.sampled(model, picture, (0.0, 1.0), 400)
    assert np.abs(deviation.values - 0.1).max() < 0.02


@pytest.mark.parametrize(
    "sigma, more, says",
    [
        (0.1, [], ""),
        (0.2, [], "and the forward model has 0.1"),
        (0.1, ["--sigma", "0.2"], "the model was trained with σ = 0.1, not 0.2"),
        (0.1, ["--family", "blur_noise"], "the model was trained on add_noise, not on blur_noise"),
    ],
)
def test_another_sigma_or_family_is_said(model, sigma, more, says, tmp_path, command):
    Image.fromarray(eight_bits(noisy(64, 64, 1, 1, sigma))[:, :, 0]).save(tmp_path / "a.png")
    done = command("pictures.restore", "--model", model, tmp_path / "a.png", tmp_path / "out", *more)
    assert done.code == 0 and says in done.err and bool(done.err) == bool(says)


def test_what_a_model_cannot_restore_is_refused_in_one_line(model, tmp_path, command):
    def line(picture: Path, model: Path = model, *more) -> str:
        done = command("pictures.restore", "--model", model, picture, tmp_path / "out", *more)
        assert done.code and not (tmp_path / "out").exists()
        return done.line

    Image.fromarray(eight_bits(noisy(64, 64, 3, 1))).save(tmp_path / "colour.png")
    assert "is in colour, and what the model was trained on was grey" in line(tmp_path / "colour.png")
    clear = np.concatenate([eight_bits(noisy(64, 64, 1, 1)), np.zeros((64, 64, 1), np.uint8)], axis=2)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert "are transparent or not a number, and this forward model loses none" in line(tmp_path / "clear.png")
    assert "no such picture or folder" in line(tmp_path / "none.png")
    assert "none.pt: no such model; give the model.pt" in line(tmp_path / "colour.png", tmp_path / "none.pt")
    shutil.copy(model.with_name("train.json"), tmp_path)
    (tmp_path / "model.pt").write_text("not a model")
    assert "not a trained model" in line(tmp_path / "colour.png", tmp_path / "model.pt")
    torch.save({"shape": (28, 32, 1)}, tmp_path / "model.pt")
    assert "takes images of 28×32×1, and pictures are cut into squares" in line(tmp_path / "colour.png", tmp_path / "model.pt")


# In a configuration


def test_a_run_takes_a_trained_model_in_place_of_a_training(model, tmp_path):
    (tmp_path / "data" / "pictures").mkdir(parents=True)
    deep = np.rint(4095 * noisy(64, 64, 1, 5).clip(0, 1)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "data" / "pictures" / "a.tif", deep[:, :, 0])
    methods = {"ambient_vaegan_skip": {"model": str(model)}}
    config = {"datasets": {"pictures": {"add_noise": {"sigma": SIGMA}}}, "methods": methods, "seeds": [0]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    line = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "1", "--configfile", "c.yaml"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results"
    made = results / "models" / "pictures" / "add_noise" / "ambient_vaegan_skip" / "0"
    assert (made / "model.pt").read_bytes() == model.read_bytes()
    assert store.load_json(made / "train.json")["adopted"] == str(model)
    (log,) = (results / "logs" / "ambient_vaegan_skip" / "train").iterdir()
    assert f"warning: {model} was trained on something else: other images" in log.read_text()
    assert f"Warning: ambient_vaegan_skip_train (pictures add_noise 0): {model} was trained on something" in done.stderr
    assert not re.search("To be run: .*training", done.stderr)
    restored = results / "report" / "pictures" / "restored" / "add_noise" / "ambient_vaegan_skip" / "a.tif"
    assert picture_pages.read(restored).values.dtype == np.uint16


def test_a_model_of_another_method_or_protocol_is_refused(model, tmp_path, command):
    y = model.parents[1] / "measured" / "train.y.npy"
    line = ["training.adopt", "--model", model, "--y", y, "--side-info", y, "--output", tmp_path / "out", "--seed", 0]
    said = command(*line, "--method", "acsg")
    assert said.code and "was trained by ambient_vaegan_skip, not by acsg" in said.line
    line[4] = tmp_path / "train.y.npy"
    facts = store.load_json(y.with_name("train.json"))
    store.save_json(tmp_path / "train.json", facts | {"protocol": "fresh_theta"})
    said = command(*line, "--method", "ambient_vaegan_skip")
    assert said.code and "was trained under the protocol sound, and this run is of fresh_theta" in said.line
    assert not (tmp_path / "out").exists()
    store.save_json(tmp_path / "train.json", facts | {"protocol": "mosaic"})  # which changes no training
    assert not command(*line, "--method", "ambient_vaegan_skip").code
    assert store.load_json(tmp_path / "out" / "train.json")["data"] == store.load_json(model.with_name("train.json"))["data"] | {
        "protocol": "mosaic"
    }


@pytest.mark.parametrize(
    "method, says", [("median", "learns nothing; leave it out"), ("ambient_vaegan_skip", "none.pt does not exist")]
)
def test_a_model_that_is_none_is_refused_at_the_start(method, says):
    config = {"datasets": {"pictures": {"add_noise": {"sigma": 0.1}}}, "methods": {method: {"model": "none.pt"}}}
    with pytest.raises(check.ConfigError, match=says):
        check.check(config)
