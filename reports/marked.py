"""Which files of a data set's report `snakemake --report` shows, under which name and with which caption."""

from pathlib import Path

from snakemake.io import report

CAPTIONS = Path(__file__).parent / "captions" / "report"
SHOWN = {  # file: the name under which it stands there; CAPTIONS / its stem + ".rst" says what it is
    "table.md": "quality of the restored images",
    "details.md": "details",
    "differences.md": "differences and ranks",
    "seeds.md": "seeds",
    "posterior.md": "posterior samples",
    "pareto.md": "error against time, all rows",
    "restorations.png": "restorations",
    "pareto.png": "error against time, all rows",
    "mse_time.png": "error against time, as the original compares",
    "learning.png": "learning curves",
    "losses.png": "losses",
    "posterior.png": "posterior samples",
}


def of_report(results: str, files: list[str]) -> list:
    """A data set's files in the report, as the outputs of a rule; those that `snakemake --report` shows are marked so."""
    marked = []
    for file in files:
        path = f"{results}/report/{{dataset}}/{file}"
        if file in SHOWN:
            shows = (
                f"{'figure' if file.endswith('.png') else 'table'}: {SHOWN[file]}"  # one label: of two values it makes a switch
            )
            caption = str(CAPTIONS / f"{Path(file).stem}.rst")
            path = report(path, caption=caption, category="{dataset}", labels={"shows": shows})
        marked.append(path)
    return marked
