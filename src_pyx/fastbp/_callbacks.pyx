"""Python functions of the user's own, called from the compiled loops with the GIL held.

They get copies of the rows, which they may change and keep. What one of them raises is kept until
the compiled call has come to its end; until then no other is called, and the results are NaN. The
handlers of signals are such functions too: a call that takes long asks for them now and then.
"""
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport NAN
from libc.string cimport memcpy

from .custom cimport MULTIPLY, SUM, Block, Custom, call_compiled
from .real cimport keep_denormals, real, restore_mode
from .watch cimport Watch


cdef class Callbacks:
    """The functions that an engine calls, and what the Python functions among them raise."""

    def __cinit__(self):
        self.bound = []

    cdef int bind(self, Custom* out, custom) except -1:
        """Tell how a function and its derivative are called, and keep both alive."""
        self.bound.append(custom)
        if custom.calls_python:
            out.call, out.owner = call_python, <void*> self
            out.value, out.slope = <void*> custom.value, <void*> custom.slope
        else:
            out.call, out.owner = call_compiled, NULL
            out.value = <void*> <size_t> custom.value.address
            out.slope = <void*> <size_t> custom.slope.address
        return 0

    cdef void watch_signals(self, Watch* watch) noexcept:
        """Let a watch ask for signals."""
        watch.ask, watch.owner = ask_python, <void*> self

    def raise_error(self):
        """Raise what a function has raised since the last time, if anything."""
        error, self.error, self.failed = self.error, None, False
        if error is not None:
            raise error


cdef object taken(function, const real* source, Py_ssize_t row, const Block* block):
    """Return a copy of a block's rows as an array."""
    cdef real[:, ::1] target
    cdef Py_ssize_t r
    array = function.room(block.rows, block.width, sizeof(real))
    target = array
    for r in range(block.rows):
        memcpy(&target[r, 0], source + r * row, block.width * sizeof(real))
    return array


cdef object called(function, const Block* block, const real* first):
    """Return what a function answers, (rows, width) or (rows, 1)."""
    cdef const real* second = <const real*> block.second
    z = taken(function, first, block.first_row, block)
    if second == NULL:
        return function(z)
    return function(z, taken(function, second, block.second_row, block))


cdef int put(values, const Block* block, real* out) except -1:
    """Bring an answer to where the block wants it."""
    cdef const real[:, ::1] found = values
    cdef Py_ssize_t r, j
    for r in range(block.rows):
        if block.purpose == SUM:
            (<double*> block.out)[r] = found[r, 0]
            continue
        for j in range(block.width):
            if block.purpose == MULTIPLY:
                out[r * block.out_row + j] *= found[r, j]
            else:
                out[r * block.out_row + j] = found[r, j]
    return 0


cdef void put_nan(const Block* block, real* out) noexcept:
    """Leave NaN where an answer should be."""
    cdef Py_ssize_t r, j
    for r in range(block.rows):
        if block.purpose == SUM:
            (<double*> block.out)[r] = NAN
            continue
        for j in range(block.width):
            out[r * block.out_row + j] = <real> NAN


cdef void call_python(const Block* block) noexcept with gil:
    """The `Call` of Python functions."""
    cdef Callbacks owner = <Callbacks> block.owner
    cdef unsigned int mode = keep_denormals()
    function = <object> block.function
    try:
        if owner.failed:
            pass
        elif block.single:
            put(called(function, block, <const float*> block.first), block, <float*> block.out)
        else:
            put(called(function, block, <const double*> block.first), block, <double*> block.out)
    except BaseException as error:
        owner.failed, owner.error = True, error
    if owner.failed and block.single:
        put_nan(block, <float*> block.out)
    elif owner.failed:
        put_nan(block, <double*> block.out)
    restore_mode(mode)


cdef int ask_python(void* owner) noexcept with gil:
    """Let Python's main thread run the handlers of its signals; return whether one has raised."""
    cdef Callbacks callbacks = <Callbacks> owner
    cdef unsigned int mode = keep_denormals()
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        callbacks.failed, callbacks.error = True, error
    restore_mode(mode)
    return callbacks.failed
