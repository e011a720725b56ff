"""Saving and loading a network: a numpy .npz without pickle.

Entries: `header`, a JSON text as uint8 (format, version, network, metadata), and `params`, the flat
vector. The file is written beside its destination and renamed, so that an old file is never half
replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.checks import Array, FileFormatError, described

FORMAT = "fastbp-npz"
VERSION = 1

StrPath = str | os.PathLike[str]


def as_path(path: object) -> Path:
    """Return the argument as a Path."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {described(path)}")
    return Path(os.fsdecode(path))


def write(path: StrPath, network: dict[str, Any], metadata: dict[str, Any], params: Array) -> None:
    """Write a network's description, metadata and parameters to `path`, all or nothing."""
    import json

    target = as_path(path)
    header = {"format": FORMAT, "version": VERSION, "network": network, "metadata": metadata}
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata must hold JSON values only: {error}") from None
    # Opened by hand and not through tempfile, whose files no one else may read.
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, header=np.frombuffer(text.encode(), np.uint8), params=params)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read(path: StrPath) -> tuple[dict[str, Any], dict[str, Any], Array]:
    """Return (network description, metadata, params) of a file that `write` made.

    Raises
    ------
    FileFormatError
        The file is no fastbp model, is damaged, or is of a newer version.
    OSError
        The file cannot be read.
    """
    import json

    source = as_path(path)
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(bytes(archive["header"]))
            params = archive["params"]
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise FileFormatError(
                f"{source.name} must be a {FORMAT} file of version {VERSION}, got "
                f"{header['format']} version {header['version']}"
            )
        return header["network"], header["metadata"], params
    except FileFormatError:
        raise
    except OSError as error:
        # A damaged archive can send zipfile to a place before the file's beginning.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise FileFormatError(f"{source.name} is not a fastbp model: {error}") from None
    except MemoryError:
        raise
    except Exception as error:
        # A damaged archive makes zipfile, zlib, json and numpy raise errors of many kinds.
        raise FileFormatError(f"{source.name} is not a fastbp model: {error}") from None
