rule clean:
    output:
        "<results>/clean/{dataset}/{split}.npy",
    log:
        "<logs>/clean/{dataset}.{split}.log",
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],  # a resource, not a param: moving the data must not train everything again
    params:
        version=1,
    shell:
        "python -m datasets.prepare {wildcards.dataset} --split {wildcards.split} --data-dir {resources.data_dir:q} "
        "--output {output} > {log} 2>&1"
