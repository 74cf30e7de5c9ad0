"""The report programs on small made-up results: the numbers by hand, the errors in one line, the page in one file."""

import json
import lzma
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import store
from metrics import declared
from reports import (
    calibration,
    captions,
    files,
    mse_time,
    not_shown,
    page,
    pareto,
    posterior,
    posterior_samples,
    restorations,
    shown,
    statistics,
    table,
    tables,
)
from reports.bootstrap import REPLICATES, Bootstrap, image_counts, interval, seed_weights, separated
from reports.seeds import apart, over_images

MEASUREMENTS = ["drop_patch", "add_noise"]
ORDER = ["as_measured", "median", "telea", "acsg", "ambient_vaegan", "supervised"]
ONLY = {"median": "add_noise", "telea": "drop_patch"}  # a method that does not apply everywhere
LEARNED = ["acsg", "ambient_vaegan", "supervised"]
SAMPLING = ["ambient_vaegan", "supervised"]
SEES = {m: {"clean": "train" if m == "supervised" else "no", "theta": "no", "learned": m in LEARNED} for m in ORDER}
IMAGES = 9
SCORED = ["mse", "psnr", "ssim", "accuracy", "mse_observed", "mse_unobserved", "consistency"]
TWICE = ["mse", "psnr", "ssim", "accuracy"]
ROOT = Path(__file__).parents[1]


def curve(seconds, mse):
    return pd.DataFrame({"seconds": seconds, "mse": mse})


@pytest.fixture
def results(tmp_path):
    """Scores, timing, models and images of every method on CelebA; {argument: its values}."""
    rng = np.random.default_rng(0)
    kinds = ["scores", "digits", "timing", "models", "restored", "measured", "posterior", "samples"]
    found = {kind: [] for kind in kinds} | {"clean": [tmp_path / "test.npy"]}
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
                scores = pd.DataFrame({**key, "image": range(IMAGES)} | {m: rng.random(IMAGES) for m in SCORED})
                scores["psnr"] += 2 * skill
                scores["accuracy"] = (scores["accuracy"] > 0.3).astype(int)
                gains = (
                    {"mse": -0.01, "psnr": 1, "ssim": 0.1, "accuracy": 0}
                    if measurement == "drop_patch"
                    else dict.fromkeys(TWICE, 0)
                )
                for name, gain in gains.items():
                    scores[f"{name}_pasted"] = scores[name] + gain
                scores["mse_unobserved_shown"] = scores["mse_unobserved"]
                if measurement == "add_noise":
                    scores[["mse_unobserved", "mse_unobserved_shown"]] = np.nan
                steps = 4 if method == "acsg" else 1
                timing = pd.DataFrame({**key, "step": range(1, steps + 1), "mse": 0.1, "mse_pasted": 0.1, "images": 64})
                timing = timing.assign(seconds=0.25 * timing["step"], device="a processor", threads=2)
                of_digits = ["accuracy", "accuracy_pasted"]
                scores.drop(columns=of_digits).to_csv(folder / "quality.csv", index=False)
                scores[[*key, "image", *of_digits]].to_csv(folder / "digits.csv", index=False)
                timing.to_csv(folder / "timing.csv", index=False)
                found["scores"].append(folder / "quality.csv")
                found["digits"].append(folder / "digits.csv")
                found["timing"].append(folder / "timing.csv")
                if method in LEARNED:
                    counts = {"encoder": 1000, "decoder": 234}
                    facts = {"options": {"steps": 50}, "parameters": counts, "seconds": 2.0}
                    facts |= {"images_per_second": 1600.0, "device": "a processor", "threads": 1}
                    (folder / "train.json").write_text(json.dumps(facts))
                    found["models"].append(f"celeba/{measurement}/{method}/{seed}={folder / 'train.json'}")
                if method in SAMPLING:
                    for name, program in declared.programs().items():
                        if program.of_samples and "labels" not in program.needs:
                            spread = pd.DataFrame(
                                {**key, "image": range(IMAGES)} | {m: rng.random(IMAGES) for m in program.metrics}
                            )
                            spread.assign(samples=5).to_csv(folder / f"{name}.csv", index=False)
                            found["posterior"].append(folder / f"{name}.csv")
                    if seed == 0:
                        np.save(folder / "posterior.npy", rng.random((5, IMAGES, 8, 8, 3)).astype(np.float16))
                        (folder / "posterior.json").write_text("{}")
                        found["samples"].append(f"{measurement}/{method}={folder / 'posterior.npy'}")
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
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    program.main(arguments)


def run_table(results, output, **others):
    """Of all scores files, unless `others` say otherwise."""
    both = results | {"scores": results["scores"] + results["digits"]}
    run(table, both, output, "scores", "timing", "models", sees=json.dumps(SEES), **others)


def run_posterior(results, output):
    """Beside a finished table."""
    both = ["--dataset", "celeba", "--methods", str(output / "methods.csv")]
    given = ["--scores", *results["posterior"], "--measurements", " ".join(MEASUREMENTS), "--output", str(output)]
    posterior.main([*both, *given])
    given = [part for name in ("clean", "measured", "samples") for part in (f"--{name}", *results[name])]
    posterior_samples.main([*both, *given, "--output", str(output / "posterior")])


@pytest.fixture
def report(results, tmp_path):
    """The folder of a finished report."""
    return made(results, tmp_path)


def made(results, tmp_path):
    output = tmp_path / "report"
    run_table(results, output)
    run(restorations, results, output / "restorations", "clean", "measured", "restored", images=4)
    run(mse_time, results, output / "mse_time", "timing")
    run(pareto, results, output / "pareto", "timing", methods=output / "methods.csv")
    restorations.plt.close("all")
    return output


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


# Numbers


def bootstrap(**scores):
    """Of one metric: each method's scores, [seeds, images] or [images]."""
    return Bootstrap({method: np.atleast_2d(np.asarray(values, float))[..., None] for method, values in scores.items()})


def ends(replicates, method):
    return interval(replicates.draws[method][:, 0])


def width(low, high):
    return high - low


def test_interval_over_images_agrees_with_scipy():
    values = np.random.default_rng(1).gamma(2, 3, 400)
    expected = stats.bootstrap([values], np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(2))
    # an end of 2,000 replicates varies by 0.06 standard errors
    ours = bootstrap(a=[*values, np.nan])
    assert ours.mean["a"] == pytest.approx(values.mean()) and ours.images["a"].sum() == 400
    assert ends(ours, "a") == pytest.approx(tuple(expected.confidence_interval), abs=0.25 * expected.standard_error)


def test_intervals_by_hand():
    # two images are drawn as 1 1, 1 3, 3 1 or 3 3: the ends have a quarter of the replicates each
    assert ends(bootstrap(a=[1, 3]), "a") == (1, 3)
    # two seeds likewise; from their mean, 1, they are stretched by √(2 / 1) t(0.975, 1) / z(0.975) = 1.41421 · 12.7062 / 1.95996
    assert ends(bootstrap(a=[[0, 0, 0], [2, 2, 2]]), "a") == pytest.approx((1 - 9.1682, 1 + 9.1682), abs=1e-4)
    # equal seeds have no spread to stretch
    assert ends(bootstrap(a=[[1, 3], [1, 3]]), "a") == pytest.approx((1, 3))


def test_a_replicate_is_drawn_from_seeds_and_from_the_same_images_for_every_seed():
    x = np.random.default_rng(0).normal(size=(3, 7))
    found = bootstrap(a=x)
    counts, weights = image_counts(7), seed_weights("a", 3)
    assert counts.shape == (REPLICATES, 7) and (counts.sum(axis=1) == 7).all() and np.allclose(weights.sum(axis=1), 1)
    for replicate in range(5):
        images = np.repeat(range(7), counts[replicate].astype(int))
        of_seeds = [np.mean([x[seed, image] for image in images]) for seed in range(3)]
        assert found.draws["a"][replicate, 0] == pytest.approx(np.dot(weights[replicate], of_seeds))


def test_three_seeds_cover_their_mean_as_often_as_stated():
    # 1,000 tables of three seeds with nothing else that varies; a plain bootstrap covers three quarters of their means
    seeds = np.random.default_rng(0).normal(size=(3, 1, 1000))
    low, high = np.quantile(Bootstrap({"a": seeds.repeat(2, axis=1)}).draws["a"], [0.025, 0.975], axis=0)
    assert 0.93 < np.mean((low <= 0) & (high >= 0)) < 0.97


def test_a_difference_between_seeds_widens_the_interval():
    images = np.random.default_rng(0).normal(20, 2, 500)
    alike, apart = bootstrap(a=[images] * 3), bootstrap(a=[images, images + 0.2, images - 0.2])
    assert ends(alike, "a") == pytest.approx(ends(bootstrap(a=images), "a"))
    assert width(*ends(apart, "a")) > 1.5 * width(*ends(alike, "a"))


def test_a_constant_moves_an_interval_and_does_not_widen_it():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 50))
    plain, moved = bootstrap(a=a, b=b), bootstrap(a=a + 5, b=b)
    assert ends(moved, "a") == pytest.approx(np.add(ends(plain, "a"), 5))
    assert moved.minus("a", "b", 0) == pytest.approx(np.add(plain.minus("a", "b", 0), 5))
    assert moved.minus("b", "a", 0) == pytest.approx([-moved.minus("a", "b", 0)[at] for at in (0, 2, 1)])


def test_no_row_changes_the_interval_of_another():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 50))
    assert ends(bootstrap(b=b, a=a), "a") == ends(bootstrap(a=a), "a")


def test_paired_differences_are_narrower_than_unpaired_ones():
    difficulty, noise = np.random.default_rng(0).normal(size=(2, 400))
    found = bootstrap(a=difficulty, b=difficulty + 0.1 * noise + 0.1)
    mean, *paired = found.minus("b", "a", 0)
    expected = stats.bootstrap([0.1 * noise + 0.1], np.mean, method="percentile", rng=np.random.default_rng(1))
    assert mean == pytest.approx(np.mean(0.1 * noise + 0.1))
    assert tuple(paired) == pytest.approx(tuple(expected.confidence_interval), abs=0.25 * expected.standard_error)
    assert width(*paired) < 0.1 * np.hypot(width(*ends(found, "a")), width(*ends(found, "b")))
    assert separated(*paired) and ends(found, "a")[1] > ends(found, "b")[0], "overlapping, yet apart"


def test_a_difference_is_over_the_images_that_both_are_scored_on():
    nan = np.nan
    found = bootstrap(a=[1, 2, 9, nan], b=[[0, 1, nan, 7], [0, 1, nan, 7]])
    assert found.minus("a", "b", 0) == pytest.approx((1, 1, 1))
    assert found.mean["a"] == 4


def test_one_image_says_nothing_and_none_is_no_row():
    nan = np.nan
    found = bootstrap(one=[5, nan], none=[nan, nan], two=[1, 2])
    assert found.mean["one"] == 5 and np.isnan(ends(found, "one")).all() and not found.images["none"].any()
    assert not separated(*found.minus("one", "two", 0)[1:])
    assert np.isnan(found.ranks(["one", "two"], 0, "higher")).all()


def test_ranks_by_hand():
    # y is above x on three of four images: the replicates, more than 5 % of them either way, decide
    found = bootstrap(x=[1, 1, 1, 1], y=[2, 2, 2, -1], z=[9, 9, 9, 9])
    assert found.ranks(["x", "y", "z"], 0, "higher").tolist() == [[2, 3], [2, 3], [1, 1]]
    assert found.ranks(["x", "y", "z"], 0, "lower").tolist() == [[1, 2], [1, 2], [3, 3]]
    assert bootstrap(x=[1, 2], y=[1, 2]).ranks(["x", "y"], 0, "higher").tolist() == [[1, 1], [1, 1]]


def test_seeds_and_images_of_the_files_are_the_sample(report, results):
    paths = [path for path in results["scores"] if "/drop_patch/acsg/" in path]
    expected = bootstrap(acsg=[pd.read_csv(path)["psnr"] for path in paths])
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "method", "metric"])
    row = values.loc["drop_patch", "acsg", "psnr"]
    found = (expected.mean["acsg"][0], *ends(expected, "acsg"), IMAGES)
    assert (row["mean"], row["low"], row["high"], row["images"]) == pytest.approx(found)
    assert row["seeds"] == 2 and values.loc["drop_patch", "telea", "psnr"]["seeds"] == 0


def test_the_order_of_the_files_has_no_effect(report, results, tmp_path):
    shuffled = results | {"scores": results["scores"][::-1]}
    run_table(shuffled, tmp_path / "again")
    for name in ("table.csv", "differences.csv", "table.md"):
        assert (tmp_path / "again" / name).read_bytes() == (report / name).read_bytes()


def standing(metric="psnr", **scores):
    """{method: best} of methods that see no clean image, but for one called clean."""
    rng = np.random.default_rng(0)
    noise, rows = rng.normal(size=100), []
    cells = {}
    for method, mean in scores.items():
        cells[method] = np.full((1, 100, len(statistics.PLACE)), np.nan)
        cells[method][..., statistics.PLACE[metric]] = mean + noise + 0.1 * rng.normal(size=100)
        rows.append(("d", method, metric, method))
    replicates = {"m": Bootstrap(cells)}
    scored = pd.DataFrame({"dataset": "d", "measurement": "m", "method": list(scores), "seed": np.nan})
    values = statistics.summarise(scored, replicates, list(scores))
    return statistics.placed(values, replicates, set(scores) - {"clean"}).set_index("method")["best"].to_dict()


def test_bold_is_what_is_separated_from_all_others():
    assert standing(a=10, b=10.1, clean=30) == {"a": "", "b": "best", "clean": ""}, "intervals overlap by far"
    assert standing(a=9, b=10, c=10, clean=30) == {"a": "", "b": "tied", "c": "tied", "clean": ""}
    assert standing("mse", a=9, b=10, c=10, clean=1) == {"a": "best", "b": "", "c": "", "clean": ""}
    assert standing("consistency", a=1, b=10) == {"a": "", "b": ""}


def test_the_marks_of_all_tables_are_those_of_table_csv(report):
    values = pd.read_csv(report / "table.csv", keep_default_na=False)
    main = values[values["metric"].isin(shown.main(values))]
    best, tied = ((main["best"] == mark).sum() for mark in ("best", "tied"))
    assert best and tied and set(values["method"][values["best"] != ""]) <= set(ORDER) - {"supervised"}
    assert not (values["best"] != "")[values["metric"] == "consistency"].any()
    body, below = (report / "table.md").read_text().split("Mean over")
    assert (body.count("**") / 2, body.count("†")) == (best, tied) and "†" in below
    assert (report / "table.tex").read_text().count(r"\textbf{") == best
    psnr = main["best"][main["metric"] == "psnr_pasted"]
    lines = "\n".join(line for line in (report / "summary.txt").read_text().splitlines() if line.lstrip()[:1] not in "*†‡")
    assert (lines.count("*"), lines.count("†")) == ((psnr == "best").sum(), (psnr == "tied").sum())


def test_differences_are_to_the_best_or_to_the_one_asked_for(report, results, tmp_path):
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "metric", "method"])["mean"]
    keys = ["measurement", "metric", "method"]
    to_best = pd.read_csv(report / "differences.csv").set_index(keys)
    row = to_best.loc["drop_patch", "psnr", "telea"]
    assert row["reference"] == "ambient_vaegan" and row["separated"]
    at_telea, at_best = (values["drop_patch", "psnr", method] for method in ("telea", "ambient_vaegan"))
    assert row["difference"] == pytest.approx(at_telea - at_best) and row["low"] < row["difference"] < row["high"]
    assert ("drop_patch", "psnr", "ambient_vaegan") not in to_best.index, "the reference itself"
    assert "consistency" not in to_best.index.get_level_values("metric"), "which has no best"
    run_table(results, tmp_path / "asked", reference="telea")
    asked = pd.read_csv(tmp_path / "asked" / "differences.csv").set_index(keys)
    assert set(asked.loc["drop_patch"]["reference"]) == {"telea"} and "telea" not in set(asked.loc["add_noise"]["reference"])
    assert asked.loc["drop_patch", "psnr", "ambient_vaegan"]["difference"] == pytest.approx(-row["difference"])
    lines = [cells(line) for line in (tmp_path / "asked" / "differences.md").read_text().splitlines() if line.startswith("|")]
    told = {line[0]: line[1] for line in lines}
    assert told["telea"] == "reference" and re.match(r"\+\d+\.\d\d \[\+\d+\.\d\d, \+\d+\.\d\d\]", told["supervised"])
    assert told["median"] == "–" and (tmp_path / "asked" / "differences.tex").read_text().isascii()


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


def test_a_long_title_takes_several_lines_of_a_legend():
    """It would take the width of the panels; every letter is shown as it is."""
    figure = mse_time.plt.figure()
    title = "a method whose title says at length what it does, for $5"
    mse_time.legend(figure, [mse_time.plt.Line2D([], [])], [title])
    (text,) = figure.legends[0].get_texts()
    assert text.get_text().replace("\n", " ") == title and "\n" in text.get_text() and not text.get_parse_math()
    mse_time.plt.close(figure)


@pytest.mark.parametrize(
    "value, text", [(0.01234, "0.0123"), (4.5, "4.50"), (9.999, "10.0"), (1234.5, "1,230"), (0, "0.00"), (np.nan, "–")]
)
def test_short(value, text):
    assert files.short(value) == text


def test_posterior_scores_have_intervals_over_images_and_seeds(report, results):
    run_posterior(results, report)
    paths = [path for path in results["posterior"] if "/drop_patch/supervised/" in path and path.endswith("posterior.csv")]
    of_seeds = np.array([pd.read_csv(path)["crps"] for path in paths])
    values = pd.read_csv(report / "posterior.csv").set_index(["measurement", "method", "metric"])
    row = values.loc["drop_patch", "supervised", "crps"]
    replicates = bootstrap(supervised=of_seeds)
    assert row["mean"] == pytest.approx(of_seeds.mean()) and (row["low"], row["high"]) == pytest.approx(
        ends(replicates, "supervised")
    )
    assert (row["images"], row["seeds"], row["samples"]) == (IMAGES, 2, 5)
    text = (report / "posterior.md").read_text()
    rows = {line[0]: line for line in map(cells, text.splitlines()) if line}
    heads = next(iter(rows.values()))
    shown = rows["supervised"][heads.index("drop patch<br>CRPS ↓")]
    assert shown.split(" ±")[0].strip("*†") == f"{row['mean']:.4f}" and shown.endswith(f"± {(row['high'] - row['low']) / 2:.4f}")
    competing = values.xs("crps", level="metric").loc["drop_patch"].drop(index="supervised")
    assert competing["mean"].idxmin() in set(competing.index[competing["best"].isin(["best", "tied"])])
    assert pd.isna(row["best"])  # it sees clean images
    assert f"{IMAGES} test images with 5 posterior samples" in text and "as measured" not in rows


def test_a_row_of_the_posterior_figure_shows_what_its_heading_says():
    rng = np.random.default_rng(0)
    clean, y, samples = rng.random((6, 5, 1)), rng.random((6, 5, 1)), rng.random((9, 6, 5, 1))
    samples[:, 0, 0], samples[:, 0, 1] = 0.3, np.array([0, 1] * 4 + [0])[:, None]
    shown = posterior_samples.row(clean, y, samples)
    assert shown.shape == (12, 6, 5, 3)
    for picture, image in zip(shown, [y, clean, samples.mean(0), *samples[:8]], strict=False):
        np.testing.assert_allclose(picture, np.repeat(image, 3, -1))
    assert shown[-1, 0, 0].max() < 0.05 and shown[-1, 0, 1].min() > 0.7  # certain is black, as uncertain as can be bright


def test_details_of_the_posterior_have_a_row_for_each_score(report, results):
    run_posterior(results, report)
    text = (report / "posterior_details.md").read_text()
    heads, *body = [cells(line) for line in text.splitlines() if line.startswith("|")]
    wanted = [metric for name, metric in declared.of_samples().items() if metric.shown == "posterior details"]
    digits = set(declared.programs()["sample_digits"].metrics)
    scored = [metric.title for name, metric in declared.of_samples().items() if metric in wanted and name not in digits]
    titles = [line[0].partition(" (")[0] for line in body[1:] if any(line[1:])]
    assert heads == ["score", "ambient vaegan", "supervised"] and titles == scored * len(MEASUREMENTS)
    assert all(metric.says in text for metric in wanted if metric.title in scored) and "digit" not in text
    assert (report / "posterior_details.tex").read_text().isascii()


def test_the_most_uncertain_images_are_those_whose_samples_vary_most():
    rng = np.random.default_rng(0)
    width = np.array([9, 1, 2, 8, 3, 7])[:, None, None, None] / 20
    one, other = (scale * width * rng.standard_normal((50, 6, 4, 4, 1)) for scale in (1, 0.5))
    assert posterior_samples.most_uncertain([one, other], 1, 2) == [3, 5] and posterior_samples.most_uncertain([one], 0, 9) == [
        0,
        3,
        5,
        4,
        2,
        1,
    ]


def test_the_calibration_figure_shows_densities_and_errors():
    means = pd.Series({f"pit_{number}": 0.1 for number in range(1, 11)} | {"pit_1": 0.3, "variance_2": 0.04, "error_2": 0.09})
    np.testing.assert_allclose(calibration.histogram(means, "pit"), [3] + [1] * 9)
    np.testing.assert_allclose(calibration.spread_and_error(means), [[0.2, 0.3]])


def test_accuracy_stands_in_the_table_with_its_ceiling_and_only_where_there_are_labels(results, tmp_path):
    pd.DataFrame({"accuracy": [1, 1, 1, 0]}).to_csv(tmp_path / "digits.csv", index=False)
    run_table(results, tmp_path / "with", ceilings=tmp_path / "digits.csv")
    text = (tmp_path / "with" / "table.md").read_text()
    assert "add noise<br>digit accuracy ↑" in text and "of the clean test images themselves it gets 0.750 right" in text
    values = pd.read_csv(tmp_path / "with" / "table.csv").set_index(["measurement", "method", "metric"])
    path = next(path for path in results["digits"] if "/drop_patch/telea/" in path)
    assert values.loc["drop_patch", "telea", "accuracy"]["mean"] == pytest.approx(pd.read_csv(path)["accuracy"].mean())
    assert set(values["ceiling"].dropna().index.get_level_values("metric")) == {"accuracy", "accuracy_pasted"}

    run_table(results | {"digits": []}, tmp_path / "without")
    assert "ccuracy" not in (tmp_path / "without" / "table.md").read_text()


def test_lpips_stands_in_the_table_where_it_is_scored_and_is_noted_where_not(report, results, tmp_path):
    assert (
        "LPIPS is not shown, as the configuration names no weights for it (key metric_weights)."
        in (report / "table.md").read_text()
    )
    paths = []
    for path in results["scores"]:
        rows = pd.read_csv(path)
        paths.append(path.replace("quality.csv", "lpips.csv"))
        even = np.linspace(0.1, 0.2, len(rows))
        rows[files.KEYS].assign(lpips=even, lpips_pasted=even).to_csv(paths[-1], index=False)
    run_table(results | {"digits": results["digits"] + paths}, tmp_path / "with")
    text = (tmp_path / "with" / "table.md").read_text()
    assert "drop patch<br>LPIPS ↓" in text and "0.1500" in text and "not shown" not in text
    assert (
        "LPIPS: the learned perceptual distance" in text
        and "drop patch<br>Δ LPIPS" in (tmp_path / "with/differences.md").read_text()
    )


NEW_METRIC = """
from metrics.declared import Metric
from metrics import scores

NEEDS = ("clean", "estimates")
METRICS = {"bias": Metric("bias", "", "near 0", "Mean of the error.", decimals=1, shown="main")}


def main(arguments=None):
    import pandas as pd

    import store

    args = scores.parser_of("bias", __doc__, NEEDS).parse_args(arguments)
    clean, estimates = store.load_array(args.clean), store.load_array(args.estimates)
    bias = (estimates - clean / 255).mean((1, 2, 3))
    scores.write(args.output, pd.DataFrame({"image": range(len(bias)), "bias": bias}), scores.facts_of(args.estimates))


if __name__ == "__main__":
    main()
"""


def test_a_new_metric_is_one_file(results, tmp_path):
    """Dropped into a copy of metrics/: its program runs and its column stands in the table, and nothing else is edited."""
    home = tmp_path / "home"
    for name in ("metrics", "reports", "measurements", "datasets"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__", "published"))
    for path in ROOT.glob("*.py"):
        shutil.copy(path, home)
    (home / "metrics/bias.py").write_text(NEW_METRIC)

    def python(*arguments):
        return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=home, check=True, timeout=120)

    bias = []
    for path in results["scores"]:
        rows = pd.read_csv(path)
        folder = Path(path).parent
        np.save(folder / "estimates.npy", np.full((IMAGES, 8, 8, 3), 0.75, np.float16))
        store.save_json(folder / "estimates.json", rows[files.KEYS[:4]].iloc[0].replace({np.nan: None}).to_dict())
        bias.append(folder / "bias.csv")
        if not bias[:-1]:
            files_of_it = ["--clean", results["clean"][0], "--estimates", folder / "estimates.npy"]
            python("metrics.bias", *files_of_it, "--output", bias[0])
        else:
            rows[files.KEYS].assign(bias=0.25).to_csv(bias[-1], index=False)
    given = [
        "--dataset",
        "celeba",
        "--order",
        " ".join(ORDER),
        "--measurements",
        " ".join(MEASUREMENTS),
        "--sees",
        json.dumps(SEES),
    ]
    python("reports.table", *given, "--scores", *results["scores"], *bias, "--output", tmp_path / "report")
    text = (tmp_path / "report/table.md").read_text()
    heads, *body = [cells(line) for line in text.splitlines() if line.startswith("|")]
    at = heads.index("add noise<br>bias")
    assert {line[0]: line[at] for line in body}["median"].startswith("0.2")
    assert "Bias: Mean of the error." in text
    values = pd.read_csv(tmp_path / "report/table.csv").set_index(["measurement", "method", "metric"])
    expected = 0.75 - np.load(results["clean"][0]).mean() / 255
    assert values.loc[("drop_patch", "as_measured", "bias"), "mean"] == pytest.approx(expected, abs=1e-3)


def test_notes_say_what_does_not_apply_and_what_is_never_measured(results, report, tmp_path):
    assert store.load_json(report / "notes.json") == {"table": ""}
    absent = {"add_noise": {"telea": "needs missing values"}, "drop_patch": {"median": "is for noise"}}
    store.save_json(tmp_path / "train.json", {"never_shown": 1300, "images": 4000})
    given = {
        "absent": json.dumps(absent),
        "titles": '{"telea": "Telea"}',
        "measured_facts": f"drop_patch={tmp_path / 'train.json'}",
    }
    run_table(results, tmp_path / "with", **given)
    text = (tmp_path / "with" / "table.md").read_text()
    assert "Not run on add noise: Telea (needs missing values). Not run on drop patch: median (is for noise)." in text
    assert "Training split: 4,000 images." in text
    assert "No training measurement shows 1,300 of the values of an image (drop patch); no method can" in text
    assert "MSE unobserved, shown" in (tmp_path / "with" / "details.md").read_text()


def test_notes_of_one_reason_are_one_sentence():
    reasons = {"telea": "needs missing values", "harmonic": "needs missing values"}
    said = not_shown.methods_that_do_not_apply(
        {"add_noise": reasons, "blur_noise": reasons | {"wiener": "is for white noise"}}, {}
    )
    assert said == [
        "Not run on add noise, blur noise: telea, harmonic (needs missing values).",
        "Not run on blur noise: wiener (is for white noise).",
    ]


# The observed values pasted in


def shown_of(path, method, head):
    """A cell of a table in Markdown."""
    heads, *rows = [cells(line) for line in path.read_text().splitlines() if line.startswith("|")]
    return {line[0]: line for line in rows}[method][heads.index(head)]


def test_the_main_table_shows_the_pasted_scores_and_the_details_those_handed_in(report):
    """On drop patch, pasting gains each image 1 dB; under noise nothing is observed, and both are one."""
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "method", "metric"])["mean"]
    handed_in, pasted = (values["drop_patch", "telea", name] for name in ("psnr", "psnr_pasted"))
    assert pasted == pytest.approx(handed_in + 1)
    assert shown_of(report / "table.md", "telea", "drop patch<br>PSNR dB ↑").replace("†", "").startswith(f"{pasted:.2f} ±")
    assert shown_of(report / "details.md", "telea", "drop patch<br>PSNR dB, as handed in ↑").startswith(f"{handed_in:.2f} ±")
    heads = cells((report / "details.md").read_text().splitlines()[0])
    assert not [head for head in heads if head.startswith("add noise") and "as handed in" in head]
    assert "pasted into every estimate" in (report / "table.md").read_text()
    assert "As handed in: the scores of the first table without" in (report / "details.md").read_text()
    assert f"{pasted:5.2f} / " in (report / "summary.txt").read_text()
    assert "Δ PSNR dB" in (report / "differences.md").read_text() and "handed in" not in (report / "differences.md").read_text()
    original = pd.read_csv(report / "table.csv").dropna(subset="original")
    assert set(original["metric"]) == {"psnr", "ssim"}, "the original pasted nothing"


def test_the_paper_s_protocol_shows_what_was_handed_in_first(paper_report):
    values = pd.read_csv(paper_report / "table.csv").set_index(["measurement", "method", "metric"])["mean"]
    handed_in, pasted = (values["drop_patch", "telea", name] for name in ("psnr", "psnr_pasted"))
    assert shown_of(paper_report / "table.md", "telea", "drop patch<br>PSNR dB ↑").strip("†*") == f"{handed_in:.2f}"
    assert shown_of(paper_report / "details.md", "telea", "drop patch<br>PSNR dB, pasted ↑").strip("†*") == f"{pasted:.2f}"
    assert "scored as they were handed in" in (paper_report / "table.md").read_text()


@pytest.mark.parametrize("protocol, mse", [("sound", 0.1), ("fresh_theta", 0.1), ("mosaic", 0.3), ("paper", 0.3)])
def test_the_error_against_time_is_that_of_the_main_table(results, tmp_path, protocol, mse):
    for path in results["timing"]:
        pd.read_csv(path).assign(protocol=protocol, mse=0.3).to_csv(path, index=False)
    run(mse_time, results, tmp_path / "mse_time", "timing")
    assert json.loads((tmp_path / "mse_time.json").read_text())["speedups"]["drop_patch"]["mse"] == mse


def test_tables_from_before_there_were_two_scores_are_shown_as_handed_in(report):
    values, methods = (pd.read_csv(report / f"{name}.csv") for name in ("table", "methods"))
    values = values[~values["metric"].str.endswith("_pasted")].drop(columns="seeds_apart")
    assert set(shown.headline(values)) == {"psnr", "ssim"} and not shown.second(values)
    telea = values.set_index(["measurement", "method", "metric"])["mean"]["drop_patch", "telea", "psnr"]
    heads, rows = tables.main_table(values, methods).columns, tables.main_table(values, methods).sections[0].rows
    at = [(column.group, column.title) for column in heads].index(("drop patch", "PSNR dB ↑"))
    assert dict(rows)["telea"][at].text == f"{telea:.2f}"
    assert "pasted" not in captions.table_caption(values, methods) + captions.details_caption(values)


@pytest.mark.parametrize("name", ["mnist", "celeba", "mnist_paper_protocol"])
def test_published_tables_have_a_headline(name):
    values = pd.read_csv(ROOT / "reports/published" / name / "table.csv")
    assert [metric.title for metric in shown.headline(values).values()] == ["PSNR", "SSIM"]
    assert set(shown.headline(values)) <= set(values["metric"])


# Seeds that lie apart


def test_seeds_apart_by_hand():
    # images at ±1 about each seed's mean: a variance of 2 · 1 / (2 - 1) = 2 over two images, so (1/4 + 1/2) 2 = 1.5 is the bound
    near = np.array([[-1, 1], [-1, 1], [2.1, 4.1]])  # means 0, 0, 3.1: a variance of 3.1² / 3 = 3.2
    assert apart(near) and not apart(near - [[0, 0], [0, 0], [1, 1]])  # 2.1² / 3 = 1.47
    assert apart(near, typical=8) and not apart(near, typical=10)  # (1/4) 8 + (1/2) 2 = 3, (1/4) 10 + (1/2) 2 = 3.5
    assert not apart(near[:1]) and not apart(near[:, :1]) and not apart(np.full((3, 2), np.nan))


def test_the_variance_over_images_is_that_of_each_seed_over_images_that_all_have():
    scores = np.array([[[1, 5], [3, np.nan], [8, 7]], [[2, 9], [2, 1], [5, np.nan]]], float)  # [2, 3, 2]
    found = over_images(scores)
    assert found[0] == pytest.approx((np.var([1, 3, 8], ddof=1) + np.var([2, 2, 5], ddof=1)) / 2) and np.isnan(found[1])


def test_seeds_of_grey_images_are_not_apart_by_what_is_little_for_other_rows():
    """Two seeds with 7.08 and 6.97 dB and a spread over images of 0.07 dB, beside a row whose spread is 1.2 dB."""
    rng, at = np.random.default_rng(0), statistics.PLACE["psnr"]
    cells = {name: np.full((2, 500, len(statistics.PLACE)), np.nan) for name in ("grey", "other")}
    cells["grey"][..., at] = np.array([[7.08], [6.97]]) + 0.07 * rng.normal(size=500)
    cells["other"][..., at] = 12 + 1.2 * rng.normal(size=500)
    assert apart(cells["grey"][..., at])
    scores = pd.DataFrame({"dataset": "d", "measurement": "m", "method": ["grey", "other"], "seed": 0})
    rows = statistics.summarise(scores, {"m": Bootstrap(cells)}, ["grey", "other"])
    assert not rows["seeds_apart"].any()


def trainings(rng, tables, spread, collapse=0.0, images=400, seeds=3):
    """Scores [S, N] of trainings whose means have a standard deviation of `spread`, one image one of 1; some lie 3 lower."""
    for _ in range(tables):
        means = spread * rng.normal(size=(seeds, 1)) - 3 * (rng.random((seeds, 1)) < collapse)
        yield means + rng.normal(size=images) * 0.8 + 0.6 * rng.normal(size=(seeds, images))


@pytest.mark.parametrize("spread, stated", [(0.1, 0.0), (0.2, 0.002), (0.25, 0.018), (0.5, 0.37)])
def test_seeds_that_are_alike_are_marked_as_rarely_as_stated(spread, stated):
    marked = np.mean([apart(scores) for scores in trainings(np.random.default_rng(0), 2000, spread)])
    assert marked == pytest.approx(stated, abs=0.004 + 0.1 * stated)


def test_a_collapse_that_the_seeds_show_is_marked_and_the_interval_of_three_that_do_not_misses():
    """One training in three collapses: (2/3)³ + (1/3)³ = 1/3 of all tables show one kind of training alone."""
    rng, marked, one_kind, covered = np.random.default_rng(0), [], [], []
    for scores in trainings(rng, 300, 0.05, collapse=1 / 3, images=100):
        one_kind.append(np.ptp(scores.mean(axis=1)) < 1.5)
        marked.append(apart(scores))
        low, high = ends(bootstrap(a=scores), "a")
        covered.append(low < -1 < high)
    marked, one_kind, covered = map(np.array, (marked, one_kind, covered))
    assert (marked == ~one_kind).all()
    assert one_kind.mean() == pytest.approx(1 / 3, abs=0.08)
    assert covered[marked].mean() > 0.95 and not covered[~marked].any()


def test_a_row_whose_seeds_lie_apart_is_marked_and_its_seeds_are_shown(results, tmp_path):
    for path in results["scores"]:
        rows = pd.read_csv(path)
        if "/acsg/" in path:
            change = -9 if "/drop_patch/acsg/1/" in path else 0
            rows["psnr_pasted"] = np.linspace(20, 21, IMAGES) + change
            rows.to_csv(path, index=False)
    output = tmp_path / "report"
    run_table(results, output)
    values = pd.read_csv(output / "table.csv").set_index(["measurement", "method", "metric"])["seeds_apart"]
    assert values["drop_patch", "acsg", "psnr_pasted"] and not values["add_noise", "acsg", "psnr_pasted"]
    assert not values["drop_patch", "telea", "psnr_pasted"], "which has no seeds"
    assert shown_of(output / "table.md", "acsg", "drop patch<br>PSNR dB ↑").replace("†", "").startswith("16.00‡ ±")
    assert "acsg (drop patch" in (output / "table.md").read_text().split("‡: ")[1]
    assert r"$^\ddagger$" in (output / "table.tex").read_text() and "‡" in (output / "summary.txt").read_text()
    lines = [cells(line) for line in (output / "seeds.md").read_text().splitlines() if line.startswith("|")]
    at = lines.index(["*acsg*", *[""] * (len(lines[0]) - 1)])
    column = lines[0].index("drop patch<br>PSNR dB ↑")
    sd = np.linspace(20, 21, IMAGES).std(ddof=1)
    assert [line[column] for line in lines[at + 1 : at + 3]] == [f"20.50‡ ({sd:.2f})", f"11.50‡ ({sd:.2f})"]
    assert [line[0] for line in lines[2:] if line[0].startswith("*")] == ["*acsg*", "*ambient vaegan*", "*supervised*"]
    of_seeds = pd.read_csv(output / "seeds.csv").set_index(["measurement", "method", "seed", "metric"])
    assert of_seeds.loc[("drop_patch", "acsg", 1, "psnr_pasted"), "mean"] == pytest.approx(11.5)
    assert (of_seeds["images"] == IMAGES).all()


# Rows of fewer images


def test_a_row_of_fewer_images_is_compared_on_those_that_both_have(results, tmp_path):
    """`median` restored four of nine images, the easiest, each a little better than `as_measured` does."""
    easy, hard = [30, 31, 32, 33], [10, 11, 12, 13, 14]
    scores = {"as_measured": [*easy, *hard], "median": [value + 0.5 + 0.01 * at for at, value in enumerate(easy)]}
    for path in results["scores"] + results["digits"]:
        rows = pd.read_csv(path)
        rows = rows[:4] if "/add_noise/median/" in path else rows
        if "psnr" in rows:
            of = scores.get(rows["method"].iloc[0], [5 + at for at in range(IMAGES)])
            rows = rows.assign(psnr=of, psnr_pasted=of)
        rows.to_csv(path, index=False)
    output = tmp_path / "report"
    run_table(results, output)
    values = pd.read_csv(output / "table.csv", keep_default_na=False).set_index(["measurement", "method", "metric"])
    median, untouched = (values.loc["add_noise", method, "psnr"] for method in ("median", "as_measured"))
    assert (median["mean"], median["images"], untouched["images"]) == (pytest.approx(np.mean(scores["median"])), 4, 9)
    differences = pd.read_csv(output / "differences.csv").set_index(["measurement", "metric", "method"])
    row = differences.loc["add_noise", "psnr", "as_measured"]
    assert row["reference"] == "median" and row["difference"] == pytest.approx(-0.515) and row["images"] == 4
    assert row["low"] > -0.54 and row["high"] < -0.49
    assert (median["best"], median["rank_low"], median["rank_high"]) == ("best", "1", "1")
    text = (output / "table.md").read_text()
    assert "| median (first 4 images) |" in text and "Restored on the first 4 test images alone: median." in text
    assert "Mean over 9 test images" in text and "first 4 test images alone: median" in (output / "differences.md").read_text()


def test_the_best_mean_of_the_easy_images_alone_is_not_the_best():
    # b is scored on the two easiest images, a little below a there; its mean is above that of a
    scores = {"a": [30, 32, 10, 11], "b": [29, 30.5, np.nan, np.nan], "c": [20, 21, 9, 8]}
    full = {name: np.full((1, 4, len(statistics.PLACE)), np.nan) for name in scores}
    for name, values in scores.items():
        full[name][0, :, statistics.PLACE["psnr"]] = values
    found = Bootstrap(full)
    rows = statistics.summarise(pd.DataFrame({"dataset": "d", "measurement": "m", "method": list(scores), "seed": np.nan}),
                                {"m": found}, list(scores))  # fmt: skip
    assert dict(zip(rows["method"], rows["mean"], strict=True)) == {"a": 20.75, "b": 29.75, "c": 14.5}
    assert statistics.leader(rows, found) == "a"
    at = statistics.PLACE["psnr"]
    assert found.minus("b", "a", at)[0] == pytest.approx(-1.25) and found.minus("b", "c", at)[0] == pytest.approx(9.25)
    assert found.ranks(["a", "b", "c"], at, "higher").tolist() == [[1, 1], [2, 2], [3, 3]]


# Files


def test_markdown_has_equal_columns_and_a_dash_where_a_method_does_not_apply(report):
    for name in ("table", "details"):
        lines = [cells(line) for line in (report / f"{name}.md").read_text().splitlines() if line.startswith("|")]
        assert len({len(line) for line in lines}) == 1
        at = next(i for i, head in enumerate(lines[0]) if head.startswith("drop patch"))
        rows = {line[0]: line for line in lines}
        assert rows["median"][at] == "–" and rows["telea"][at] != "–"
    assert not any("add noise<br>MSE unobserved" in head for head in lines[0]), "a column that applies to no method"


def test_the_original_s_values_stand_beside_celeba(report):
    values = pd.read_csv(report / "table.csv").set_index(["measurement", "method", "metric"])["original"]
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


def test_a_method_that_sees_two_measurements_stands_apart_and_competes_with_none(results, tmp_path):
    """The best row of the others is the best, although the control's numbers are better."""
    twice = SEES | {"ambient_vaegan": SEES["ambient_vaegan"] | {"clean": "measured twice"}}
    run(table, results, tmp_path / "report", "scores", "timing", "models", sees=json.dumps(twice))
    lines = [cells(line)[0] for line in (tmp_path / "report" / "table.md").read_text().splitlines() if line.startswith("|")]
    assert lines[-4:] == [
        "*sees two measurements of each training image: a control, not a competitor*", "ambient vaegan",
        "*sees clean images: an upper bound, not a competitor*", "supervised",
    ]  # fmt: skip
    psnr = pd.read_csv(tmp_path / "report" / "table.csv").query("metric == 'psnr'").set_index(["measurement", "method"])
    assert psnr["mean"]["add_noise", "ambient_vaegan"] > psnr["mean"]["add_noise", "acsg"]
    assert psnr["best"].fillna("")["add_noise", "ambient_vaegan"] == "" and psnr["best"]["add_noise", "acsg"] in ("best", "tied")


def test_summary_fits_a_terminal_and_says_how_long_the_search_takes(report):
    text = (report / "summary.txt").read_text()
    assert "drop patch: acsg is at or below the MSE of" in text and "add noise: acsg" in text
    assert max(map(len, text.splitlines())) <= 78 and "supervised" in text


def test_latex_braces_and_rows_match(report):
    text = (report / "table.tex").read_text()
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    parts = text.split(r"\begin{tabular}")[1:]
    for part in parts:
        body = [line for line in part.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert len({line.count(" & ") for line in body}) == 1
    assert len(parts) == text.count(r"\end{tabular}") > 1
    assert text.isascii()


def test_figures_and_their_facts(report):
    for stem in ("restorations", "pareto", "mse_time"):
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
    assert all((tmp_path / target).is_file() for target in targets if not target.startswith(("data:", "#")))
    assert "&lt;script&gt;" in html and html.count("<script") == 1, "the page's own"
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
        for name in ("posterior", "posterior_calibration"):
            assert (report / f"{name}.{end}").read_bytes().startswith(begins)
    assert (report / "posterior.tex").read_text().isascii()


# Errors: one line, with the name of what is wrong


def fails(program, *arguments, **others):
    with pytest.raises(SystemExit) as stopped:
        program(*arguments, **others)
    said = str(stopped.value.code)
    assert "\n" not in said
    return said


def table_of_runs(folder, output, *runs, more=(), flags=()):
    """By the names of runs; the files of `results` lie as those of a run do, but for the names of their first folders."""
    for stop in ("scores", "models"):
        (folder / "found" / stop).mkdir(parents=True, exist_ok=True)
        if not (link := folder / "found" / stop / "celeba").exists():
            link.symlink_to(folder)
    arguments = ["--dataset", "celeba", "--order", " ".join([*ORDER, *more]), "--measurements", " ".join(MEASUREMENTS)]
    arguments += ["--sees", json.dumps(SEES | dict.fromkeys(more, SEES["acsg"])), "--results", str(folder / "found")]
    table.main([*arguments, "--runs", *runs, *flags, "--output", str(output)])


def runs_of(results, folder):
    return [str(Path(path).parent.relative_to(folder)) for path in results["scores"]]


def test_files_are_found_by_the_names_of_runs(results, tmp_path):
    """Also where they are compressed; the tables are those of files that are given one by one."""
    run_table(results, tmp_path / "given")
    packed = Path(results["scores"][0])
    packed.with_suffix(".csv.xz").write_bytes(lzma.compress(packed.read_bytes()))
    packed.unlink()
    table_of_runs(tmp_path, tmp_path / "found_by_name", *runs_of(results, tmp_path))
    for name in ("table.csv", "methods.csv", "training.csv", "table.md", "details.md", "differences.md"):
        assert (tmp_path / "found_by_name" / name).read_text() == (tmp_path / "given" / name).read_text(), name


def test_a_run_without_scores_is_refused_or_left_out_and_named(results, tmp_path):
    runs, output = [*runs_of(results, tmp_path), "drop_patch/unet/0", "drop_patch/unet/1"], tmp_path / "tables"
    says = "scores/celeba/drop_patch/unet/0/quality.csv: no such file"
    assert says in fails(table_of_runs, tmp_path, output, *runs, more=["unet"])
    table_of_runs(tmp_path, output, *runs, more=["unet"], flags=["--partial"])
    says = "Not run yet, though the configuration has them: on drop patch: unet (seeds 0, 1)."
    assert says in (output / "table.md").read_text()


def test_a_run_without_a_timing_is_refused_or_has_no_time_and_is_named(results, tmp_path):
    runs, output = runs_of(results, tmp_path), tmp_path / "tables"
    for path in map(Path, results["timing"]):
        if "/add_noise/" in str(path) or "/telea/" in str(path):
            path.unlink()
    assert "no timing of celeba/" in fails(table_of_runs, tmp_path, output, *runs)
    table_of_runs(tmp_path, output, *runs, flags=["--partial"])
    assert "Timed so far on drop patch alone, without telea." in (output / "table.md").read_text()


def test_missing_file_is_named(results, tmp_path):
    results["scores"][0] = str(tmp_path / "gone" / "quality.csv")
    assert "gone/quality.csv: no such file" in fails(run_table, results, tmp_path)


@pytest.mark.parametrize("kind, part", [("scores", "/telea/"), ("timing", "/telea/"), ("models", "/acsg/")])
def test_missing_cell_is_named(results, tmp_path, kind, part):
    results[kind] = [path for path in results[kind] if part not in path]
    assert part.strip("/") in fails(run_table, results, tmp_path)


def test_unequal_seeds_are_named(results, tmp_path):
    path = next(path for path in results["scores"] if "/acsg/1" in path)
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    assert "celeba/drop_patch/acsg" in fails(run_table, results, tmp_path)


def test_a_scores_file_is_called_after_its_program(results, tmp_path):
    results["scores"][0] = str(shutil.copy(results["scores"][0], tmp_path / "test.csv"))
    names = ", ".join(declared.programs())
    assert f"test.csv: is not called after a program that writes scores ({names})" in fails(run_table, results, tmp_path)


def test_an_image_that_is_scored_twice_or_by_one_program_alone_is_named(results, tmp_path):
    assert "scored twice in quality.csv" in fails(run_table, results | {"scores": results["scores"] * 2}, tmp_path)
    path = next(path for path in results["digits"] if "/drop_patch/telea" in path)
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    assert "celeba/drop_patch/telea: digits.csv does not score the same images" in fails(run_table, results, tmp_path)


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


# Protocols


def under_the_paper_s(results):
    """Make everything of `results` that of the paper's protocol: one row an image, an SSIM more, and facts that say so."""
    for path in results["scores"]:
        pd.read_csv(path).iloc[:1].assign(protocol="paper", ssim_range_2=0.5, ssim_range_2_pasted=0.6).to_csv(path, index=False)
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
    run(pareto, results, output / "pareto", "timing", methods=output / "methods.csv")
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
    assert html.count("Protocol: paper. ") == 9  # each caption
    for name in (f"{stem}.{end}" for stem in ("table", "details", "differences", "seeds") for end in ("md", "tex")):
        assert "Protocol: paper. " in (paper_report / name).read_text()
    assert "protocol paper" in (paper_report / "summary.txt").read_text().splitlines()[0]
    for name in ("table", "training"):
        assert set(pd.read_csv(paper_report / f"{name}.csv")["protocol"]) == {"paper"}
    for name in ("restorations", "pareto", "mse_time"):
        assert json.loads((paper_report / f"{name}.json").read_text())["protocol"] == "paper"
    assert "one corrupted measurement of every" not in html and "never see a clean image" not in html


def test_a_mosaic_has_both_ssims_no_interval_and_a_best_or_ties(paper_report):
    lines = [cells(line) for line in (paper_report / "table.md").read_text().splitlines() if line.startswith("|")]
    assert [head for head in lines[0] if "SSIM, range 2" in head] == [
        "drop patch<br>SSIM, range 2 ↑", "add noise<br>SSIM, range 2 ↑",
    ]  # fmt: skip
    assert not any("±" in cell for line in lines for cell in line)
    assert sum("**" in line[1] for line in lines) == 1 or sum("†" in line[1] for line in lines) > 1


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
    for name in ("restorations", "pareto", "mse_time"):
        store.save_json(other / f"{name}.json", store.load_json(other / f"{name}.json") | {"protocol": "paper"})
    pd.read_csv(other / "table.csv").assign(protocol="paper").to_csv(other / "table.csv", index=False)
    assert "together" in fails(page_of, tmp_path, sound, other)
