"""One network over one workspace: forward, loss, backward for a block of rows.

A `Network` holds sizes and offsets only (from fastbp/plan.py); parameters, gradients and workspace
are flat vectors handed in beside it. Nothing here allocates, raises or touches Python.

Workspace, for up to `capacity` rows (at most SUM_BLOCK):
    x, y, label, weight    the rows gathered for this block
    a of each layer        activations, (rows, n_out)
    z                      the last layer's preactivation, which the losses need
    delta, spare           dL/dz of the layer at hand and of the one before
    transposed             one layer's weight as [out][in]
    block_sum              one row
"""
from libc.string cimport memcpy

from .activation cimport activate, times_derivative
from .dense cimport add_bias, product, sum_rows, transpose
from .loss cimport gives_delta, loss_gradient_of_row, loss_of_row
from .real cimport real

cdef struct Layer:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation
    Py_ssize_t weight
    Py_ssize_t bias
    Py_ssize_t a

cdef struct Network:
    int n_layers
    int loss
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t capacity
    Py_ssize_t n_params
    Layer* layers
    Py_ssize_t x
    Py_ssize_t y
    Py_ssize_t z
    Py_ssize_t delta
    Py_ssize_t spare
    Py_ssize_t transposed
    Py_ssize_t block_sum


cdef inline real* forward(
    const Network* net, const real* params, real* work, const real* x, Py_ssize_t rows
) noexcept nogil:
    """z^l = W^l a^(l-1) + b^l, a^l = s(z^l) for each layer; return a^L (rows, n_out)."""
    cdef int index
    cdef const Layer* layer
    cdef const real* a = x
    cdef real* z = NULL
    for index in range(net.n_layers):
        layer = &net.layers[index]
        z = work + layer.a
        product(
            z, a, layer.n_in, 1, params + layer.weight, rows, layer.n_out, layer.n_in, False,
            work + net.block_sum,
        )
        if layer.bias >= 0:
            add_bias(z, params + layer.bias, rows, layer.n_out)
        if index == net.n_layers - 1:
            memcpy(work + net.z, z, rows * layer.n_out * sizeof(real))
        activate(layer.activation, z, rows, layer.n_out)
        a = z
    return z


cdef inline double loss_of_rows(
    const Network* net, const real* work, const real* y, const long long* label,
    const real* weight, Py_ssize_t rows
) noexcept nogil:
    """sum_r w_r l_r over the rows of the last forward pass, in ascending order, in double."""
    cdef Py_ssize_t r, n = net.n_out
    cdef const real* a = work + net.layers[net.n_layers - 1].a
    cdef const real* z = work + net.z
    cdef double total = 0, of_row
    for r in range(rows):
        of_row = loss_of_row(
            net.loss, z + r * n, a + r * n,
            NULL if y == NULL else y + r * n, 0 if label == NULL else label[r], n,
        )
        total += of_row if weight == NULL else weight[r] * of_row
    return total


cdef inline void output_delta(
    const Network* net, real* work, const real* y, const long long* label,
    const real* weight, double total_weight, Py_ssize_t rows
) noexcept nogil:
    """delta^L = dL/dz^L into `delta`, with each row's share weight / total_weight of the mean."""
    cdef Py_ssize_t r, n = net.n_out
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef const real* a = work + last.a
    cdef real* delta = work + net.delta
    for r in range(rows):
        loss_gradient_of_row(
            a + r * n, NULL if y == NULL else y + r * n, 0 if label == NULL else label[r], n,
            <real> ((1 if weight == NULL else weight[r]) / total_weight), delta + r * n,
        )
    if not gives_delta(net.loss):
        times_derivative(last.activation, a, delta, rows, n)


cdef inline void backward(
    const Network* net, const real* params, real* work, const real* x, Py_ssize_t rows,
    real* grad, real* x_grad, bint add
) noexcept nogil:
    """The chain rule from delta^L in `delta` down to the first layer.

    dW^l = delta^l (a^(l-1))^T and db^l = sum of delta^l into `grad` (+= with `add`), then
    delta^(l-1) = (W^l)^T delta^l * s'(z^(l-1)); dL/dx into `x_grad` unless NULL.
    """
    cdef int index
    cdef const Layer* layer
    cdef const real* a
    cdef real* delta = work + net.delta
    cdef real* before = work + net.spare
    cdef real* block_sum = work + net.block_sum
    for index in range(net.n_layers - 1, -1, -1):
        layer = &net.layers[index]
        a = x if index == 0 else work + net.layers[index - 1].a
        product(
            grad + layer.weight, a, 1, layer.n_in, delta, layer.n_in, layer.n_out, rows, add,
            block_sum,
        )
        if layer.bias >= 0:
            sum_rows(grad + layer.bias, delta, rows, layer.n_out, add, block_sum)
        if index == 0 and x_grad == NULL:
            break
        if index == 0:
            before = x_grad
        transpose(work + net.transposed, params + layer.weight, layer.n_in, layer.n_out)
        product(
            before, delta, layer.n_out, 1, work + net.transposed, rows, layer.n_in, layer.n_out,
            False, block_sum,
        )
        if index > 0:
            times_derivative(net.layers[index - 1].activation, a, before, rows, layer.n_in)
            delta, before = before, delta
