"""The release kit: what is packed, what is never packed, what is named as missing, and that others can read it."""

import hashlib
import json
import os
import re
import shutil
import sys
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import yaml
from declared import ROOT

import datasets
import store
from bench.measured import Measured
from datasets import terms
from pictures import trained
from publish import pack, restorations
from publish.kit import Kit, sha256
from reports import merge

FAMILIES = ("drop_independent", "add_noise")
MODEL = "models/mnist5k/{}/ambient_sampler/0/model.pt"


def score(world, command, results, family, method, estimates):
    """Restorations of a method, with the scores that metrics/quality.py gives them."""
    run = f"mnist5k/{family}/{method}" + "/0" * (method != "as_measured")
    measured = results / "measured/mnist5k" / family
    facts = {"method": method, "dataset": "mnist5k", "measurement": family, "seed": 0 if run.endswith("/0") else None}
    facts |= {"protocol": "sound", "digest": store.describe(measured / "test.y.npy")["digests"]["y"], "options": {"draws": 2}}
    store.save_array(results / f"restored/{run}/test.npy", estimates.clip(0, 1).astype(np.float16))
    store.save_json(results / f"restored/{run}/test.json", facts)
    given = {"clean": results / "clean/mnist5k/test.npy", "shown": measured / "train.shown.npy"}
    given |= {name.replace("_", "-"): measured / f"test.{name}.npy" for name in ("y", "side_info")}
    given |= {"estimates": results / f"restored/{run}/test.npy", "output": results / f"scores/{run}/quality.csv"}
    outcome = command("metrics.quality", *(word for name, value in given.items() for word in (f"--{name}", value)))
    assert outcome.code == 0, outcome.err


@pytest.fixture(scope="module")
def finished(world, command, tmp_path_factory):
    """A folder with a configuration and its results: two rows, one of them learned, eight images of squares."""
    folder = tmp_path_factory.mktemp("finished")
    results = folder / "results"
    shutil.copytree(world.folder / "results/clean/toy", results / "clean/mnist5k")
    for family in FAMILIES:
        shutil.copytree(world.folder / "results/measured/toy" / family, results / "measured/mnist5k" / family)
        world.model("ambient_sampler", family)
        kept = world.folder / "results" / MODEL.format(family).replace("mnist5k", "toy")
        shutil.copytree(kept.parent, (results / MODEL.format(family)).parent)
        score(world, command, results, family, "as_measured", np.load(results / "measured/mnist5k" / family / "test.y.npy"))
        score(world, command, results, family, "ambient_sampler", world.restore("ambient_sampler", family)[-1])
    config = {"datasets": {"mnist5k": {"drop_independent": {"p": 0.5}, "add_noise": {"sigma": 0.2}}}, "seeds": [0, 1]}
    config |= {"methods": {"as_measured": None, "harmonic": None, "ambient_sampler": None}, "results": str(results)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def packing(finished, command):
    """A function: the outcome of packing these results into a folder, the first five images of each row."""

    def run(output, *flags):
        with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ):
            patch.setattr(restorations, "FIRST", 5)
            patch.setattr(sys, "path", [*sys.path])
            sha256.cache_clear()
            return command("publish.pack", "--configfile", finished / "config.yaml", "--output", output, *flags)

    return run


@pytest.fixture(scope="module")
def kit(packing, tmp_path_factory):
    output = tmp_path_factory.mktemp("made") / "release"
    outcome = packing(output)
    assert outcome.code == 0, outcome.err
    return output, outcome.out


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_file_has_its_hash(kit):
    lines = dict(reversed(line.split("  ")) for line in (kit[0] / "SHA256SUMS").read_text().splitlines())
    assert set(lines) == names(kit[0]) - {"SHA256SUMS"}
    assert lines == {name: hashlib.sha256((kit[0] / name).read_bytes()).hexdigest() for name in lines}


def test_a_hash_is_that_of_the_standard(tmp_path):
    Kit(tmp_path, {}, None, [], []).write("a", "abc")  # the example of FIPS 180-2
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_equal_inputs_give_equal_kits_in_the_place_of_an_earlier_one(kit, packing, tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "release/SHA256SUMS").write_text("of an earlier kit")
    (tmp_path / "release/old.npz").write_text("stays not")
    assert packing(tmp_path / "release").code == 0
    assert names(tmp_path / "release") == names(kit[0]) and names(tmp_path) == {f"release/{name}" for name in names(kit[0])}
    assert [name for name in names(kit[0]) if (kit[0] / name).read_bytes() != (tmp_path / "release" / name).read_bytes()] == []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("run", ["as_measured", "ambient_sampler/0"])
def test_scores_made_again_of_packed_restorations_are_the_packed_scores(kit, family, run):
    x = np.load(kit[0] / "clean/mnist5k/test.npz")["images"] / 255
    estimates = np.load(kit[0] / f"restored/mnist5k/{family}/{run}/test.npz")["estimates"]
    assert estimates.dtype == np.float16 and estimates.shape == (5, 28, 28, 1)
    published = pd.read_csv(kit[0] / f"scores/mnist5k/{family}/{run}/quality.csv.xz")
    assert len(published) == 8
    errors = ((estimates.astype(float) - x) ** 2).mean((1, 2, 3))
    assert [f"{error:.4g}" for error in errors] == [f"{value:.4g}" for value in published["mse"][:5]]


def test_what_is_missing_is_named(kit):
    lines = [line for line in kit[1].splitlines() if line.startswith("missing: ")]
    assert lines == [
        "missing: mnist5k: no scores: on drop independent: harmonic inpainting; on drop independent, add noise: "
        "Ambient sampler (seed 1)"
    ]
    assert lines[0].removeprefix("missing: ") in (kit[0] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stop, says", [
    ("models", "no model of Ambient sampler for drop independent (no model.pt), add noise (no model.pt)"),
    ("clean", "no clean/mnist5k/test.npy"),
    ("restored", "no restorations: on drop independent, add noise: as measured, Ambient sampler (seed 0)"),
])  # fmt: skip
def test_an_absent_stop_is_named(finished, packing, stop, says, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results", ignore=lambda _, files: [name for name in files if name == stop])
    if stop == "models":  # the facts of trainings are no weights
        shutil.copytree(finished / "results/models", tmp_path / "results/models", ignore=shutil.ignore_patterns("*.pt"))
    outcome = packing(tmp_path / "release", "--results", tmp_path / "results")
    assert outcome.code == 0 and f"missing: mnist5k: {says}" in outcome.out.splitlines(), outcome.err


def test_of_merged_scores_the_origins_are_packed_too(finished, packing, tmp_path):
    merge.main([str(finished / "results"), "--output", str(tmp_path / "merged"), "--commit", "abc", "--date", "2026-01-02"])
    outcome = packing(tmp_path / "release", "--results", tmp_path / "merged")
    assert outcome.code == 0, outcome.err
    name = "scores/mnist5k/add_noise/ambient_sampler/0/origin.json"
    assert store.load_json(tmp_path / "release" / name) == {"quality.csv.xz": {"commit": "abc", "date": "2026-01-02"}}
    assert (tmp_path / "release" / name).read_bytes() == (tmp_path / "merged" / name).read_bytes()


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_weights_load_with_the_project_s_loader(kit, finished, family):
    """By the program that the card shows; the estimates are those of the model that was packed."""
    text = (kit[0] / MODEL.format(family)).with_name("card.md").read_text(encoding="utf-8")
    assert hashlib.sha256((finished / "results" / MODEL.format(family)).read_bytes()).hexdigest() in text
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    found = {}
    exec(compile(program.replace('"release/', f'"{kit[0]}/'), "card", "exec"), found)
    y, s = (np.load(finished / f"results/measured/mnist5k/{family}/test.{part}.npy") for part in ("y", "side_info"))
    model = trained.load(finished / "results" / MODEL.format(family), seed=0)
    *_, expected = model.restore(Measured(y, model.forward, s)[:4].loaded())
    assert np.array_equal(found["estimate"], expected)


def test_a_card_says_what_a_model_is(kit):
    text = (kit[0] / MODEL.format("add_noise")).with_name("card.md").read_text(encoding="utf-8")
    rows = pd.read_csv(kit[0] / "tables/mnist5k/table.csv").set_index(["measurement", "method", "metric"])
    row = rows.loc[("add_noise", "ambient_sampler", "psnr_pasted")]
    facts = store.load_json((kit[0] / MODEL.format("add_noise")).with_name("train.json"))
    assert f"| {row['mean']:.2f} | {row['low']:.2f} to {row['high']:.2f} |" in text
    assert f"`add_noise` with sigma = {facts['data']['options']['sigma']}" in text and "steps = 3" in text
    assert "It sees no clean image. Splits whose side information (masks, noise levels) it is given: train, test." in text
    assert "restored with draws = 2" in text and terms.of("mnist5k").url in text and "$" not in text


def test_of_a_data_set_whose_terms_forbid_it_no_image_is_packed(kit, packing, tmp_path, monkeypatch):
    shutil.copytree(terms.FOLDER, tmp_path / "datasets", ignore=lambda _, files: [n for n in files if not n.endswith(".yaml")])
    path = tmp_path / "datasets/mnist5k.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("passed_on: true", "passed_on: false"), encoding="utf-8")
    monkeypatch.setattr(terms, "FOLDER", tmp_path / "datasets")
    assert packing(tmp_path / "release").code == 0
    found = names(tmp_path / "release")
    assert {name for name in found if name.endswith((".npz", ".npy", ".png"))} == set()
    assert not [name for name in found if name.startswith(("clean/", "restored/"))]
    assert {name for name in names(kit[0]) if name.startswith(("scores/", "tables/")) or name.endswith(".pt")} <= found
    assert "no image, as its terms do not allow it" in (tmp_path / "release/README.md").read_text(encoding="utf-8")


def test_terms_are_stated_and_faces_and_own_pictures_stay_where_they_are():
    stated = {name: terms.of(name) for name in datasets.names()}
    assert {name for name, of in stated.items() if of.passed_on} == {"mnist", "mnist5k"}
    assert all(of.licence != "not stated" and of.url for name, of in stated.items() if not datasets.is_own(name))
    assert {path.stem for path in (ROOT / "datasets").glob("*.yaml")} <= set(datasets.names())


@pytest.mark.parametrize("text, says", [
    ("title: [", "not valid YAML"),
    ("title: a", "must state title, licence, url, source, citation, asks, passed_on"),
    ("{title: a, licence: b, url: c, source: d, citation: e, asks: f, passed_on: maybe}", "passed_on: is 'maybe'; write true"),
])  # fmt: skip
def test_terms_that_are_not_as_described_are_refused(text, says, tmp_path, monkeypatch):
    monkeypatch.setattr(terms, "FOLDER", tmp_path)
    (tmp_path / "cells.yaml").write_text(text)
    with pytest.raises(SystemExit, match=re.escape(says)):
        terms.of("cells")


# --- Croissant -----------------------------------------------------------------------------------------------------------------


def test_croissant_names_every_file_and_every_column_of_scores(kit):
    described = json.loads((kit[0] / "croissant.json").read_text(encoding="utf-8"))
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0" and described["@type"] == "sc:Dataset"
    assert all(described[key] for key in ("name", "description", "license", "creator", "datePublished", "version", "citeAs"))
    objects = {each["contentUrl"]: each for each in described["distribution"] if each["@type"] == "cr:FileObject"}
    assert set(objects) == names(kit[0]) - {"SHA256SUMS", "croissant.json"}
    for name, each in objects.items():
        assert each["sha256"] == hashlib.sha256((kit[0] / name).read_bytes()).hexdigest() and each["encodingFormat"]
    (quality,) = (each for each in described["recordSet"] if each["name"] == "quality")
    header = pd.read_csv(kit[0] / "scores/mnist5k/add_noise/as_measured/quality.csv.xz", nrows=0)
    types = {field["name"]: field["dataType"] for field in quality["field"]}
    assert list(types) == list(header)
    assert (types["method"], types["image"], types["psnr"]) == ("sc:Text", "sc:Integer", "sc:Float")
    assert not [
        field["@id"] for each in described["recordSet"] for field in each["field"] if "The column" in field["description"]
    ]
    sets = {each["@id"] for each in described["distribution"] if each["@type"] == "cr:FileSet"}
    assert {field["source"]["fileSet"]["@id"] for each in described["recordSet"] for field in each["field"]} == sets


def test_an_independent_reader_reads_the_records(kit, tmp_path):
    """After `unxz`, as the README of the kit says."""
    mlcroissant = pytest.importorskip("mlcroissant")
    shutil.copytree(kit[0], tmp_path / "kit")
    expected = []
    for path in sorted((tmp_path / "kit/scores").rglob("quality.csv.xz")):
        expected.append(pd.read_csv(path))
        expected[-1].to_csv(path.with_suffix(""), index=False)
        path.unlink()
    read = mlcroissant.Dataset(jsonld=tmp_path / "kit/croissant.json")
    assert not read.metadata.issues.errors and not read.metadata.issues.warnings
    rows = list(read.records("quality"))
    assert [row["quality/psnr"] for row in rows] == pytest.approx(pd.concat(expected)["psnr"].tolist(), nan_ok=True)
    assert len(list(read.records("table"))) == len(pd.read_csv(kit[0] / "tables/mnist5k/table.csv"))


# --- mistakes ------------------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_no_kit_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match="holds something else than a kit"):
        pack.refuse_foreign(tmp_path)


@pytest.mark.parametrize("flags, says", [
    (["--recommended", "harmonic"], "--recommended harmonic: is no method of"),
    (["--results", "nowhere"], "nowhere: no such folder"),
    (["--results", "."], "holds no scores of this configuration"),
])  # fmt: skip
def test_mistakes_are_said_in_one_line(packing, flags, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = packing(tmp_path / "release", *flags)
    assert outcome.code and says in outcome.line and not (tmp_path / "release").exists()


def test_restorations_of_other_measurements_are_refused(finished, packing, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    path = tmp_path / "results/restored/mnist5k/add_noise/as_measured/test.json"
    store.save_json(path, store.load_json(path) | {"digest": "0" * 12})
    outcome = packing(tmp_path / "release", "--results", tmp_path / "results")
    assert "restored from other measurements" in outcome.line and not (tmp_path / "release").exists()
