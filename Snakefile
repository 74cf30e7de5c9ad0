# Restoring images from corrupted data alone: clean → measured → restored → scored → reported.
#
#     snakemake --cores 8                                        the full reproduction (config/paper.yaml)
#     snakemake --cores 2 --configfile config/quick.yaml         minutes, no download
#
# A folder per arrow: datasets/, measurements/, methods/, metrics/, reports/. The report is results/report/index.html.
import os
import sys

from snakemake.utils import min_version

min_version("9.18")
sys.path.insert(0, workflow.basedir)
from config.workflow import *

if "datasets" not in config:

    configfile: f"{workflow.basedir}/config/paper.yaml"


config = complete_config(config)
run_from(workflow.basedir, config)


pathvars:
    results=config["results"],
    logs=f"{config['results']}/logs",
    measured="<results>/measured/{dataset}/{measurement}",


wildcard_constraints:
    dataset="[a-z0-9_]+",
    measurement="[a-z0-9_]+",
    split="train|validation|test",
    part="test|timing",
    seed="[0-9]+",
    run="[a-z0-9_]+(/[0-9]+)?",


include: "datasets/rules.smk"
include: "measurements/rules.smk"
include: "metrics/rules.smk"


for name in config["methods"]:
    prefix_ = f"{name}_"

    module:
        name: name
        pathvars:
            method=name,
            model=f"<results>/models/{{dataset}}/{{measurement}}/{name}/{{seed}}",
        snakefile:
            f"{config['methods'][name]['folder']}/rules.smk"
        config:
            method_config(config, name, workflow.basedir)

    use rule * from name as prefix_*


include: "reports/rules.smk"


rule all:
    default_target: True
    input:
        "<results>/report/index.html",


onsuccess:
    print_outcome(config)
