"""A way back to numbers that were kept, which can be gone when there is no memory left."""
from libc.string cimport memcpy

cdef enum:
    MOST_COPIED = 8


cdef class Way:
    """A way back: arrays, and others of the same shapes and dtypes that hold what they shall be.

    All of them C-contiguous, at most MOST_COPIED. To go takes no memory, and no signal is handled
    on the way.
    """

    cdef void* to[MOST_COPIED]
    cdef void* origin[MOST_COPIED]
    cdef size_t n_bytes[MOST_COPIED]
    cdef int n
    cdef list alive

    def __init__(self, targets, sources):
        cdef unsigned char[::1] target
        cdef const unsigned char[::1] source
        self.n, self.alive = 0, []
        for array, other in zip(targets, sources, strict=True):
            if array.size == 0:
                continue
            flat, other_flat = array.reshape(-1).view("uint8"), other.reshape(-1).view("uint8")
            # The arrays and not the memoryviews: where the object of one fails, blocks are lost.
            self.alive.append((flat, other_flat))
            target, source = flat, other_flat
            self.to[self.n], self.origin[self.n] = &target[0], <void*> &source[0]
            self.n_bytes[self.n] = target.shape[0]
            self.n += 1

    def go(self):
        """Copy all of it."""
        cdef int i
        for i in range(self.n):
            memcpy(self.to[i], self.origin[i], self.n_bytes[i])
