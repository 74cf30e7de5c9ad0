# Figures of trainings, and the images of the page's browser.
from bench.provenance import code_of
from reports.marked import of_report


rule learning:
    input:
        RUNS.files("scores", "learning.csv", RUNS.learned),
    output:
        *of_report(config["results"], LEARNING),
    log:
        "<logs>/report/{dataset}.learning.log",
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.learned),
        titles=lambda wildcards: TITLES,
        order=" ".join(name for name, method in config["methods"].items() if method["learned"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.learning"),
    shell:
        "python -m reports.learning --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} --order={params.order:q} "
        "--measurements {params.measurements:q} --titles {params.titles:q} --output {params.stem:q} > {log:q} 2>&1"


rule losses:
    input:
        RUNS.files("models", "train.csv", RUNS.learned),
    output:
        *of_report(config["results"], LOSSES),
    log:
        "<logs>/report/{dataset}.losses.log",
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.learned),
        titles=lambda wildcards: TITLES,
        order=" ".join(name for name, method in config["methods"].items() if method["learned"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.losses"),
    shell:
        "python -m reports.losses --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} --order={params.order:q} "
        "--measurements {params.measurements:q} --titles {params.titles:q} --output {params.stem:q} > {log:q} 2>&1"


rule browser:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        measured=RUNS.measured,
        restored=RUNS.files("restored", "test.npy", RUNS.pictured),
        scores=RUNS.files("scores", "quality.csv", RUNS.timed),
    output:
        "<results>/report/{dataset}/browser.json",
    log:
        "<logs>/report/{dataset}.browser.log",
    wildcard_constraints:
        dataset=SCORED,
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.timed),
        titles=lambda wildcards: TITLES,
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        code=code_of("reports.browser"),
    shell:
        "python -m reports.browser --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} --order={params.order:q} "
        "--measurements {params.measurements:q} --titles {params.titles:q} --output {output:q} > {log:q} 2>&1"
