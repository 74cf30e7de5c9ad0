"""Posterior samples' scores → tables of how well their spread fits their error, and a figure of their calibration.

posterior.csv                      a row for each measurement, method and metric: mean, 95 % interval, images, seeds, samples,
                                   the interval of its rank, whether it is the best that sees no clean image, or tied with it
posterior.md, .tex                 the main scores as a table
posterior_details.md, .tex         the others that are declared for the details
posterior_calibration.png, .pdf    PIT histograms, and error against standard deviation
"""

from pathlib import Path

import store
from options import command_parser
from reports import calibration, captions, files, found, posterior_table, writers


def main(arguments: list[str] | None = None) -> None:
    parser = command_parser("reports.posterior", __doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set of all files")
    found.add_flags(parser)
    add("--scores", nargs="*", default=[], type=Path, metavar="CSV",
        help="the scores files of posterior samples of every run (posterior.csv …), one row an image")  # fmt: skip
    add("--methods", type=Path, required=True, metavar="CSV", help="methods.csv of reports.table: rows, titles, what they see")
    add("--measurements", type=files.names, required=True, help="the measurements in order, between spaces")
    add("--output", type=Path, required=True, metavar="DIR", help="where the files named above are written")
    given = parser.parse_args(arguments)

    with store.clear_errors():
        methods = files.read_csv(given.methods, ["method", "title", "clean"])
        order = list(methods["method"].unique())
        paths = found.of_programs(given, of_samples=True) if given.results else given.scores
        scores = files.read_scores(paths, True, given.dataset, given.measurements, order, ["samples"])
        values = posterior_table.summarise(scores, given.measurements, methods)
        files.write(given.output / "posterior.csv", files.csv(values))
        tables = {
            "posterior": (posterior_table.posterior_table(values, methods), captions.posterior_caption(values)),
            "posterior_details": (posterior_table.details(values, methods), captions.posterior_details_caption(values)),
        }
        for name, (table, below) in tables.items():
            files.write(given.output / f"{name}.md", writers.markdown(table, below))
            files.write(given.output / f"{name}.tex", writers.latex(table, below, f"tab:{given.dataset}-{name}"))
        titles = dict(zip(methods["method"], methods["title"], strict=True))
        files.save_figure(calibration.draw(values, titles), given.output / "posterior_calibration")


if __name__ == "__main__":
    main()
