from datasets import CLASSES, OPTIONAL, SHAPES


rule clean:
    input:
        lambda wildcards: own_files(config, wildcards.dataset),
    output:
        "<results>/clean/{dataset}/{split}.npy",
    log:
        "<logs>/clean/{dataset}.{split}.log",
    wildcard_constraints:
        dataset="|".join(SHAPES),
    conda:
        "../environment.yml"
    threads: 4  # which decode CelebA
    resources:
        data_dir=config["data_dir"],  # a resource, not a param: moving the data must not train everything again
    params:
        version=1,
    shell:
        "python -m datasets.prepare {wildcards.dataset} --split {wildcards.split} --data-dir {resources.data_dir:q} "
        "--output {output} > {log} 2>&1"


rule labels:
    output:
        "<results>/clean/{dataset}/{split}.labels.npy",
    log:
        "<logs>/labels/{dataset}.{split}.log",
    wildcard_constraints:
        dataset="|".join(CLASSES),  # the data sets whose images have classes
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],
    params:
        version=1,
    shell:
        "python -m datasets.prepare {wildcards.dataset} --split {wildcards.split} --labels --data-dir {resources.data_dir:q} "
        "--output {output} > {log} 2>&1"


checkpoint obtain:  # asked for only where an optional data set was not there at the start
    output:
        "<results>/obtained/{dataset}.json",
    log:
        "<logs>/obtain/{dataset}.log",
    wildcard_constraints:
        dataset="|".join(OPTIONAL),
    conda:
        "../environment.yml"
    params:
        data_dir=config["data_dir"],
        version=1,
    shell:
        "python -m datasets.obtain {wildcards.dataset} --data-dir {params.data_dir:q} --output {output} > {log} 2>&1"
