# What the rules of all methods share. A method's own rule module names its inputs, which say what it may see (config/sees.py):
#
#     module bench:
#         snakefile: config["bench"]
#         config: config
#
#     use rule restore from bench with:
#         input:
#             y="<measured>/test.y.npy",
#             side_info="<measured>/test.side_info.npy",  # only if it uses the side information of each image
#
# A named input becomes a flag of the command. A method's method.yaml says to which forward models it applies and whether it runs
# once for each seed (bench/method_facts.py). `train` makes <model>/model.pt for each seed. A method whose restore.py has a
# function `sample` also uses the rule `sample`, in the same way as `restore`. What every training is given, held-out measurements
# for its learning curve and the clean images of some protocols (docs/protocols.md), is one more line of the inputs of `train`:
#
#     use rule train from bench with:
#         input:
#             **config["protocol"],
#             y="<measured>/train.y.npy",
from pathlib import Path

from bench.provenance import code_of_method
from config.command_line import flags
from config.environment import cores
from config.order import priority
from config.resources import asks
from config.schema import module_of

FOLDER = "{seed,[0-9]+}/" if config["seeded"] else ""
ADOPTED = flags({"model": config["model"], "method": Path(config["folder"]).name}) if config["model"] else ""
RUN = f"{FOLDER}{{part,test|timing}}"  # what a run's files are called


rule restore:
    output:
        images=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{RUN}.npy",
        facts=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{RUN}.json",
    log:
        f"<logs>/<method>/restore/{{dataset}}.{{measurement}}/{RUN}.log",
    priority: lambda wildcards: priority(config["seeds"], wildcards.dataset, wildcards.get("seed", ""))
    conda:
        "../environment.yml"
    threads: lambda wildcards: cores(workflow, wildcards.part)
    resources:
        gpu=config["gpu"],
        limit=config["limit"],  # a resource, not a param: another limit makes nothing again
        mem_mb=asks(config["asked"]["mem_mb"], "restore"),
        runtime=asks(config["asked"]["runtime"], "restore"),
    params:
        package=config["package"],
        name=config["name"],
        inputs=lambda wildcards, input: flags(input),
        options=lambda wildcards: config["restore"][wildcards.dataset],  # a function, as braces in an option are no wildcard
        part=lambda wildcards: (
            f"--timing {config['timing'][wildcards.dataset]}"
            if wildcards.part == "timing"
            else config["first_images"][wildcards.dataset]
        ),
        seed=lambda wildcards: f"--seed {wildcards.seed}" if "seed" in wildcards.keys() else "",
        code=lambda wildcards: code_of_method(config["folder"], "restore", module_of(wildcards.measurement)),
    shell:
        "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 "
        "python -m {params.package}.restore --method {params.name} {params.inputs} --output {output.images:q} {params.part} {params.seed} "
        "{params.options} --runtime {resources.limit} > {log:q} 2>&1"


use rule restore as sample with:
    output:
        images=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{FOLDER}posterior.npy",
        facts=f"<results>/restored/{{dataset}}/{{measurement}}/<method>/{FOLDER}posterior.json",
    log:
        f"<logs>/<method>/restore/{{dataset}}.{{measurement}}/{FOLDER}posterior.log",
    threads: 1
    resources:
        gpu=config["gpu"],
        limit=config["limit"],
        mem_mb=asks(config["asked"]["mem_mb"], "sample"),
        runtime=asks(config["asked"]["runtime"], "sample"),
    params:
        part="--samples",


rule train:
    output:
        model="<model>/model.pt",
        log="<model>/train.csv",
        facts="<model>/train.json",
        learning=multiext("<model>/learning", ".csv", ".npy"),
    log:
        "<logs>/<method>/train/{dataset}.{measurement}.{seed}.log",
    priority: lambda wildcards: priority(config["seeds"], wildcards.dataset, wildcards.seed)
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=0 if config["model"] else config["gpu"],
        limit=config["limit"],
        mem_mb=asks(config["asked"]["mem_mb"], "train"),
        runtime=asks(config["asked"]["runtime"], "train"),
    params:
        program="training.adopt" if config["model"] else f"{config['package']}.train",
        inputs=lambda wildcards, input: flags(input),
        folder=subpath(output.model, parent=True),
        options=lambda wildcards: ADOPTED or config["train"][wildcards.dataset],
        stamp=Path(config["model"]).stat().st_mtime_ns if config["model"] else "",
        code=lambda wildcards: code_of_method(config["folder"], "train", module_of(wildcards.measurement)),
    shell:
        "python -m {params.program} {params.inputs} --output {params.folder:q} --seed {wildcards.seed:q} "
        "{params.options} --runtime {resources.limit} > {log:q} 2>&1"
