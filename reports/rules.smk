import json

import datasets
from bench.provenance import code_of
from config.command_line import in_script, pairs
from config.messages import shown_config
from config.environment import why_absent
from reports.marked import of_report

TABLES = [f"{name}.csv" for name in ("table", "differences", "seeds", "methods", "training")]
TABLES += [f"{name}.{end}" for name in ("table", "details", "differences", "seeds") for end in ("md", "tex")]
TABLES += ["notes.json", "summary.txt"]
FIGURE = [".png", ".pdf", ".json"]
RESTORATIONS, MSE_TIME, PARETO, LEARNING, LOSSES, SAMPLES = (
    [f"{name}{end}" for end in FIGURE] for name in ("restorations", "mse_time", "pareto", "learning", "losses", "posterior")
)
PARETO += [f"pareto{end}" for end in (".csv", ".md", ".tex")]
LEARNING.append("learning.csv")
POSTERIOR = [f"posterior{end}" for end in (".csv", ".md", ".tex")]
POSTERIOR += [f"posterior_{name}" for name in ("details.md", "details.tex", "calibration.png", "calibration.pdf")]
WITH_POSTERIOR = [name for name in config["datasets"] if RUNS.chosen(name, RUNS.sampled)]  # data sets
# A param of free text is a function, whose value Snakemake takes as it is: elsewhere {word} in a title would be a wildcard.
TITLES = in_script(json.dumps({name: method["title"] for name, method in config["methods"].items()}))

SCORED = "|".join(datasets.with_clean())
WITH_CURVES = [name for name in config["datasets"] if datasets.has_clean(name) and RUNS.chosen(name, RUNS.learned)]
OF_SCORES = {
    name: [
        *TABLES,
        *MSE_TIME,
        *PARETO,
        "browser.json",
        *([*LEARNING, *LOSSES] if name in WITH_CURVES else []),
        *([*POSTERIOR, *SAMPLES] if name in WITH_POSTERIOR else []),
    ]
    for name in datasets.with_clean()
}
REPORTED = {
    name: [f"{config['results']}/report/{name}/{file}" for file in (*RESTORATIONS, *OF_SCORES.get(name, []))]
    for name in config["datasets"]
}
DECLARED = [f"metrics.{name}" for name in METRICS_TO_RUN]  # found by listing, so no import statement names them


rule table:
    input:
        scores=lambda wildcards: [
            path
            for name, program in METRICS_TO_RUN.items()
            if not program.of_samples and ("labels" not in program.needs or datasets.classes(wildcards.dataset))
            for path in RUNS.files("scores", f"{name}.csv")(wildcards)
        ],
        timing=RUNS.files("scores", "timing.csv", RUNS.timed),
        models=RUNS.files("models", "train.json", RUNS.learned),
        measured=lambda wildcards: [
            f"{config['results']}/measured/{wildcards.dataset}/{measurement}/train.json"
            for measurement in config["datasets"][wildcards.dataset]
        ],
        ceilings=lambda wildcards: [
            f"{config['results']}/scores/{wildcards.dataset}/{name}.csv"
            for name, program in METRICS_TO_RUN.items()
            if workflow.is_rule(f"ceiling_{name}") and ("labels" not in program.needs or datasets.classes(wildcards.dataset))
        ],
    output:
        *of_report(config["results"], TABLES),
    log:
        "<logs>/report/{dataset}.table.log",
    wildcard_constraints:
        dataset=SCORED,
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(),
        sees=json.dumps(RUNS.sees),
        absent=lambda wildcards: in_script(json.dumps(RUNS.reasons[wildcards.dataset], ensure_ascii=False)),
        titles=lambda wildcards: TITLES,
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        reference=f"--reference {config['reference']}" if config["reference"] else "",
        partial="",
        folder=subpath(output[0], parent=True),
        code=code_of("reports.table", "reports/captions", "reports/original.csv", *DECLARED),
    shell:
        "python -m reports.table --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} --sees {params.sees:q} "
        "--absent {params.absent:q} --titles {params.titles:q} --order={params.order:q} "
        "--measurements {params.measurements:q} {params.reference} {params.partial} --output {params.folder:q} > {log:q} 2>&1"


rule restorations:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        measured=RUNS.measured,
        restored=RUNS.files("restored", "test.npy", RUNS.pictured),
    output:
        *of_report(config["results"], RESTORATIONS),
    log:
        "<logs>/report/{dataset}.restorations.log",
    wildcard_constraints:
        dataset=SCORED,
    conda:
        "../environment.yml"
    params:
        measured=RUNS.measured_pairs,
        restored=RUNS.pairs("restored", "test.npy", RUNS.pictured, "{measurement}/{method}"),
        titles=lambda wildcards: TITLES,
        order=" ".join(name for name in config["methods"] if name != "as_measured"),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.restorations", "reports/captions"),
    shell:
        "python -m reports.restorations --dataset {wildcards.dataset} --clean {input.clean:q} --measured {params.measured} "
        "--restored {params.restored} --order={params.order:q} --titles {params.titles:q} --output {params.stem:q} > {log:q} 2>&1"


rule mse_time:
    input:
        RUNS.files("scores", "timing.csv", RUNS.timed),
    output:
        *of_report(config["results"], MSE_TIME),
    log:
        "<logs>/report/{dataset}.mse_time.log",
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.timed),
        titles=lambda wildcards: TITLES,
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.mse_time", "reports/captions"),
    shell:
        "python -m reports.mse_time --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} --order={params.order:q} "
        "--measurements {params.measurements:q} --titles {params.titles:q} --output {params.stem:q} > {log:q} 2>&1"


rule pareto:
    input:
        timing=RUNS.files("scores", "timing.csv", RUNS.timed),
        methods="<results>/report/{dataset}/methods.csv",
    output:
        *of_report(config["results"], PARETO),
    log:
        "<logs>/report/{dataset}.pareto.log",
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.timed),
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.pareto", "reports/captions"),
    shell:
        "python -m reports.pareto --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} "
        "--methods {input.methods:q} --order={params.order:q} --measurements {params.measurements:q} --output {params.stem:q} > {log:q} 2>&1"


rule posterior:
    input:
        scores=lambda wildcards: [
            path
            for name, program in METRICS_TO_RUN.items()
            if program.of_samples and ("labels" not in program.needs or datasets.classes(wildcards.dataset))
            for path in RUNS.files("scores", f"{name}.csv", RUNS.sampled)(wildcards)
        ],
        methods="<results>/report/{dataset}/methods.csv",
    output:
        *of_report(config["results"], POSTERIOR),
    log:
        "<logs>/report/{dataset}.posterior.log",
    conda:
        "../environment.yml"
    params:
        results=lambda wildcards: config["results"],
        runs=RUNS.names(RUNS.sampled),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        folder=subpath(output[0], parent=True),
        code=code_of("reports.posterior", "reports/captions", *DECLARED),
    shell:
        "python -m reports.posterior --dataset {wildcards.dataset} --results {params.results:q} --runs {params.runs} "
        "--methods {input.methods:q} --measurements {params.measurements:q} --output {params.folder:q} > {log:q} 2>&1"


rule posterior_samples:
    input:
        samples=RUNS.files("restored", "posterior.npy", RUNS.sampled_and_pictured),
        methods="<results>/report/{dataset}/methods.csv",
        clean="<results>/clean/{dataset}/test.npy",
        measured=RUNS.measured,
    output:
        *of_report(config["results"], SAMPLES),
    log:
        "<logs>/report/{dataset}.posterior_samples.log",
    conda:
        "../environment.yml"
    params:
        measured=RUNS.measured_pairs,
        samples=RUNS.pairs("restored", "posterior.npy", RUNS.sampled_and_pictured, "{measurement}/{method}"),
        stem=subpath(output[0], strip_suffix=".png"),
        code=code_of("reports.posterior_samples", "reports/captions"),
    shell:
        "python -m reports.posterior_samples --dataset {wildcards.dataset} --methods {input.methods:q} --clean {input.clean:q} "
        "--measured {params.measured} --samples {params.samples} --output {params.stem:q} > {log:q} 2>&1"


rule configuration:
    output:
        "<results>/report/config.yaml",
    log:
        "<logs>/report/configuration.log",
    conda:
        "../environment.yml"
    params:
        text=lambda wildcards: shown_config(config),
    shell:
        "printf '%s' {params.text:q} > {output:q} 2> {log:q}"


rule page:
    input:
        [file for name in config["datasets"] for file in REPORTED[name]],
        config="<results>/report/config.yaml",
    output:
        report("<results>/report/index.html", caption="captions/report/page.rst", category="the whole report on one page"),
    log:
        "<logs>/report/page.log",
    conda:
        "../environment.yml"
    resources:
        home=workflow.basedir,  # a resource, not a param: moving the repository changes no report
    params:
        datasets=pairs((name, f"{config['results']}/report/{name}") for name in config["datasets"]),
        missing=in_script(json.dumps({name: why_absent(config, name) for name in config["absent"]})),
        posterior=" ".join(["--posterior", *WITH_POSTERIOR] if WITH_POSTERIOR else []),
        learning=" ".join(["--learning", *WITH_CURVES] if WITH_CURVES else []),
        scores=f"{config['results']}/scores",
        partial="",
        code=code_of("reports.page", "reports/captions", *(f"reports/page.{end}" for end in ("html", "css", "js")), *DECLARED),
    shell:
        "python -m reports.page --datasets {params.datasets} --missing {params.missing:q} {params.posterior} {params.learning} "
        "--scores {params.scores:q} {params.partial} --config {input.config:q} "
        "--commit $(git -C {resources.home:q} describe --always --dirty 2>/dev/null || echo unknown) --output {output:q} > {log:q} 2>&1"


include: "figures.smk"
include: "published.smk"
