"""Runs of training steps, alone or as a team."""
from libc.math cimport isfinite
from libc.string cimport memcpy

from .batch cimport Buffers, Data, backward_alone, block_losses, sum_of, total_weight
from .network cimport Network, Part, data_gradient, part_of, weight_gradient
from .real cimport flush_denormals, real, restore_mode
from .run cimport Run, keep_state
from .team cimport Team, meet
from .tiny cimport take_tiny_steps
from .update cimport Rule, tick

cdef struct Job:
    # A run of steps as the members of a team share it.
    const Network* net
    const Buffers* buffers
    const Data* data
    const Rule* rule
    Run* run
    Team* team


cdef inline void data_gradients(
    const Network* net, const real* params, real* work, Part part
) noexcept nogil:
    """The chain rule for the part's rows of a team: every layer's delta from delta^L."""
    cdef int index
    for index in range(net.n_layers - 1, 0, -1):
        data_gradient(net, params, work, index, part)


cdef inline void weight_gradients(
    const Network* net, const Buffers* buffers, real* work, Py_ssize_t rows, bint add,
    const Rule* rule, const double* clock, Part part
) noexcept nogil:
    """Then every layer's weight gradient for the part's rows of dW."""
    cdef int index
    for index in range(net.n_layers - 1, -1, -1):
        weight_gradient(
            net, <real*> buffers.params, work, index, rows, add, <real*> buffers.grad, rule, clock,
            part,
        )


cdef inline void run_steps(Job* job, int thread, real* work) noexcept nogil:
    """Steps first .. last - 1 of an epoch; stops before an update whose loss is not finite.

    Every member of a team goes through the same steps; thread 0 alone reports.
    """
    cdef const Network* net = job.net
    cdef const Buffers* buffers = job.buffers
    cdef const Data* data = job.data
    cdef Run* run = job.run
    cdef int threads = 1 if job.team == NULL else job.team.threads
    cdef bint keep = run.keep
    cdef Py_ssize_t step, start, rows, done, block
    cdef double loss, weight_sum
    cdef double[3] clock
    cdef const Rule* rule
    cdef Part part
    if threads == 1 and take_tiny_steps(net, buffers, data, job.rule, run, work):
        return
    memcpy(clock, job.rule.clock, sizeof(clock))
    meet(job.team)
    for step in range(run.first, run.last):
        start = step * run.batch_size
        rows = min(run.batch_size, data.n_rows - start)
        weight_sum = total_weight(<const real*> data.weight, run.order, start, rows)
        if weight_sum == 0:
            continue
        loss = 0
        done = 0
        while done < rows:
            block = min(net.capacity, rows - done)
            part = part_of(thread, threads, block)
            block_losses(
                net, buffers, <const real*> buffers.params, work, data, run.order, start + done,
                part, weight_sum,
            )
            rule = NULL
            if threads > 1:
                data_gradients(net, <const real*> buffers.params, work, part)
                meet(job.team)
            loss += sum_of(buffers.losses, block)
            if done + block == rows:
                if not isfinite(loss / weight_sum):
                    if thread == 0:
                        run.last_loss = loss / weight_sum
                        run.stopped = step
                        run.diverged = True
                    return
                if keep:
                    if thread == 0:
                        keep_state(net, buffers, job.rule, run, sizeof(real))
                        run.kept = True
                    meet(job.team)
                    keep = False
                rule = job.rule
                tick(rule, clock)
            if threads > 1:
                weight_gradients(net, buffers, work, block, done > 0, rule, clock, part)
                meet(job.team)
            else:
                backward_alone(
                    net, buffers, work, block, done > 0, rule, clock, part, False)
            done += block
        if thread == 0:
            memcpy(job.rule.clock, clock, sizeof(clock))
            run.last_loss = loss / weight_sum
            run.weighted_loss += loss
            run.total_weight += weight_sum
            run.updated = step + 1


cdef inline void run_single(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <float*> (<Job*> job).buffers.work)
    restore_mode(mode)


cdef inline void run_double(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <double*> (<Job*> job).buffers.work)
    restore_mode(mode)
