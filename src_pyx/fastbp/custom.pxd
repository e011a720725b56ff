"""Functions of the user's own, called from the compiled loops on blocks of rows.

A network holds how its functions are called (`Call`) and with what: the address of a C function, or
a Python callable and who keeps what it raises (`_callbacks.pxd`). A loop knows no more than that. A
C function is of one number, or of an output and its target, in float64 for both dtypes.
"""
from .real cimport real

cdef enum:
    # What is made of the results: put in place, multiplied to what is there, or, of a loss, summed
    # over the outputs of a row.
    ASSIGN = 0
    MULTIPLY = 1
    SUM = 2

cdef struct Block:
    # One call: rows of z of an activation, or of a and y of a loss, each with the distance between
    # its rows; `second` is NULL for an activation. `out` holds a double a row with SUM.
    void* function
    void* owner
    const void* first
    const void* second
    void* out
    Py_ssize_t first_row
    Py_ssize_t second_row
    Py_ssize_t out_row
    Py_ssize_t rows
    Py_ssize_t width
    int purpose
    bint single

ctypedef void (*Call)(const Block* block) noexcept nogil
ctypedef double (*OfOne)(double z) noexcept nogil
ctypedef double (*OfTwo)(double a, double y) noexcept nogil

cdef struct Custom:
    # A function and its derivative, as `Call` takes them.
    Call call
    void* owner
    void* value
    void* slope


cdef inline void compiled_rows(const Block* block, real* out) noexcept nogil:
    """Call a C function for each number of a block."""
    cdef const real* first = <const real*> block.first
    cdef const real* second = <const real*> block.second
    cdef Py_ssize_t r, j
    cdef double result, total
    for r in range(block.rows):
        total = 0
        for j in range(block.width):
            if second == NULL:
                result = (<OfOne> block.function)(first[r * block.first_row + j])
            else:
                result = (<OfTwo> block.function)(
                    first[r * block.first_row + j], second[r * block.second_row + j])
            if block.purpose == ASSIGN:
                out[r * block.out_row + j] = <real> result
            elif block.purpose == MULTIPLY:
                out[r * block.out_row + j] *= <real> result
            else:
                total += result
        if block.purpose == SUM:
            (<double*> block.out)[r] = <real> total


cdef inline void call_compiled(const Block* block) noexcept nogil:
    """The `Call` of C functions."""
    if block.single:
        compiled_rows(block, <float*> block.out)
    else:
        compiled_rows(block, <double*> block.out)


cdef inline void custom_value(
    const Custom* custom, real* z, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """z <- s(z) in place."""
    cdef Block block = Block(
        custom.value, custom.owner, z, NULL, z, row, 0, row, rows, width, ASSIGN,
        sizeof(real) == sizeof(float))
    custom.call(&block)


cdef inline void custom_times_derivative(
    const Custom* custom, const real* z, real* g, Py_ssize_t rows, Py_ssize_t width,
    Py_ssize_t row
) noexcept nogil:
    """g <- g * s'(z) in place."""
    cdef Block block = Block(
        custom.slope, custom.owner, z, NULL, g, row, 0, row, rows, width, MULTIPLY,
        sizeof(real) == sizeof(float))
    custom.call(&block)


cdef inline void custom_losses(
    const Custom* custom, const real* a, Py_ssize_t row, const real* y, Py_ssize_t y_row,
    Py_ssize_t rows, Py_ssize_t width, double* losses
) noexcept nogil:
    """The loss of each row."""
    cdef Block block = Block(
        custom.value, custom.owner, a, y, losses, row, y_row, 0, rows, width, SUM,
        sizeof(real) == sizeof(float))
    custom.call(&block)


cdef inline void custom_gradients(
    const Custom* custom, const real* a, Py_ssize_t row, const real* y, Py_ssize_t y_row,
    Py_ssize_t rows, Py_ssize_t width, real* g
) noexcept nogil:
    """g <- dL/da of each row, which has no part in a mean yet."""
    cdef Block block = Block(
        custom.slope, custom.owner, a, y, g, row, y_row, row, rows, width, ASSIGN,
        sizeof(real) == sizeof(float))
    custom.call(&block)
