"""A run of training steps: what it is asked, what it reports, and its last good state."""
from libc.string cimport memcpy

from .batch cimport Buffers
from .network cimport Network
from .update cimport CLOCK, Rule

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
    double total_weight
    double last_loss
    double gradient_norm
    Py_ssize_t stopped
    Py_ssize_t updated
    bint diverged
    void* safe_params
    void* safe_slots
    double* safe_clock
    bint keep
    bint kept


cdef inline void keep_state(
    const Network* net, const Buffers* buffers, const Rule* rule, Run* run, Py_ssize_t item
) noexcept nogil:
    """Copy parameters and optimizer state to the safe place."""
    memcpy(run.safe_params, buffers.params, net.n_params * item)
    if rule.n_slots > 0:
        memcpy(run.safe_slots, rule.slots, rule.n_slots * net.n_params * item)
    memcpy(run.safe_clock, rule.clock, CLOCK * sizeof(double))
    run.kept = True
