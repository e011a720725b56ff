"""Every kind of thing that is given for an array: how it is made, and what becomes of it.

`Kind.make` takes a float64 array of the whole numbers 0 to 3 and returns them in disguise, or None
where the kind has no such number of dimensions. `Kind.numbers` says which numbers the thing holds;
`Kind.refusal` is the error and what its message says, where it is to be refused.
"""

import array as buffers
import ctypes
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

FLOATS = ["float16", "float32", "float64", "longdouble"]
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
SWAPPED = [">f2", ">f4", ">f8", ">i2", ">u4", ">i8"]
# dtype, and what the message calls it.
NO_NUMBERS = {
    "complex64": "dtype complex64",
    "complex128": "dtype complex128",
    "object": "dtype object",
    "U4": "dtype <U4",
    "S4": "dtype .S4",
    "datetime64[s]": r"dtype datetime64\[s\]",
    "timedelta64[s]": r"dtype timedelta64\[s\]",
}


class Kind(NamedTuple):
    """A kind of thing; see the head of this file."""

    name: str
    make: Callable[[Any], Any]
    refusal: tuple[type[Exception], str] | None = None
    numbers: Callable[[Any], Any] = np.array


class Own(np.ndarray):
    """A subclass with ideas of its own about everything that numpy lets it decide."""

    def __array_finalize__(self, parent):
        self.note = "made"

    def __array_ufunc__(self, *arguments, **settings):
        raise AssertionError("a ufunc was called on the user's array")

    def __getitem__(self, place):
        raise AssertionError("the user's array was indexed")

    def __repr__(self):
        raise AssertionError("the user's array was printed")


class Exporter:
    """An object with DLPack and nothing else."""

    def __init__(self, values, device=(1, 0), error=None):
        self.values, self.device, self.error = values, device, error

    def __dlpack__(self, **settings):
        if self.error is not None:
            raise self.error
        return self.values.__dlpack__(**settings)

    def __dlpack_device__(self):
        return self.device


class Converter:
    """An object with __array__ and nothing else."""

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def __array__(self, dtype=None, copy=None):
        if self.error is not None:
            raise self.error
        return self.values


class Described:
    """An object with __array_interface__ and nothing else."""

    def __init__(self, values):
        self.values = values
        self.__array_interface__ = values.__array_interface__


def strided(values):
    wide = np.full((2 * len(values), *values.shape[1:]), -7.0)
    wide[::2] = values
    return wide[::2]


def backwards(values):
    return np.ascontiguousarray(values[::-1])[::-1]


def first_repeated(values):
    return np.broadcast_to(values[:1], values.shape)


def read_only(values):
    locked = values.copy()
    locked.flags.writeable = False
    return locked


def misaligned(values):
    memory = np.zeros(values.nbytes + 1, np.uint8)
    shifted = memory[1:].view(values.dtype).reshape(values.shape)
    shifted[...] = values
    assert not shifted.flags.aligned
    return shifted


def mapped(values, mode="r"):
    """Return a map of a file that is there for as long as the map."""
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.write(values.tobytes())
    file.flush()
    found = np.memmap(file.name, values.dtype, mode, shape=values.shape)
    found.file = file
    return found


def matrix(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(values)


def structured(values):
    return np.zeros(values.shape, [("a", "f8"), ("b", "f8")])


def masked_at(values, *places):
    found = np.ma.array(values, mask=False)
    for place in places:
        found[place] = np.ma.masked
    return found


def last_masked(values):
    return masked_at(values, (-1,) * values.ndim)


def rows_of_masked(values):
    if values.ndim == 1:
        return [*values[:-1], np.ma.masked]
    return [*values[:-1], last_masked(values[-1])]


def ragged(values):
    return [*values.tolist()[:-1], [0.0] * 7]


def flat_only(make):
    return lambda values: make(values) if values.ndim == 1 else None


def matrix_only(make):
    return lambda values: make(values) if values.ndim == 2 else None


def ctypes_array(values):
    kind = ctypes.c_double * values.shape[-1]
    if values.ndim == 1:
        return kind(*values)
    return (kind * len(values))(*(kind(*row) for row in values))


def columns(values):
    return {f"c{j}": values[:, j].copy() for j in range(values.shape[1])}


def frame(values):
    pandas = pytest.importorskip("pandas")
    return pandas.Series(values) if values.ndim == 1 else pandas.DataFrame(columns(values))


def polars_frame(values):
    polars = pytest.importorskip("polars")
    return polars.Series(values) if values.ndim == 1 else polars.DataFrame(columns(values))


def arrow(values):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.array(values) if values.ndim == 1 else pyarrow.table(columns(values))


def text_frame(values):
    pandas = pytest.importorskip("pandas")
    return pandas.Series(values).astype(str) if values.ndim == 1 else frame(values).astype(str)


def sparse(kind):
    def make(values):
        return getattr(pytest.importorskip("scipy.sparse"), kind)(values)

    return matrix_only(make)


def typed(dtype):
    return lambda values: values.astype(dtype)


def is_true(values):
    return (values != 0).astype(np.float64)


REAL = "must hold real numbers, got "
ACCEPTED = [
    *(Kind(dtype, typed(dtype)) for dtype in (*FLOATS, *INTEGERS, *SWAPPED)),
    Kind("bool", typed(bool), numbers=is_true),
    Kind("fortran", np.asfortranarray),
    Kind("strided", strided),
    Kind("columns of more", matrix_only(lambda v: np.hstack([v, v])[:, : v.shape[1]])),
    Kind("negative stride", backwards),
    Kind(
        "negative strides", matrix_only(lambda v: np.ascontiguousarray(v[::-1, ::-1])[::-1, ::-1])
    ),
    Kind("broadcast", first_repeated, numbers=first_repeated),
    Kind("read-only", read_only),
    Kind("misaligned", misaligned),
    Kind("misaligned float32", lambda v: misaligned(v.astype(np.float32))),
    Kind("memory map", mapped),
    Kind("memory map, copy on write", lambda v: mapped(v, "c")),
    Kind("masked, nothing masked", lambda v: np.ma.array(v, mask=False)),
    Kind("masked, no mask", lambda v: np.ma.array(v)),
    Kind("matrix", matrix_only(matrix)),
    Kind("own subclass", lambda v: v.view(Own)),
    Kind("list", np.ndarray.tolist),
    Kind("tuple", lambda v: tuple(map(tuple, v)) if v.ndim == 2 else tuple(v)),
    Kind("list of arrays", lambda v: list(v)),
    Kind("pandas", frame),
    Kind("polars", polars_frame),
    Kind("pyarrow", arrow),
    Kind("dlpack", lambda v: Exporter(v.copy())),
    Kind("dlpack, read-only", lambda v: Exporter(read_only(v))),
    Kind("dlpack, strided", lambda v: Exporter(strided(v))),
    Kind("array.array", flat_only(lambda v: buffers.array("d", v))),
    Kind("array.array of bytes", flat_only(lambda v: buffers.array("b", map(int, v)))),
    Kind("bytearray", flat_only(lambda v: bytearray(map(int, v)))),
    Kind("memoryview", lambda v: memoryview(v.copy())),
    Kind("memoryview, read-only", lambda v: memoryview(v.copy()).toreadonly()),
    Kind("memoryview, strided", lambda v: memoryview(strided(v))),
    Kind("ctypes", ctypes_array),
    Kind("__array__", lambda v: Converter(v.copy())),
    Kind("__array_interface__", lambda v: Described(v.copy())),
]
REFUSED = [
    *(
        Kind(name, typed(name), (TypeError, f"{REAL}{came}$"))
        for name, came in NO_NUMBERS.items()
        if name[0] not in "dt"
    ),
    *(
        Kind(name, lambda v, name=name: v.astype("i8").astype(name), (TypeError, REAL + came))
        for name, came in NO_NUMBERS.items()
        if name[0] in "dt"
    ),
    Kind("structured", structured, (TypeError, REAL + r"dtype \[\('a'")),
    Kind("record array", lambda v: structured(v).view(np.recarray), (TypeError, REAL + "dtype")),
    Kind("ragged list", ragged, (ValueError, "must be a rectangular array of numbers: ")),
    Kind(
        "masked",
        last_masked,
        (ValueError, "must have no masked entries, got one in row 4(, col|;)"),
    ),
    Kind(
        "list with masked", rows_of_masked, (ValueError, "must have no masked .* in row 4(, col|;)")
    ),
    Kind("pandas of text", text_frame, (TypeError, REAL + "column ")),
    *(
        Kind(name, sparse(name), (TypeError, rf"must be dense, got a sparse {name} of shape \(5, "))
        for name in ("csr_matrix", "csr_array", "coo_array")
    ),
    Kind("scalar", lambda v: 3.5, (ValueError, r"must have .*got shape \(\)")),
    Kind("numpy scalar", lambda v: np.float32(3.5), (ValueError, r"must have .*got shape \(\)")),
    Kind("nan", lambda v: float("nan"), (ValueError, r"must have .*got shape \(\)")),
    Kind("string", lambda v: "1 2", (TypeError, REAL + "dtype <U3 of '1 2'$")),
    Kind("bytes", lambda v: b"12", (TypeError, REAL + "dtype .S2 of b'12'$")),
    Kind("generator", iter, (TypeError, REAL + "dtype object of <")),
    Kind("dict", lambda v: {0: v}, (TypeError, REAL + "dtype object of {0: ")),
    Kind("set", lambda v: {1, 2}, (TypeError, REAL + r"dtype object of \{1, 2\}$")),
    Kind("function", lambda v: len, (TypeError, REAL + "dtype object of <built-in")),
    Kind(
        "dlpack of a GPU",
        lambda v: Exporter(v, device=(2, 0)),
        (TypeError, "must give its numbers by DLPack: its device is 2 of DLPack"),
    ),
    Kind(
        "dlpack that fails",
        lambda v: Exporter(v, error=BufferError("of no use")),
        (TypeError, "must give its numbers as an array, got Exporter: of no use$"),
    ),
    Kind(
        "__array__ that fails",
        lambda v: Converter(v, error=RuntimeError("needs a gradient")),
        (TypeError, "must give its numbers as an array, got Converter: needs a gradient$"),
    ),
    Kind(
        "a number of NaN", lambda v: np.where(v == v.max(), np.nan, v), (ValueError, "must .*nan")
    ),
]
KINDS = ACCEPTED + REFUSED


def looks(thing):
    """Return all that a call must leave as it is: bytes, layout, flags, of a thing of any kind."""
    if isinstance(thing, np.ndarray):
        plain = np.asarray(thing)
        mask = np.ma.getmask(thing) if isinstance(thing, np.ma.MaskedArray) else None
        numbers = plain.tolist() if plain.dtype.hasobject else plain.tobytes()
        flags = (plain.dtype, plain.shape, plain.strides, thing.flags.writeable)
        return numbers, flags, None if mask is None else np.asarray(mask).tobytes()
    if isinstance(thing, (Exporter, Converter, Described)):
        return looks(thing.values)
    if isinstance(thing, (list, tuple)):
        return [looks(part) for part in thing]
    if hasattr(thing, "toarray"):
        return thing.toarray().tobytes()
    if hasattr(thing, "to_numpy"):
        return str(thing), type(thing)
    if isinstance(thing, (buffers.array, bytearray, memoryview, ctypes.Array)):
        return bytes(thing)
    return str(thing)
