"""Scores of several runs in one folder: what is taken, that it is the same again, and what is refused."""

import lzma

import pandas as pd
import pytest

import store
from reports import merge


def results(folder, seed=0, psnr=(20.0, 30.0), digest="aaa", protocol="sound"):
    """A folder of results with one run."""
    run = folder / f"scores/toy/drop/unet/{seed}"
    run.mkdir(parents=True)
    rows = {"dataset": "toy", "measurement": "drop", "method": "unet", "seed": seed, "image": [0, 1], "psnr": psnr}
    pd.DataFrame(rows).to_csv(run / "quality.csv", index=False)
    store.save_json(folder / "measured/toy/drop/test.json", {"digests": {"y": digest}, "protocol": protocol})
    store.save_json(folder / f"models/toy/drop/unet/{seed}/train.json", {"steps": 7})
    (folder / "clean").mkdir()
    (folder / "clean/test.npy").write_bytes(b"no image is taken")
    return folder


def fails(program, arguments):
    with pytest.raises(SystemExit) as stopped:
        program(arguments)
    return str(stopped.value.code)


def merged(*sources, output, **flags):
    merge.main([*map(str, sources), "--output", str(output), *(f"--{name}={value}" for name, value in flags.items())])
    return {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}


def test_scores_facts_and_digests_are_taken_and_nothing_else(tmp_path):
    found = merged(results(tmp_path / "a"), output=tmp_path / "out", commit="abc", date="2026-01-02")
    cell = "scores/toy/drop/unet/0"
    facts = {"models/toy/drop/unet/0/train.json", "measured/toy/drop/test.json"}
    assert found == {f"{cell}/quality.csv.xz", f"{cell}/origin.json"} | facts
    assert pd.read_csv(tmp_path / "out" / cell / "quality.csv.xz")["psnr"].tolist() == [20, 30]
    origin = {"commit": "abc", "date": "2026-01-02"}
    assert store.load_json(tmp_path / "out" / cell / "origin.json") == {"quality.csv.xz": origin}


def test_probabilities_which_no_report_reads_are_left_out(tmp_path):
    cell = "scores/toy/drop/unet/0"
    rows = pd.read_csv(results(tmp_path / "a") / cell / "quality.csv").drop(columns="psnr").assign(accuracy=1)
    rows.assign(probability=0.123456, probability_pasted=0.5).to_csv(tmp_path / "a" / cell / "digits.csv", index=False)
    merged(tmp_path / "a", output=tmp_path / "out")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / cell / "digits.csv.xz"), rows)


def test_what_is_merged_again_stays_as_it_is_byte_for_byte(tmp_path):
    """Also from what was merged; the day at which a run was added stays."""
    a, b = results(tmp_path / "a"), results(tmp_path / "b", seed=1)
    merged(a, output=tmp_path / "out", date="2026-01-02")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    both = merged(a, b, output=tmp_path / "out", date="2026-01-03")
    assert all(path.read_bytes() == content for path, content in before.items()) and len(both) == len(before) + 3
    assert merged(tmp_path / "out", output=tmp_path / "copy") == both
    for name in ("quality.csv.xz", "origin.json"):
        copied, first = (tmp_path / folder / "scores/toy/drop/unet/0" / name for folder in ("copy", "out"))
        assert copied.read_bytes() == first.read_bytes()


def test_each_file_of_a_run_has_an_origin_of_its_own(tmp_path):
    """As where the scores of a run are of one day, and its timing of another."""
    a, b = results(tmp_path / "a"), results(tmp_path / "b")
    run = b / "scores/toy/drop/unet/0"
    (run / "quality.csv").rename(run / "timing.csv")
    merged(a, output=tmp_path / "out", commit="abc", date="2026-01-02")
    merged(b, output=tmp_path / "out", commit="def", date="2026-01-03")
    first, later = {"commit": "abc", "date": "2026-01-02"}, {"commit": "def", "date": "2026-01-03"}
    found = store.load_json(tmp_path / "out/scores/toy/drop/unet/0/origin.json")
    assert found == {"quality.csv.xz": first, "timing.csv.xz": later}


def test_scores_have_four_digits(tmp_path):
    merged(results(tmp_path / "a", psnr=(20.123456, 1 / 3)), output=tmp_path / "out")
    text = lzma.decompress((tmp_path / "out/scores/toy/drop/unet/0/quality.csv.xz").read_bytes()).decode()
    assert [line.split(",")[-1] for line in text.split()] == ["psnr", "20.12", "0.3333"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"psnr": (20.0, 31.0)}, "has other values than"),
        ({"seed": 1, "digest": "bbb"}, "digests: not as of"),
        ({"seed": 1, "protocol": "paper"}, "protocol: not as of"),
    ],
)
def test_what_does_not_belong_together_is_refused_and_nothing_written(other, says, tmp_path):
    sources = results(tmp_path / "a"), results(tmp_path / "b", **other)
    line = fails(merge.main, [*map(str, sources), "--output", str(tmp_path / "out")])
    assert says in line and str(tmp_path / "b") in line
    assert not (tmp_path / "out").exists()


def test_two_protocols_are_refused_on_different_data_sets_too(tmp_path):
    a, b = results(tmp_path / "a"), results(tmp_path / "b", protocol="paper")
    for kind in ("scores", "models", "measured"):
        (b / kind / "toy").rename(b / kind / "other")
    assert "results of the protocols paper and sound" in fails(merge.main, [str(a), str(b), "--output", str(tmp_path / "out")])


def test_the_later_of_two_is_taken_where_that_is_asked_for(tmp_path):
    a, b = results(tmp_path / "a"), results(tmp_path / "b", psnr=(20.0, 31.0))
    merge.main([str(a), str(b), "--output", str(tmp_path / "out"), "--replace"])
    assert pd.read_csv(tmp_path / "out/scores/toy/drop/unet/0/quality.csv.xz")["psnr"].tolist() == [20, 31]


def test_a_folder_without_scores_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: holds no scores" in fails(merge.main, [str(tmp_path / "empty"), "--output", str(tmp_path / "out")])
    assert "nowhere: no such folder" in fails(merge.main, [str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")])
