# Data sets without clean images: pictures that are corrupted already, restored and not scored.
import datasets
from bench.provenance import code_of
from config.command_line import measurement_flags
from config.environment import own_files, own_stamps
from config.schema import module_of
from reports.marked import of_report

WITHOUT_CLEAN = "|".join(name for name in datasets.names() if not datasets.has_clean(name))
PARTS = [".y.npy", ".side_info.npy", ".shown.npy", ".json"]


rule measure_pictures:
    input:
        lambda wildcards: own_files(config, wildcards.dataset),
    output:  # spelt out: a rule does not constrain wildcards that <measured> brings
        multiext("<results>/measured/{dataset}/{measurement}/train", *PARTS),
        multiext("<results>/measured/{dataset}/{measurement}/test", *PARTS),
    log:
        "<logs>/measure/{dataset}.{measurement}.log",
    wildcard_constraints:
        dataset=WITHOUT_CLEAN,
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],
    params:
        family=lambda wildcards: measurement_flags(config, wildcards.dataset, wildcards.measurement),
        folder=subpath(output[0], parent=True),
        stamps=lambda wildcards: own_stamps(config, wildcards.dataset),
        code=lambda wildcards: code_of("pictures.measure", module_of(wildcards.measurement)),
    shell:
        "python -m pictures.measure {params.family} --pictures {resources.data_dir:q}/{wildcards.dataset} "
        "--dataset {wildcards.dataset} --measurement {wildcards.measurement} --output {params.folder:q} > {log:q} 2>&1"


rule write_pictures:
    input:
        lambda wildcards: own_files(config, wildcards.dataset),
        measured=RUNS.measured,
        restored=RUNS.files("restored", "test.npy", RUNS.pictured),
    output:
        *of_report(config["results"], RESTORATIONS),
        "<results>/report/{dataset}/summary.txt",
        directory("<results>/report/{dataset}/restored"),
    log:
        "<logs>/report/{dataset}.pictures.log",
    wildcard_constraints:
        dataset=WITHOUT_CLEAN,
    conda:
        "../environment.yml"
    resources:
        data_dir=config["data_dir"],
    params:
        measured=RUNS.measured_pairs,
        restored=RUNS.pairs("restored", "test.npy", RUNS.pictured, "{measurement}/{method}"),
        titles=lambda wildcards: TITLES,
        order=" ".join(name for name in config["methods"] if name != "as_measured"),
        folder=subpath(output[0], parent=True),
        stamps=lambda wildcards: own_stamps(config, wildcards.dataset),
        code=code_of("pictures.write", "pictures/caption.md"),
    shell:
        "python -m pictures.write --dataset {wildcards.dataset} --pictures {resources.data_dir:q}/{wildcards.dataset} "
        "--measured {params.measured} --restored {params.restored} "
        "--order={params.order:q} --titles {params.titles:q} --output {params.folder:q} > {log:q} 2>&1"
