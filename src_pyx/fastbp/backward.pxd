"""The chain rule for a block of rows: every delta, from the loss down to dL/dx."""
from libc.string cimport memcpy

from .activation cimport times_derivative
from .custom cimport custom_gradients
from .dense cimport LINE_BYTES, watched_product
from .loss cimport (
    BINARY_CROSS_ENTROPY, CUSTOM, first_gradient_of_row, gives_delta, loss_gradient_of_row,
)
from .network cimport Layer, Moment, Network, Part, Span, columns_in, share_of
from .normalization cimport (
    LAYER_NORM, NO_NORM, batch_delta, inverse_deviations, layer_delta, sums_over_rows,
)
from .real cimport apart, real
from .team cimport meet


cdef inline void times_derivative_part(
    const Layer* layer, const real* a, const real* z, real* g, Py_ssize_t rows,
    Py_ssize_t width
) noexcept nogil:
    """g <- g * s'(z) in place for whole rows, or for some columns of each."""
    cdef Py_ssize_t r, row = layer.row
    if width == layer.n_out:
        times_derivative(layer.activation, layer.alpha, &layer.custom, a, z, g, rows, width, row)
        return
    for r in range(rows):
        times_derivative(
            layer.activation, layer.alpha, &layer.custom, a + r * row, z + r * row, g + r * row,
            1, width, width)


cdef inline void output_delta(
    const Network* net, const real* params, real* work, real* grad, const real* y,
    Py_ssize_t y_row, const long long* label, const real* weight, double total_weight, Part part,
    const Moment* moment
) noexcept nogil:
    """delta^L = dL/dz^L, with each row's share weight / total_weight of the mean."""
    cdef Py_ssize_t r
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef const real* a = work + last.a
    cdef const real* z = work + last.z
    cdef real* delta = work + last.delta
    cdef real scale = <real> (1 / total_weight)
    if net.loss == CUSTOM:
        custom_gradients(
            &net.custom, a + part.first * last.row, last.row, y + part.first * y_row, y_row,
            part.stop - part.first, net.n_out, delta + part.first * last.row)
    for r in range(part.first, part.stop):
        if weight != NULL:
            scale = <real> (weight[r] / total_weight)
        if net.loss <= BINARY_CROSS_ENTROPY:
            first_gradient_of_row(
                a + r * last.row, NULL if y == NULL else y + r * y_row,
                0 if label == NULL else label[r], net.n_out, last.row, scale, delta + r * last.row)
            continue
        loss_gradient_of_row(
            net.loss, net.loss_parameter, z + r * last.row, a + r * last.row,
            NULL if y == NULL else y + r * y_row, 0 if label == NULL else label[r], net.n_out,
            last.row, scale, delta + r * last.row,
        )
    if not gives_delta(net.loss):
        output_derivative(net, params, work, grad, part, moment)
    elif last.norm != NO_NORM:
        delta_before_norm(net, params, work, grad, net.n_layers - 1, part, moment)


cdef inline void output_derivative(
    const Network* net, const real* params, real* work, real* grad, Part part,
    const Moment* moment
) noexcept nogil:
    """delta^L <- dL/dz^L from dL/da^L, in place, for the part's rows."""
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef Py_ssize_t first = part.first * last.row
    if last.apart:
        delta_of_layer(net, params, work, grad, net.n_layers - 1, part, moment)
        return
    times_derivative_part(
        last, <const real*> work + last.a + first, <const real*> work + last.z + first,
        work + last.delta + first, part.stop - part.first, last.n_out)


cdef inline apart delta_of_layer(
    const Network* net, const real* params, real* work, real* grad, int index, Part part,
    const Moment* moment
) noexcept nogil:
    """delta^l from dL/da^l, in place, for the part of a layer where a is not s(W a + b) alone."""
    cdef const Layer* layer = &net.layers[index]
    cdef Span span = columns_in(part, layer.n_out, sizeof(real))
    cdef Py_ssize_t r, j, place, width = span.stop - span.first
    cdef Py_ssize_t a = layer.a if layer.s < 0 else layer.s
    cdef real* g
    for r in range(part.first, part.stop):
        place = r * layer.row + span.first
        g = work + layer.delta + place
        if layer.above >= 0:
            memcpy(work + layer.above + place, g, width * sizeof(real))
        if layer.mask >= 0:
            for j in range(width):
                g[j] *= work[layer.mask + place + j]
    place = part.first * layer.row + span.first
    times_derivative_part(
        layer, <const real*> work + a + place,
        <const real*> work + (a if layer.z < 0 else layer.z) + place, work + layer.delta + place,
        part.stop - part.first, width)
    if layer.norm != NO_NORM:
        delta_before_norm(net, params, work, grad, index, part, moment)


cdef inline apart delta_before_norm(
    const Network* net, const real* params, real* work, real* grad, int index, Part part,
    const Moment* moment
) noexcept nogil:
    """delta^l from dL/d(normalised z^l), which is kept for the gradients of scale and shift."""
    cdef const Layer* layer = &net.layers[index]
    cdef Span span = columns_in(part, layer.n_out, sizeof(real))
    cdef Py_ssize_t r, j, n = layer.n_out, row = layer.row
    cdef real* delta = work + layer.delta
    cdef real* outer = work + layer.outer
    cdef const real* normed = <const real*> work + layer.normed
    cdef const real* scale = params + layer.scale
    cdef real* inverse = work + net.scratch + part.thread * net.scratch_length
    for r in range(part.first, part.stop):
        memcpy(
            outer + r * row + span.first, delta + r * row + span.first,
            (span.stop - span.first) * sizeof(real))
        if layer.norm == LAYER_NORM:
            layer_delta(
                delta + r * row, <const real*> outer + r * row, normed + r * row, scale,
                work[layer.statistics + r], n)
    if layer.norm == LAYER_NORM:
        return
    if layer.batch_statistics:
        batch_deltas(net, params, work, grad, index, part, moment)
        return
    inverse_deviations(inverse + span.first, scale + 3 * n + span.first, span.stop - span.first)
    for r in range(part.first, part.stop):
        for j in range(span.first, span.stop):
            delta[r * row + j] *= scale[j] * inverse[j]


cdef inline apart batch_deltas(
    const Network* net, const real* params, real* work, real* grad, int index, Part part,
    const Moment* moment
) noexcept nogil:
    """The delta of a layer with the batch's statistics, and the gradients of scale and shift."""
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t r, n = layer.n_out
    cdef const real* weight = <const real*> moment.weight
    cdef Span span = share_of(part.thread, part.threads, n, LINE_BYTES // sizeof(real))
    cdef Py_ssize_t width = span.stop - span.first, place
    cdef const real* outer = <const real*> work + layer.outer + span.first
    cdef const real* normed = <const real*> work + layer.normed + span.first
    cdef real* products = grad + layer.scale + span.first
    cdef real* sums = products + n
    if not part.columns:
        meet(moment.team)
    sums_over_rows(
        sums, outer, <const real*> NULL, <const real*> NULL, layer.row, moment.rows, width, False)
    sums_over_rows(
        products, outer, normed, <const real*> NULL, layer.row, moment.rows, width, False)
    for r in range(moment.rows):
        place = r * layer.row
        batch_delta(
            work + layer.delta + place + span.first, outer + place, normed + place,
            params + layer.scale + span.first,
            <const real*> work + layer.statistics + 2 * n + span.first, <const real*> sums,
            <const real*> products,
            (1 if weight == NULL else weight[r]) / moment.weight_sum, width)
    if not part.columns:
        meet(moment.team)


cdef inline void data_gradient(
    const Network* net, const real* params, real* work, real* grad, int index, Part part,
    const Moment* moment
) noexcept nogil:
    """delta^(l-1) = (W^l)^T delta^l * s'(z^(l-1)) for the part; dL/dx for layer 0."""
    cdef const Layer* layer = &net.layers[index]
    cdef const Layer* below
    cdef Span span = columns_in(part, layer.n_in, sizeof(real))
    cdef Py_ssize_t r, j, rows = part.stop - part.first, width = span.stop - span.first
    cdef Py_ssize_t row = net.x_row if index == 0 else net.layers[index - 1].row
    cdef Py_ssize_t place = part.first * row + span.first
    cdef const real* a
    cdef const real* z
    cdef const real* delta = <const real*> work + layer.delta + part.first * layer.row
    cdef real* before = (
        work + (net.x_delta if index == 0 else net.layers[index - 1].delta) + place)
    cdef real* scratch = work + net.scratch + part.thread * net.scratch_length
    if layer.transposed:
        watched_product(
            False, before, row, delta, layer.row, params + layer.weight + span.first, layer.n_in,
            rows, width, layer.n_out, <const real*> NULL, scratch, net.watch, part.thread)
    else:
        watched_product(
            True, before, row, delta, layer.row,
            params + layer.weight + span.first * layer.n_out, layer.n_out, rows, width,
            layer.n_out, <const real*> NULL, scratch, net.watch, part.thread)
    if layer.residual:
        for r in range(rows):
            for j in range(width):
                before[r * row + j] += work[
                    layer.above + (part.first + r) * layer.row + span.first + j]
    if index == 0:
        return
    below = &net.layers[index - 1]
    if below.apart:
        delta_of_layer(net, params, work, grad, index - 1, part, moment)
        return
    a = <const real*> work + below.a + place
    z = a if below.z < 0 else <const real*> work + below.z + place
    times_derivative_part(below, a, z, before, rows, width)
