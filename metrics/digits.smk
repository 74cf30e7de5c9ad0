# The classifier of metrics/digits.py, for data sets with classes.
from config.check import flags
from datasets import CLASSES


rule classifier:
    input:
        clean="<results>/clean/{dataset}/train.npy",
        labels="<results>/clean/{dataset}/train.labels.npy",
    output:
        "<results>/models/{dataset}/classifier.pt",
    log:
        "<logs>/classifier/{dataset}.train.log",
    conda:
        "../environment.yml"
    params:
        classes=lambda wildcards: CLASSES[wildcards.dataset],
        version=1,
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.digit_classifier --clean {input.clean} --labels {input.labels} "
        "--classes {params.classes} --output {output} > {log} 2>&1"


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
        dataset="|".join(CLASSES),
    conda:
        "../environment.yml"
    params:
        inputs=lambda wildcards, input: flags(input),
        version=1,
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.digits {params.inputs} --output {output} > {log} 2>&1"
