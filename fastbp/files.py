"""Saving and loading a network: a numpy .npz without pickle.

Entries: `header`, a JSON text as uint8 (format, version, network, metadata), and `params`, the flat
vector; in a checkpoint the header has `training` too, and more arrays stand beside `params`. The
file is written beside its destination and renamed, so that an old file is never half replaced.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastbp.atomic import replace_file
from fastbp.checks import Array, FileFormatError, described

FORMAT = "fastbp-npz"
VERSION = 1

StrPath = str | os.PathLike[str]


class Contents(NamedTuple):
    """What a file holds: `training` and `arrays` only where it is a checkpoint."""

    network: dict[str, Any]
    metadata: dict[str, Any]
    params: Array
    training: dict[str, Any] | None = None
    arrays: Mapping[str, Array] = {}


def as_path(path: object) -> Path:
    """Return the argument as a Path."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {described(path)}")
    return Path(os.fsdecode(path))


def write(path: StrPath, contents: Contents) -> None:
    """Write a network, or a checkpoint, to `path`, all or nothing."""
    import json

    target = as_path(path)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "network": contents.network,
        "metadata": contents.metadata,
    }
    if contents.training is not None:
        header["training"] = contents.training
    try:
        text = json.dumps(header, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata must hold JSON values only: {error}") from None
    entries = {
        "header": np.frombuffer(text.encode(), np.uint8),
        "params": contents.params,
        **contents.arrays,
    }
    memory = io.BytesIO()
    np.savez(memory, allow_pickle=False, **entries)
    replace_file(target, [memory.getbuffer()])


def read(path: StrPath) -> Contents:
    """Return what `write` wrote.

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
            arrays = {name: archive[name] for name in archive.files if name != "header"}
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise FileFormatError(
                f"{source.name} must be a {FORMAT} file of version {VERSION}, got "
                f"{header['format']} version {header['version']}"
            )
        params = arrays.pop("params")
        training = header.get("training")
        return Contents(header["network"], header["metadata"], params, training, arrays)
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
