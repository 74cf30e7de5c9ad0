# Restorations that were made elsewhere are checked and scored like any other; `make measurements` writes what it takes to make them.
import datasets
from bench.provenance import code_of
from config.command_line import flags, options_on
from submissions.hand_out import BESIDE, FILES

SUBMITTED = [name for name, method in config["methods"].items() if "restored" in method]
HANDED_OUT = [
    f"<results>/handout/{dataset}/{measurement}/{file}"
    for dataset, measurements in config["datasets"].items()
    if datasets.has_clean(dataset)
    for measurement in measurements
    for file in FILES
]


rule measurements:
    input:
        HANDED_OUT,


rule hand_out:
    input:
        expand("<measured>/{file}", file=FILES, allow_missing=True),
    output:
        expand("<results>/handout/{dataset}/{measurement}/{file}", file=[*FILES, *BESIDE], allow_missing=True),
    log:
        "<logs>/hand_out/{dataset}.{measurement}.log",
    conda:
        "../environment.yml"
    params:
        measured=subpath(input[0], parent=True),
        folder=subpath(output[0], parent=True),
        code=code_of("submissions.hand_out", "submissions/README.md", "submissions/loader.py"),
    shell:
        "python -m submissions.hand_out --measured {params.measured:q} --output {params.folder:q} > {log:q} 2>&1"


if SUBMITTED:

    rule submitted:
        input:
            restored=lambda wildcards: RUNS.given(wildcards.dataset, wildcards.measurement, wildcards.method),
            beside=RUNS.beside,
            y="<measured>/test.y.npy",
        output:
            images="<results>/restored/{dataset}/{measurement}/{method}/test.npy",
            facts="<results>/restored/{dataset}/{measurement}/{method}/test.json",
        log:
            "<logs>/{method}/submitted/{dataset}.{measurement}.log",
        wildcard_constraints:
            method="|".join(SUBMITTED),
        conda:
            "../environment.yml"
        params:
            first=lambda wildcards: flags(options_on(config["methods"][wildcards.method], "restore", wildcards.dataset)),
            code=code_of("submissions.check"),
        shell:
            "python -m submissions.check --restored {input.restored:q} --y {input.y:q} --method {wildcards.method} {params.first} "
            "--output {output.images:q} > {log:q} 2>&1"
