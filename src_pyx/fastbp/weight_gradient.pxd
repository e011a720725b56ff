"""The gradients of a layer's parameters from its deltas, each followed at once by its update."""
from .dense cimport (
    FAR_BYTES, GRADIENT_BYTES, GRADIENT_ROWS, LINE_BYTES, NEAR, NEAR_BYTES, NEAR_ROWS, SUM_BLOCK,
    WHOLE_BYTES, bring_near, column_sums, packed_bytes, piece_bytes, product_transposed,
)
from .network cimport Layer, Network, Part, Span, share_of
from .normalization cimport NO_NORM, move_running, sums_over_rows
from .real cimport apart, multiply_add, real
from .rules cimport Stretch
from .update cimport Rule, adds_decay, update
from .watch cimport look


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
