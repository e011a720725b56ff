"""Functions of the user's own in one way of calling, whatever they are made of.

A Python callable works on a whole batch. A compiled function is an address: of a ctypes function, a
numba cfunc or a Cython capsule, of one number or of an output and its target, in float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array

# Of ctypes functions that must be called with the GIL held: compiled loops do not hold it.
NEEDS_GIL = 4


class PythonFunction:
    """A Python callable on a batch; `of_rows`: it returns a number a row, not one an element."""

    calls_python = True

    def __init__(self, what: str, function: Callable[..., Any], of_rows: bool) -> None:
        self.what = what
        self.identity: object = function
        self.function = function
        self.of_rows = of_rows

    def __call__(self, *arrays: Array) -> Array:
        """Return the checked answer, C-contiguous and of the arguments' dtype: (rows, width or 1).

        The callable may change its arguments.
        """
        shape, dtype = arrays[0].shape, arrays[0].dtype
        wanted = shape[:1] if self.of_rows else shape
        answer = checks.numeric_array(f"what {self.what} returns", self.function(*arrays))
        if answer.shape != wanted:
            raise ValueError(
                f"what {self.what} returns must have shape {wanted} for arguments of shape "
                f"{shape}, got shape {answer.shape}"
            )
        return checks.converted(answer, dtype).reshape(shape[0], -1)

    def room(self, rows: int, width: int, itemsize: int) -> Array:
        """Return a new array for an argument."""
        return np.empty((rows, width), f"f{itemsize}")


class CompiledFunction:
    """The address of double(double) or double(double, double); `keep` owns the code."""

    calls_python = False

    def __init__(self, address: int, n_arguments: int, of_rows: bool, keep: object) -> None:
        self.identity: object = address
        self.address = address
        self.keep = keep
        self.of_rows = of_rows
        self.function = prototype(n_arguments)(address)

    def __call__(self, *arrays: Array) -> Array:
        """Return the results in the dtype of the arguments, their sums over a row for `of_rows`."""
        numbers = zip(*(array.ravel().tolist() for array in arrays), strict=True)
        results = np.array([self.function(*of_one) for of_one in numbers]).reshape(arrays[0].shape)
        if self.of_rows:
            results = results.sum(axis=1, keepdims=True)
        return checks.converted(results, arrays[0].dtype)


Function = PythonFunction | CompiledFunction


def prototype(n_arguments: int) -> Any:
    """Return the ctypes type of a compiled function."""
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * n_arguments)


def as_function(what: str, function: object, n_arguments: int, of_rows: bool) -> Function:
    """Return a function in one way of calling; `what` is said in messages.

    Raises
    ------
    TypeError
        It is not callable, or a compiled function of other types.
    """
    address = compiled_address(what, function, n_arguments)
    if address is not None:
        return CompiledFunction(address, n_arguments, of_rows, function)
    if not callable(function):
        raise TypeError(
            f"{what} must be a Python callable or a compiled function (ctypes, numba cfunc, Cython "
            f"capsule), got {checks.described(function)}"
        )
    return PythonFunction(what, function, of_rows)


def compiled_address(what: str, function: Any, n_arguments: int) -> int | None:
    """Return the address of a compiled function; None if it is none."""
    if type(function).__name__ == "PyCapsule":
        return capsule_address(what, function, n_arguments)
    if type(function).__module__.partition(".")[0] == "numba" and hasattr(function, "address"):
        numbers = ", ".join(["float64"] * n_arguments) + "," * (n_arguments == 1)
        same_signature(what, f"({numbers}) -> float64", str(getattr(function, "_sig", None)))
        return int(function.address)
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return ctypes_address(what, function, n_arguments)
    return None


def same_signature(what: str, wanted: str, came: str) -> None:
    """Refuse a compiled function of another type."""
    if came != wanted:
        raise TypeError(f"{what} must be a compiled function of type {wanted!r}, got {came!r}")


def capsule_address(what: str, capsule: object, n_arguments: int) -> int:
    """Return the address in a capsule that is named by the function's type, as Cython's are."""
    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
        ("PyCapsule_GetName", ctypes.pythonapi)
    )
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    name = get_name(capsule)
    wanted = f"double ({', '.join(['double'] * n_arguments)})"
    same_signature(what, wanted, (name or b"").decode("utf-8", "replace"))
    return int(get_pointer(capsule, name))


def ctypes_address(what: str, function: Any, n_arguments: int) -> int:
    """Return the address of a ctypes function that is double(double, ...)."""
    double = ctypes.c_double
    arguments = function.argtypes
    if function.restype is not double or tuple(arguments or ()) != (double,) * n_arguments:
        raise TypeError(
            f"{what} must be a ctypes function with restype c_double and {n_arguments} argtypes "
            f"c_double, got restype {function.restype} and argtypes {arguments}"
        )
    if function._flags_ & NEEDS_GIL:
        raise TypeError(
            f"{what} must be a C function that needs no GIL, got {checks.described(function)}"
        )
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise ValueError(f"{what} must be the address of a function, got a null pointer")
    return address
