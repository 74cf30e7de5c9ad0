# `make published`: every table and figure of merged scores (reports/merge.py) once more, in seconds, with nothing trained. The
# configuration says which rows there are and what they may see; rows that have no scores yet are named below the table.
#
#     snakemake published --cores 1 --config results=reports/published/default
from pathlib import Path

MERGED = [name for name in config["datasets"] if Path(config["results"], "scores", name).is_dir()]
CURVED, WITH_SAMPLES, TIMED = (
    [name for name in MERGED if any(Path(config["results"], "scores", name).glob(f"**/{file}.csv*"))]
    for file in ("learning", "posterior", "timing")
)


rule published:
    input:
        expand("<results>/{dataset}/table.csv", dataset=MERGED),
        expand("<results>/{dataset}/learning.png", dataset=CURVED),
        expand("<results>/{dataset}/{file}.png", dataset=TIMED, file=["mse_time", "pareto"]),
        expand("<results>/{dataset}/posterior.csv", dataset=WITH_SAMPLES),


use rule table as published_table with:
    input:
        [],
    output:
        expand("<results>/{{dataset}}/{file}", file=TABLES),
    log:
        ".cache/published/{dataset}.table.log",
    params:
        partial="--partial",


use rule mse_time as published_mse_time with:
    input:
        [],
    output:
        multiext("<results>/{dataset}/mse_time", *FIGURE),
    log:
        ".cache/published/{dataset}.mse_time.log",


use rule pareto as published_pareto with:
    input:
        methods="<results>/{dataset}/methods.csv",
    output:
        expand("<results>/{{dataset}}/{file}", file=PARETO),
    log:
        ".cache/published/{dataset}.pareto.log",


use rule learning as published_learning with:
    input:
        [],
    output:
        multiext("<results>/{dataset}/learning", *FIGURE, ".csv"),
    log:
        ".cache/published/{dataset}.learning.log",


use rule posterior as published_posterior with:
    input:
        methods="<results>/{dataset}/methods.csv",
    output:
        expand("<results>/{{dataset}}/{file}", file=POSTERIOR),
    log:
        ".cache/published/{dataset}.posterior.log",
