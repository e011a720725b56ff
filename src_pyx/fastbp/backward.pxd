"""The chain rule for a block of rows: every delta, and from it the gradients of a layer."""
from libc.string cimport memcpy

from .activation cimport times_derivative
from .custom cimport custom_gradients
from .dense cimport (
    FAR_BYTES, GRADIENT_BYTES, GRADIENT_ROWS, LINE_BYTES, NEAR, NEAR_BYTES, NEAR_ROWS, SUM_BLOCK,
    WHOLE_BYTES, bring_near, column_sums, packed_bytes, piece_bytes, product_transposed,
    watched_product,
)
from .loss cimport (
    BINARY_CROSS_ENTROPY, CUSTOM, first_gradient_of_row, gives_delta, loss_gradient_of_row,
)
from .network cimport Layer, Moment, Network, Part, Span, columns_in, share_of
from .normalization cimport (
    LAYER_NORM, NO_NORM, batch_delta, inverse_deviations, layer_delta, move_running,
    sums_over_rows,
)
from .real cimport apart, multiply_add, real
from .rules cimport Stretch
from .team cimport meet
from .update cimport Rule, adds_decay, update
from .watch cimport look


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


cdef inline Py_ssize_t piece_columns(Py_ssize_t n_out, Py_ssize_t item) noexcept nogil:
    """How many columns a piece of a weight's gradient has."""
    return n_out if n_out * item <= WHOLE_BYTES else GRADIENT_BYTES // item


cdef inline int wanted_soon(
    const real* params, const Rule* rule, Py_ssize_t place, const real** soon
) noexcept nogil:
    """What an update reads at `place`; nothing where it all stays in the cache anyway."""
    cdef Py_ssize_t slot
    if rule == NULL or rule.n_params * (1 + rule.n_slots) * <Py_ssize_t> sizeof(real) < FAR_BYTES:
        return 0
    soon[0] = params + place
    for slot in range(min(rule.n_slots, 2)):
        soon[1 + slot] = <const real*> rule.slots + slot * rule.n_params + place
    return 1 + <int> min(rule.n_slots, 2)


cdef inline void add_decay(
    real* piece, const real* params, Py_ssize_t params_row, Stretch over, double decay
) noexcept nogil:
    """g <- g + decay W, the gradient of the penalty on weights, on a piece of a gradient."""
    cdef Py_ssize_t _row, i
    cdef real share = <real> decay
    for _row in range(over.rows):
        for i in range(over.n):
            piece[i] = multiply_add(share, params[i], piece[i])
        piece += over.grad_row
        params += params_row


cdef inline void weight_gradient_rows(
    const Network* net, real* params, const real* left, Py_ssize_t left_row, const real* right,
    Py_ssize_t right_row, Py_ssize_t n_right, Py_ssize_t weight, Py_ssize_t rows, bint add,
    double decay, real* grad, const Rule* rule, const double* clock, Py_ssize_t first,
    Py_ssize_t count, real* scratch
) noexcept nogil:
    """Rows first .. first + count - 1 of dW^T, by pieces of columns, each with its update.

    dW^T[m, n] = sum over rows of left[., m] right[., n] with n_right columns, at `weight`. It goes
    to `grad`; or, where a rule uses it up, only to a place in the scratch.
    """
    cdef Py_ssize_t item = sizeof(real), place
    cdef Py_ssize_t width = piece_columns(n_right, item), n = 0, row = n_right, columns
    cdef real* piece = scratch + packed_bytes(net.widest, item) // item
    cdef const real* soon[3]
    cdef bint passing = rule != NULL and not add and not rule.keeps_gradient
    # Whether the penalty's share of the gradient comes with the update, in one pass less.
    cdef bint joined = rule != NULL and not rule.keeps_gradient and adds_decay(rule)
    cdef double share = decay if joined else 0
    if passing:
        row = width
    while n < n_right:
        columns = min(width, n_right - n)
        place = weight + first * n_right + n
        if not passing:
            piece = grad + place
        product_transposed(
            piece, row, left, left_row, right + n, right_row, count, columns, rows, add, scratch,
            soon, wanted_soon(params, rule, place, soon), n_right,
        )
        if decay != 0 and not joined:
            add_decay(
                piece, <const real*> params + place, n_right, Stretch(count, columns, 0, row),
                decay)
        if rule != NULL and row == columns == n_right:
            update(rule, clock, params, piece, place, Stretch(1, count * columns, 0, 0), share)
        elif rule != NULL:
            update(rule, clock, params, piece, place, Stretch(count, columns, n_right, row), share)
        n += columns


cdef inline void weight_gradient_share(
    const Network* net, real* params, const real* left, Py_ssize_t left_row, Py_ssize_t n_left,
    const real* right, Py_ssize_t right_row, Py_ssize_t n_right, Py_ssize_t weight,
    Py_ssize_t rows, bint add, double decay, real* grad, const Rule* rule, const double* clock,
    Part part, real* scratch
) noexcept nogil:
    """The thread's share of the n_left rows of dW^T; see `weight_gradient_rows`."""
    cdef Py_ssize_t item = sizeof(real), count
    cdef real* near = (
        scratch + (packed_bytes(net.widest, item) + piece_bytes(net.widest, item)) // item)
    cdef Span span = share_of(part.thread, part.threads, n_left, LINE_BYTES // item)
    cdef Py_ssize_t first = span.first, stop = span.stop
    while first < stop:
        count = min(<Py_ssize_t> GRADIENT_ROWS, stop - first)
        if look(net.watch, part.thread, <double> count * n_right * rows):
            return
        if left_row > NEAR and count >= NEAR_ROWS and n_right * item > NEAR_BYTES:
            bring_near(near, left + first, left_row, count, rows)
            weight_gradient_rows(
                net, params, near, GRADIENT_ROWS, right, right_row, n_right, weight, rows, add,
                decay, grad, rule, clock, first, count, scratch)
        else:
            weight_gradient_rows(
                net, params, left + first, left_row, right, right_row, n_right, weight, rows, add,
                decay, grad, rule, clock, first, count, scratch)
        first += count


cdef inline void gradient_of_block(
    const Network* net, real* params, real* work, int index, Py_ssize_t start, Py_ssize_t rows,
    bint add, double decay, real* grad, const Rule* rule, const double* clock, Part part
) noexcept nogil:
    """dW^l and db^l over at most SUM_BLOCK rows from `start`, as in `weight_gradient`."""
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t a_row = net.x_row if index == 0 else net.layers[index - 1].row
    cdef const real* a = work + (net.x if index == 0 else net.layers[index - 1].a)
    cdef const real* delta = <const real*> work + layer.delta + start * layer.row
    cdef real* scratch = work + net.scratch + part.thread * net.scratch_length
    # A W that is tied is updated with the layer that it belongs to, the first and here the last.
    cdef const Rule* own = NULL if layer.tied else rule
    cdef double shrink = 0 if layer.tied else decay
    a += start * a_row
    if layer.learns_weight and layer.transposed:
        weight_gradient_share(
            net, params, delta, layer.row, layer.n_out, a, a_row, layer.n_in, layer.weight, rows,
            add or layer.adds, shrink, grad, own, clock, part, scratch)
    elif layer.learns_weight:
        weight_gradient_share(
            net, params, a, a_row, layer.n_in, delta, layer.row, layer.n_out, layer.weight, rows,
            add or layer.adds, shrink, grad, own, clock, part, scratch)
    if layer.bias >= layer.learned and part.thread == part.threads - 1:
        column_sums(grad + layer.bias, delta, layer.row, rows, layer.n_out, add)
        if rule != NULL:
            update(
                rule, clock, params, grad + layer.bias, layer.bias,
                Stretch(1, layer.n_out, 0, 0), 0)


cdef inline apart norm_gradient(
    const Network* net, real* params, real* work, int index, Py_ssize_t rows, bint add,
    real* grad, const Rule* rule, const double* clock
) noexcept nogil:
    """The gradients of scale and shift, their update, and with it the running statistics' move."""
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t n = layer.n_out
    cdef const real* outer = <const real*> work + layer.outer
    if not layer.batch_statistics:
        sums_over_rows(
            grad + layer.scale, outer, <const real*> work + layer.normed, <const real*> NULL,
            layer.row, rows, n, add)
        sums_over_rows(
            grad + layer.scale + n, outer, <const real*> NULL, <const real*> NULL, layer.row,
            rows, n, add)
    if rule != NULL:
        update(rule, clock, params, grad + layer.scale, layer.scale, Stretch(1, 2 * n, 0, 0), 0)
        move_statistics(net, params, work, index)


cdef inline apart move_statistics(
    const Network* net, real* params, const real* work, int index
) noexcept nogil:
    """Move a layer's running means and variances, if it has a batch's, to those of the batch."""
    cdef const Layer* layer = &net.layers[index]
    if layer.batch_statistics:
        move_running(
            params + layer.scale + 2 * layer.n_out, work + layer.statistics, layer.norm_parameter,
            2 * layer.n_out)


cdef inline void weight_gradient(
    const Network* net, real* params, real* work, int index, Py_ssize_t rows, bint add,
    double decay, real* grad, const Rule* rule, const double* clock, Part part
) noexcept nogil:
    """dW^l = delta^l (a^(l-1))^T + decay W^l and db^l = sum of delta^l over `rows`, the thread's
    share of them.

    Into `grad` (+= with `add`); with a rule, each piece is followed at once by its update, while it
    is in the cache. Nothing reads the layer's weight after that.
    """
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t start = 0, block
    while start < rows:
        block = min(<Py_ssize_t> SUM_BLOCK, rows - start)
        gradient_of_block(
            net, params, work, index, start, block, add or start > 0,
            decay if start + block == rows else 0, grad,
            rule if start + block == rows else NULL, clock, part)
        start += block
    if (
        layer.norm != NO_NORM and layer.learned < layer.learned_stop
        and part.thread == part.threads - 1
    ):
        norm_gradient(net, params, work, index, rows, add, grad, rule, clock)
