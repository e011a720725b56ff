"""What rows of tables have shown of their columns, and such rows made ready."""

from __future__ import annotations

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.preprocessing.moments import Moment, Moments
from fastbp.preprocessing.onehot import set_ones
from fastbp.preprocessing.reading import Numbers, chunk_places
from fastbp.preprocessing.scaling import StandardizedRows, scaling_of
from fastbp.preprocessing.vocabulary import Cells, Vocabulary
from fastbp.tables import Table


class Seen:
    """What rows have shown: categories by column (None for numbers), and moments of numbers."""

    def __init__(
        self, vocabularies: dict[str, Vocabulary | None], moments: Moments | None, n_rows: int
    ) -> None:
        self.vocabularies = vocabularies
        self.moments = moments
        self.n_rows = n_rows
        self._moment: Moment | None = None

    @property
    def n_out(self) -> int:
        """Columns that go out."""
        found = self.vocabularies.values()
        return sum(1 if one is None else len(one.categories) for one in found)

    def copy(self) -> Seen:
        """Return the same of its own."""
        vocabularies = {name: one and one.copy() for name, one in self.vocabularies.items()}
        return Seen(vocabularies, self.moments and self.moments.copy(), self.n_rows)

    def moment(self) -> Moment:
        """Return the moments of the columns of numbers."""
        if self._moment is None:
            none = np.zeros(0)
            found = self.moments
            self._moment = found.result() if found else Moment(self.n_rows, none, none, none)
        return self._moment

    def add(self, name: str, table: Table) -> None:
        """Take the rows of a table with these columns, in this order."""
        numbers, cells = told_apart(name, table, list(self.vocabularies.values()))
        for start, stop in chunk_places(*table.shape):
            if self.moments is not None and numbers is not None:
                self.moments.add(numbers.part(start, stop))
            for one, vocabulary in cells:
                vocabulary.add(one, start, stop)
        self.n_rows += table.shape[0]
        self._moment = None


class ColumnRows:
    """The rows of a table, numbers standardised and each category a column."""

    is_mapped = False

    def __init__(self, name: str, table: Table, seen: Seen, unknown: str) -> None:
        self.n_rows, self.n_out = table.shape[0], seen.n_out
        self.unknown = unknown
        vocabularies = list(seen.vocabularies.values())
        numbers, self.cells = told_apart(name, table, vocabularies)
        scaling = scaling_of(seen.moment())
        self.numbers = None if numbers is None else StandardizedRows(numbers, scaling)
        widths = [1 if one is None else len(one.categories) for one in vocabularies]
        starts = [sum(widths[:place]) for place in range(len(widths))]
        pairs = list(zip(starts, vocabularies, strict=True))
        self.number_places = [start for start, one in pairs if one is None]
        self.cell_places = [start for start, one in pairs if one is not None]

    def fill(self, start: int, out: Array) -> None:
        """Write rows from `start` on ready into an array, all finite."""
        stop = start + len(out)
        out[:] = 0
        if self.numbers is not None:
            rows = np.empty((len(out), len(self.number_places)), out.dtype)
            self.numbers.fill(start, rows)
            out[:, self.number_places] = rows
        for (one, vocabulary), first in zip(self.cells, self.cell_places, strict=True):
            codes = vocabulary.codes(one, start, stop, self.unknown)
            set_ones(out[:, first : first + len(vocabulary.categories)], codes)


def told_apart(
    name: str, table: Table, vocabularies: list[Vocabulary | None]
) -> tuple[Numbers | None, list[tuple[Cells, Vocabulary]]]:
    """Return the numbers of a table's columns, and each column of categories with its own."""
    places = [place for place, one in enumerate(vocabularies) if one is None]
    cells = [
        (Cells(f"{name}'s {table.place(place)}", table.columns[place]), one)
        for place, one in enumerate(vocabularies)
        if one is not None
    ]
    if not places:
        return None, cells
    names, columns = ([part[place] for place in places] for part in (table.names, table.columns))
    numbers = Table(names, columns, (table.shape[0], len(places)))
    return Numbers(name, checks.numeric_table(name, numbers)), cells
