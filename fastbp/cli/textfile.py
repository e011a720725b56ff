"""Open a text file for reading, with errors that name the file and, for bad bytes, the line."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

from fastbp.cli.errors import DataError


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
    try:
        with _open_bytes(path) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except UnicodeDecodeError:
        raise _encoding_error(path) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: must be a whole gzip file, got damaged data ({error})") from None


def _open_bytes(path: str) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.endswith(".gz") else open(path, "rb")


def _encoding_error(path: str) -> DataError:
    """Return the error that names the first line which is not UTF-8."""
    with _open_bytes(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return DataError(
                    f"{path}, line {number}: must be UTF-8 text, got the byte 0x{byte:02x}"
                )
    return DataError(f"{path}: must be UTF-8 text")
