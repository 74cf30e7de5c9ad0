# A report of what there is so far, after a run of which jobs failed (config/failures.py) or while one goes on: rows that have no
# scores are left out and named, methods that failed are marked. It has a folder of its own, so that the report of the whole is
# made when its files are there. Posterior samples and the figure of restorations are left out.
#
#     snakemake so_far --cores 1 --nolock --forceall
import shlex

from config.command_line import pairs
from config.failures import failed_file

WITH_SCORES = [
    name
    for name in config["datasets"]
    if any(Path(RUNS.path("scores", name, run, "quality.csv")).is_file() for run in RUNS.of[name])
]
CURVES_SO_FAR = [name for name in WITH_SCORES if name in WITH_CURVES]
TIMED_SO_FAR = [
    name for name in WITH_SCORES if any(Path(RUNS.path("scores", name, run, "timing.csv")).is_file() for run in RUNS.of[name])
]


rule so_far:
    input:
        "<results>/report_so_far/index.html",


use rule table as so_far_table with:
    input:
        [],
    output:
        expand("<results>/report_so_far/{{dataset}}/{file}", file=TABLES),
    params:
        partial="--partial",


use rule mse_time as so_far_mse_time with:
    input:
        [],
    output:
        multiext("<results>/report_so_far/{dataset}/mse_time", *FIGURE),


use rule pareto as so_far_pareto with:
    input:
        methods="<results>/report_so_far/{dataset}/methods.csv",
    output:
        expand("<results>/report_so_far/{{dataset}}/{file}", file=PARETO),


use rule learning as so_far_learning with:
    input:
        [],
    output:
        multiext("<results>/report_so_far/{dataset}/learning", *FIGURE, ".csv"),


use rule losses as so_far_losses with:
    input:
        [],
    output:
        multiext("<results>/report_so_far/{dataset}/losses", *FIGURE),


use rule browser as so_far_browser with:
    input:
        [],
    output:
        "<results>/report_so_far/{dataset}/browser.json",


use rule configuration as so_far_configuration with:
    output:
        "<results>/report_so_far/config.yaml",


use rule page as so_far_page with:
    input:
        expand("<results>/report_so_far/{dataset}/{file}", dataset=WITH_SCORES, file=[*TABLES, "browser.json"]),
        expand("<results>/report_so_far/{dataset}/{file}", dataset=TIMED_SO_FAR, file=[*MSE_TIME, *PARETO]),
        expand("<results>/report_so_far/{dataset}/{file}", dataset=CURVES_SO_FAR, file=[*LEARNING, *LOSSES]),
        config="<results>/report_so_far/config.yaml",
    output:
        "<results>/report_so_far/index.html",
    params:
        datasets=pairs((name, f"{config['results']}/report_so_far/{name}") for name in config["datasets"]),
        posterior="",
        partial=f"--partial --failed {shlex.quote(str(failed_file(config)))}" if failed_file(config).is_file() else "--partial",
