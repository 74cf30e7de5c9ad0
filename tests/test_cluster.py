"""What jobs ask a scheduler for, read from the parsed workflow, and what is the same here and on a cluster."""

import inspect
import re
from types import SimpleNamespace

import pytest
import yaml
from declared import FOLDERS, METHODS, ROOT
from parsed import workflow_of
from snakemake.iocontainers import Wildcards
from snakemake.scheduling.job_scheduler import JobScheduler

import store
from config import environment, resources
from config.check import check
from config.memory import mib_of, table
from config.method_rules import method_config

CONFIG = {
    "datasets": {"mnist5k": {"drop_patch": {"size": 9}}},
    "methods": {
        "harmonic": None,
        "deep_image_prior": None,
        "ambient_vaegan": {"train": {"steps": 20000, "batch_size": 64}},
        "acsg": {"runtime": 30},
    },
    "gpu": True,
}
OF_A_JOB = {"dataset": "mnist5k", "measurement": "drop_patch", "seed": "0", "split": "train"}


def asked(workflow, rule: str, part: str = "test", attempt: int = 1) -> dict:
    """The resources of a job, "_cores" among them."""
    wildcards = Wildcards(fromdict=OF_A_JOB | {"part": part})
    return dict(workflow.get_rule(rule).expand_resources(wildcards, [], attempt).items())


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    environment.gpus.cache_clear()
    with workflow_of(CONFIG, tmp_path_factory.mktemp("cluster")) as parsed:
        yield parsed


def test_only_jobs_with_networks_ask_for_a_gpu(workflow):
    on_gpu = {rule.name for rule in workflow.rules if "gpu" in rule.resources and asked(workflow, rule.name)["gpu"]}
    parts = {"ambient_vaegan": ("train", "restore", "sample"), "acsg": ("train", "restore"), "deep_image_prior": ("restore",)}
    assert on_gpu == {f"{method}_{part}" for method, of in parts.items() for part in of}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_method_says_that_it_computes_on_a_gpu_where_it_takes_one(folder):
    takes = re.search(r"device\.take|training\.models|from training import (device|models)", (folder / "restore.py").read_text())
    shared = re.search(r"^from methods\.\w+\.restore import", (folder / "restore.py").read_text(), re.MULTILINE)
    assert METHODS[folder.name].gpu == bool(takes) or (shared and METHODS[folder.name].gpu)


def test_every_job_takes_one_core_where_jobs_run_elsewhere(workflow):
    """A job's own Snakemake, and the one that hands it over, must come to the same number."""
    for there in ({"remote_exec": True, "non_local_exec": False}, {"remote_exec": False, "non_local_exec": True}):
        fake = SimpleNamespace(**there, cores=64, nodes=100)
        assert environment.cores(fake, "timing") == environment.cores(fake, "test") == 1
        assert environment.at_once(fake) == 100
    here = SimpleNamespace(remote_exec=False, non_local_exec=False, cores=64, nodes=None)
    assert (environment.cores(here, "timing"), environment.cores(here, "test")) == (64, 1)
    fixed = [rule for rule in workflow.rules if not rule.name.endswith("_restore")]
    assert {rule.resources["_cores"].value for rule in fixed} == {1}


@pytest.mark.parametrize("there", [False, True])
def test_a_run_here_looks_for_jobs_when_one_has_ended_alone(there):
    """Snakemake asks for another look a second after each, where its scheduler has a limit of jobs per second."""
    fake = SimpleNamespace(remote_exec=False, non_local_exec=there, scheduler=SimpleNamespace(job_rate_limiter="100/1s"))
    environment.look_once_for_each_job(fake)
    assert fake.scheduler.job_rate_limiter == ("100/1s" if there else None)
    assert "if self.job_rate_limiter is not None" in inspect.getsource(JobScheduler.schedule)


def test_memory_and_time_follow_from_what_was_measured_and_grow_with_each_attempt(workflow):
    train = asked(workflow, "ambient_vaegan_train")
    row = next(row for row in table()["train"] if row[:3] == ("ambient_vaegan", "", 28 * 28))
    measured = row[3] + 64 * row[4]
    assert 1.25 * measured <= train["mem_mb"] - resources.GPU_MB <= 1.25 * measured + resources.STEP_MB
    assert 20 < train["runtime"] < 1000
    assert asked(workflow, "ambient_vaegan_train", attempt=3)["mem_mb"] == 3 * train["mem_mb"]
    assert asked(workflow, "harmonic_restore")["mem_mb"] < train["mem_mb"]
    assert asked(workflow, "harmonic_restore", "timing")["runtime"] >= resources.START


def test_a_limit_of_the_configuration_is_what_a_scheduler_is_asked_for(workflow):
    limited = asked(workflow, "acsg_train")
    assert (limited["limit"], limited["runtime"]) == (30, 30 + resources.SAVES)
    assert asked(workflow, "harmonic_restore")["limit"] == 0
    for rule in ("acsg_train", "acsg_restore", "ambient_vaegan_sample"):
        assert "--runtime {resources.limit}" in workflow.get_rule(rule).shellcmd


def test_the_limit_of_a_method_comes_before_that_of_all():
    config = check(CONFIG | {"runtime": 120})
    limits = {name: resources.limit_of(config, name) for name in config["methods"]}
    assert limits == {"harmonic": 120, "deep_image_prior": 120, "ambient_vaegan": 120, "acsg": 30}


def test_clean_images_ask_for_the_room_of_their_split():
    config = check({"datasets": {"celeba": {"add_noise": {"sigma": 0.2}}}, "methods": {"as_measured": None}})
    whole, few = resources.of_clean(config, "celeba", "train"), resources.of_clean(config, "celeba", "test")
    assert whole * 2**20 > 162_770 * 64 * 64 * 3 and few < whole
    own = check({"datasets": {"folder": {"add_noise": {"sigma": 0.2}}}, "methods": {"as_measured": None}})
    assert resources.of_clean(own, "folder", "train") > few / 2


def test_other_sizes_of_images_and_methods_from_outside_have_an_answer():
    small, large = (mib_of("train", ROOT / "methods/acsg", "", side * side, 64) for side in (28, 560))
    assert large > small
    outside = mib_of("train", ROOT / "docs/examples/dncnn", "", 28 * 28, 64)
    assert outside == max(mib_of("train", ROOT / "methods" / row[0], row[1], 28 * 28, 64) for row in table()["train"])


def test_memory_of_every_method_was_measured():
    own = {folder.name for folder in FOLDERS if not (folder / "requirements.txt").exists()}
    assert {row[0] for row in table()["restore"]} == own
    assert {row[0] for row in table()["train"]} == {name for name in own if METHODS[name].learned}


# --- GPUs at a time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there, found, limit", [({}, 4, 4), ({}, 0, 1), ({"gpu": 2}, 4, 2), ({"_nodes": 100}, 4, None)])
def test_gpus_limit_jobs_here_whatever_the_profile_says(monkeypatch, there, found, limit):
    monkeypatch.setattr(environment, "gpus", lambda: found)
    known = {name: SimpleNamespace(value=value) for name, value in ({"_nodes": None} | there).items()}
    fake = SimpleNamespace(global_resources=known)
    fake.register_resource = lambda name, value: known.update({name: SimpleNamespace(value=value)})
    environment.limit_gpus(fake)
    assert (known["gpu"].value if "gpu" in known else None) == limit


def test_a_run_without_a_profile_has_a_limit_on_gpus(workflow):
    assert workflow.global_resources["gpu"].value == max(1, environment.gpus())


@pytest.mark.parametrize("said, learned", [("auto", 0), (True, 1), (False, 0), ("true", 1), ("False", 0)])
def test_the_key_gpu_decides_for_all_methods(monkeypatch, said, learned):
    monkeypatch.setattr(environment, "gpus", lambda: 0)
    config = check(CONFIG | {"gpu": said})
    assert [method_config(config, name, str(ROOT))["gpu"] for name in ("harmonic", "acsg")] == [0, learned]


def test_jobs_are_told_of_the_key(monkeypatch):
    for name in ("BENCH_GPU", "CUDA_VISIBLE_DEVICES", "PATH", "PYTHONPATH", store.SNAKEMAKE):
        monkeypatch.setenv(name, "0")
    environment.run_from(str(ROOT), check(CONFIG | {"gpu": False}), SimpleNamespace(configfiles=[], config={}))
    assert (environment.os.environ["BENCH_GPU"], environment.os.environ["CUDA_VISIBLE_DEVICES"]) == ("false", "")


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_profiles_go_on_where_a_run_was_stopped_and_name_no_gpus(name):
    profile = yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
    assert profile["rerun-incomplete"] and profile["keep-going"] and "resources" not in profile


def test_on_a_cluster_a_timing_has_its_node_for_itself():
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text(encoding="utf-8"))
    extra = profile["default-resources"]["slurm_extra"]
    said = {part: eval(extra, {"wildcards": SimpleNamespace(part=part)}) for part in ("timing", "test")}
    assert said == {"timing": "--exclusive", "test": ""} and eval(extra, {"wildcards": SimpleNamespace()}) == ""
