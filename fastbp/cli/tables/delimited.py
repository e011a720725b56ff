"""How a delimited text file is laid out, and its rows one by one with the lines they are on."""

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastbp.cli.errors import DataError
from fastbp.cli.tables.textfile import open_text

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Layout:
    """How a file is laid out.

    Attributes
    ----------
    path : str
        The file.
    names : list of str
        All its columns.
    delimiter : str
        What separates fields.
    header_lines : int
        Lines up to the end of the header, blank ones before it counted.
    """

    path: str
    names: list[str]
    delimiter: str
    header_lines: int

    def place(self, row: int) -> str:
        """Return the line on which a row begins."""
        return f"line {self._row(row)[0]}"

    def text(self, row: int, name: str) -> str:
        """Return a field as it is written."""
        return self._row(row)[1][self.names.index(name)]

    def _row(self, row: int) -> tuple[int, list[str]]:
        return next(itertools.islice(numbered_rows(self), row, None))


def read_layout(path: str) -> Layout:
    """Return the names of a file's columns and its delimiter, checked.

    Parameters
    ----------
    path : str
        Text in UTF-8 with a header row, compressed when its name ends in ``.gz``; fields separated
        by commas, semicolons or tabs, whichever the header has most of.

    Raises
    ------
    DataError
        If the file cannot be read, or its header has a column without a name or a name twice.
    """
    with open_text(path) as lines:
        names, delimiter, count = _header(lines)
    if not names:
        raise DataError(f"{path}: must have a header row, got an empty file")
    seen = set()
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}: every column must have a name, got none for column {number}")
        if name in seen:
            raise DataError(f"{path}: column names must be unique, got {name!r} twice")
        seen.add(name)
    return Layout(path, names, delimiter, count)


def rows(layout: Layout) -> Iterator[list[str]]:
    """Yield the fields of each row of data that is not blank."""
    with open_text(layout.path) as lines:
        reader = csv.reader(lines, delimiter=layout.delimiter)
        _skip_header(reader)
        yield from filter(None, reader)


def numbered_rows(layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of data that is not blank with the number of the line where it begins.

    Raises
    ------
    DataError
        If a row cannot be read; the message names its line.
    """
    with open_text(layout.path) as lines:
        reader = csv.reader(lines, delimiter=layout.delimiter)
        _skip_header(reader)
        start = reader.line_num + 1
        try:
            for row in reader:
                if row:
                    yield start, row
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{layout.path}, line {start}: {error}") from None


def _skip_header(reader: Iterator[list[str]]) -> None:
    for row in reader:
        if any(name.strip() for name in row):
            return


def _header(lines: Iterator[str]) -> tuple[list[str], str, int]:
    """Return the fields of the first row that is not blank ([]: none), delimiter and lines."""
    blank, first = 0, ""
    for line in lines:
        if line.strip():
            first = line
            break
        blank += 1
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    row = next(reader)
    return [name.strip() for name in row], delimiter, blank + reader.line_num
