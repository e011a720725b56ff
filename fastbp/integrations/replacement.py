"""Bytes into a file that is replaced as a whole or stays as it is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

StrPath = str | os.PathLike[str]


def as_path(path: object) -> Path:
    """Return the argument as a Path.

    Raises
    ------
    TypeError
        It is neither a string nor a path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {path!r}")
    return Path(os.fsdecode(path))


def replace(path: StrPath, content: bytes) -> None:
    """Write a new file beside the old one, then give it its name.

    Parameters
    ----------
    path : str or path
    content : bytes

    Raises
    ------
    TypeError
        `path` is no path.
    OSError
        The file cannot be written; an old one is as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "file")
    >>> replace(path, b"new")
    >>> path.read_bytes()
    b'new'
    """
    target = as_path(path)
    unfinished = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
