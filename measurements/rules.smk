from config.command_line import measurement_flags
from config.environment import own_files
from config.provenance import code_of
from config.schema import module_of
from datasets import PICTURES


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
        "python -m measurements.measure {params.family} --clean {input} --dataset {wildcards.dataset} "
        "--measurement {wildcards.measurement} --split {wildcards.split} --seed {params.seed} --output {params.folder} "
        "> {log} 2>&1"


rule given:  # pictures that were corrupted elsewhere
    input:
        lambda wildcards: own_files(config, wildcards.dataset),
    output:  # spelt out: a rule does not constrain wildcards that <measured> brings
        multiext("<results>/measured/{dataset}/{measurement}/train", ".y.npy", ".side_info.npy", ".json"),
        multiext("<results>/measured/{dataset}/{measurement}/test", ".y.npy", ".side_info.npy", ".json"),
    log:
        "<logs>/measure/{dataset}.{measurement}.log",
    wildcard_constraints:
        dataset=PICTURES,
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],
    params:
        family=lambda wildcards: measurement_flags(config, wildcards.dataset, wildcards.measurement),
        folder=subpath(output[0], parent=True),
        code=lambda wildcards: code_of("measurements.given", module_of(wildcards.measurement)),
    shell:
        "python -m measurements.given {params.family} --pictures {resources.data_dir:q}/{wildcards.dataset} "
        "--dataset {wildcards.dataset} --measurement {wildcards.measurement} --output {params.folder} > {log} 2>&1"
