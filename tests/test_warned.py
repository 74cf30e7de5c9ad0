"""What is said where a run ends: what its jobs warned of, and no failure of jobs that were stopped with it."""

from types import SimpleNamespace

from config.failures import described, report_so_far
from config.warned import SHOWN, print_warnings, warnings


def job(rule: str, wildcards: list[str], *logs) -> SimpleNamespace:
    return SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards=wildcards, log=[str(log) for log in logs])


def test_warnings_are_read_from_logs_once_and_not_where_they_were_told(tmp_path):
    log, absent = tmp_path / "a.log", tmp_path / "absent.log"
    log.write_text("read 1/2\nwarning: σ is off\nno warning: this\nwarning: σ is off\nwarning: it was told\n", encoding="utf-8")
    jobs = [job("median_restore", ["mnist", "add_noise"], log), job("clean", [], absent), job("all", [])]
    assert warnings(jobs, "Warning: it was told.") == [f"median_restore (mnist add_noise): σ is off ({log})"]


def test_of_many_some_are_shown(tmp_path, capsys):
    log = tmp_path / "a.log"
    log.write_text("".join(f"warning: {number:03d}\n" for number in range(SHOWN + 3)))
    print_warnings([job("measure", ["mnist"], log)])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == SHOWN + 1 and lines[0].startswith("Warning: measure (mnist): 000") and "and 3 more" in lines[-1]


def test_a_run_that_was_told_to_stop_has_not_failed(tmp_path, capsys):
    scheduler = SimpleNamespace(failed=[job("acsg_train", ["mnist"])], _user_kill="graceful")  # as Snakemake has it after SIGTERM
    report_so_far(SimpleNamespace(scheduler=scheduler), {}, {"results": str(tmp_path / "results")})
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().err


def test_a_submission_that_failed_is_named_by_its_row(tmp_path):
    failed = job("submitted", ["mnist", "add_noise", "theirs"], log := tmp_path / "a.log")
    failed.wildcards_dict = {"dataset": "mnist", "measurement": "add_noise", "method": "theirs"}
    log.write_text("x.npy: no such file\n\n")
    said = described(failed, {"methods": {"theirs": {"title": "Theirs, 2026"}}})
    assert (said["title"], said["where"], said["says"]) == ("Theirs, 2026", "add noise", "x.npy: no such file")
