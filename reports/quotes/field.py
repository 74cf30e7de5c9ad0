"""Fields: the functions that a page's template may ask for numbers, and how numbers are written."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

FIELDS: dict[str, Callable] = {}  # by name, for templates


class Numbers(NamedTuple):
    """Numbers in a sentence: 0.21, 0.52 and 0.22."""

    values: list[float]
    digits: int  # behind the point
    sign: bool = False  # whether a plus is written
    behind: tuple[str, ...] = ()  # what stands behind each, such as its interval

    def __str__(self) -> str:
        written = [fixed(value, self.digits, self.sign) for value in self.values]
        *first, last = map("".join, zip(written, self.behind or [""] * len(written), strict=True))
        return f"{', '.join(first)} and {last}" if first else last


def fixed(value: float, digits: int, sign: bool = False) -> str:
    """A number with a fixed count of digits behind the point and a proper minus: 1,234.50, −0.09."""
    return f"{value:{'+' if sign else ''},.{digits}f}".replace("-", "−")


def plain(value: Any) -> str:
    """A count, an option or a word as it is: 4,000, 0.3."""
    return str(value) if isinstance(value, str | bool) else f"{value:,g}" if value < 1e6 else f"{value:,.0f}"


def field(function: Callable) -> Callable:
    """Let templates ask a function. What it does not find ends the program with one line that names the field and the file."""

    @functools.wraps(function)
    def asked(*args, **named):
        try:
            return function(*args, **named)
        except (LookupError, TypeError, ValueError) as error:
            given = [*map(as_asked, args), *(f"{name}={as_asked(value)}" for name, value in named.items())]
            field_asked = f"{function.__name__}({', '.join(given)})"
            sys.exit(f"{error.args[0] if error.args else error}; mend the field {field_asked}, or the file")

    FIELDS[function.__name__] = asked
    return function


def as_asked(argument: Any) -> str:
    return f"({argument})" if isinstance(argument, Numbers) else json.dumps(argument, ensure_ascii=False)
