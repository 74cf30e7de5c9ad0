# The classifier of metrics/digits.py, for data sets with classes.
import datasets
from bench.provenance import code_of
from config.command_line import flags
from config.order import PREPARES


rule classifier:
    input:
        clean="<results>/clean/{dataset}/train.npy",
        labels="<results>/clean/{dataset}/train.labels.npy",
    output:
        "<results>/models/{dataset}/classifier.pt",
    log:
        "<logs>/classifier/{dataset}.train.log",
    priority: PREPARES
    conda:
        "../environment.yml"
    params:
        classes=lambda wildcards: datasets.classes(wildcards.dataset),
        code=code_of("metrics.digit_classifier"),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.digit_classifier --clean {input.clean:q} --labels {input.labels:q} "
        "--classes {params.classes} --output {output:q} > {log:q} 2>&1"


rule ceiling_digits:  # the accuracy of the clean test images, which restored images can reach at best
    input:
        ceiling="<results>/clean/{dataset}/test.npy",
        labels="<results>/clean/{dataset}/test.labels.npy",
        classifier="<results>/models/{dataset}/classifier.pt",
    output:
        "<results>/scores/{dataset}/digits.csv",
    log:
        "<logs>/score/{dataset}.clean.digits.log",
    wildcard_constraints:
        dataset=CLASSIFIED,
    conda:
        "../environment.yml"
    params:
        inputs=lambda wildcards, input: flags(input),
        code=code_of("metrics.digits"),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.digits {params.inputs} --output {output:q} > {log:q} 2>&1"
