"""A team of threads as engines see it."""
from .team cimport Team as Members

cdef class Team:
    cdef Members* members
    cdef readonly int threads
