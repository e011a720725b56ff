"""How an engine calls functions of the user's own, and lets Python's signals in."""
from .custom cimport Custom
from .watch cimport Watch

cdef class Callbacks:
    # What a Python function or the handler of a signal has raised, if one has.
    cdef bint failed
    cdef object error
    cdef list bound

    cdef int bind(self, Custom* out, custom) except -1
    cdef void watch_signals(self, Watch* watch) noexcept
