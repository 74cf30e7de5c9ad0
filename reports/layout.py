"""How a table is laid out, whatever it holds: sections of rows of cells, below columns in groups."""

import itertools
from typing import NamedTuple


class Cell(NamedTuple):
    text: str
    spread: str = ""  # ± half of the interval, or [its ends]
    bold: bool = False
    tied: bool = False  # not separated from what it is compared to: the best, or the reference
    apart: bool = False  # its seeds lie further apart than an interval of their mean allows for

    @property
    def marks(self) -> str:
        """What stands behind the text: † where it is tied, ‡ where its seeds lie apart."""
        return "†" * bool(self.tied) + "‡" * bool(self.apart)


class Column(NamedTuple):
    group: str  # neighbours with the same group share a heading
    title: str
    numeric: bool = True


class Section(NamedTuple):
    title: str
    rows: list[tuple[str, list[Cell]]]  # label of the row, a cell for each column


class Grid(NamedTuple):
    corner: str
    columns: list[Column]
    sections: list[Section]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The upper heading: (title, number of columns)."""
        return [(group, len(list(run))) for group, run in itertools.groupby(self.columns, lambda column: column.group)]
