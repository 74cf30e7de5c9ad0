from config.command_line import measurement_flags
from config.provenance import code_of
from config.schema import module_of


rule measure:
    input:
        "<results>/clean/{dataset}/{split}.npy",
    output:
        y="<measured>/{split}.y.npy",
        side_info="<measured>/{split}.side_info.npy",
        shown="<measured>/{split}.shown.npy",
        facts="<measured>/{split}.json",
    log:
        "<logs>/measure/{dataset}.{measurement}.{split}.log",
    conda:
        "../environment.yml"
    params:
        family=lambda wildcards: measurement_flags(config, wildcards.dataset, wildcards.measurement),
        folder=subpath(output.y, parent=True),
        seed=config["measurement_seed"],
        code=lambda wildcards: code_of("measurements.measure", module_of(wildcards.measurement)),
    shell:
        "python -m measurements.measure {params.family} --clean {input:q} --dataset {wildcards.dataset} "
        "--measurement {wildcards.measurement} --split {wildcards.split} --seed {params.seed} --output {params.folder:q} "
        "> {log:q} 2>&1"
