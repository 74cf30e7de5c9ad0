# One rule for each metric file of this folder (metrics/declared.py), score_NAME, which makes NAME.csv for each run. What else a
# program needs stands in NAME.smk, such as ceiling_NAME: the scores of the clean images themselves, scores/DATASET/NAME.csv.
import datasets
from bench.provenance import code_of
from config.command_line import flags
from config.order import priority
from config.schema import module_of
from metrics import declared

# The files that a program may say that it needs. Which runs it applies to follows from whether its files can be made.
FILES_OF_METRICS = {
    "clean": "<results>/clean/{dataset}/test.npy",
    "y": "<measured>/test.y.npy",
    "side_info": "<measured>/test.side_info.npy",
    "shown": "<measured>/train.shown.npy",  # how many training measurements show each value
    "estimates": "<results>/restored/{dataset}/{measurement}/{run}/test.npy",
    "samples": "<results>/restored/{dataset}/{measurement}/{run}/posterior.npy",
    "labels": "<results>/clean/{dataset}/test.labels.npy",  # of data sets with classes
    "classifier": "<results>/models/{dataset}/classifier.pt",  # likewise
}
METRICS_TO_RUN = {
    name: program
    for name, program in declared.programs().items()
    if program.applies(config["metric_weights"], config["protocol"])
}
CLASSIFIED = "|".join(name for name in datasets.names() if datasets.classes(name))  # the data sets whose images have classes


for name, program in METRICS_TO_RUN.items():
    weights_ = config["metric_weights"][name] if "weights" in program.needs else {}

    rule:
        name:
            f"score_{name}"
        input:
            **{need: weights_["path"] if need == "weights" else FILES_OF_METRICS[need] for need in program.needs},
        output:
            f"<results>/scores/{{dataset}}/{{measurement}}/{{run}}/{name}.csv",
        log:
            f"<logs>/score/{{dataset}}.{{measurement}}/{{run}}/{name}.log",
        wildcard_constraints:
            dataset=CLASSIFIED if "labels" in program.needs else "[a-z0-9_]+",
        priority: lambda wildcards: priority(config["seeds"], wildcards.dataset, wildcards.run)
        conda:
            "../environment.yml"
        params:
            program=name,
            inputs=lambda wildcards, input: flags(input),
            sha256=f"--sha256 {weights_['sha256']}" if weights_ else "",
            code=lambda wildcards, name=name: code_of(f"metrics.{name}", module_of(wildcards.measurement)),
        shell:
            "OMP_NUM_THREADS=1 python -m metrics.{params.program} {params.inputs} {params.sha256} --output {output:q} > {log:q} 2>&1"


rule score_timing:  # the quality of the timing batch, at each estimate in time
    input:
        clean="<results>/clean/{dataset}/test.npy",
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        shown="<measured>/train.shown.npy",
        estimates="<results>/restored/{dataset}/{measurement}/{run}/timing.npy",
    output:
        "<results>/scores/{dataset}/{measurement}/{run}/timing.csv",
    log:
        "<logs>/score/{dataset}.{measurement}/{run}/timing.log",
    priority: lambda wildcards: priority(config["seeds"], wildcards.dataset, wildcards.run)
    conda:
        "../environment.yml"
    params:
        inputs=lambda wildcards, input: flags(input),
        code=lambda wildcards: code_of("metrics.quality", module_of(wildcards.measurement)),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.quality {params.inputs} --output {output:q} > {log:q} 2>&1"


rule score_learning:  # what a training made of held-out measurements as it went on
    input:
        clean="<results>/clean/{dataset}/validation.npy",
        held_out="<measured>/validation.y.npy",
        trained="<results>/models/{dataset}/{measurement}/{method}/{seed}/train.json",
        estimates="<results>/models/{dataset}/{measurement}/{method}/{seed}/learning.npy",
        curve="<results>/models/{dataset}/{measurement}/{method}/{seed}/learning.csv",
    output:
        "<results>/scores/{dataset}/{measurement}/{method}/{seed}/learning.csv",
    log:
        "<logs>/score/{dataset}.{measurement}/{method}/{seed}/learning.log",
    wildcard_constraints:
        method="[a-z0-9_]+",
        seed="[0-9]+",
    conda:
        "../environment.yml"
    params:
        inputs=lambda wildcards, input: flags(input),
        run=lambda wildcards: flags(dict(wildcards)),
        code=code_of("metrics.learning"),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.learning {params.inputs} {params.run} --output {output:q} > {log:q} 2>&1"


for name in METRICS_TO_RUN:  # the further rules that a program needs
    if (declared.FOLDER / f"{name}.smk").exists():

        include: f"{name}.smk"
