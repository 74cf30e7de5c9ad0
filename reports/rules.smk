import json

from datasets import PICTURES, SHAPES

TABLES = [f"{name}.csv" for name in ("table", "differences", "methods", "training")]
TABLES += [f"{name}.{end}" for name in ("table", "details", "differences") for end in ("md", "tex")]
TABLES += ["notes.json", "summary.txt"]
FIGURE = [".png", ".pdf", ".json"]
PLOTS = [f"{name}{end}" for name in ("restorations", "mse_time") for end in FIGURE]
RUNS = Runs(workflow, config)
POSTERIOR = [f"posterior{end}" for end in (".csv", ".md", ".tex", *FIGURE)]
WITH_POSTERIOR = [name for name, runs in RUNS.of.items() if name != PICTURES and any(map(RUNS.sampled, runs))]  # data sets
TITLES = json.dumps({name: method["title"] for name, method in config["methods"].items()})

SHOWN = {name: [*TABLES, *PLOTS, *(POSTERIOR if name in WITH_POSTERIOR else [])] for name in SHAPES}
SHOWN[PICTURES] = [f"restorations{end}" for end in FIGURE]  # nothing is scored
REPORTED = {name: [f"{config['results']}/report/{name}/{file}" for file in SHOWN[name]] for name in config["datasets"]}
UNCERTAIN = Uncertain(config, checkpoints)  # data sets that the page says are missing where they cannot be had


rule table:
    input:
        scores=lambda wildcards: [
            path
            for name, program in METRICS_TO_RUN.items()
            if not program.of_samples and ("labels" not in program.needs or wildcards.dataset in CLASSES)
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
            if workflow.is_rule(f"ceiling_{name}") and ("labels" not in program.needs or wildcards.dataset in CLASSES)
        ],
    output:
        expand("<results>/report/{{dataset}}/{file}", file=TABLES),
    log:
        "<logs>/report/{dataset}.table.log",
    wildcard_constraints:
        dataset="|".join(SHAPES),
    conda:
        "../environment.yml"
    params:
        models=RUNS.pairs("models", "train.json", RUNS.learned, "{dataset}/{measurement}/{method}/{seed}"),
        sees=json.dumps(RUNS.sees),
        titles=TITLES,
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        reference=f"--reference {config['reference']}" if config["reference"] else "",
        measured=lambda wildcards, input: " ".join(
            f"{measurement}={path}" for measurement, path in zip(config["datasets"][wildcards.dataset], input.measured)
        ),
        folder=subpath(output[0], parent=True),
        version=4,
    shell:
        "python -m reports.table --dataset {wildcards.dataset} --scores {input.scores} --timing {input.timing} "
        "--models {params.models} --ceilings {input.ceilings} --measured-facts {params.measured} --sees {params.sees:q} --titles {params.titles:q} --order {params.order:q} "
        "--measurements {params.measurements:q} {params.reference} --output {params.folder} > {log} 2>&1"


rule restorations:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        measured=RUNS.measured,
        restored=RUNS.files("restored", "test.npy", RUNS.pictured),
    output:
        multiext("<results>/report/{dataset}/restorations", *FIGURE),
    log:
        "<logs>/report/{dataset}.restorations.log",
    wildcard_constraints:
        dataset="|".join(SHAPES),
    conda:
        "../environment.yml"
    params:
        measured=RUNS.measured_pairs,
        restored=RUNS.pairs("restored", "test.npy", RUNS.pictured, "{measurement}/{method}"),
        titles=TITLES,
        order=" ".join(name for name in config["methods"] if name != "as_measured"),
        stem=subpath(output[0], strip_suffix=".png"),
        version=1,
    shell:
        "python -m reports.restorations --dataset {wildcards.dataset} --clean {input.clean} --measured {params.measured} "
        "--restored {params.restored} --order {params.order:q} --titles {params.titles:q} --output {params.stem} > {log} 2>&1"


rule pictures:  # of those that were corrupted elsewhere
    input:
        measured=RUNS.measured,
        restored=RUNS.files("restored", "test.npy", RUNS.pictured),
    output:
        multiext("<results>/report/{dataset}/restorations", *FIGURE),
        "<results>/report/{dataset}/summary.txt",
        directory("<results>/report/{dataset}/restored"),
    log:
        "<logs>/report/{dataset}.pictures.log",
    wildcard_constraints:
        dataset=PICTURES,
    conda:
        "../environment.yml"
    params:
        measured=RUNS.measured_pairs,
        restored=RUNS.pairs("restored", "test.npy", RUNS.pictured, "{measurement}/{method}"),
        titles=TITLES,
        order=" ".join(name for name in config["methods"] if name != "as_measured"),
        folder=subpath(output[0], parent=True),
        version=1,
    shell:
        "python -m reports.pictures --dataset {wildcards.dataset} --measured {params.measured} --restored {params.restored} "
        "--order {params.order:q} --titles {params.titles:q} --output {params.folder} > {log} 2>&1"


rule mse_time:
    input:
        RUNS.files("scores", "timing.csv", RUNS.timed),
    output:
        multiext("<results>/report/{dataset}/mse_time", *FIGURE),
    log:
        "<logs>/report/{dataset}.mse_time.log",
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        order=" ".join(config["methods"]),
        measurements=lambda wildcards: " ".join(config["datasets"][wildcards.dataset]),
        stem=subpath(output[0], strip_suffix=".png"),
        version=1,
    shell:
        "python -m reports.mse_time --dataset {wildcards.dataset} --timing {input} --order {params.order:q} "
        "--measurements {params.measurements:q} --titles {params.titles:q} --output {params.stem} > {log} 2>&1"


rule posterior:
    input:
        scores=lambda wildcards: [
            path
            for name, program in METRICS_TO_RUN.items()
            if program.of_samples
            for path in RUNS.files("scores", f"{name}.csv", RUNS.sampled)(wildcards)
        ],
        samples=RUNS.files("restored", "posterior.npy", lambda run: RUNS.sampled(run) and RUNS.pictured(run)),
        methods="<results>/report/{dataset}/methods.csv",
        clean="<results>/clean/{dataset}/test.npy",
        measured=RUNS.measured,
    output:
        expand("<results>/report/{{dataset}}/{file}", file=POSTERIOR),
    log:
        "<logs>/report/{dataset}.posterior.log",
    conda:
        "../environment.yml"
    params:
        measured=RUNS.measured_pairs,
        samples=RUNS.pairs(
            "restored", "posterior.npy", lambda run: RUNS.sampled(run) and RUNS.pictured(run), "{measurement}/{method}"
        ),
        folder=subpath(output[0], parent=True),
        version=1,
    shell:
        "python -m reports.posterior --dataset {wildcards.dataset} --scores {input.scores} --methods {input.methods} "
        "--clean {input.clean} --measured {params.measured} --samples {params.samples} --output {params.folder} > {log} 2>&1"


rule configuration:
    output:
        "<results>/report/config.yaml",
    log:
        "<logs>/report/configuration.log",
    conda:
        "../environment.yml"
    params:
        text=shown_config(config),
    shell:
        "printf '%s' {params.text:q} > {output} 2> {log}"


rule page:
    input:
        [file for name in UNCERTAIN.others for file in REPORTED[name]],
        lambda wildcards: [file for name in UNCERTAIN.obtained() for file in REPORTED[name]],
        missing=lambda wildcards: UNCERTAIN.missing(),
        config="<results>/report/config.yaml",
    output:
        "<results>/report/index.html",
    log:
        "<logs>/report/page.log",
    conda:
        "../environment.yml"
    params:
        datasets=lambda wildcards: " ".join(
            f"{name}={config['results']}/report/{name}"
            for name in config["datasets"]
            if name in [*UNCERTAIN.others, *UNCERTAIN.obtained()]
        ),
        missing=lambda wildcards, input: " ".join(["--missing", *input.missing] if input.missing else []),
        posterior=" ".join(["--posterior", *WITH_POSTERIOR] if WITH_POSTERIOR else []),
        home=workflow.basedir,
        version=3,
    shell:
        "python -m reports.page --datasets {params.datasets} {params.missing} {params.posterior} --config {input.config} "
        "--commit $(git -C {params.home:q} describe --always --dirty 2>/dev/null || echo unknown) --output {output} > {log} 2>&1"
