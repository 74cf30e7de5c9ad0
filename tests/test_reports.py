"""The report programs on small made-up results: the numbers by hand, the errors in one line, the page in one file."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metrics.metrics import METRICS
from metrics.posterior import POSTERIOR
from reports import files, grid, mse_time, page, posterior, restorations, table

MEASUREMENTS = ["drop_patch", "add_noise"]
ORDER = ["as_measured", "median", "telea", "acsg", "ambient_vaegan", "supervised"]
ONLY = {"median": "add_noise", "telea": "drop_patch"}  # a method that does not apply everywhere
LEARNED = ["acsg", "ambient_vaegan", "supervised"]
SAMPLING = ["ambient_vaegan", "supervised"]
SEES = {m: {"clean": "train" if m == "supervised" else "no", "theta": "no", "learned": m in LEARNED} for m in ORDER}
IMAGES = 9


def curve(seconds, mse):
    return pd.DataFrame({"seconds": seconds, "mse": mse})


@pytest.fixture
def results(tmp_path):
    """Scores, timing, models and images of every method on CelebA; {argument: its values}."""
    rng = np.random.default_rng(0)
    kinds = ["scores", "timing", "models", "restored", "measured", "posterior", "samples"]
    found = {kind: [] for kind in kinds} | {"clean": [tmp_path / "test.npy"]}
    np.save(found["clean"][0], rng.integers(0, 256, (IMAGES, 8, 8, 3), np.uint8))
    for measurement in MEASUREMENTS:
        y = tmp_path / f"{measurement}.npy"
        np.save(y, rng.normal(0.5, 1, (IMAGES, 8, 8, 3)).astype(np.float16))
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
                scores["accuracy"] = (scores["accuracy"] > 0.3).astype(int)
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
                if method in SAMPLING:
                    spread = pd.DataFrame({**key, "image": range(IMAGES)} | {m: rng.random(IMAGES) for m in POSTERIOR})
                    spread.assign(samples=5).to_csv(folder / "posterior.csv", index=False)
                    found["posterior"].append(folder / "posterior.csv")
                    if seed == 0:
                        np.save(folder / "posterior.npy", rng.random((5, IMAGES, 8, 8, 3)).astype(np.float16))
                        found["samples"].append(f"{measurement}/{method}={folder / 'posterior.npy'}")
                if seed in ("", 0):
                    np.save(folder / "test.npy", rng.random((IMAGES, 8, 8, 3)).astype(np.float16))
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


def run_table(results, output, **others):
    run(table, results, output, "scores", "timing", "models", sees=json.dumps(SEES), **others)


def run_posterior(results, output, **others):
    """Beside a finished table."""
    given = {"--scores": results["posterior"], "--methods": [output / "methods.csv"], "--output": [output]}
    given |= {f"--{name}": results[name] for name in ("clean", "measured", "samples")}
    given |= {f"--{name}": [value] for name, value in others.items()}
    posterior.main(["--dataset", "celeba", *(str(part) for name, values in given.items() for part in (name, *values))])


@pytest.fixture
def report(results, tmp_path):
    """The folder of a finished report."""
    output = tmp_path / "report"
    run_table(results, output)
    run(restorations, results, output / "restorations", "clean", "measured", "restored", images=4)
    run(mse_time, results, output / "mse_time", "timing")
    restorations.plt.close("all")
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


def test_posterior_means_are_over_images_after_seeds(report, results):
    run_posterior(results, report)
    paths = [path for path in results["posterior"] if "/drop_patch/supervised/" in path]
    per_image = np.mean([pd.read_csv(path)["crps"] for path in paths], axis=0)
    values = pd.read_csv(report / "posterior.csv").set_index(["measurement", "method", "metric"])
    row = values.loc["drop_patch", "supervised", "crps"]
    assert (row["mean"], row["error"]) == pytest.approx((per_image.mean(), stats.sem(per_image)))
    assert (row["images"], row["seeds"], row["samples"]) == (IMAGES, 2, 5)
    text = (report / "posterior.md").read_text()
    rows = {line[0]: line for line in map(cells, text.splitlines()) if line}
    heads = next(iter(rows.values()))
    assert rows["supervised"][heads.index("drop patch<br>CRPS ↓")] == f"{row['mean']:.4f}"
    assert f"{IMAGES} test images with 5 samples" in text and "as measured" not in rows


def test_a_row_of_the_posterior_figure_shows_what_its_heading_says():
    rng = np.random.default_rng(0)
    clean, y, samples = rng.random((6, 5, 1)), rng.random((6, 5, 1)), rng.random((9, 6, 5, 1))
    samples[:, 0, 0], samples[:, 0, 1] = 0.3, np.array([0, 1] * 4 + [0])[:, None]
    shown = posterior.row(clean, y, samples)
    assert shown.shape == (8, 6, 5, 3)
    for picture, image in zip(shown, [y, clean, samples.mean(0), *samples[:4]], strict=False):
        np.testing.assert_allclose(picture, np.repeat(image, 3, -1))
    assert shown[-1, 0, 0].max() < 0.05 and shown[-1, 0, 1].min() > 0.7  # certain is black, as uncertain as can be bright


def test_accuracy_stands_in_the_table_with_its_ceiling_and_only_where_there_are_labels(results, tmp_path):
    pd.DataFrame({"correct": [1, 1, 1, 0]}).to_csv(tmp_path / "digits.csv", index=False)
    run_table(results, tmp_path / "with", classified=tmp_path / "digits.csv")
    text = (tmp_path / "with" / "table.md").read_text()
    assert "add noise<br>digit accuracy ↑" in text and "of the clean test images themselves it gets 0.750 right" in text
    values = pd.read_csv(tmp_path / "with" / "table.csv").set_index(["measurement", "method", "metric"])
    path = next(path for path in results["scores"] if "/drop_patch/telea/" in path)
    assert values.loc["drop_patch", "telea", "accuracy"]["mean"] == pytest.approx(pd.read_csv(path)["accuracy"].mean())

    for path in results["scores"]:
        pd.read_csv(path).assign(accuracy=np.nan).to_csv(path, index=False)
    run_table(results, tmp_path / "without")
    assert "ccuracy" not in (tmp_path / "without" / "table.md").read_text()


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


def test_page_shows_the_posterior_where_it_is_told_of_one(report, results, tmp_path):
    run_posterior(results, report)
    (tmp_path / "config.yaml").write_text("seeds: [0, 1]\n")
    pages = {}
    for name in ("celeba", "other"):
        arguments = ["--datasets", f"celeba={report}", "--config", str(tmp_path / "config.yaml"), "--posterior", name]
        page.main([*arguments, "--output", str(tmp_path / f"{name}.html")])
        pages[name] = (tmp_path / f"{name}.html").read_text()
    assert "posterior.pdf" in pages["celeba"] and "Posterior samples" in pages["celeba"]
    assert "posterior" not in pages["other"].lower()
    assert json.loads((report / "posterior.json").read_text())["samples"] == 5
    for end, begins in {"png": b"\x89PNG", "pdf": b"%PDF"}.items():
        assert (report / f"posterior.{end}").read_bytes().startswith(begins)
    assert (report / "posterior.tex").read_text().isascii()


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


def test_samples_of_a_stranger_are_named(report, results):
    results["samples"].append(results["samples"][0].replace("drop_patch/", "drop_patch/unknown_", 1))
    assert "drop_patch/unknown_ambient_vaegan" in fails(run_posterior, results, report)
