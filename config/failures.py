"""After a run of which jobs failed: which they were, with the last line of each one's log, and a report of what there is."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

import store

PARTS = ["train", "restore", "sample"]  # the rules of a method are called METHOD_PART


def failed_file(config: dict) -> Path:
    """Where the jobs that failed in the last run are listed."""
    return Path(config["results"]) / "logs" / "failed.json"


def last_line(log: Path) -> str:
    """The last line of a log that says something, at most 500 characters of it."""
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        lines = []
    return next((line[:500] for line in reversed(lines) if line), "no message; it may have been killed, as for want of memory")


def described(job, config: dict) -> dict:
    """A job that failed, as the page names it: data set, method and its title, where, rule, log and what it says last."""
    given = job.wildcards_dict
    of_rule, _, part = job.rule.name.rpartition("_")
    named = given.get("method") or given.get("run", "").partition("/")[0]
    method = of_rule if part in PARTS and of_rule in config["methods"] else named
    where = [given["measurement"].replace("_", " ")] if "measurement" in given else []
    seed = given.get("seed") or given.get("run", "").partition("/")[2]
    log = str(job.log[0]) if job.log else ""
    return {
        "dataset": given.get("dataset", ""),
        "measurement": given.get("measurement", ""),
        "method": method,
        "title": config["methods"].get(method, {}).get("title") or job.rule.name,
        "where": ", ".join([*where, *([f"seed {seed}"] if seed else [])]),
        "rule": job.rule.name,
        "log": log,
        "says": last_line(Path(log)),
    }


def report_so_far(workflow, asked: dict, config: dict) -> None:
    """The page of what there is, with the methods that failed marked, by a Snakemake of its own: this one has come to its end.

    `asked` is the configuration as it was given, before it was completed.
    """
    if getattr(workflow.scheduler, "_user_kill", None):  # told to stop, by SIGTERM, and with it the jobs that ran
        return
    failed = sorted(
        (described(job, config) for job in workflow.scheduler.failed), key=lambda each: (each["dataset"], each["log"])
    )
    if not failed:  # stopped by Ctrl-C
        return
    listed = failed_file(config)
    store.save_json(listed, {"failed": failed})
    kept = listed.with_name("failed_config.yaml")
    kept.write_text(yaml.safe_dump(json.loads(json.dumps(asked)), allow_unicode=True, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "so_far", "--snakefile", workflow.main_snakefile, "--configfile", kept]
    command += [
        "--cores",
        "1",
        "--nolock",
        "--forceall",
        "--no-hooks",
        "--show-failed-logs",
        "--quiet",
        "rules",
        "progress",
        "--workflow-profile",
        "none",
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    page = Path(config["results"]) / "report_so_far" / "index.html"
    names = ", ".join(dict.fromkeys(each["title"] for each in failed))
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        print(f"Failed: {names}. A report of the rest could not be made:\n{said}", file=sys.stderr)
    else:
        print(f"Failed: {names}. A report of all that is there, with these marked: {page.resolve()}", file=sys.stderr)
