"""Error against time of all rows: the Pareto front and when a search is at an error, by hand; the figure, its table, words."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import files, front, labels, mse_time, pareto, timing

# milliseconds per image of a batch of four, and the error, of each estimate; images alone take ten times as long
CURVES = {
    "as_measured": [(1, 0.5)],
    "blur": [(2, 0.3)],
    "slow_blur": [(3, 0.3)],  # as good as the other, and slower
    "inpainting": [(1, 0.4), (4, 0.2), (6, 0.25)],  # on the front with two estimates, but not with its last
    "acsg": [(8, 0.6), (16, 0.4), (32, 0.2)],
    "acsg restarts=2": [(12, 0.5), (24, 0.3), (48, 0.15)],
    "network": [(5, 0.1)],
    "supervised": [(0.5, 0.05)],  # beats every other, and competes with none
}
METHODS = {
    name: {"title": name.replace("_", " "), "clean": "no", "learned": name == "network"} for name in CURVES if " " not in name
}
METHODS["acsg"] |= {"title": "ACSG", "learned": True}
METHODS["supervised"] |= {"clean": "train", "learned": True}
ON_FRONT = {"as_measured": False, "blur": True, "slow_blur": False, "inpainting": True, "acsg": False, "network": True}
MEASURED = ["drop_patch"]


def times_of(curves: dict, measurement="drop_patch", images=4, device="a processor") -> pd.DataFrame:
    rows = [
        {"dataset": "mnist", "measurement": measurement, "method": name.split()[0], "seed": "", "setting": name.partition(" ")[2],
         "step": step, "seconds": images * ms / 1000, "mse": 9.0, "mse_pasted": mse, "images": images, "device": device,
         "threads": 1, "seconds_of_one": 10 * ms / 1000}
        for name, curve in curves.items()
        for step, (ms, mse) in enumerate(curve, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def methods_of(names=METHODS, measurements=MEASURED) -> pd.DataFrame:
    return pd.DataFrame([{"measurement": at, "method": name, **METHODS[name]} for at in measurements for name in names])


@pytest.fixture
def made(tmp_path):
    """A function: the points of curves as they are read from a file, with the rows of the table."""

    def make(curves=CURVES, **changed):
        path = tmp_path / "timing.csv"
        times_of(curves).assign(**changed).to_csv(path, index=False)
        read = timing.read([path], "mnist", MEASURED, [*METHODS])
        points = front.points(read, methods_of())
        return points, front.rows(points)

    return make


# --- the front -----------------------------------------------------------------------------------------------------------------


def test_the_front_by_hand(made):
    """Blur is not as good as inpainting's second estimate, but faster; as measured is no faster than its first, and worse."""
    points, table = made()
    for batch in (1, 4):
        rows = table[(table["batch"] == batch) & (table["setting"] == "")].set_index("method")["on_front"]
        assert rows.drop("supervised").to_dict() == ON_FRONT and rows["supervised"] is None
    there = points[points["front"] & (points["batch"] == 4)]
    np.testing.assert_allclose(there[["ms", "mse"]], [(2, 0.3), (1, 0.4), (4, 0.2), (5, 0.1)])


@pytest.mark.parametrize("seed", range(20))
def test_no_point_of_the_front_is_dominated_and_every_other_is(seed):
    rng = np.random.default_rng(seed)
    time, mse = rng.integers(1, 12, (2, rng.integers(1, 60)))  # whole numbers, so that many are equal in one or both

    def dominated(point) -> bool:
        others = zip(time, mse, strict=True)
        return any(t <= point[0] and m <= point[1] and (t, m) != point for t, m in others)

    found = front.on_front(time, mse)
    assert found.any() and found.dtype == bool
    assert [not dominated(point) for point in zip(time, mse, strict=True)] == found.tolist()


def test_each_measurement_has_a_front_of_its_own(tmp_path):
    faster = {"network": [(5, 0.1)], "blur": [(2, 0.05)]}
    both = pd.concat([times_of(CURVES), times_of(faster, "add_noise")])
    points = front.points(both.assign(mse=both["mse_pasted"]), methods_of(measurements=["drop_patch", "add_noise"]))
    found = front.rows(points).set_index(["measurement", "batch", "method", "setting"])["on_front"]
    assert (
        found["add_noise", 4, "blur", ""] and not found["add_noise", 4, "network", ""] and found["drop_patch", 4, "network", ""]
    )


# --- when the search is there --------------------------------------------------------------------------------------------------


def test_when_the_search_is_at_the_error_of_each_row(made):
    """At 0.3 on the line from 0.4 at 16 ms to 0.2 at 32 ms after 24 ms, with two restarts after 24 ms too; the first counts."""
    _, table = made()
    rows = table[table["batch"] == 4].set_index("method")
    expected = {
        "as_measured": ("equal", 12.0, ""),  # from 0.6 at 8 to 0.4 at 16; with restarts at its first estimate, at 12 as well
        "blur": ("equal", 24.0, ""),
        "inpainting": ("equal", 28.0, ""),  # 0.25; with restarts 24 + 24 / 3 = 32
        "network": ("more", 48.0, None),
        "supervised": ("more", 48.0, None),
    }
    for method, (relation, ms, setting) in expected.items():
        row = rows.loc[method]
        assert (row["search_is"], row["search_ms"]) == (relation, pytest.approx(ms))
        assert row["search_setting"] == setting if setting is not None else pd.isna(row["search_setting"])
    assert rows.loc["network", "search_steps"] == 3
    assert pd.isna(rows.loc["acsg", "search_is"]).all(), "of itself nothing is said"
    alone = table[table["batch"] == 1].set_index("method")
    assert alone.loc["blur", "search_ms"] == pytest.approx(240)


@pytest.mark.parametrize(
    "network, says",
    [
        ((5, 0.1), "ACSG never reaches the MSE of network (0.100 in 5.00 ms per image) within 3 steps; it comes to 0.150, in "
                   "48.0 ms with restarts = 2"),
        ((5, 0.175), "ACSG reaches the MSE of network (0.175 in 5.00 ms per image) in 44.0 ms with restarts = 2, 8.80× as long"),
        ((16, 0.29), "ACSG reaches the MSE of network (0.290 in 16.0 ms per image) in 24.8 ms, 1.55× as long"),
    ],
)  # fmt: skip
def test_the_sentence(made, network, says):
    curves = {name: curve for name, curve in CURVES.items() if name != "inpainting"} | {"network": [network]}
    assert front.says(*made(curves)) == {"drop_patch": says}


def test_a_search_that_is_there_at_once_and_rows_that_are_not_asked_for(made):
    """Neither a row with clean images nor one that goes step by step is the one that is to be reached."""
    curves = {
        "acsg": [(1, 0.1), (2, 0.05)],
        "network": [(4, 0.2)],
        "supervised": [(1, 0.01)],
        "inpainting": [(1, 0.04), (2, 0.03)],
    }
    says = "ACSG is at or below the MSE of network (0.200 in 4.00 ms per image) from its first estimate, in 1.00 ms (≤ 0.250×)"
    assert front.says(*made(curves)) == {"drop_patch": says}
    assert front.says(*made({"network": [(4, 0.2)]})) == {} and front.says(*made({"acsg": [(1, 0.1)]})) == {}


def test_the_sentence_fits_a_terminal(made):
    text = front.for_terminal(front.says(*made()))
    assert max(map(len, text.splitlines())) <= 78
    assert "drop patch: ACSG never reaches the MSE of network (0.100" in " ".join(text.split())
    assert front.for_terminal({}) == ""


# --- files ---------------------------------------------------------------------------------------------------------------------


def test_files_of_one_batch_are_read_and_have_no_times_of_one_image(tmp_path):
    path = tmp_path / "timing.csv"
    old = {name: curve for name, curve in CURVES.items() if " " not in name}
    times_of(old).drop(columns=["setting", "seconds_of_one"]).to_csv(path, index=False)
    points = front.points(timing.read([path], "mnist", MEASURED, [*METHODS]), methods_of())
    assert set(points["batch"]) == {4} and set(points["setting"]) == {""} and set(points["mse"]) >= {0.5, 0.1}
    assert len(front.grid(front.rows(points), "ACSG").columns) == 1 + 3


def test_without_timings_there_is_nothing_to_say():
    points = front.points(timing.read([], "mnist", MEASURED, [*METHODS]), methods_of())
    assert not len(points) and front.says(points, front.rows(points)) == {}


def written(tmp_path, times, measurements=("drop_patch",), program=pareto) -> Path:
    """The stem of the figure's files."""
    times.to_csv(tmp_path / "timing.csv", index=False)
    methods_of(measurements=measurements).to_csv(tmp_path / "methods.csv", index=False)
    given = ["--dataset", "mnist", "--timing", tmp_path / "timing.csv", "--order", " ".join(METHODS)]
    given += ["--methods", tmp_path / "methods.csv"] if program is pareto else []
    program.main([*map(str, given), "--measurements", " ".join(measurements), "--output", str(tmp_path / "figure")])
    return tmp_path / "figure"


def test_the_files(tmp_path):
    stem = written(tmp_path, times_of(CURVES))
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert stem.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    facts = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    assert facts["device"] == "a processor, 1 thread" and facts["search"] == "ACSG" and "never" in facts["says"]["drop_patch"]
    table = files.read_csv(stem.with_suffix(".csv"))
    assert len(table) == 2 * len(CURVES) and set(table["batch"]) == {1, 4}
    lines = [line for line in stem.with_suffix(".md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}
    assert cells["network"] == ["0.100", "50.0", "yes", "never in 3 steps", "5.00", "yes", "never in 3 steps"]
    assert cells["blur"] == ["0.300", "20.0", "yes", "240", "2.00", "yes", "24.0"]
    assert cells["supervised"][2] == "–" and cells["ACSG, restarts = 2"][-1] == "–"
    assert "a processor, 1 thread" in stem.with_suffix(".md").read_text(encoding="utf-8")


def test_each_row_names_its_device_where_there_are_several(tmp_path):
    part = {"network": CURVES["network"]}
    rest = {name: curve for name, curve in CURVES.items() if name != "network"}
    stem = written(tmp_path, pd.concat([times_of(rest), times_of(part, device="a GPU")]))
    lines = stem.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line.startswith("| network")).endswith("| a GPU, 1 thread |")
    assert next(line for line in lines if line.startswith("| blur")).endswith("| a processor, 1 thread |")


@pytest.mark.parametrize("program", [pareto, mse_time])
def test_a_measurement_without_timings_has_no_panel(program, tmp_path, monkeypatch):
    drawn, draw = [], program.draw
    monkeypatch.setattr(program, "draw", lambda *given: drawn.append(draw(*given)) or drawn[0])
    written(tmp_path, times_of(CURVES), ("add_noise", "drop_patch"), program)
    assert {ax.get_title(loc="left") for ax in drawn[0].axes if ax.get_title(loc="left")} == {"drop patch"}


def test_the_figure_has_a_panel_for_each_measurement_and_batch_and_a_number_at_each_curve(made):
    points, table = made()
    figure = pareto.draw(points, MEASURED, front.says(points, table), "a note")
    panels = [ax for ax in figure.axes if ax.lines]
    assert len(panels) == 2 and all(ax.get_xscale() == ax.get_yscale() == "log" for ax in panels)
    for ax in panels:
        assert sorted(int(text.get_text()) for text in ax.texts if text.get_text().isdigit()) == [*range(1, 1 + len(CURVES))]
        stairs = next(line for line in ax.lines if line.get_drawstyle() == "steps-post").get_xydata()
        scale = 10 if "one image" in ax.get_xlabel() else 1
        np.testing.assert_allclose(stairs[:-1], [(scale * ms, mse) for ms, mse in ((1, 0.4), (2, 0.3), (4, 0.2), (5, 0.1))])
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said[4:6] == ["5  ACSG", "6  ACSG, restarts = 2"] and said[-1] == "Pareto front"
    pareto.plt.close(figure)


def test_labels_of_points_in_one_place_lie_apart():
    """25 numbers about one point, inside the panel and off the points."""
    rng = np.random.default_rng(0)
    points, sizes = 150 + rng.normal(0, 3, (25, 2)), np.tile([10.0, 6.5], (25, 1))
    middles = labels.places(points, sizes, points, (0, 0, 300, 300))
    for k, middle in enumerate(middles):
        assert not (np.abs(middles[:k] - middle) < sizes[0]).all(axis=1).any()
        assert not (np.abs(points - middle) < sizes[0] / 2).all(axis=1).any()
    assert (middles > sizes[0] / 2).all() and (middles < 300 - sizes[0] / 2).all()
    (corner,) = labels.places(np.array([[1.0, 1.0]]), sizes[:1], np.array([[1.0, 1.0]]), (0, 0, 300, 300))
    assert (corner >= sizes[0] / 2).all()
