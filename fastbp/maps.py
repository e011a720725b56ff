"""Copies of large arrays, by chunks; and arrays in files that are mapped into memory.

Between two chunks Python answers Ctrl-C. A mapped array may be larger than memory.

What has to be copied from it goes into a temporary file that is mapped in
its turn, so that memory holds a chunk and the operating system decides which pages stay.
"""

from __future__ import annotations

import errno
import mmap
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

# A result up to this size is held in memory: a file would cost more than it saves.
SMALL_BYTES = 16 << 20
CHUNK_BYTES = 4 << 20
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_mapped(array: Array) -> bool:
    """Return whether the numbers of an array lie in a memory map, its own or that of a base.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     mapped = np.memmap(file, np.float32, "w+", shape=(4, 3))
    >>> is_mapped(mapped[1:, :2]), is_mapped(mapped + 1)
    (True, False)
    """
    owner: object = array
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return isinstance(owner, mmap.mmap)


def converted(array: Array, dtype: npt.DTypeLike) -> Array:
    """Return the array C-contiguous, aligned and of the dtype; mapped if it was, and is large."""
    wanted = np.dtype(dtype)
    fits = array.dtype == wanted and array.flags.c_contiguous and array.flags.aligned
    if fits or array.size * wanted.itemsize <= SMALL_BYTES:
        return np.require(array, wanted, ["C", "A"])
    if is_mapped(array):
        return _written(
            lambda start, stop: np.require(array[start:stop], wanted, ["C"]), array.shape, wanted
        )
    return _filled(lambda start, stop: array[start:stop], array.shape, wanted)


def made(
    part: Callable[[int, int], Array],
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    mapped: bool = False,
) -> Array:
    """Return an array of the rows part(start, stop), chunk by chunk; `mapped`: of a file if large.

    Examples
    --------
    >>> made(lambda start, stop: np.arange(start, stop)[:, None], (3, 1), np.float32).T
    array([[0., 1., 2.]], dtype=float32)
    """
    wanted = np.dtype(dtype)
    large = _size(shape, wanted) > SMALL_BYTES
    return (_written if mapped and large else _filled)(part, shape, wanted)


def take(array: Array, index: Array) -> Array:
    """Return the rows of an index array, as a new array; mapped if `array` is, and they are many.

    Examples
    --------
    >>> take(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([2, 0]))
    array([[5., 6.],
           [1., 2.]])
    """
    shape = (len(index), *array.shape[1:])
    if _size(shape, array.dtype) <= SMALL_BYTES:
        rows: Array = np.asarray(array)[index]
        return rows
    copy = _written if is_mapped(array) else _filled
    return copy(lambda start, stop: array[index[start:stop]], shape, array.dtype)


def pieces(shape: tuple[int, ...], most: int) -> Iterator[tuple[int, int]]:
    """Return first and last + 1 of pieces of an array's rows, each of about so many items.

    Examples
    --------
    >>> list(pieces((5, 2), 4))
    [(0, 2), (2, 4), (4, 5)]
    """
    n_rows = shape[0]
    step = max(1, most * n_rows // max(1, int(np.prod(shape, dtype=object))))
    return ((start, min(start + step, n_rows)) for start in range(0, n_rows, step))


def _filled(
    part: Callable[[int, int], Array], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """Return a new array of the rows part(start, stop)."""
    array = np.empty(shape, dtype)
    for start, stop in pieces(shape, CHUNK_BYTES // dtype.itemsize):
        array[start:stop] = part(start, stop)
    return array


def _size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return the bytes of an array; its dimensions are whole numbers of Python, of any size."""
    return dtype.itemsize * int(np.prod(shape, dtype=object))


def _written(
    part: Callable[[int, int], Array], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """Return the map of a temporary file of the rows part(start, stop), which goes with the map."""
    n_bytes = _size(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="fastbp-") as file:
            for start, stop in pieces(shape, CHUNK_BYTES // dtype.itemsize):
                file.write(np.ascontiguousarray(part(start, stop)).data)
            file.flush()
            # Shared and read-only: its pages are those of the file, and may leave memory.
            memory = mmap.mmap(file.fileno(), n_bytes, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise OSError(
            error.errno,
            f"the temporary folder {tempfile.gettempdir()} is too small for {n_bytes} bytes of "
            "rows copied from a memory map; set TMPDIR to a folder with more room",
        ) from error
    return np.frombuffer(memory, dtype).reshape(shape)
