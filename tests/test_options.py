"""Options are declared once; protocols are sets of switches."""

import argparse
import dataclasses
import io
import re
import sys
from pathlib import Path

import jsonschema
import pytest
from declared import ROOT

import options
import protocols
from options import add_options, checked, object_schema, option, schemas_of


@dataclasses.dataclass
class Example:
    count: int = option("How many.", minimum=1)
    share: float = option("A share, in percent 100 % of it.", 0.5, minimum=0, exclusiveMaximum=1)
    axis: str = option("Which.", "rows", enum=["rows", "columns"])
    loud: bool = option("Whether it speaks.", True)


def parsed(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, schemas_of(Example))
    return parser.parse_args(flags)


def test_flags_follow_from_the_declaration():
    assert vars(parsed("--count", "3")) == {"share": 0.5, "count": 3, "axis": "rows", "loud": True}
    assert vars(parsed("--count=3", "--share=0", "--axis=columns", "--loud=False")) == {
        "share": 0.0,
        "count": 3,
        "axis": "columns",
        "loud": False,
    }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "the following arguments are required: --count"),
        (["--count", "0"], "argument --count: count is 0; it must be an integer, at least 1"),
        (["--count", "2.5"], "argument --count: count is 2.5; it must be an integer, at least 1"),
        (["--count", "1", "--share", "1"], "argument --share: share is 1.0; it must be a number, at least 0 and below 1"),
        (["--count", "1", "--share", "nan"], "argument --share: share is nan; it must be a number, at least 0 and below 1"),
        (["--count", "1", "--loud", "perhaps"], "argument --loud: loud is perhaps; it must be true or false"),
        (["--count", "1", "--axis", "both"], "argument --axis: invalid choice: 'both'"),
    ],
)
def test_a_wrong_flag_is_one_line_that_names_option_value_and_bounds(flags, said, capsys):
    with pytest.raises(SystemExit):
        parsed(*flags)
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_help_describes_every_option(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "--share NUMBER A share, in percent 100 % of it. (0.5)" in text and "--count INTEGER How many." in text


def test_help_reaches_a_terminal_that_lacks_greek_letters(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    options.command_parser("example", "From θ\n  to y.").print_help()
    terminal.flush()
    shown = terminal.buffer.getvalue().decode("ascii")
    assert shown.startswith("usage: python -m example ") and "From ?\n  to y.\n" in shown


def test_every_program_has_such_a_parser():
    programs = [path for path in ROOT.glob("*/**/*.py") if not {".venv", "tests"} & set(path.relative_to(ROOT).parts)]
    others = [path for path in programs if "ArgumentParser(prog" in re.sub(r"\s", "", path.read_text(encoding="utf-8"))]
    assert len(programs) > 150 and not others


@pytest.mark.parametrize("value", [True, "3", 2.5, None])
def test_an_integer_is_an_integer(value):
    with pytest.raises(ValueError, match=f"^count is {value}; it must be an integer"):
        checked("count", value, {"type": "integer"})


@pytest.mark.parametrize(
    ("module", "flag", "values"),
    [
        ("methods.gaussian.restore", "--threads", ["0", "-1", "nan", "99999999999"]),
        ("methods.acsg.train", "--threads", ["0", "1e3"]),
        ("pictures.restore", "--threads", ["0"]),
        ("pictures.restore", "--sigma", ["nan", "-1"]),
        ("pictures.restore", "--seed", ["-1", "1" + 24 * "0"]),
        ("metrics.digit_classifier", "--classes", ["0"]),
        ("reports.restorations", "--images", ["0"]),
        ("config.cost", "--cores", ["0"]),
        ("remote.run", "--minutes", ["nan"]),
    ],
)
def test_a_number_that_would_fail_later_is_refused_by_its_flag(module, flag, values, command):
    for value in values:
        outcome = command(module, flag, value)
        assert outcome.code == 2 and f"argument {flag}: {flag.strip('-')} is {value}" in outcome.err


def test_no_flag_of_any_command_takes_every_number():
    """`int` and `float` take nan, 0 threads and a seed of 24 digits; `options.parser_of` refuses what its schema does."""
    root = Path(__file__).parent.parent
    sources = [path for path in root.glob("[a-z]*/**/*.py") if "tests" not in path.parts]
    assert len(sources) > 100
    assert not [path for path in sources if re.search(r"type=(int|float)\b", path.read_text(encoding="utf-8"))]


def test_the_options_together_are_a_closed_json_schema():
    schema = object_schema(Example, "An example.")
    assert schema["required"] == ["count"] and schema["description"] == "An example."
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"count": 2, "share": 0.25}, schema)
    for wrong in ({}, {"count": 2, "size": 1}, {"count": 2, "share": 1}, {"count": True}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_every_protocol_comes_back_from_its_name():
    for text in ("sound", "paper", *protocols.SWITCHES, "clean_selection+mosaic"):
        assert protocols.name(protocols.parse(text)) == text
    with pytest.raises(ValueError, match="^'mozaic' is no protocol; it must be sound, paper, or switches among fresh_theta, "):
        protocols.parse("fresh_theta+mozaic")
