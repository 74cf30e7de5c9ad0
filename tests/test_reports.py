"""The report programs on small made-up results: the numbers by hand, the errors in one line, the page in one file."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import store
from metrics.metrics import METRICS
from reports import files, grid, mse_time, page, restorations, table

MEASUREMENTS = ["drop_patch", "add_noise"]
ORDER = ["as_measured", "median", "telea", "acsg", "ambient_vaegan", "supervised"]
ONLY = {"median": "add_noise", "telea": "drop_patch"}  # a method that does not apply everywhere
LEARNED = ["acsg", "ambient_vaegan", "supervised"]
SEES = {m: {"clean": "train" if m == "supervised" else "no", "theta": "no", "learned": m in LEARNED} for m in ORDER}
IMAGES = 9


def curve(seconds, mse):
    return pd.DataFrame({"seconds": seconds, "mse": mse})


@pytest.fixture
def results(tmp_path):
    """Scores, timing, models and images of every method on CelebA; {argument: its values}."""
    rng = np.random.default_rng(0)
    found = {"scores": [], "timing": [], "models": [], "restored": [], "measured": [], "clean": [tmp_path / "test.npy"]}
    np.save(found["clean"][0], rng.integers(0, 256, (IMAGES, 8, 8, 3), np.uint8))
    for measurement in MEASUREMENTS:
        y = tmp_path / measurement / "test.y.npy"
        y.parent.mkdir()
        np.save(y, rng.normal(0.5, 1, (IMAGES, 8, 8, 3)).astype(np.float16))
        (y.parent / "test.json").write_text(json.dumps({"protocol": "sound"}))
        found["measured"].append(f"{measurement}={y}")
        for skill, method in enumerate(ORDER):
            if ONLY.get(method, measurement) != measurement:
                continue
            for seed in [0, 1] if method in LEARNED else [""]:
                folder = tmp_path / measurement / method / str(seed)
                folder.mkdir(parents=True)
                key = {"dataset": "celeba", "measurement": measurement, "method": method, "seed": seed}
                scores = pd.DataFrame({**key, "image": range(IMAGES)} | {m: rng.random(IMAGES) for m in METRICS})
                scores["psnr"] += 2 * skill
                if measurement == "add_noise":
                    scores["mse_unobserved"] = np.nan
                steps = 4 if method == "acsg" else 1
                timing = pd.DataFrame({**key, "step": range(1, steps + 1), "mse": 0.1, "psnr": 10.0, "images": 64})
                timing = timing.assign(seconds=0.25 * timing["step"], device="a processor", threads=2)
                scores.to_csv(folder / "test.csv", index=False)
                timing.to_csv(folder / "timing.csv", index=False)
                found["scores"].append(folder / "test.csv")
                found["timing"].append(folder / "timing.csv")
                if method in LEARNED:
                    counts = {"encoder": 1000, "decoder": 234}
                    facts = {"options": {"steps": 50}, "parameters": counts, "seconds": 2.0}
                    facts |= {"images_per_second": 1600.0, "device": "a processor", "threads": 1}
                    (folder / "train.json").write_text(json.dumps(facts))
                    found["models"].append(f"celeba/{measurement}/{method}/{seed}={folder / 'train.json'}")
                if seed in ("", 0):
                    np.save(folder / "test.npy", rng.random((IMAGES, 8, 8, 3)).astype(np.float16))
                    (folder / "test.json").write_text(json.dumps({"protocol": "sound"}))
                    found["restored"].append(f"{measurement}/{method}={folder / 'test.npy'}")
    return {name: list(map(str, values)) for name, values in found.items()}


def run(program, results, output, *wanted, **others):
    arguments = ["--order", " ".join(ORDER), "--dataset", "celeba", "--output", str(output)]
    if "timing" in wanted:
        arguments += ["--measurements", " ".join(MEASUREMENTS)]
    for name in wanted:
        arguments += [f"--{name}", *results[name]]
    for name, value in others.items():
        arguments += [f"--{name}", str(value)]
    program.main(arguments)


def run_table(results, output):
    run(table, results, output, "scores", "timing", "models", sees=json.dumps(SEES))


@pytest.fixture
def report(results, tmp_path):
    """The folder of a finished report."""
    output = tmp_path / "report"
    run_table(results, output)
    run(restorations, results, output / "restorations", "clean", "measured", "restored", images=4)
    run(mse_time, results, output / "mse_time", "timing")
    return output


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


# Numbers


def test_interval_agrees_with_scipy_and_by_hand():
    values = np.random.default_rng(1).normal(20, 2, 30)
    mean, low, high, n = table.interval([*values, np.nan])
    assert n == 30
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 29, values.mean(), stats.sem(values)))
    # 1, 2, 3: standard deviation 1, t(0.975, 2) = 4.3027, half = 4.3027 / √3
    assert table.interval([1, 2, 3])[:3] == pytest.approx((2, 2 - 2.48414, 2 + 2.48414), abs=1e-5)


def test_interval_of_one_image_is_unknown_and_of_none_absent():
    assert table.interval([5.0])[0] == 5 and np.isnan(table.interval([5.0])[1])
    assert table.interval([np.nan])[3] == 0


def test_seeds_are_averaged_before_images(report, results):
    paths = [path for path in results["scores"] if "/drop_patch/acsg/" in path]
    per_image = np.mean([pd.read_csv(path)["psnr"] for path in paths], axis=0)
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "method", "metric"])
    row = values.loc["drop_patch", "acsg", "psnr"]
    expected = table.interval(per_image)
    assert (row["mean"], row["low"], row["high"], row["images"]) == pytest.approx(expected)
    assert row["seeds"] == 2 and values.loc["drop_patch", "telea", "psnr"]["seeds"] == 0


def test_bold_are_the_best_without_clean_images_and_those_that_overlap():
    rows = [("a", 10, 9, 11), ("b", 12, 11.5, 12.5), ("c", 11.4, 10.9, 11.9), ("clean", 30, 29, 31)]
    values = pd.DataFrame(rows, columns=["method", "mean", "low", "high"]).assign(metric="psnr")
    assert grid.winners(values, "psnr", ["a", "b", "c"]) == {"b", "c"}
    assert grid.winners(values.assign(metric="mse"), "mse", ["a", "b", "c"]) == {"a", "c"}
    assert grid.winners(values.assign(metric="consistency"), "consistency", ["a"]) == set()


@pytest.mark.parametrize(
    "slow, relation, factor, seconds",
    [
        # from 0.3 at 2 s to 0.1 at 4 s, the line is at 0.2 after 3 s; 3 / 0.5 = 6
        (curve([1, 2, 4], [0.5, 0.3, 0.1]), "equal", 6, 3),
        (curve([1, 2, 4], [0.5, 0.2, 0.3]), "equal", 4, 2),  # reached once is reached
        (curve([1, 2, 4], [0.5, 0.4, 0.3]), "more", 8, 4),
        (curve([1, 2, 4], [0.2, 0.1, 0.1]), "at most", 2, 1),
    ],
)
def test_speedup(slow, relation, factor, seconds):
    found = mse_time.speedup(curve([0.5], [0.2]), slow)
    assert found.relation == relation
    assert (found.factor, found.slow_seconds) == pytest.approx((factor, seconds))
    said = {"equal": "slow takes", "more": r"does not reach .* in 4.00 s \(> 8.00×\)", "at most": r"\(≤ 2.00×\)"}
    assert re.search(said[relation], found.says("fast", "slow"))


def test_no_two_methods_look_the_same():
    looks = mse_time.looks([f"method {i}" for i in range(40)], ["acsg", "ambient_vaegan"])
    assert len({tuple(look.values()) for look in looks.values()}) == 40


@pytest.mark.parametrize(
    "value, text", [(0.01234, "0.0123"), (4.5, "4.50"), (9.999, "10.0"), (1234.5, "1,230"), (0, "0.00"), (np.nan, "–")]
)
def test_short(value, text):
    assert files.short(value) == text


# Files


def test_markdown_has_equal_columns_and_a_dash_where_a_method_does_not_apply(report):
    for name in ("table", "details"):
        lines = [cells(line) for line in (report / f"{name}.md").read_text().splitlines() if line.startswith("|")]
        assert len({len(line) for line in lines}) == 1
        at = next(i for i, head in enumerate(lines[0]) if head.startswith("drop patch"))
        rows = {line[0]: line for line in lines}
        assert rows["median"][at] == "–" and rows["telea"][at] != "–"
    assert not any("add noise<br>MSE unobserved" in head for head in lines[0]), "a column that applies to no method"


def test_paper_values_stand_beside_celeba(report):
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "method", "metric"])["paper"]
    assert values["drop_patch", "ambient_vaegan", "psnr"] == 16.15 and values["add_noise", "median", "ssim"] == 0.76
    assert np.isnan(values["drop_patch", "as_measured", "psnr"])
    for name in ("table.md", "table.tex"):
        assert "16.15 / 0.49" in (report / name).read_text()


def test_methods_csv_holds_what_is_seen_and_what_it_costs(report):
    methods = pd.read_csv(report / "methods.csv").set_index(["method", "measurement"])
    acsg = methods.loc["acsg", "drop_patch"]
    assert acsg["parameters"] == 1234 and acsg["ms_per_image"] == pytest.approx(1000 * 1.0 / 64)  # its fourth estimate
    assert methods.loc["supervised", "add_noise"]["clean"] == "train"
    assert ("telea", "add_noise") not in methods.index


def test_summary_fits_a_terminal(report):
    text = (report / "summary.txt").read_text()
    assert max(map(len, text.splitlines())) <= 78 and "supervised" in text


def test_latex_braces_and_rows_match(report):
    text = (report / "table.tex").read_text()
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    body = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len({line.count(" & ") for line in body}) == 1
    assert text.isascii()


def test_figures_and_their_facts(report):
    for stem in ("restorations", "mse_time"):
        assert (report / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert (report / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((report / "restorations.json").read_text())["images"] == 4
    speedups = json.loads((report / "mse_time.json").read_text())["speedups"]
    assert list(speedups) == MEASUREMENTS and speedups["add_noise"]["relation"] == "at most"


def test_mosaic_places_grey_images_with_gaps():
    picture = restorations.mosaic([np.full((2, 16, 16, 1), 0.25), np.full((2, 16, 16, 1), 0.75)])
    assert picture.shape == (34, 34, 4)
    assert picture[0, 0].tolist() == [0.25, 0.25, 0.25, 1] and picture[17, 17].tolist() == [0.75, 0.75, 0.75, 1]
    assert picture[16, 0, 3] == 0 and picture[0, 16, 3] == 0


def test_page_is_one_file_without_network(report, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("seeds: [0, 1]  # <script>\n")
    page.main(["--datasets", f"celeba={report}", "--config", str(config), "--output", str(tmp_path / "index.html")])
    html = (tmp_path / "index.html").read_text()
    targets = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert targets and not any(target.startswith(("http", "//")) for target in targets)
    assert all((tmp_path / target).is_file() for target in targets if not target.startswith("data:"))
    assert "&lt;script&gt;" in html and "<script" not in html
    assert "16.15 / 0.49" in html and "encoder 1,000, decoder 234" in html


# Errors: one line, with the name of what is wrong


def fails(program, *arguments, **others):
    with pytest.raises(SystemExit) as stopped:
        program(*arguments, **others)
    said = str(stopped.value.code)
    assert "\n" not in said
    return said


def test_missing_file_is_named(results, tmp_path):
    results["scores"][0] = str(tmp_path / "gone.csv")
    assert "gone.csv: no such file" in fails(run_table, results, tmp_path)


@pytest.mark.parametrize("kind, part", [("scores", "/telea/"), ("timing", "/telea/"), ("models", "/acsg/")])
def test_missing_cell_is_named(results, tmp_path, kind, part):
    results[kind] = [path for path in results[kind] if part not in path]
    assert part.strip("/") in fails(run_table, results, tmp_path)


def test_unequal_seeds_are_named(results, tmp_path):
    path = next(path for path in results["scores"] if "/acsg/1" in path)
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    assert "celeba/drop_patch/acsg" in fails(run_table, results, tmp_path)


def test_missing_column_and_stranger_are_named(results, tmp_path):
    first = results["scores"][0]
    rows = pd.read_csv(first)
    rows.drop(columns="ssim").to_csv(first, index=False)
    assert "lacks the column ssim" in fails(run_table, results, tmp_path)
    rows.assign(method="unknown").to_csv(first, index=False)
    assert "method unknown" in fails(run_table, results, tmp_path)


def test_page_names_what_it_lacks(report, tmp_path):
    (report / "mse_time.png").unlink()
    arguments = ["--datasets", f"celeba={report}", "--config", __file__, "--output", str(tmp_path / "index.html")]
    assert "mse_time.png: no such file" in fails(page.main, arguments)
    assert not (tmp_path / "index.html").exists()


# Protocols


def under_the_paper_s(results):
    """Make everything of `results` that of the paper's protocol: one row an image, an SSIM more, and facts that say so."""
    for path in results["scores"]:
        pd.read_csv(path).iloc[:1].assign(protocol="paper", ssim_range_2=0.5).to_csv(path, index=False)
    for path in results["timing"]:
        pd.read_csv(path).assign(protocol="paper").to_csv(path, index=False)
    for path in [named.split("=")[1] for named in results["models"]]:
        files.write(path, json.dumps(store.load_json(path) | {"data": {"protocol": "paper"}}))
    for path in [named.split("=")[1] for named in [*results["measured"], *results["restored"]]]:
        files.write(path.removesuffix(".npy").removesuffix(".y") + ".json", json.dumps({"protocol": "paper"}))


PAPER_SEES = {m: facts | ({"clean": "measured afresh"} if facts == SEES["acsg"] else {}) for m, facts in SEES.items()}


@pytest.fixture
def paper_report(results, tmp_path):
    under_the_paper_s(results)
    output = tmp_path / "report"
    run(table, results, output, "scores", "timing", "models", sees=json.dumps(PAPER_SEES))
    run(restorations, results, output / "restorations", "clean", "measured", "restored", images=4)
    run(mse_time, results, output / "mse_time", "timing")
    return output


def page_of(tmp_path, *folders):
    config = tmp_path / "config.yaml"
    config.write_text("seeds: [0]\n")
    named = [f"celeba={folder}" for folder in folders]
    page.main(["--datasets", *named, "--config", str(config), "--output", str(tmp_path / "index.html")])
    return (tmp_path / "index.html").read_text()


def test_a_report_says_its_protocol_wherever_it_is_read(paper_report, tmp_path):
    html = page_of(tmp_path, paper_report)
    assert "<b>Protocol: paper</b> (as in the original" in html and "Protocol: sound" not in html
    assert html.count("Protocol: paper. ") == 5  # each caption
    for name in ("table.md", "table.tex", "details.md", "details.tex"):
        assert "Protocol: paper. " in (paper_report / name).read_text()
    assert "protocol paper" in (paper_report / "summary.txt").read_text().splitlines()[0]
    for name in ("table", "training"):
        assert set(pd.read_csv(paper_report / f"{name}.csv")["protocol"]) == {"paper"}
    for name in ("restorations", "mse_time"):
        assert json.loads((paper_report / f"{name}.json").read_text())["protocol"] == "paper"
    assert "one corrupted measurement of every" not in html and "never see a clean image" not in html


def test_a_mosaic_has_both_ssims_no_interval_and_one_best(paper_report):
    lines = [cells(line) for line in (paper_report / "table.md").read_text().splitlines() if line.startswith("|")]
    assert [head for head in lines[0] if "SSIM, range 2" in head] == [
        "drop patch<br>SSIM, range 2 ↑", "add noise<br>SSIM, range 2 ↑",
    ]  # fmt: skip
    assert not any("±" in cell for line in lines for cell in line)
    assert sum("**" in line[1] for line in lines) == 1


def test_methods_that_learn_from_fresh_measurements_stand_apart(paper_report):
    lines = [cells(line)[0] for line in (paper_report / "table.md").read_text().splitlines() if line.startswith("|")]
    assert lines[2:] == [
        "*sees no clean image*", "as measured", "median", "telea", "*sees clean images measured afresh at every step*",
        "acsg", "ambient vaegan", "*sees clean images: an upper bound, not a competitor*", "supervised",
    ]  # fmt: skip


def test_a_sound_report_says_so_and_files_from_before_are_sound(report, tmp_path):
    html = page_of(tmp_path, report)
    assert "<b>Protocol: sound</b> (one measurement of each training image" in html and "Protocol: paper" not in html
    without = pd.read_csv(report / "table.csv").drop(columns="protocol")
    without.to_csv(report / "table.csv", index=False)
    assert page_of(tmp_path, report) == html


@pytest.mark.parametrize("kind", ["scores", "timing", "models"])
def test_tables_of_mixed_protocols_are_refused(results, tmp_path, kind):
    path = Path(results[kind][-1].split("=")[-1])
    kept = path.read_text()
    under_the_paper_s(results)
    path.write_text(kept)
    said = fails(run, table, results, tmp_path / "report", "scores", "timing", "models", sees=json.dumps(PAPER_SEES))
    assert said == "results of the protocols paper and sound together; they do not compare, give those of one"
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("kind", ["measured", "restored"])
def test_figures_and_pages_of_mixed_protocols_are_refused(results, report, tmp_path, kind):
    sound, output = tmp_path / "sound", tmp_path / "figure"
    report.rename(sound)
    facts = results[kind][-1].split("=")[1].removesuffix(".npy").removesuffix(".y") + ".json"
    files.write(facts, json.dumps({"protocol": "paper"}))
    assert "together" in fails(run, restorations, results, output, "clean", "measured", "restored", images=4)
    timing = results["timing"][-1]
    pd.read_csv(timing).assign(protocol="paper").to_csv(timing, index=False)
    assert "together" in fails(run, mse_time, results, output, "timing")
    assert not list(tmp_path.glob("figure*"))
    (other := tmp_path / "other").mkdir()
    for path in sound.iterdir():
        shutil.copy(path, other)
    for name in ("restorations", "mse_time"):
        store.save_json(other / f"{name}.json", store.load_json(other / f"{name}.json") | {"protocol": "paper"})
    pd.read_csv(other / "table.csv").assign(protocol="paper").to_csv(other / "table.csv", index=False)
    assert "together" in fails(page_of, tmp_path, sound, other)
