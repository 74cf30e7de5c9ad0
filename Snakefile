# Restoring images from corrupted data alone: clean → measured → restored → scored → reported, a folder per arrow.
#
#     snakemake --cores 8                                        the full reproduction (config/paper.yaml)
#     snakemake --cores 2 --configfile config/quick.yaml         minutes, no download
import copy
import sys

from snakemake.utils import min_version

min_version("9.18")
sys.path.insert(0, workflow.basedir)
from config import beside  # the folder config/, not the dictionary
from config.environment import (
    at_once,
    complete_config,
    elsewhere,
    limit_gpus,
    look_once_for_each_job,
    run_from,
    shared_files_alone,
)
from config.failures import failed_file, report_so_far
from config.jobs import to_run
from config.messages import print_absent, print_outcome, print_start
from config.method_rules import method_config
from config.progress import follow
from config.runs import Runs
from config.warned import print_warnings

if "datasets" not in config:

    configfile: f"{workflow.basedir}/config/paper.yaml"


ASKED = copy.deepcopy(config)
shared_files_alone(workflow)
config = complete_config(config, workflow.configfiles)
run_from(workflow.basedir, config, workflow.config_settings)
limit_gpus(workflow)
if workflow.is_main_process:  # with -n too, which runs no `onstart`
    print_absent(config)


pathvars:
    results=config["results"],
    logs=f"{config['results']}/logs",
    measured="<results>/measured/{dataset}/{measurement}",


wildcard_constraints:
    dataset="[a-z0-9_]+",
    measurement="[a-z0-9_]+",
    split="train|validation|test",
    part="test|timing",
    run="[a-z0-9_]+(/[0-9]+)?",


report: "reports/captions/report/workflow.rst"


rule all:
    input:
        "<results>/report/index.html",


include: "datasets/rules.smk"
include: "measurements/rules.smk"
include: "metrics/rules.smk"


for name, method in config["methods"].items():
    if "restored" in method:  # made elsewhere: submissions/
        continue
    prefix_ = f"{name}_"

    module:
        name: name
        pathvars:
            method=name,
            model=f"<results>/models/{{dataset}}/{{measurement}}/{name}/{{seed}}",
        snakefile:
            f"{method['folder']}/rules.smk"
        config:
            method_config(config, name, workflow.basedir)

    use rule * from name as prefix_*


RUNS = Runs(workflow, config)  # refuses a method whose rules name what it may not see


include: "reports/rules.smk"
include: "reports/so_far.smk"
include: "pictures/rules.smk"
include: "submissions/rules.smk"


beside.declare(workflow, config["results"])


onstart:
    jobs = to_run(workflow, config, RUNS)
    print_start(config, jobs, at_once(workflow), elsewhere(workflow))
    look_once_for_each_job(workflow)
    follow(workflow, {job.path: job.seconds for job in jobs})


onsuccess:
    failed_file(config).unlink(missing_ok=True)  # of an earlier run
    print_warnings(workflow.dag.needrun_jobs(exclude_finished=False), print_outcome(config))


onerror:
    report_so_far(workflow, ASKED, config)
    print_absent(config)
    print_warnings(workflow.dag.needrun_jobs(exclude_finished=False))
