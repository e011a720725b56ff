"""How an engine calls functions of the user's own."""
from .custom cimport Custom

cdef class Callbacks:
    # What a Python function has raised, if one has.
    cdef bint failed
    cdef object error
    cdef list bound

    cdef int bind(self, Custom* out, custom) except -1
