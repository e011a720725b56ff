"""The rows of a call: gathered, weighed, with their losses and the chain rule from them down."""
from libc.string cimport memcpy

from .backward cimport data_gradient, output_delta
from .forward cimport forward, losses_of_rows
from .network cimport Moment, Network, Part
from .real cimport real
from .weight_gradient cimport weight_gradient

cdef struct Data:
    # The rows of a call: x (n_rows, n_in), y (n_rows, n_out) or label (n_rows,), weight or NULL.
    const void* x
    const void* y
    const long long* label
    const void* weight
    Py_ssize_t n_rows

cdef struct Buffers:
    # Everything of a network that is written: parameters, gradient and workspace.
    void* params
    void* grad
    void* work
    long long* label
    void* weight
    double* losses


cdef inline double total_weight(
    const real* weight, const long long* order, Py_ssize_t start, Py_ssize_t rows
) noexcept nogil:
    """The sum of the weights of a batch in ascending order; the number of rows without weights."""
    cdef Py_ssize_t r
    cdef double total = 0
    if weight == NULL:
        return rows
    for r in range(start, start + rows):
        total += weight[r if order == NULL else order[r]]
    return total


cdef inline void gather(
    const Network* net, const Buffers* buffers, real* work, const Data* data,
    const long long* order, Py_ssize_t start, Part part
) noexcept nogil:
    """Copy the part's rows of x, y, label and weight into the workspace."""
    cdef Py_ssize_t r, source
    for r in range(part.first, part.stop):
        source = start + r if order == NULL else order[start + r]
        memcpy(
            work + net.x + r * net.x_row, <const real*> data.x + source * net.n_in,
            net.n_in * sizeof(real),
        )
        if data.y != NULL:
            memcpy(
                work + net.y + r * net.n_y, <const real*> data.y + source * net.n_y,
                net.n_y * sizeof(real),
            )
        else:
            buffers.label[r] = data.label[source]
        if data.weight != NULL:
            (<real*> buffers.weight)[r] = (<const real*> data.weight)[source]


cdef inline void losses_and_delta(
    const Network* net, const Buffers* buffers, real* work, const Data* data, Part part,
    double weight_sum, const Moment* moment
) noexcept nogil:
    """Losses and delta^L of the part's rows of a block after its forward pass."""
    cdef const real* y = NULL if data.y == NULL else <const real*> work + net.y
    cdef const long long* label = NULL if data.label == NULL else <const long long*> buffers.label
    cdef const real* weight = (
        NULL if data.weight == NULL else <const real*> buffers.weight)
    losses_of_rows(net, work, y, net.n_y, label, weight, part, buffers.losses)
    output_delta(
        net, <const real*> buffers.params, work, <real*> buffers.grad, y, net.n_y, label, weight,
        weight_sum, part, moment)


cdef inline void block_losses(
    const Network* net, const Buffers* buffers, const real* params, real* work, const Data* data,
    const long long* order, Py_ssize_t start, Part part, double weight_sum
) noexcept nogil:
    """Forward, losses and delta^L of the part's rows of one block."""
    gather(net, buffers, work, data, order, start, part)
    forward(net, params, work, work + net.x, net.x_row, part, NULL)
    losses_and_delta(net, buffers, work, data, part, weight_sum, NULL)


cdef inline double sum_of(const double* values, Py_ssize_t n) noexcept nogil:
    """The sum in ascending order."""
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += values[i]
    return total


cdef inline void backward_alone(
    const Network* net, const Buffers* buffers, real* work, Py_ssize_t rows, bint add, Part part
) noexcept nogil:
    """The chain rule from delta^L down to dL/dx; every gradient, while its delta is at hand."""
    cdef int index
    for index in range(net.n_layers - 1, -1, -1):
        data_gradient(
            net, <const real*> buffers.params, work, <real*> buffers.grad, index, part, NULL)
        weight_gradient(
            net, <real*> buffers.params, work, index, rows, add, 0, <real*> buffers.grad, NULL,
            NULL, part,
        )
