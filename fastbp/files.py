"""Saving and loading a network or a checkpoint: one binary format, said in docs/format.md.

A prelude of 24 bytes (magic, version, length of the header, length of the file), the header (JSON,
see header.py), arrays at multiples of 64 bytes, and a hash over all that is before it. Nothing is
allocated before the sizes that the header gives have been held against the file's.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastbp import carried, foreign, header, memory
from fastbp.atomic import replace_file
from fastbp.checks import Array, FileFormatError, described
from fastbp.header import Tensor

# A file without preprocessing is of version 1, one with it of version 2.
VERSION = 2
# After the magic: version, length of the header, length of the file.
PRELUDE = struct.Struct("<IIQ")
PRELUDE_BYTES = len(foreign.MAGIC) + PRELUDE.size
ALIGNMENT = 64
HASH_BYTES = 32
# What is hashed and written, or read and hashed, at a time: it stays in a cache between the two.
CHUNK_BYTES = 1 << 18

IS_LITTLE = sys.byteorder == "little"
DAMAGED = "it is damaged: its bytes have another SHA-256 than is noted in it"
CHANGED = "it must stay as it is while it is read"

StrPath = str | os.PathLike[str]

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


class Contents(NamedTuple):
    """What a file holds: `training` and `arrays` only where it is a checkpoint.

    `preprocessing`: of inputs and targets, or None where there is neither.
    """

    network: dict[str, Any]
    metadata: dict[str, Any]
    params: Array
    training: dict[str, Any] | None = None
    arrays: Mapping[str, Array] = {}
    preprocessing: dict[str, Any] | None = None


def checked_path(path: object) -> str:
    """Return the argument as text if it is a path."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or a path, got {described(path)}")
    return os.fsdecode(path)


def as_path(path: object) -> Path:
    """Return the argument as a Path."""
    return Path(checked_path(path))


def write(path: StrPath, contents: Contents) -> None:
    """Write a network, or a checkpoint, to `path`, all or nothing.

    Raises
    ------
    ValueError
        Metadata or a part of the description are past what a file holds; nothing is written.
    OSError
        The file cannot be written.
    """
    replace_file(as_path(path), pieces(contents))


def to_bytes(contents: Contents) -> bytes:
    """Return the bytes of a file."""
    return b"".join(pieces(contents))


def read(path: StrPath, only_params: bool = False) -> Contents:
    """Return what `write` wrote.

    Parameters
    ----------
    path : str or path
        The file.
    only_params : bool
        Whether the arrays of a checkpoint are left out: they are hashed, and not kept.

    Raises
    ------
    FileFormatError
        The file is no fastbp model, is damaged, or is of a newer version.
    OSError
        The file cannot be read.
    """
    source = checked_path(path)
    try:
        _check_regular(os.stat(source).st_mode)
        # Between the two a pipe may have taken the file's place, which would be waited for.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with io.FileIO(os.open(source, flags)) as file:
            found = os.fstat(file.fileno())
            _check_regular(found.st_mode)
            contents = _contents(Reader(file, found.st_size), only_params)
            if os.fstat(file.fileno()).st_size != found.st_size:
                raise ValueError(f"{CHANGED}, its length changed")
    except ValueError as error:
        name = os.path.basename(source) or source
        raise FileFormatError(f"{name} is not a fastbp model: {error}") from None
    return contents


def from_bytes(data: bytes, name: str) -> Contents:
    """Return what `to_bytes` made bytes of; messages call it by the name."""
    try:
        return _contents(Reader(io.BytesIO(data), len(data)), False)
    except ValueError as error:
        raise FileFormatError(f"{name} is not a fastbp model: {error}") from None


def _check_regular(mode: int) -> None:
    """Refuse what is no regular file: a device has no end, a pipe no length."""
    if not stat.S_ISREG(mode):
        raise ValueError(f"it is {KINDS.get(stat.S_IFMT(mode), 'no regular file')}")


class Hash:
    """SHA-256, which OpenSSL fails to compute for one reason only: there is no memory."""

    def __init__(self) -> None:
        import hashlib

        with no_memory():
            self.inner = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        """Go on with more bytes."""
        with no_memory():
            self.inner.update(data)

    def digest(self) -> bytes:
        """Return the hash of all bytes so far."""
        with no_memory():
            return self.inner.digest()


@contextlib.contextmanager
def no_memory() -> Iterator[None]:
    """Raise the ValueError of OpenSSL as what it is."""
    try:
        yield
    except ValueError as error:
        raise MemoryError(str(error)) from error


class Reader:
    """A file that is read once from its begin to its end and hashed on the way.

    A small one is read and hashed at once, so that no part of a damaged one is looked into.
    """

    def __init__(self, file: BinaryIO | io.FileIO, size: int) -> None:
        self.file = file
        self.size = size
        self.hash = Hash()
        self.data = file.read(size) if size <= CHUNK_BYTES else None
        if self.data is not None:
            self.rest, self.file = file, io.BytesIO(self.data)

    def check_early(self) -> None:
        """Refuse a small file that is damaged."""
        if self.data is not None:
            self.hash.update(self.data[:-HASH_BYTES])
            if self.hash.digest() != self.data[-HASH_BYTES:]:
                raise ValueError(DAMAGED)

    def fill(self, room: memoryview) -> None:
        """Fill a stretch of memory with the next bytes."""
        done = 0
        while done < len(room):
            part = room[done : done + CHUNK_BYTES]
            count = self.file.readinto(part)  # type: ignore[union-attr]
            if not count:
                raise ValueError(f"{CHANGED}, it became shorter")
            if self.data is None:
                self.hash.update(part[:count])
            done += count

    def take(self, length: int) -> bytes:
        """Return the next bytes, of which there are few."""
        room = bytearray(length)
        self.fill(memoryview(room))
        return bytes(room)

    def skip(self, length: int) -> None:
        """Pass over the next bytes."""
        room = memoryview(bytearray(min(length, CHUNK_BYTES)))
        for start in range(0, length, CHUNK_BYTES):
            self.fill(room[: length - start])

    def zeros(self, length: int) -> None:
        """Take padding, which must be zero."""
        if length and self.take(length).strip(b"\0"):
            raise ValueError("bytes between its arrays must be 0")

    def end(self) -> None:
        """Take the hash, behind which nothing comes."""
        wanted = self.hash.digest()
        if self.take(HASH_BYTES) != wanted:
            raise ValueError(DAMAGED)
        if (self.file if self.data is None else self.rest).read(1):
            raise ValueError(f"{CHANGED}, it became longer")

    def ends(self, start: bytes) -> tuple[bytes, bytes]:
        """Return the file's first and last bytes, `start` being those read already."""
        first = start + (self.file.read(foreign.LOOKED_AT) or b"")
        self.file.seek(max(0, self.size - foreign.LOOKED_AT))
        return first[: foreign.LOOKED_AT], self.file.read(foreign.LOOKED_AT) or b""


def padding(length: int) -> int:
    """Return how many bytes there are from a place to the next multiple of ALIGNMENT."""
    return -length % ALIGNMENT


def whole_length(header_length: int, tensors: list[Tensor]) -> int:
    """Return the length of a file."""
    length = PRELUDE_BYTES + header_length
    for tensor in tensors:
        length += padding(length) + tensor.nbytes
    return length + padding(length) + HASH_BYTES


def _prelude(reader: Reader) -> tuple[int, int]:
    """Return version and length of the header, after the prelude, which is checked."""
    start = reader.take(min(reader.size, PRELUDE_BYTES))
    if len(start) < PRELUDE_BYTES or not start.startswith(foreign.MAGIC):
        raise ValueError(foreign.described(*reader.ends(start)))
    numbers: tuple[int, int, int] = PRELUDE.unpack(start[8:])
    version, header_length, length = numbers
    if version > VERSION:
        raise ValueError(
            f"it was written by a newer fastbp: format version {version}, this one reads up to "
            f"{VERSION}"
        )
    if version < 1:
        raise ValueError(f"it is damaged: its format version must be at least 1, got {version}")
    if length != reader.size:
        raise ValueError(
            f"it is damaged: its length must be {length} bytes as it says, got {reader.size}"
        )
    if header_length > min(header.MOST_BYTES, length - PRELUDE_BYTES):
        raise ValueError(
            f"it is damaged: its header must have at most {header.MOST_BYTES} bytes and end within "
            f"the file, got {header_length}"
        )
    reader.check_early()
    return version, header_length


def _contents(reader: Reader, only_params: bool) -> Contents:
    """Return what a file holds, or raise ValueError."""
    version, header_length = _prelude(reader)
    found = header.decode(reader.take(header_length), version)
    tensors = found.tensors
    check_tensors(found)
    length = whole_length(header_length, tensors)
    if length != reader.size:
        raise ValueError(f"its arrays must end with the file, at {reader.size}, got {length}")
    arrays = {}
    end = PRELUDE_BYTES + header_length
    for tensor in tensors:
        reader.zeros(padding(end))
        end += padding(end) + tensor.nbytes
        if only_params and tensor.name != "params" and tensor.name not in carried.names(found):
            reader.skip(tensor.nbytes)
            continue
        array = _empty(tensor)
        reader.fill(raw_bytes(array))
        arrays[tensor.name] = array if IS_LITTLE else array.byteswap()
    reader.zeros(padding(end))
    reader.end()
    params = arrays.pop("params")
    preprocessing = carried.joined(found, arrays)
    return Contents(found.network, found.metadata, params, found.training, arrays, preprocessing)


def check_tensors(found: header.Header) -> None:
    """Refuse a file whose arrays are not the parameters first and, without a fit, alone."""
    tensors = found.tensors
    if not tensors or tensors[0].name != "params" or len(tensors[0].shape) != 1:
        raise ValueError("its first array must be params, of one dimension")
    if tensors[0].dtype != found.network["dtype"]:
        raise ValueError(
            f"its params must have the network's dtype, {described(found.network['dtype'])}, got "
            f"{tensors[0].dtype}"
        )
    carried.check_tensors(found)
    if found.training is None and len(tensors) > 1 + len(carried.names(found)):
        raise ValueError("it must have no arrays but params without the state of a fit")


def _empty(tensor: Tensor) -> Array:
    """Return an array to read into; past the end of parameters the kernels may read."""
    if tensor.name == "params":
        return memory.zeros(tensor.shape[0], np.dtype(tensor.dtype))
    return np.empty(tensor.shape, tensor.dtype)


def raw_bytes(array: Array) -> memoryview:
    """Return the bytes of a C-contiguous array, which are no copy."""
    return array.reshape(-1).view(np.uint8).data


def pieces(contents: Contents) -> Iterator[bytes]:
    """Return the bytes of a file piece by piece; what cannot be written is refused at once."""
    preprocessing, numbers = carried.split(contents.preprocessing)
    arrays = {"params": contents.params, **numbers, **contents.arrays}
    tensors = [
        Tensor(name, array.dtype.name, array.shape, array.nbytes) for name, array in arrays.items()
    ]
    found = header.Header(
        contents.network, contents.metadata, contents.training, tensors, preprocessing
    )
    text = header.encode(found)
    length = whole_length(len(text), tensors)
    version = 1 if preprocessing is None else 2
    start = foreign.MAGIC + PRELUDE.pack(version, len(text), length) + text
    return _hashed(start, list(arrays.values()))


def _hashed(start: bytes, arrays: list[Array]) -> Iterator[bytes]:
    """Yield prelude and header, the arrays with their padding, and the hash of all these."""
    digest = Hash()
    digest.update(start)
    yield start
    end = len(start)
    for array in arrays:
        gap = bytes(padding(end))
        digest.update(gap)
        yield gap
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        view = raw_bytes(little)
        end += len(gap) + len(view)
        for place in range(0, len(view), CHUNK_BYTES):
            # A copy: another thread may be training what is saved.
            piece = bytes(view[place : place + CHUNK_BYTES])
            digest.update(piece)
            yield piece
    gap = bytes(padding(end))
    digest.update(gap)
    yield gap + digest.digest()
