rule measure:
    input:
        "<results>/clean/{dataset}/{split}.npy",
    output:
        y="<measured>/{split}.y.npy",
        theta="<measured>/{split}.theta.npy",
        facts="<measured>/{split}.json",
    log:
        "<logs>/measure/{dataset}.{measurement}.{split}.log",
    conda:
        "../environment.yml"
    params:
        family=lambda wildcards: measurement_flags(config, wildcards.dataset, wildcards.measurement),
        folder=subpath(output.y, parent=True),
        seed=config["measurement_seed"],
        version=2,
    shell:
        "python -m measurements.measure {params.family} --clean {input} --dataset {wildcards.dataset} "
        "--measurement {wildcards.measurement} --split {wildcards.split} --seed {params.seed} --output {params.folder} "
        "> {log} 2>&1"
