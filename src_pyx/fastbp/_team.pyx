"""A team of threads as Python holds it."""
from .team cimport Team as Members, team_end, team_start


cdef class Team:
    """Threads for the calls of an engine, from now until `end`; see team.h.

    Where they cannot be had, `threads` is 1 and the caller works alone.
    """

    def __cinit__(self, int threads, int cores):
        with nogil:
            self.members = team_start(threads, cores)
        self.threads = 1 if self.members == NULL else threads

    def __dealloc__(self):
        team_end(self.members)

    def end(self):
        """End the threads."""
        cdef Members* members = self.members
        self.members = NULL
        with nogil:
            team_end(members)
