import datasets
from config.provenance import code_of
from config.schema import module_of


rule score:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        shown="<measured>/train.shown.npy",
        estimates="<results>/restored/{dataset}/{measurement}/{run}/{part}.npy",
        classified=lambda wildcards: (
            "{results}/scores/{dataset}/{measurement}/{run}/digits.csv".format(results=config["results"], **wildcards)
            if wildcards.part == "test" and datasets.classes(wildcards.dataset)
            else []
        ),
    output:
        "<results>/scores/{dataset}/{measurement}/{run}/{part}.csv",
    log:
        "<logs>/score/{dataset}.{measurement}/{run}/{part}.log",
    conda:
        "../environment.yml"
    params:
        classified=lambda wildcards, input: f"--classified {input.classified}" if input.classified else "",
        code=lambda wildcards: code_of("metrics.score", module_of(wildcards.measurement)),
    shell:
        "python -m metrics.score --clean {input.clean} --y {input.y} --side-info {input.side_info} --shown {input.shown} "
        "--estimates {input.estimates} {params.classified} --output {output} > {log} 2>&1"


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
        classes=lambda wildcards: datasets.classes(wildcards.dataset),
        code=code_of("metrics.classifier"),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.classifier train --clean {input.clean} --labels {input.labels} "
        "--classes {params.classes} --output {output} > {log} 2>&1"


rule classify:
    input:
        images="<results>/restored/{dataset}/{measurement}/{run}/test.npy",
        labels="<results>/clean/{dataset}/test.labels.npy",
        model="<results>/models/{dataset}/classifier.pt",
    output:
        "<results>/scores/{dataset}/{measurement}/{run}/digits.csv",
    log:
        "<logs>/classify/{dataset}.{measurement}/{run}.log",
    conda:
        "../environment.yml"
    params:
        code=code_of("metrics.classifier"),
    shell:
        "OMP_NUM_THREADS=1 python -m metrics.classifier predict --images {input.images} --labels {input.labels} "
        "--model {input.model} --output {output} > {log} 2>&1"


use rule classify as classify_clean with:  # the ceiling: what the classifier makes of the truth itself
    input:
        images="<results>/clean/{dataset}/test.npy",
        labels="<results>/clean/{dataset}/test.labels.npy",
        model="<results>/models/{dataset}/classifier.pt",
    output:
        "<results>/scores/{dataset}/digits.csv",
    log:
        "<logs>/classify/{dataset}.clean.log",


rule score_posterior:
    input:
        clean="<results>/clean/{dataset}/test.npy",
        side_info="<measured>/test.side_info.npy",
        samples="<results>/restored/{dataset}/{measurement}/{run}/posterior.npy",
    output:
        "<results>/scores/{dataset}/{measurement}/{run}/posterior.csv",
    log:
        "<logs>/score/{dataset}.{measurement}/{run}/posterior.log",
    conda:
        "../environment.yml"
    params:
        code=lambda wildcards: code_of("metrics.posterior", module_of(wildcards.measurement)),
    shell:
        "python -m metrics.posterior --clean {input.clean} --side-info {input.side_info} --samples {input.samples} --output {output} "
        "> {log} 2>&1"
