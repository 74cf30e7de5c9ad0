"""Under which terms the images of a data set are used, and whether images made of them may be published: datasets/NAME.yaml.

    title: MNIST                        what people call it
    licence: CC BY-SA 3.0               by its usual short name
    url: https://…                      the licence, or the page that states it
    source: http://…                    where the data set comes from
    citation: Y. LeCun, …               the work to cite
    asks: The images may be …           what the licence asks and allows, in a sentence or two
    passed_on: true                     whether its images, and restorations of them, may be published

A data set without this file states no terms, so that none of its images is published. The file lies beside the data set's Python,
as a method.yaml beside a method's, because what it says changes no image: no run makes anything again after an edit of it.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import yaml

FOLDER = Path(__file__).parent


class Terms(NamedTuple):
    """What the owners of a data set ask of those who use it, as they state it themselves."""

    title: str
    licence: str
    url: str
    source: str
    citation: str
    asks: str
    passed_on: bool


def of(name: str) -> Terms:
    """The terms of a data set. Raises SystemExit, in one line, where its file is not as said above."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        asks = "No terms are stated, so that nobody is known to allow that its images are passed on."
        return Terms(title=name, licence="not stated", url="", source="", citation="", asks=asks, passed_on=False)
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        sys.exit(f"{path}: not valid YAML ({' '.join(str(error).split())})")
    if not isinstance(stated, dict) or set(stated) != set(Terms._fields):
        sys.exit(f"{path}: must state {', '.join(Terms._fields)}, each once and nothing else")
    for key, kind in Terms.__annotations__.items():
        if not isinstance(stated[key], kind):
            sys.exit(f"{path}: {key}: is {stated[key]!r}; write {'true or false' if kind is bool else 'text'}")
    return Terms(**stated)
