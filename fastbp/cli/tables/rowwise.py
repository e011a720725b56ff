"""Read a delimited file row by row: what counts when another reader finds anything strange.

Rows come in chunks of a fixed number, each column of a chunk goes into its place at once, so that
beside the columns no more memory is taken for a long file than for a short one.
"""

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.tables.delimited import Layout, numbered_rows, rows
from fastbp.cli.tables.table import MISSING, NUMBERS, WORDS, Column, Numbers, Words, parse_number
from fastbp.cli.tables.textfile import most_rows

CHUNK_ROWS = 2048
GUESS_ROWS = 1000


class NumberPart:
    """A column of numbers while it is read."""

    def __init__(self, capacity: int) -> None:
        self.values = np.empty(capacity)

    def add(self, start: int, fields: Sequence[str]) -> bool:
        """Take the fields of some rows; return whether all of them are numbers or missing."""
        values = numbers_of(fields)
        if values is None:
            return False
        self.values[start : start + len(fields)] = values
        return True

    def column(self, n_rows: int) -> Numbers:
        """Return the whole column."""
        return self.values[:n_rows]


class Places(dict[str, int]):
    """The place of each word, in the order in which they come."""

    def __missing__(self, word: str) -> int:
        self[word] = place = len(self)
        return place


class WordPart:
    """A column of words while it is read."""

    def __init__(self, capacity: int) -> None:
        self.codes = np.empty(capacity, dtype=np.int32)
        self.places = Places()

    def add(self, start: int, fields: Sequence[str]) -> bool:
        """Take the fields of some rows; return True."""
        found = map(self.places.__getitem__, fields)
        self.codes[start : start + len(fields)] = np.fromiter(found, np.int32, len(fields))
        return True

    def column(self, n_rows: int) -> Words:
        """Return the whole column."""
        return Words.of(self.codes[:n_rows], self.places)


def numbers_of(fields: Sequence[str]) -> NDArray[np.float64] | None:
    """Return fields as numbers, NaN where one is missing; None if there is any other text."""
    try:
        values = np.fromiter(map(float, fields), np.float64, len(fields))
    except ValueError:
        pass
    else:
        together = "".join(fields)
        if together.isascii() and "_" not in together:
            return values
    values = np.empty(len(fields))
    for place, field in enumerate(fields):
        text = field.strip()
        value = np.nan if text in MISSING else parse_number(text)
        if value is None:
            return None
        values[place] = value
    return values


def read(layout: Layout, kinds: Mapping[str, str | None]) -> dict[str, Column]:
    """Read columns as `text.read` does.

    Raises
    ------
    DataError
        If a row has too many or too few fields, or a field cannot be read or is no number where a
        number must be; the message names the line.
    """
    capacity = most_rows(layout.path)
    columns, late = _read_once(layout, kinds, capacity)
    if late:
        # Their first words came after numbers, whose spelling is not kept.
        columns |= _read_once(layout, dict.fromkeys(late, WORDS), capacity)[0]
    return {name: columns[name] for name in kinds}


def _read_once(
    layout: Layout, kinds: Mapping[str, str | None], capacity: int
) -> tuple[dict[str, Column], list[str]]:
    """Return the columns, and the names of those that turned out to be of words too late."""
    parts: dict[str, NumberPart | WordPart] = {
        name: WordPart(capacity) if kind == WORDS else NumberPart(capacity)
        for name, kind in kinds.items()
    }
    wanted = {name: layout.names.index(name) for name in kinds}
    late: list[str] = []
    n_rows = 0
    for chunk in _chunks(layout):
        fields = list(zip(*chunk, strict=True))
        for name in list(parts):
            if parts[name].add(n_rows, fields[wanted[name]]):
                continue
            if kinds[name] == NUMBERS:
                raise _first_fault(layout, kinds)
            del parts[name]
            if n_rows:
                late.append(name)
            else:
                parts[name] = WordPart(capacity)
                parts[name].add(0, fields[wanted[name]])
        n_rows += len(chunk)
    return {name: part.column(n_rows) for name, part in parts.items()}, late


def _chunks(layout: Layout) -> Iterator[list[list[str]]]:
    """Yield the rows some at a time, each with as many fields as the header."""
    width = len(layout.names)
    source = rows(layout)
    while True:
        try:
            chunk = list(itertools.islice(source, CHUNK_ROWS))
        except csv.Error:
            raise _first_fault(layout, {}) from None
        if any(len(row) != width for row in chunk):
            raise _first_fault(layout, {})
        if not chunk:
            return
        yield chunk


def guess(layout: Layout, kinds: Mapping[str, str | None]) -> dict[str, str]:
    """Return the kind of each column wanted, by the first rows of the file."""
    try:
        first = list(itertools.islice(rows(layout), GUESS_ROWS))
    except csv.Error:
        raise _first_fault(layout, {}) from None
    found = {}
    for name, kind in kinds.items():
        place = layout.names.index(name)
        fields = [row[place] for row in first if place < len(row)]
        likely = WORDS if numbers_of(fields) is None else NUMBERS
        found[name] = kind if kind in (NUMBERS, WORDS) else likely
    return found


def _first_fault(layout: Layout, kinds: Mapping[str, str | None]) -> DataError:
    """Return the error of the first row that is not as it must be."""
    numeric = [(name, layout.names.index(name)) for name in kinds if kinds[name] == NUMBERS]
    width = len(layout.names)
    for line, row in numbered_rows(layout):
        if len(row) != width:
            return DataError(
                f"{layout.path}, line {line}: must have {width} fields like the header, "
                f"got {len(row)}"
            )
        for name, place in numeric:
            if numbers_of([row[place]]) is None:
                return DataError(
                    f"{layout.path}, line {line}, column {name!r}: value must be a number, "
                    f"got {row[place]!r}"
                )
    return DataError(f"{layout.path}: must stay as it is while it is read")
