"""One network over one workspace: forward, loss, backward for a block of rows.

A `Network` holds sizes and offsets only (from fastbp/plan.py); parameters, gradients and workspace
are flat vectors handed in beside it. Nothing here allocates, raises or touches Python.

Workspace, for up to `capacity` rows (at most SUM_BLOCK), rows padded to a cache line:
    x, y, label, weight    the rows of this block
    a of each layer        activations
    z                      preactivation of the last layer, which the losses need, and of those
                           whose derivative does
    delta of each layer    dL/dz; a single thread lets two places take turns
    scratch                packed operands of the products, one place a thread

Every product's outputs are shared out among a team's threads, never its sums. Rows are independent
but for the sums of the gradient: threads own rows of the block in forward and backward, meet, and
then own rows of each dW. Or, where layers are wide, they own columns of each a and delta^(l-1) and
meet after each layer, so that no thread packs the whole of a W.
"""
from libc.string cimport memcpy

from .activation cimport activate, times_derivative
from .dense cimport (
    FAR_BYTES, GRADIENT_BYTES, GRADIENT_ROWS, LINE_BYTES, NEAR, NEAR_BYTES, NEAR_ROWS, WHOLE_BYTES,
    bring_near, column_sums, packed_bytes, piece_bytes, product, product_by_transpose,
    product_transposed,
)
from .loss cimport (
    gives_delta, has_power, loss_gradient_of_row, loss_of_row, take_logarithms,
)
from .real cimport real
from .rules cimport Stretch
from .update cimport Rule, update

cdef enum:
    # Shares of rows are whole register tiles.
    TILE_ROWS = 8

cdef struct Layer:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation
    double alpha
    Py_ssize_t weight
    Py_ssize_t bias
    Py_ssize_t row
    Py_ssize_t a
    # Where its z is kept, for the activations that need it and of the last layer; else -1.
    Py_ssize_t z
    Py_ssize_t delta

cdef struct Network:
    int n_layers
    int loss
    double loss_parameter
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t n_y
    Py_ssize_t capacity
    Py_ssize_t n_params
    Layer* layers
    Py_ssize_t x_row
    Py_ssize_t x
    Py_ssize_t x_delta
    Py_ssize_t y
    Py_ssize_t scratch
    Py_ssize_t scratch_length
    Py_ssize_t widest

cdef struct Part:
    # What one thread of a team owns of a block, as thread of threads: rows first .. stop - 1 of
    # each a and delta, or all rows of its columns.
    Py_ssize_t first
    Py_ssize_t stop
    bint columns
    int thread
    int threads

cdef struct Span:
    Py_ssize_t first
    Py_ssize_t stop


cdef inline Span share_of(
    int thread, int threads, Py_ssize_t n, Py_ssize_t step
) noexcept nogil:
    """A thread's share of 0 .. n - 1, in multiples of `step` as even as may be."""
    cdef Span span
    cdef Py_ssize_t steps = (n + step - 1) // step
    span.first = min(n, steps * thread // threads * step)
    span.stop = min(n, steps * (thread + 1) // threads * step)
    return span


cdef inline Part part_of(int thread, int threads, Py_ssize_t rows, bint columns) noexcept nogil:
    """Split the rows, in multiples of a register tile's rows, or keep all and split columns."""
    cdef Span span = Span(0, rows)
    if not columns:
        span = share_of(thread, threads, rows, TILE_ROWS)
    return Part(span.first, span.stop, columns, thread, threads)


cdef inline Span columns_in(Part part, Py_ssize_t n, Py_ssize_t item) noexcept nogil:
    """The part's columns of n, whole cache lines of them where columns are split."""
    if part.columns:
        return share_of(part.thread, part.threads, n, LINE_BYTES // item)
    return Span(0, n)


cdef inline void layer_forward(
    const Network* net, const real* params, real* work, int index, const real* x,
    Py_ssize_t x_row, Part part
) noexcept nogil:
    """z^l = W^l a^(l-1) + b^l, a^l = s(z^l) for the part's rows or columns; a^0 = x."""
    cdef const Layer* layer = &net.layers[index]
    cdef Span span = columns_in(part, layer.n_out, sizeof(real))
    cdef Py_ssize_t r, rows = part.stop - part.first, width = span.stop - span.first
    cdef Py_ssize_t a_row = x_row
    cdef const real* a = x
    cdef real* z = work + layer.a + part.first * layer.row + span.first
    if index > 0:
        a_row = net.layers[index - 1].row
        a = <const real*> work + net.layers[index - 1].a
    product(
        z, layer.row, a + part.first * a_row, a_row, params + layer.weight + span.first,
        layer.n_out, rows, width, layer.n_in,
        <const real*> NULL if layer.bias < 0 else params + layer.bias + span.first,
        work + net.scratch + part.thread * net.scratch_length,
    )
    if width == layer.n_out:
        if layer.z >= 0:
            memcpy(work + layer.z + part.first * layer.row, z, rows * layer.row * sizeof(real))
        activate(layer.activation, layer.alpha, z, rows, width, layer.row)
        return
    for r in range(rows):
        if layer.z >= 0:
            memcpy(
                work + layer.z + (part.first + r) * layer.row + span.first, z + r * layer.row,
                width * sizeof(real))
        activate(layer.activation, layer.alpha, z + r * layer.row, 1, width, width)


cdef inline real* forward(
    const Network* net, const real* params, real* work, const real* x, Py_ssize_t x_row,
    Part part
) noexcept nogil:
    """Every layer's a for the part's rows; return a^L."""
    cdef int index
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    for index in range(net.n_layers):
        layer_forward(net, params, work, index, x, x_row, part)
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
    for r in range(part.first, part.stop):
        losses[r] = loss_of_row(
            net.loss, net.loss_parameter, z + r * row, a + r * row,
            NULL if y == NULL else y + r * y_row, 0 if label == NULL else label[r], net.n_out,
            power + r,
        )
    if has_power(net.loss):
        take_logarithms(power + part.first, part.stop - part.first)
        for r in range(part.first, part.stop):
            losses[r] = <real> losses[r] - power[r]
    if weight != NULL:
        for r in range(part.first, part.stop):
            losses[r] = weight[r] * losses[r]


cdef inline void output_delta(
    const Network* net, real* work, const real* y, Py_ssize_t y_row, const long long* label,
    const real* weight, double total_weight, Part part
) noexcept nogil:
    """delta^L = dL/dz^L, with each row's share weight / total_weight of the mean."""
    cdef Py_ssize_t r
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef const real* a = work + last.a
    cdef const real* z = work + last.z
    cdef real* delta = work + last.delta
    cdef real scale = <real> (1 / total_weight)
    for r in range(part.first, part.stop):
        if weight != NULL:
            scale = <real> (weight[r] / total_weight)
        loss_gradient_of_row(
            net.loss, net.loss_parameter, z + r * last.row, a + r * last.row,
            NULL if y == NULL else y + r * y_row, 0 if label == NULL else label[r], net.n_out,
            last.row, scale, delta + r * last.row,
        )
    if not gives_delta(net.loss):
        output_derivative(net, work, part)


cdef inline void output_derivative(
    const Network* net, real* work, Part part
) noexcept nogil:
    """delta^L <- dL/dz^L from dL/da^L, in place, for the part's rows."""
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef Py_ssize_t first = part.first * last.row
    times_derivative(
        last.activation, last.alpha, work + last.a + first, work + last.z + first,
        work + last.delta + first, part.stop - part.first, last.n_out, last.row,
    )


cdef inline void data_gradient(
    const Network* net, const real* params, real* work, int index, Part part
) noexcept nogil:
    """delta^(l-1) = (W^l)^T delta^l * s'(z^(l-1)) for the part; dL/dx for layer 0."""
    cdef const Layer* layer = &net.layers[index]
    cdef const Layer* below
    cdef Span span = columns_in(part, layer.n_in, sizeof(real))
    cdef Py_ssize_t r, rows = part.stop - part.first, width = span.stop - span.first
    cdef Py_ssize_t row = net.x_row if index == 0 else net.layers[index - 1].row
    cdef Py_ssize_t place = part.first * row + span.first
    cdef const real* a
    cdef const real* z
    cdef real* before = (
        work + (net.x_delta if index == 0 else net.layers[index - 1].delta) + place)
    product_by_transpose(
        before, row, work + layer.delta + part.first * layer.row, layer.row,
        params + layer.weight + span.first * layer.n_out, layer.n_out, rows, width, layer.n_out,
        work + net.scratch + part.thread * net.scratch_length,
    )
    if index == 0:
        return
    below = &net.layers[index - 1]
    a = <const real*> work + below.a + place
    z = a if below.z < 0 else <const real*> work + below.z + place
    if width == below.n_out:
        times_derivative(below.activation, below.alpha, a, z, before, rows, width, row)
        return
    for r in range(rows):
        times_derivative(
            below.activation, below.alpha, a + r * row, z + r * row, before + r * row, 1, width,
            width)


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


cdef inline void weight_gradient_rows(
    const Network* net, real* params, const real* a, Py_ssize_t a_row, const real* delta,
    const Layer* layer, Py_ssize_t rows, bint add, real* grad, const Rule* rule,
    const double* clock, Py_ssize_t first, Py_ssize_t count, real* scratch
) noexcept nogil:
    """Rows first .. first + count - 1 of dW^T, by pieces of columns, each with its update.

    The gradient goes to `grad`; or, where a rule uses it up, only to a place in the scratch.
    """
    cdef Py_ssize_t item = sizeof(real), place
    cdef Py_ssize_t width = piece_columns(layer.n_out, item), n = 0, row = layer.n_out, columns
    cdef real* piece = scratch + packed_bytes(net.widest, item) // item
    cdef const real* soon[3]
    cdef bint passing = rule != NULL and not add and not rule.keeps_gradient
    if passing:
        row = width
    while n < layer.n_out:
        columns = min(width, layer.n_out - n)
        place = layer.weight + first * layer.n_out + n
        if not passing:
            piece = grad + place
        product_transposed(
            piece, row, a, a_row, delta + n, layer.row, count, columns, rows, add, scratch,
            soon, wanted_soon(params, rule, place, soon), layer.n_out,
        )
        if rule != NULL and row == columns == layer.n_out:
            update(rule, clock, params, piece, place, Stretch(1, count * columns, 0, 0))
        elif rule != NULL:
            update(
                rule, clock, params, piece, place, Stretch(count, columns, layer.n_out, row))
        n += columns


cdef inline void weight_gradient(
    const Network* net, real* params, real* work, int index, Py_ssize_t rows, bint add,
    real* grad, const Rule* rule, const double* clock, Part part
) noexcept nogil:
    """dW^l = delta^l (a^(l-1))^T and db^l = sum of delta^l over `rows`, the thread's share of them.

    Into `grad` (+= with `add`); with a rule, each piece is followed at once by its update, while it
    is in the cache. Nothing reads the layer's weight after that.
    """
    cdef const Layer* layer = &net.layers[index]
    cdef Py_ssize_t a_row = net.x_row if index == 0 else net.layers[index - 1].row
    cdef const real* a = work + (net.x if index == 0 else net.layers[index - 1].a)
    cdef const real* delta = work + layer.delta
    cdef real* scratch = work + net.scratch + part.thread * net.scratch_length
    cdef Py_ssize_t item = sizeof(real)
    cdef real* near = (
        scratch + (packed_bytes(net.widest, item) + piece_bytes(net.widest, item)) // item)
    cdef Span span = share_of(part.thread, part.threads, layer.n_in, LINE_BYTES // item)
    cdef Py_ssize_t first = span.first, stop = span.stop
    cdef Py_ssize_t count
    while first < stop:
        count = min(<Py_ssize_t> GRADIENT_ROWS, stop - first)
        if a_row > NEAR and count >= NEAR_ROWS and layer.n_out * item > NEAR_BYTES:
            bring_near(near, a + first, a_row, count, rows)
            weight_gradient_rows(
                net, params, near, GRADIENT_ROWS, delta, layer, rows, add, grad, rule, clock,
                first, count, scratch,
            )
        else:
            weight_gradient_rows(
                net, params, a + first, a_row, delta, layer, rows, add, grad, rule, clock, first,
                count, scratch,
            )
        first += count
    if layer.bias >= 0 and part.thread == part.threads - 1:
        column_sums(grad + layer.bias, delta, layer.row, rows, layer.n_out, add)
        if rule != NULL:
            update(
                rule, clock, params, grad + layer.bias, layer.bias, Stretch(1, layer.n_out, 0, 0))
