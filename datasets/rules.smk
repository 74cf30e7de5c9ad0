import datasets
from bench.provenance import code_of
from config.command_line import split_flags
from config.environment import own_files, own_stamps
from config.order import PREPARES
from config.resources import of_clean


rule clean:
    input:
        lambda wildcards: own_files(config, wildcards.dataset),
    output:
        "<results>/clean/{dataset}/{split}.npy",
    log:
        "<logs>/clean/{dataset}.{split}.log",
    wildcard_constraints:
        dataset="|".join(datasets.with_clean()),
    priority: PREPARES
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],  # a resource, not a param: moving the data must not train everything again
        mem_mb=lambda wildcards, attempt: attempt * of_clean(config, wildcards.dataset, wildcards.split),
    params:
        images=lambda wildcards: split_flags(config, wildcards.dataset, wildcards.split),
        stamps=lambda wildcards: own_stamps(config, wildcards.dataset),
        code=lambda wildcards: code_of("datasets.prepare", f"datasets.{wildcards.dataset}"),
    shell:
        "python -m datasets.prepare {wildcards.dataset} --split {wildcards.split} --data-dir {resources.data_dir:q} "
        "{params.images} --output {output:q} > {log:q} 2>&1"


rule labels:
    output:
        "<results>/clean/{dataset}/{split}.labels.npy",
    log:
        "<logs>/labels/{dataset}.{split}.log",
    wildcard_constraints:
        dataset="|".join(filter(datasets.classes, datasets.names())),  # the data sets whose images have classes
    priority: PREPARES
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],
    params:
        images=lambda wildcards: split_flags(config, wildcards.dataset, wildcards.split),
        code=lambda wildcards: code_of("datasets.prepare", f"datasets.{wildcards.dataset}"),
    shell:
        "python -m datasets.prepare {wildcards.dataset} --split {wildcards.split} --labels --data-dir {resources.data_dir:q} "
        "{params.images} --output {output:q} > {log:q} 2>&1"
