"""docs/findings.md, from its template and the published results: `python -m reports.findings` (or `make findings`).

Every number of the page is a field of docs/findings.md.j2: `{{ cells("mnist", "acsg", "psnr") }}` asks a function of
reports/quotes/, which looks the numbers up in the published files. A field that finds no row, or several, ends the program with
one line that names the field and the file.
"""

import functools
import re
import sys
import textwrap
from pathlib import Path

from jinja2 import Environment, StrictUndefined, TemplateError

import store
from options import command_parser
from reports import files
from reports.quotes import scores, timings, trainings, trials  # noqa: F401  their fields
from reports.quotes.field import FIELDS
from reports.quotes.lookup import HOME, named

TEMPLATE = HOME / "docs" / "findings.md.j2"
PAGE = HOME / "docs" / "findings.md"
MADE = "<!-- Made by `make findings` of docs/findings.md.j2 and reports/published: edit the template. -->\n\n"
WIDTH = 130  # of lines of prose
ENVIRONMENT = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
AS_IT_IS = ("#", "|", "!", "```", "<!--")  # begin blocks whose lines stay


def page(template: Path = TEMPLATE) -> str:
    """The page that a template makes. Raises SystemExit, in one line, where a field finds no number or it is no template."""
    try:
        text = ENVIRONMENT.from_string(template.read_text(encoding="utf-8"), globals=FIELDS).render()
    except TemplateError as error:
        sys.exit(f"{named(template)}: {error}")
    return MADE + "\n\n".join(map(wrapped, re.split(r"\n\n+", text.rstrip("\n")))) + "\n"


def wrapped(block: str) -> str:
    """A paragraph or a list with its lines broken anew, as numbers have other lengths than fields."""
    if block.startswith(AS_IT_IS):
        return block
    items = re.split(r"\n(?=\* )", block)
    indents = ["  " if item.startswith("* ") else "" for item in items]
    fill = functools.partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(fill(" ".join(item.split()), subsequent_indent=indent) for item, indent in zip(items, indents, strict=True))


def main() -> None:
    parser = command_parser("reports.findings", __doc__.split("\n")[0])
    parser.parse_args()
    with store.clear_errors():
        files.write(PAGE, page())


if __name__ == "__main__":
    main()
