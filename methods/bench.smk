# What the rules of all methods share. A method's own rule module names its inputs, which say what it may see:
#
#     module bench:
#         snakefile: config["bench"]
#         config: config
#
#     use rule restore from bench with:
#         input:
#             y="<measured>/test.y.npy",
#             theta="<measured>/test.theta.npy",  # only if it uses the θ of each image
#         wildcard_constraints:
#             measurement="drop_.*",  # only if it does not apply to every forward model
#
# A named input becomes a flag of the command. With `config: {**config, "seeded": True}` the method runs once for each seed;
# `train` makes <model>/model.pt for each seed.
# What `protocol: paper` hands to every training (README, Protocols) is one more line of a `train` rule; it is empty otherwise:
#
#     use rule train from bench with:
#         input:
#             **config["paper"],
#             y="<measured>/train.y.npy",
#
# Raise `version` when a change of code changes results: Snakemake does not follow imports.
from config.check import flags
from config.workflow import cores

RUN = "{seed,[0-9]+}/{part,test|timing}" if config.get("seeded") else "{part,test|timing}"  # what a run's files are called


rule restore:
    output:
        images=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{RUN}.npy",
        facts=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{RUN}.json",
    log:
        f"<logs>/<method>/restore/{{dataset}}.{{measurement}}/{RUN}.log",
    conda:
        "../environment.yml"
    threads: lambda wildcards: cores(workflow, wildcards.part)
    resources:
        gpu=config["gpu"],
    params:
        package=config["package"],
        inputs=lambda wildcards, input: flags(input),
        options=config["restore"],
        part=lambda wildcards: "--timing" if wildcards.part == "timing" else "",
        seed=lambda wildcards: f"--seed {wildcards.seed}" if "seed" in wildcards.keys() else "",
        version=1,
    shell:
        "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 "
        "python -m {params.package}.restore {params.inputs} --output {output.images} {params.part} {params.seed} "
        "{params.options} > {log} 2>&1"


rule train:
    output:
        model="<model>/model.pt",
        log="<model>/train.csv",
        facts="<model>/train.json",
    log:
        "<logs>/<method>/train/{dataset}.{measurement}.{seed}.log",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=config["gpu"],
    params:
        package=config["package"],
        inputs=lambda wildcards, input: flags(input),
        folder=subpath(output.model, parent=True),
        options=config["train"],
        version=1,
    shell:
        "python -m {params.package}.train {params.inputs} --output {params.folder} --seed {wildcards.seed} "
        "{params.options} > {log} 2>&1"
