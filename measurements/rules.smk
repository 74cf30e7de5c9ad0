from bench.provenance import code_of
from config.command_line import measurement_flags
from config.order import PREPARES
from config.schema import module_of


rule measure:  # each image once
    input:
        "<results>/clean/{dataset}/{split}.npy",
    output:
        y="<measured>/{split}.y.npy",
        side_info="<measured>/{split}.side_info.npy",
        shown="<measured>/{split}.shown.npy",
        facts="<measured>/{split}.json",
    log:
        "<logs>/measure/{dataset}.{measurement}.{split}.log",
    priority: PREPARES
    conda:
        "../environment.yml"
    params:
        family=lambda wildcards: measurement_flags(config, wildcards.dataset, wildcards.measurement),
        folder=subpath(output.y, parent=True),
        split="{split}",
        seed=config["measurement_seed"],
        code=lambda wildcards: code_of("measurements.measure", module_of(wildcards.measurement)),
    shell:
        "python -m measurements.measure {params.family} --clean {input:q} --dataset {wildcards.dataset} "
        "--measurement {wildcards.measurement} --split {params.split} --seed {params.seed} --output {params.folder:q} "
        "> {log:q} 2>&1"


use rule measure as measure_again with:  # the training images once more, for controls that see two measurements of each
    input:
        "<results>/clean/{dataset}/train.npy",
    output:
        y="<measured>/train_again.y.npy",
        side_info="<measured>/train_again.side_info.npy",
        shown="<measured>/train_again.shown.npy",
        facts="<measured>/train_again.json",
    log:
        "<logs>/measure/{dataset}.{measurement}.train_again.log",
    params:
        split="train_again",
