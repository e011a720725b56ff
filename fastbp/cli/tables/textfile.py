"""Open a text file for reading, with errors that name the file and, for bad bytes, the line."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

import numpy as np

from fastbp.cli.errors import DataError

PIECE_BYTES = 1 << 20


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Open a UTF-8 file, with or without a byte-order mark; ``.gz`` is decompressed.

    Parameters
    ----------
    path : str
        The file.

    Yields
    ------
    text file
        Lines with their ends as they are in the file.

    Raises
    ------
    DataError
        If the file does not exist or, also while it is being read, is damaged or not UTF-8.
    """
    with open_bytes(path) as file:
        yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


@contextmanager
def open_bytes(path: str) -> Iterator[BinaryIO]:
    """Open a file for its bytes, with the errors of `open_text`; ``.gz`` is decompressed."""
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            yield cast(BinaryIO, file)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except UnicodeDecodeError:
        raise _encoding_error(path) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: must be a whole gzip file, got damaged data ({error})") from None


def count(path: str, *parts: bytes) -> int:
    """Return how often some single bytes are in a file."""
    found = 0
    with open_bytes(path) as file:
        while piece := file.read(PIECE_BYTES):
            # Where there are many, bytes.count takes four times as long.
            values = np.frombuffer(piece, np.uint8)
            found += sum(int(np.count_nonzero(values == part[0])) for part in parts)
    return found


def most_rows(path: str) -> int:
    """Return the number of lines of a file, twice as many where they end with two characters."""
    return count(path, b"\n", b"\r") + 1


def holds(path: str, *parts: bytes) -> bool:
    """Return whether a file has one of some short sequences of bytes in it."""
    kept = max(map(len, parts)) - 1
    before = b""
    with open_bytes(path) as file:
        while piece := file.read(PIECE_BYTES):
            piece = before + piece if before else piece
            # A single byte is looked for much faster than two.
            if any(part[-1:] in piece and part in piece for part in parts):
                return True
            before = piece[len(piece) - kept :]
    return False


def _encoding_error(path: str) -> DataError:
    """Return the error that names the first line which is not UTF-8."""
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return DataError(
                    f"{path}, line {number}: must be UTF-8 text, got the byte 0x{byte:02x}"
                )
    return DataError(f"{path}: must be UTF-8 text")
