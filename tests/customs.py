"""Copies of tanh, softplus and huber in every form that functions of one's own can have."""

import ctypes
import functools
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

import fastbp as fb
from fastbp import reference

FORMS = ["python", "callback", "compiled", "capsule", "numba"]
NAMES = ["tanh", "softplus", "huber"]
OF_ONE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
OF_TWO = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)

SOURCE = """
#include <math.h>
double tanh_value(double z) { return tanh(z); }
double tanh_slope(double z) { return 1 - tanh(z) * tanh(z); }
double softplus_value(double z) { return fmax(z, 0) + log1p(exp(-fabs(z))); }
double softplus_slope(double z) { return 1 / (1 + exp(-z)); }
double huber_value(double a, double y) {
    double d = fabs(a - y);
    return d <= 1 ? d * d / 2 : d - 0.5;
}
double huber_slope(double a, double y) { return fmax(fmin(a - y, 1), -1); }
"""


def of_rows():
    """Return {name: (value, derivative)} as numpy functions on a batch."""

    def huber(a, y):
        size = np.abs(a - y)
        return np.where(size <= 1, size**2 / 2, size - 0.5).sum(axis=1)

    return {
        "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
        "huber": (huber, lambda a, y: np.clip(a - y, -1, 1)),
    }


def scalar():
    """Return {name: (value, derivative)} on Python floats."""

    def huber(a, y):
        size = abs(a - y)
        return size * size / 2 if size <= 1 else size - 0.5

    return {
        "tanh": (lambda z: math.tanh(z), lambda z: 1 - math.tanh(z) ** 2),
        "softplus": (
            lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))),
            lambda z: 1 / (1 + math.exp(-z)),
        ),
        "huber": (huber, lambda a, y: max(min(a - y, 1.0), -1.0)),
    }


def kind_of(name):
    """Return the ctypes type of a function, and its signature."""
    return (OF_TWO, b"double (double, double)") if name == "huber" else (OF_ONE, b"double (double)")


def callbacks():
    """Return Python functions behind C pointers; tanh is the C library's own."""
    found = {name: tuple(map(kind_of(name)[0], pair)) for name, pair in scalar().items()}
    library = ctypes.CDLL(None)
    library.tanh.restype, library.tanh.argtypes = ctypes.c_double, [ctypes.c_double]
    found["tanh"] = (library.tanh, found["tanh"][1])
    return found


def compiled():
    """Return ctypes functions of a library that a C compiler has just made."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = Path(tempfile.mkdtemp())
    folder.joinpath("functions.c").write_text(SOURCE)
    target = folder / "functions.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", folder / "functions.c", "-o", target, "-lm"],
        check=True,
    )
    library = ctypes.CDLL(str(target))
    shutil.rmtree(folder)
    found = {}
    for name in NAMES:
        pair = tuple(getattr(library, f"{name}_{part}") for part in ("value", "slope"))
        for function in pair:
            function.restype = ctypes.c_double
            function.argtypes = [ctypes.c_double] * (2 if name == "huber" else 1)
        found[name] = pair
    return found


def capsule(function, signature):
    """Return a capsule as Cython makes them, around a ctypes function."""
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    return make(ctypes.cast(function, ctypes.c_void_p), signature, None)


KEPT = []


def capsules():
    """Return capsules named by their signature."""
    found = callbacks()
    # A capsule does not own what it points to, nor the bytes that name it.
    KEPT.append((found, [kind_of(name)[1] for name in found]))
    return {
        name: tuple(capsule(function, kind_of(name)[1]) for function in pair)
        for name, pair in found.items()
    }


def numba_functions():
    """Return numba's cfuncs."""
    numba = pytest.importorskip("numba")
    types = {1: "float64(float64)", 2: "float64(float64, float64)"}
    return {
        name: tuple(numba.cfunc(types[2 if name == "huber" else 1])(f) for f in pair)
        for name, pair in scalar().items()
    }


@functools.cache
def functions_of(form):
    """Return {name: (value, derivative)} of a form, the same objects each time."""
    made = {
        "python": of_rows,
        "callback": callbacks,
        "compiled": compiled,
        "capsule": capsules,
        "numba": numba_functions,
        "twin": scalar,
    }
    return made[form]()


def register(form, package=fb):
    """Register tanh_FORM, softplus_FORM and huber_FORM; return these names."""
    found = functions_of("twin" if package is reference else form)
    for name, pair in found.items():
        take = package.register_loss if name == "huber" else package.register_activation
        take(f"{name}_{form}", *pair)
    return [f"{name}_{form}" for name in NAMES]
