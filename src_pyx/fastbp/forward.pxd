"""The way forward for a block of rows, and its losses."""
from libc.string cimport memcpy

from .activation cimport activate
from .custom cimport custom_losses
from .dense cimport LINE_BYTES, watched_product
from .dropout cimport drop
from .loss cimport (
    BINARY_CROSS_ENTROPY, CUSTOM, first_loss_of_row, has_power, loss_of_row, take_logarithms,
)
from .network cimport Layer, Moment, Network, Part, Span, columns_in, share_of
from .normalization cimport (
    LAYER_NORM, NO_NORM, batch_statistics, inverse_deviations, normalise_by, normalise_row,
)
from .real cimport apart, real
from .team cimport meet
from .watch cimport Watch


cdef inline apart by_transposed_weight(
    real* z, Py_ssize_t z_row, const real* a, Py_ssize_t a_row, const real* weight,
    Py_ssize_t weight_row, const real* bias, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t n_in,
    real* scratch, Watch* watch, int thread
) noexcept nogil:
    """z = a W^T + b where W itself lies as [in][out]: it is tied to another layer's transpose."""
    cdef Py_ssize_t r, j
    watched_product(
        True, z, z_row, a, a_row, weight, weight_row, rows, width, n_in, <const real*> NULL,
        scratch, watch, thread)
    if bias != NULL:
        for r in range(rows):
            for j in range(width):
                z[r * z_row + j] += bias[j]


cdef inline void activate_part(
    const Layer* layer, real* z, Py_ssize_t rows, Py_ssize_t width
) noexcept nogil:
    """z <- s(z) in place for whole rows, or for some columns of each."""
    cdef Py_ssize_t r
    if width == layer.n_out:
        activate(layer.activation, layer.alpha, &layer.custom, z, rows, width, layer.row)
        return
    for r in range(rows):
        activate(
            layer.activation, layer.alpha, &layer.custom, z + r * layer.row, 1, width, width)


cdef inline void layer_forward(
    const Network* net, const real* params, real* work, int index, const real* x,
    Py_ssize_t x_row, Part part, const Moment* moment
) noexcept nogil:
    """z^l = W^l a^(l-1) + b^l, a^l = s(z^l) for the part's rows or columns; a^0 = x."""
    cdef const Layer* layer = &net.layers[index]
    cdef Span span = columns_in(part, layer.n_out, sizeof(real))
    cdef Py_ssize_t r, rows = part.stop - part.first, width = span.stop - span.first
    cdef Py_ssize_t a_row = x_row
    cdef const real* a = x
    cdef const real* bias = NULL
    cdef real* z = work + layer.a + part.first * layer.row + span.first
    cdef real* scratch = work + net.scratch + part.thread * net.scratch_length
    if index > 0:
        a_row = net.layers[index - 1].row
        a = <const real*> work + net.layers[index - 1].a
    if layer.bias >= 0:
        bias = params + layer.bias + span.first
    if layer.transposed:
        by_transposed_weight(
            z, layer.row, a + part.first * a_row, a_row,
            params + layer.weight + span.first * layer.n_in, layer.n_in, bias, rows, width,
            layer.n_in, scratch, net.watch, part.thread)
    else:
        watched_product(
            False, z, layer.row, a + part.first * a_row, a_row, params + layer.weight + span.first,
            layer.n_out, rows, width, layer.n_in, bias, scratch, net.watch, part.thread)
    if layer.apart:
        finish(net, params, work, index, a, a_row, part, span, moment)
        return
    if layer.z >= 0 and width == layer.n_out:
        memcpy(work + layer.z + part.first * layer.row, z, rows * layer.row * sizeof(real))
    elif layer.z >= 0:
        for r in range(rows):
            memcpy(
                work + layer.z + (part.first + r) * layer.row + span.first, z + r * layer.row,
                width * sizeof(real))
    activate_part(layer, z, rows, width)


cdef inline apart finish(
    const Network* net, const real* params, real* work, int index, const real* below,
    Py_ssize_t below_row, Part part, Span span, const Moment* moment
) noexcept nogil:
    """What makes a^l of W a + b where it is not s alone; `below` is a^(l-1)."""
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t r, j, place, width = span.stop - span.first
    cdef real* a
    if layer.norm != NO_NORM:
        normalise(net, params, work, index, part, span, moment)
    if layer.z >= 0:
        for r in range(part.first, part.stop):
            place = r * layer.row + span.first
            memcpy(work + layer.z + place, work + layer.a + place, width * sizeof(real))
    activate_part(
        layer, work + layer.a + part.first * layer.row + span.first, part.stop - part.first,
        width)
    for r in range(part.first, part.stop):
        place = r * layer.row + span.first
        a = work + layer.a + place
        if layer.s >= 0:
            memcpy(work + layer.s + place, a, width * sizeof(real))
        if layer.mask >= 0:
            drop(
                a - span.first, work + layer.mask + r * layer.row, span.first, span.stop,
                layer.dropout, net.key, moment.first_row + r, moment.step, index)
        if layer.residual:
            for j in range(width):
                a[j] += below[r * below_row + span.first + j]


cdef inline apart normalise(
    const Network* net, const real* params, real* work, int index, Part part, Span span,
    const Moment* moment
) noexcept nogil:
    """Normalise z of the part; the statistics of a batch are its columns' owners' work."""
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t r, n = layer.n_out, row = layer.row, first = part.first, stop = part.stop
    cdef const real* scale = params + layer.scale
    cdef real* z = work + layer.a
    cdef real* normed = work + (layer.a if layer.normed < 0 else layer.normed)
    cdef real* statistics = work + layer.statistics
    cdef const real* mean = scale + 2 * n
    cdef real* inverse = work + net.scratch + part.thread * net.scratch_length
    cdef real of_row
    if layer.norm == LAYER_NORM:
        for r in range(first, stop):
            of_row = normalise_row(z + r * row, normed + r * row, scale, scale + n, n)
            if layer.statistics >= 0:
                statistics[r] = of_row
        return
    if layer.batch_statistics:
        if not part.columns:
            meet(moment.team)
            span = share_of(part.thread, part.threads, n, LINE_BYTES // sizeof(real))
        first, stop = 0, moment.rows
        mean, inverse = <const real*> statistics, statistics + 2 * n
        batch_statistics(
            <const real*> z + span.first, normed + span.first, <const real*> moment.weight,
            moment.weight_sum, row, stop, span.stop - span.first, statistics + span.first,
            statistics + n + span.first, inverse + span.first)
    else:
        inverse_deviations(
            inverse + span.first, scale + 3 * n + span.first, span.stop - span.first)
    for r in range(first, stop):
        normalise_by(
            z + r * row + span.first, normed + r * row + span.first, mean + span.first,
            <const real*> inverse + span.first, scale + span.first, scale + n + span.first,
            span.stop - span.first)
    if layer.batch_statistics and not part.columns:
        meet(moment.team)


cdef inline real* forward(
    const Network* net, const real* params, real* work, const real* x, Py_ssize_t x_row,
    Part part, const Moment* moment
) noexcept nogil:
    """Every layer's a for the part's rows; return a^L. `moment` is NULL outside training."""
    cdef int index
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    for index in range(net.n_layers):
        layer_forward(net, params, work, index, x, x_row, part, moment)
    return work + last.a + part.first * last.row


cdef inline void losses_of_rows(
    const Network* net, real* work, const real* y, Py_ssize_t y_row,
    const long long* label, const real* weight, Part part, double* losses
) noexcept nogil:
    """losses[r] = w_r l_r for the part's rows of the last forward pass."""
    cdef Py_ssize_t r, row = net.layers[net.n_layers - 1].row
    cdef const real* a = work + net.layers[net.n_layers - 1].a
    cdef const real* z = work + net.layers[net.n_layers - 1].z
    cdef real* power = work + net.scratch + part.thread * net.scratch_length - part.first
    if net.loss <= BINARY_CROSS_ENTROPY:
        for r in range(part.first, part.stop):
            losses[r] = first_loss_of_row(
                net.loss, z + r * row, a + r * row, NULL if y == NULL else y + r * y_row,
                0 if label == NULL else label[r], net.n_out, power + r,
            )
    elif net.loss == CUSTOM:
        custom_losses(
            &net.custom, a + part.first * row, row, y + part.first * y_row, y_row,
            part.stop - part.first, net.n_out, losses + part.first)
    else:
        for r in range(part.first, part.stop):
            losses[r] = loss_of_row(
                net.loss, net.loss_parameter, z + r * row, a + r * row,
                NULL if y == NULL else y + r * y_row, 0 if label == NULL else label[r],
                net.n_out, power + r,
            )
    if has_power(net.loss):
        take_logarithms(power + part.first, part.stop - part.first)
        for r in range(part.first, part.stop):
            losses[r] = <real> losses[r] - power[r]
    if weight != NULL:
        for r in range(part.first, part.stop):
            losses[r] = weight[r] * losses[r]
