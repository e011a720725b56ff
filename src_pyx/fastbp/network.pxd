"""One network over one workspace: its layers, and what each thread of a team owns of a block.

A `Network` holds sizes and offsets only (from fastbp/plan.py); parameters, gradients and workspace
are flat vectors handed in beside it. Nothing here allocates, raises or touches Python.

Workspace, for up to `capacity` rows (at most SUM_BLOCK, but for batch normalisation, whose
statistics are of a whole batch), rows padded to a cache line:
    x, y, label, weight    the rows of this block
    a of each layer        what it gives on: s(z), with dropout and the skip connection
    z                      preactivation of the last layer, which the losses need, and of those
                           whose derivative does; normalised where the layer is
    delta of each layer    dL/dz; a single thread lets two places take turns
    scratch                packed operands of the products, one place a thread
and of layers with dropout, normalisation or a skip connection what their way back needs.

Every product's outputs are shared out among a team's threads, never its sums. Rows are independent
but for the sums of the gradient: threads own rows of the block in forward and backward, meet, and
then own rows of each dW. Or, where layers are wide, they own columns of each a and delta^(l-1) and
meet after each layer, so that no thread packs the whole of a W.
"""
from .custom cimport Custom
from .dense cimport LINE_BYTES
from .team cimport Team
from .watch cimport Watch

cdef enum:
    # Shares of rows are whole register tiles.
    TILE_ROWS = 8

cdef struct Layer:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation
    double alpha
    # The user's own function, where that is the activation.
    Custom custom
    Py_ssize_t weight
    Py_ssize_t bias
    Py_ssize_t row
    Py_ssize_t a
    # Where its z is kept, for the activations that need it and of the last layer; else -1.
    Py_ssize_t z
    Py_ssize_t delta
    # Its own parameters that are trained: places first .. stop - 1, none of a frozen layer.
    Py_ssize_t learned
    Py_ssize_t learned_stop
    # Whether W has a gradient; whether it is the W of an earlier layer, or its transpose; whether
    # a later layer has put its part of the gradient there.
    bint learns_weight
    bint tied
    bint transposed
    bint adds
    # Dropout, normalisation or a skip connection: a is not s(z) alone, or z not W a + b.
    bint apart
    double dropout
    int norm
    double norm_parameter
    # Whether a step's statistics are those of its batch.
    bint batch_statistics
    bint residual
    # Places of the scale in the parameters, which the shift, mean and variance follow; and in the
    # workspace of s(z), the dropout's factors, dL/da, dL/d(normalised z), the normalised z before
    # scale and shift, and its statistics. -1 where there is none.
    Py_ssize_t scale
    Py_ssize_t s
    Py_ssize_t mask
    Py_ssize_t above
    Py_ssize_t outer
    Py_ssize_t normed
    Py_ssize_t statistics

cdef struct Network:
    int n_layers
    int loss
    double loss_parameter
    Custom custom
    # Whether a Python function of the user's has failed; NULL where none is called.
    const bint* failed
    # Whether somebody wants a call to end.
    Watch* watch
    # Whether every delta has a place of its own, so that all are there before the first update.
    bint early
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
    # The first layer that has a gradient, and whether all layers are W a + b and s(z) and learn.
    int lowest
    bint plain
    unsigned long long key

cdef struct Moment:
    # What the layers of a training step must know of it besides their rows: the block's rows, its
    # place in the batch, the rows' weights (or NULL) and their sum, and the steps before it.
    Team* team
    Py_ssize_t rows
    Py_ssize_t first_row
    const void* weight
    double weight_sum
    unsigned long long step

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


cdef inline bint has_failed(const Network* net) noexcept nogil:
    """Whether a Python function has failed, so that a step must not be taken."""
    return net.failed != NULL and net.failed[0]


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
