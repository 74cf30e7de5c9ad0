"""The page: what stands on it without JavaScript, what a click does, and the images that its browser shows."""

import base64
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import test_reports
from declared import ROOT
from matplotlib.text import Text
from PIL import Image
from test_reports import made, report, results, run, run_posterior, run_table  # noqa: F401

from pictures import figure
from reports import (
    browser,
    captions,
    chapter,
    cite,
    files,
    learning,
    losses,
    marked,
    mse_time,
    page,
    pareto,
    restorations,
    writers,
)
from reports.layout import Cell, Column, Grid, Section

ODD = "[ours] *x* β $x_$ & 50% <b>"
CHROMIUM = shutil.which("chromium")
NEEDS_LATEX = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
PUBLISHED = ROOT / "reports/published/default/mnist"


def images_of(row, shape, count):
    """The images of a row of browser.json as a browser would cut them out of its sheet: [count, H, W]."""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(row["sheet"].partition(",")[2]))).convert("L"))
    h, w = shape
    places = [divmod(number, browser.ACROSS) for number in range(count)]
    return np.stack([sheet[y * h : (y + 1) * h, x * w : (x + 1) * w] for y, x in places])


@pytest.fixture
def browsed(tmp_path):
    """(browser.json of 40 grey images by two methods, the images of method a, its scores: image k has k², those of b fall)."""
    rng, place = np.random.default_rng(0), tmp_path / "results"
    images = {name: (rng.integers(0, 256, (40, 8, 6, 1)) / 255).astype(np.float16) for name in ("y", "a", "b")}
    (place / "clean/mnist").mkdir(parents=True)
    np.save(place / "clean/mnist/test.npy", rng.integers(0, 256, (40, 8, 6, 1), np.uint8))
    (place / "measured/mnist/add_noise").mkdir(parents=True)
    np.save(place / "measured/mnist/add_noise/test.y.npy", images["y"])
    (place / "measured/mnist/add_noise/test.json").write_text("{}")
    for method, psnr in {"a": np.arange(40.0) ** 2, "b": -np.arange(40.0)}.items():
        for stop in ("restored", "scores"):
            (place / stop / "mnist/add_noise" / method).mkdir(parents=True)
        np.save(place / f"restored/mnist/add_noise/{method}/test.npy", images[method])
        (place / f"restored/mnist/add_noise/{method}/test.json").write_text("{}")
        rows = pd.DataFrame({"dataset": "mnist", "measurement": "add_noise", "method": method, "seed": "", "image": range(40)})
        columns = browser.files.declared.programs()["quality"].columns
        rows = rows.assign(**{name: 0.0 for name in columns} | {"psnr_pasted": psnr})
        rows.to_csv(place / f"scores/mnist/add_noise/{method}/quality.csv", index=False)
    arguments = ["--dataset", "mnist", "--results", str(place), "--runs", "add_noise/a", "add_noise/b", "--order", "a b"]
    browser.main([*arguments, "--measurements", "add_noise", "--output", str(tmp_path / "browser.json")])
    return json.loads((tmp_path / "browser.json").read_text()), images["a"]


def test_the_browser_has_the_first_the_worst_and_the_best_of_every_method(browsed):
    told, a = browsed
    (at,) = told["measurements"]
    rows = {row["name"]: row for row in at["rows"]}
    assert list(rows) == ["original", "measured", "a", "b"] and "scores" not in rows["original"]
    assert rows["a"]["worst"] == [*range(8)] and rows["a"]["best"] == [*range(39, 31, -1)]
    assert rows["b"]["worst"] == [*range(39, 31, -1)] and rows["b"]["best"] == [*range(8)]
    assert at["images"] == [*range(8), *range(32, 40)]
    assert rows["a"]["scores"] == [number**2 for number in at["images"]]
    shown = images_of(rows["a"], (told["height"], told["width"]), len(at["images"]))
    assert np.array_equal(shown, (255 * a[at["images"], ..., 0].astype(np.float32)).round().astype(np.uint8))


@pytest.fixture
def html(report, browsed, tmp_path):  # noqa: F811
    """The page of a made-up report, with a browser, a note and a method that failed."""
    told = browsed[0]
    (first,) = told["measurements"]
    told["measurements"].append({"title": "of one method", "images": first["images"], "rows": first["rows"][:3]})
    (report / "browser.json").write_text(json.dumps(told).replace("add noise", "</script><b>"))
    (tmp_path / "config.yaml").write_text("note: Trained for <half> a minute.\nseeds: [0, 1]\n")
    failed = {"dataset": "celeba", "measurement": "drop_patch", "method": "unlucky", "title": ODD, "where": "drop patch, seed 1"}
    failed |= {"rule": "acsg_train", "log": "a.log", "says": "out of <luck>"}
    (tmp_path / "failed.json").write_text(json.dumps({"failed": [failed]}))
    paths = {"config": "config.yaml", "output": "index.html", "failed": "failed.json", "scores": "scores"}
    given = [part for name, path in paths.items() for part in (f"--{name}", str(tmp_path / path))]
    page.main(["--datasets", f"celeba={report}", "--partial", *given])
    return (tmp_path / "index.html").read_text()


def test_note_failures_and_how_to_cite_stand_on_the_page(html):
    assert html.index("Trained for &lt;half&gt; a minute.") < html.index("<h2")
    assert "out of &lt;luck&gt;" in html and "A report so far" in html
    row = html[html.index("failed in this run") :].partition("</tbody>")[0]
    assert "[ours] *x* β $x_$ &amp; 50% &lt;b&gt;" in row
    marked = [bool(cell) for cell in re.findall("<td[^>]*>(failed)?</td>", row)]
    columns = len(re.findall('<th class="number', html[: html.index("</thead>")]))  # two of them are costs
    assert sum(marked) == (columns - 2) // 2, "those of one of the two measurements"
    assert "@misc{" in html and "AmbientGAN" in html


def test_every_link_inside_the_page_leads_somewhere(html):
    ids = set(re.findall(r'id="([^"]+)"', html))
    targets = re.findall(r'href="#([^"]+)"', html)
    assert len(targets) > 8 and set(targets) <= ids


def test_no_text_closes_the_browser_s_script(html):
    inside = html.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert json.loads(inside)["measurements"][0]["title"] == "</script><b>"
    assert html.count("</script>") == 2, "the browser's data and the page's own"


def test_citation_is_bibtex_of_every_work_in_citation_cff():
    told = cite.how_to_cite()
    assert told["bibtex"].count("@inproceedings{") == 3 and told["bibtex"].count("{") == told["bibtex"].count("}")
    assert "author = {Larsen, Anders Boesen Lindbo and " in told["bibtex"]


def test_letters_of_figures_are_large_enough(report):  # noqa: F811
    shown = chapter.picture(report / "restorations.png", "")
    with Image.open(report / "restorations.png") as image:
        assert round(image.info["dpi"][0]) == chapter.DOTS
        assert shown.least / image.width * chapter.DOTS * 8 / 72 >= 10.9, "8 points are 11 pixels"
        assert shown.least <= 1400 or image.width / chapter.DOTS > 14


def test_no_letter_of_a_figure_is_smaller_than_the_page_reckons_with(results, tmp_path, monkeypatch):  # noqa: F811
    """Those of exponents included, which are 0.7 times as large as their line."""
    drawn = []
    monkeypatch.setattr(files, "save_figure", lambda figure, _: drawn.append(figure))
    run_table(results, tmp_path)
    run(mse_time, results, tmp_path / "mse_time", "timing")
    run(pareto, results, tmp_path / "pareto", "timing", methods=tmp_path / "methods.csv")
    run(restorations, results, tmp_path / "restorations", "clean", "measured", "restored")
    run_posterior(results, tmp_path)
    steps = np.arange(1.0, 1001.0)
    drawn.append(losses.draw({("a", "b"): [pd.DataFrame({"step": steps, "loss": 300 - steps})]}, ["a"], {}))
    looks = pd.DataFrame({"measurement": "a", "method": "b", "images_seen": 64 * steps, "psnr": 20, "criterion": 20})
    drawn.append(learning.draw(looks, ["a"], ["b"], {}))
    assert len(drawn) == 7
    for drawing in drawn:
        drawing.canvas.draw()
        texts = [text for text in drawing.findobj(Text) if text.get_visible() and text.get_text()]
        sizes = [text.get_fontsize() * (0.7 if text.get_parse_math() and "^" in text.get_text() else 1) for text in texts]
        assert len(texts) > 8 and min(sizes) >= 8
        figure.plt.close(drawing)


# Markdown


@pytest.mark.parametrize("title", ["__tiny__", "_a_", "a__b", "__a_b_ *c*", "[x](y) <b>"])
def test_markdown_shows_a_title_letter_by_letter_wherever_it_stands(title):
    """As a row, as the heading of a column and of a group, and as that of a section, which alone is in italics."""
    grid = Grid("method", [Column(title, f"{title} there, ms")], [Section(title, [(title, [Cell("1")])])])
    heads, _, section, row, *_ = writers.markdown(grid, "").splitlines()
    for text in (heads, section.replace("| *", "| ").replace("* |", " |"), row):
        assert not re.search(r"(?<!\\)[*\[<](?!br>)|(?<![\\\w])_|(?<!\\)_(?!\w)|(?<!\\)__", text)
        assert title in re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def page_of(folder, tmp_path):
    (tmp_path / "config.yaml").write_text("seeds: [0]\n")
    page.main(["--datasets", f"celeba={folder}", "--config", str(tmp_path / "config.yaml"), "--output", str(tmp_path / "a.html")])
    return (tmp_path / "a.html").read_text()


@pytest.mark.parametrize("without", [[], ["supervised"], ["acsg"], ["ambient_vaegan"], ["supervised", "acsg", "ambient_vaegan"]])
def test_the_page_speaks_of_a_control_and_of_a_search_only_where_the_run_has_them(without, results, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(test_reports, "ORDER", [name for name in test_reports.ORDER if name not in without])
    kept = {kind: [each for each in given if not any(f"/{name}/" in each for name in without)] for kind, given in results.items()}
    html = page_of(made(kept, tmp_path), tmp_path)
    assert ("as an upper bound" in html.partition("<nav")[0]) == ("supervised" not in without)
    assert ("acsg there" in html) == ("acsg" not in without) and ("acsg" in html) == ("acsg" not in without)


def test_the_dotted_line_is_explained_where_there_is_one():
    facts = {"protocol": "sound", "images": 64, "fast": "the fast one", "slow": "the slow one"}
    for relations, drawn in (([], False), (["at most"], False), (["at most", "more"], True), (["equal"], True)):
        speedups = {str(at): {"relation": relation} for at, relation in enumerate(relations)}
        said = captions.mse_time_caption(facts | {"speedups": speedups})
        assert [word in said for word in ("dotted line runs from the fast one", "the original")] == [drawn] * 2


# LaTeX


def wide(title=ODD):
    columns = [
        Column(at, name) for at in ("drop patch", "add noise", "blur", "rows") for name in ("PSNR dB ↑", "SSIM ↑", "LPIPS ↓")
    ]
    rows = [(title, [Cell("26.25", "± 0.05", bold=True, tied=True)] * len(columns)), (r"\end{table} # ^ ~", [Cell("–")] * 12)]
    return Grid("method", columns, [Section(title, rows)])


def test_a_wide_table_is_cut_between_groups_and_loses_nothing():
    grid = wide()
    parts = writers.parts(grid)
    assert len(parts) > 1 and [column for part in parts for column in part.columns] == grid.columns
    assert all(len(cells) == len(part.columns) for part in parts for _, cells in part.sections[0].rows)
    narrow = grid._replace(columns=grid.columns[:2], sections=[Section("", [("a", [Cell("1")] * 2)])])
    assert writers.parts(narrow) == [narrow]
    plain = grid._replace(columns=[column._replace(group="") for column in grid.columns])
    assert [[column.title for column in part.columns] for part in writers.parts(plain)] != [[c.title for c in plain.columns]]


def long(rows, title="seed", each=7):
    """A table of so many rows, sections of `each`."""
    names = [(f"{title} {number}", [Cell("26.25", "± 0.05")] * 12) for number in range(rows)]
    sections = [Section(f"{ODD} {at}", names[at : at + each]) for at in range(0, rows, each)]
    return wide()._replace(sections=sections)


@pytest.mark.parametrize("rows", [0, 1, 30, 300])
def test_a_high_table_is_cut_between_rows_and_loses_nothing(rows):
    grid = long(rows)
    pages = writers.floats(grid, "A caption of a hundred lines. " * 300)
    assert not pages[0] and all(sum(map(writers.high, page)) <= writers.PAGE for page in pages)
    seen = {}  # {label: columns}, in order
    for part in sum(pages, []):
        for section in part.sections:
            for label, cells in section.rows:
                seen[section.title, label] = seen.get((section.title, label), 0) + len(cells)
    assert list(seen.items()) == [((section.title, row[0]), 12) for section in grid.sections for row in section.rows]


def compiled(folder, *texts):
    """What pdflatex says of a document of these texts, which has to compile."""
    packages = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
    (folder / "a.tex").write_text("\n\n".join([packages, *texts, r"\end{document}"]), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert said.returncode == 0, said.stdout[-2000:]
    return said.stdout


@NEEDS_LATEX
def test_latex_compiles_and_fits(tmp_path):
    assert "Overfull" not in compiled(tmp_path, writers.latex(wide(), f"A caption of {ODD}.", "tab:odd"))


@NEEDS_LATEX
@pytest.mark.parametrize("given", ["published", "long", "sections of one row", "a long caption"])
def test_latex_fits_on_the_page(given, tmp_path):
    below = "A caption. " * (400 if given == "a long caption" else 40)
    grid = long(200, each=1 if given == "sections of one row" else 40)
    of_run = [path.read_text(encoding="utf-8") for path in PUBLISHED.glob("*.tex")] * (given == "published")
    said = compiled(tmp_path, *(of_run or [writers.latex(grid, below, "tab:long")]))
    assert "too large" not in said
    assert all(float(points) < 3 for points in re.findall(r"Overfull .hbox \(([\d.]+)pt", said))


@NEEDS_LATEX
def test_latex_sets_any_letter(tmp_path):
    """In a caption, and in each place of a table that holds text."""
    blocks = [*range(1, 0x2700), *range(0x4E20, 0x4E30), *range(0x1D400, 0x1D410), *range(0x1F600, 0x1F610)]
    letters = [" ".join(map(chr, blocks[at : at + 500])) for at in range(0, len(blocks), 500)]
    every = "☃ 中 x̂ ẑ é ≤ ≈ \n\n ² ½"
    grid = wide(every)._replace(corner=every, columns=[Column(every, every)] * 12)
    compiled(tmp_path, *map(writers.tex, letters), writers.latex(grid, every, "tab:every"))
    assert writers.tex("é ẑ ≤ ☃\n中") == r"\'{e} \^{z} $\leq$ ? ?"


@NEEDS_LATEX
def test_every_kind_of_table_compiles_in_latex(report, tmp_path):  # noqa: F811
    tables = [*report.glob("*.tex"), *PUBLISHED.glob("*.tex")]
    kinds = {"table", "details", "differences", "seeds", "pareto", "posterior", "posterior_details"}
    assert {path.stem for path in tables} == kinds
    compiled(tmp_path, *(path.read_text(encoding="utf-8") for path in tables))


def test_latex_lacks_no_letter_of_what_the_tables_say():
    said = "".join(path.read_text(encoding="utf-8") for path in [*captions.CAPTIONS.rglob("*.md"), *PUBLISHED.glob("*.md")])
    assert set(said) > set("–±≤") and writers.tex(said).count("?") == said.count("?")


# Pictures


@pytest.mark.parametrize("shape", [(100, 8000, 3), (8000, 100, 3)])
def test_a_long_picture_does_not_collapse_the_figure(shape):
    pictures = [figure.cut(np.zeros(shape, np.uint8)), figure.cut(np.full((60, 80, 3), 200, np.uint8))]
    drawn = figure.draw({"add noise": [("measured", pictures), (ODD, pictures)]})
    drawn.canvas.draw()
    boxes = [ax.get_window_extent() for ax in drawn.axes]
    assert min(min(box.width, box.height) for box in boxes) > 0.5 * drawn.dpi and drawn.get_size_inches().max() < 12
    figure.plt.close(drawn)


# Clicks


@pytest.fixture
def opened(html, tmp_path):
    """The page in a browser at 1440 pixels."""
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": 1440, "height": 900})
        tab.errors, tab.asked = [], []
        tab.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.goto((tmp_path / "index.html").as_uri())
        yield tab
        assert not tab.errors
        assert all(url.startswith(("file:", "data:")) for url in tab.asked), "it needs no network"
        chromium.close()


def test_clicks_sort_hide_enlarge_and_browse(opened):
    table = opened.locator("table").first

    def column(at):
        rows = table.locator("tbody").first.locator("tr:not(.section):visible")
        return [rows.nth(n).locator("th, td").nth(at).inner_text() for n in range(rows.count())]

    def values():
        return [float(re.match(r"[\d.]+", text)[0]) for text in column(1) if text[0].isdigit()]

    heading = table.locator("thead tr").last.locator("button.sort").nth(1)
    before = values()
    heading.click()
    assert values() == sorted(before, reverse=True) != before
    heading.click()
    assert values() == sorted(before)

    table.locator("thead tr").last.locator("button.sort").first.click()
    names = [name.removeprefix("×").strip() for name in column(0)]
    assert names == sorted(names) and len(set(names)) > 2, "text begins at A"

    rows = len(column(0))
    table.locator("button.hide").first.click()
    assert len(column(0)) == rows - 1
    opened.get_by_text("show 1 hidden row").click()
    assert len(column(0)) == rows

    opened.locator(".wide > img").first.click()
    assert opened.locator("dialog").is_visible()
    opened.get_by_text("close").click()
    assert not opened.locator("dialog").is_visible()

    opened.locator("section.browser").scroll_into_view_if_needed()
    images, left = opened.locator(".browser select").nth(1), opened.locator(".browser select").nth(2)
    images.select_option(label="best of a")
    assert left.input_value() == "2" and "no. 39" in opened.locator(".strip button").first.inner_text()
    opened.locator(".strip button").nth(1).click()
    assert "PSNR 1444.00 dB" in opened.locator(".pair").inner_text()
    assert opened.evaluate("document.documentElement.scrollWidth") == 1440
    slider = opened.locator(".pair input")
    slider.fill("20")
    assert "20%" in opened.locator(".over canvas").nth(1).evaluate("canvas => canvas.style.clipPath")


def test_the_browser_compares_two_rows_and_keeps_what_was_chosen(opened):
    opened.locator("section.browser").scroll_into_view_if_needed()
    opened.locator(".strip button").first.wait_for()

    def chosen():
        """The titles of the measurement, the list, left and right, and the number of the image."""
        titles = opened.locator(".browser select").evaluate_all("all => all.map((each) => each.selectedOptions[0].textContent)")
        return [*titles, *opened.locator(".strip button[aria-pressed=true]").all_inner_texts()]

    def choose(at, label):
        opened.locator(".browser select").nth(at).select_option(label=label)

    assert chosen()[1:] == ["the first images", "a", "b", "no. 0"]
    choose(1, "worst of b")
    assert chosen()[1:] == ["worst of b", "b", "a", "no. 39"]
    choose(1, "best of a")
    opened.locator(".strip button").nth(2).click()
    choose(3, "b")
    choose(0, "of one method")
    assert chosen()[1:] == ["best of a", "a", "measured", "no. 37"], "b is not there, and a is not shown beside itself"
    choose(1, "the first images")
    choose(2, "original")
    choose(3, "a")
    choose(0, "</script><b>")
    assert chosen()[1:] == ["the first images", "original", "a", "no. 0"]


def test_no_letter_of_the_page_is_small(opened):
    smallest = """() => [...document.querySelectorAll("body *")].filter((each) => each.offsetParent
      && [...each.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim()))
      .map((each) => parseFloat(getComputedStyle(each).fontSize)).reduce((a, b) => Math.min(a, b))"""
    assert chapter.LEAST <= opened.evaluate(smallest) < 12


def test_a_narrow_window_does_not_scroll_sideways(opened):
    opened.set_viewport_size({"width": 390, "height": 800})
    opened.locator("section.browser").scroll_into_view_if_needed()
    opened.locator(".strip").wait_for()
    assert opened.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("title", ["a title of many words " * 5, "atitleofoneword" * 8])
def test_a_long_title_leaves_a_narrow_window_room_for_the_table(opened, title):
    opened.set_viewport_size({"width": 390, "height": 800})
    heading = opened.locator("tbody th[scope=row]").first
    heading.evaluate("(heading, title) => heading.append(title)", title)
    assert heading.bounding_box()["width"] <= 0.45 * 390
    opened.set_viewport_size({"width": 1440, "height": 900})
    assert heading.bounding_box()["height"] < 60, "one line where there is room"


def test_every_file_of_snakemake_s_report_has_a_caption():
    assert {path.stem for path in marked.CAPTIONS.glob("*.rst")} == {
        *(name.partition(".")[0] for name in marked.SHOWN),
        "page",
        "workflow",
    }
    files = marked.of_report("out", ["table.md", "table.csv"])
    assert files[0].flags["report"].category == "{dataset}" and files[1] == "out/report/{dataset}/table.csv"
