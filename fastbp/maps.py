"""Arrays in files that are mapped into memory, which may be larger than memory.

What has to be copied from a mapped array goes by chunks into a temporary file that is mapped in
its turn, so that memory holds a chunk and the operating system decides which pages stay.
"""

from __future__ import annotations

import errno
import mmap
import tempfile
from collections.abc import Callable
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
    if fits or array.size * wanted.itemsize <= SMALL_BYTES or not is_mapped(array):
        return np.require(array, wanted, ["C", "A"])
    return _written(
        lambda start, stop: np.require(array[start:stop], wanted, ["C"]), array.shape, wanted
    )


def take(array: Array, index: Array) -> Array:
    """Return the rows of an index array, as a new array; mapped if `array` is, and they are many.

    Examples
    --------
    >>> take(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([2, 0]))
    array([[5., 6.],
           [1., 2.]])
    """
    shape = (len(index), *array.shape[1:])
    if _size(shape, array.dtype) <= SMALL_BYTES or not is_mapped(array):
        rows: Array = np.asarray(array)[index]
        return rows
    return _written(lambda start, stop: array[index[start:stop]], shape, array.dtype)


def _size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return the bytes of an array; its dimensions are whole numbers of Python, of any size."""
    return dtype.itemsize * int(np.prod(shape, dtype=object))


def _written(
    part: Callable[[int, int], Array], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """Return the map of a temporary file of the rows part(start, stop), which goes with the map."""
    n_rows, n_bytes = shape[0], _size(shape, dtype)
    step = max(1, CHUNK_BYTES * n_rows // n_bytes)
    try:
        with tempfile.TemporaryFile(prefix="fastbp-") as file:
            for start in range(0, n_rows, step):
                file.write(np.ascontiguousarray(part(start, min(start + step, n_rows))).data)
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
