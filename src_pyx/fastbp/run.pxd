"""A run of training steps: what it is asked, what it reports, and its last good state."""
from libc.string cimport memcpy

from .batch cimport Buffers
from .network cimport Network
from .update cimport CLOCK, Rule
from .watch cimport Watch, look, wanted

cdef enum:
    # Bytes between two looks at the watch, and what each counts there.
    COPY_BYTES = 4194304
    COPY_WORK = 8

cdef struct Run:
    # What a run of steps is asked, what it reports, and where it keeps the last good state.
    const long long* order
    # The learning rate of each step, or NULL.
    const double* rates
    # Rows of the order, or of the data where there is none.
    Py_ssize_t n_rows
    Py_ssize_t batch_size
    Py_ssize_t first
    Py_ssize_t last
    double weighted_loss
    # The part of it that is penalties, and the weights that it is divided by.
    double penalties
    double total_weight
    double last_loss
    double gradient_norm
    # l2/2 sum W^2 of the weights before a step. Thread 0 takes it before the barrier that ends the
    # forward pass, behind which the others read it.
    double penalty
    Py_ssize_t stopped
    Py_ssize_t updated
    bint diverged
    # Whether a step is left in the middle: after a block's forward pass, after the copy of the
    # state, after the last block's backward pass. Thread 0 says so before a barrier, behind which
    # the others read it; a place of its own for each, as it may be ahead of them by one barrier.
    bint left_forward
    bint left_copy
    bint left_backward
    void* safe_params
    void* safe_slots
    double* safe_clock
    bint keep
    bint kept


cdef inline void copy_watched(
    void* out, const void* source, Py_ssize_t n_bytes, Watch* watch
) noexcept nogil:
    """Copy by pieces: memory that is written for the first time comes page by page."""
    cdef Py_ssize_t done = 0, n
    while done < n_bytes and not wanted(watch):
        n = min(<Py_ssize_t> COPY_BYTES, n_bytes - done)
        memcpy(<char*> out + done, <const char*> source + done, n)
        look(watch, 0, <double> n * COPY_WORK)
        done += n


cdef inline void keep_state(
    const Network* net, const Buffers* buffers, const Rule* rule, Run* run, Py_ssize_t item
) noexcept nogil:
    """Copy parameters and optimizer state to the safe place, unless the call is to end."""
    copy_watched(run.safe_params, <const void*> buffers.params, net.n_params * item, net.watch)
    if rule.n_slots > 0:
        copy_watched(
            run.safe_slots, <const void*> rule.slots, rule.n_slots * net.n_params * item,
            net.watch)
    if wanted(net.watch):
        return
    memcpy(run.safe_clock, rule.clock, CLOCK * sizeof(double))
    run.kept = True
