"""What jobs warned of is said where a run ends."""

from types import SimpleNamespace

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
