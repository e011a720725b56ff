"""Runs of training steps, alone or as a team."""
from libc.math cimport isfinite
from libc.string cimport memcpy

from .backward cimport data_gradient
from .batch cimport Buffers, Data, gather, losses_and_delta, sum_of, total_weight
from .dense cimport LINE_BYTES, SUM_BLOCK
from .forward cimport forward, layer_forward
from .network cimport (
    Layer, Moment, Network, Part, Span, has_failed, part_of, share_of,
)
from .norm cimport norm, sum_of_squares
from .real cimport flush_denormals, real, restore_mode
from .rules cimport Stretch
from .run cimport Run, keep_state
from .team cimport Team, meet
from .tiny cimport take_tiny_steps
from .update cimport CLIP_NORM, CLOCK, LEARNING_RATE, SCALE, Rule, tick, update
from .watch cimport ROW_WORK, look, wanted
from .weight_gradient cimport move_statistics, weight_gradient

cdef enum:
    # Multiply-adds of 4 bytes each of a thread's last block: from so many on, an update waits for
    # the whole gradient, which may be left. Where blocks are added up that costs next to nothing.
    LATE_WORK = 4000000000
    LATE_WORK_ADDED = 250000000

cdef struct Job:
    # A run of steps as the members of a team share it.
    const Network* net
    const Buffers* buffers
    const Data* data
    const Rule* rule
    Run* run
    Team* team
    bint columns  # whether its members own columns of each layer, or rows


cdef inline double penalty(const Network* net, const real* params, double l2) noexcept nogil:
    """l2/2 sum W^2 of the weights that learn; biases and what normalises have no part in it."""
    cdef const Layer* layer
    cdef double total = 0
    cdef int index
    for index in range(net.n_layers if l2 != 0 else 0):
        layer = &net.layers[index]
        if layer.learns_weight and not layer.tied:
            total += sum_of_squares(params + layer.weight, layer.n_in * layer.n_out)
    return l2 / 2 * total


cdef inline void block_forward(
    const Job* job, real* work, Py_ssize_t start, const Moment* moment, Part part
) noexcept nogil:
    """The losses of a block; where threads own rows, also every delta that is wanted."""
    cdef const Network* net = job.net
    cdef const real* params = <const real*> job.buffers.params
    cdef const real* x = <const real*> work + net.x
    cdef Part rows = part_of(part.thread, part.threads, moment.rows, False)
    cdef int index
    gather(net, job.buffers, work, job.data, job.run.order, start, rows)
    look(net.watch, part.thread, <double> ROW_WORK * (rows.stop - rows.first))
    if part.columns:
        for index in range(net.n_layers - 1):
            meet(job.team)
            layer_forward(net, params, work, index, x, net.x_row, part, moment)
        meet(job.team)
        layer_forward(net, params, work, net.n_layers - 1, x, net.x_row, rows, moment)
    else:
        forward(net, params, work, x, net.x_row, rows, moment)
    losses_and_delta(net, job.buffers, work, job.data, rows, moment.weight_sum, moment)
    if not part.columns:
        for index in range(net.n_layers - 1, net.lowest, -1):
            data_gradient(net, params, work, <real*> job.buffers.grad, index, part, moment)
    if part.thread == 0:
        job.run.left_forward = wanted(net.watch)
    meet(job.team)


cdef inline void block_backward(
    const Job* job, real* work, const Moment* moment, bint add, double decay, const Rule* rule,
    const double* clock, Part part
) noexcept nogil:
    """Every wanted weight gradient; where threads own columns, the delta below it too.

    A thread's columns of delta^(l-1) need no more of W^l than what it updates itself.
    """
    cdef const Network* net = job.net
    cdef int index
    for index in range(net.n_layers - 1, net.lowest - 1, -1):
        if part.columns and index > net.lowest:
            data_gradient(
                net, <const real*> job.buffers.params, work, <real*> job.buffers.grad, index,
                part, moment)
        weight_gradient(
            net, <real*> job.buffers.params, work, index, moment.rows, add, decay,
            <real*> job.buffers.grad, rule, clock, part,
        )
        if index == net.lowest and part.thread == 0:
            job.run.left_backward = wanted(net.watch)
        if part.columns or index == net.lowest:
            meet(job.team)


cdef inline bint is_late(
    const Job* job, Py_ssize_t rows, Py_ssize_t block, int threads, Py_ssize_t item
) noexcept nogil:
    """Whether updates wait for the whole gradient; see LATE_WORK."""
    cdef double work = <double> block * job.net.n_params / threads * (item // 4)
    return (
        job.rule.hyper[CLIP_NORM] > 0 or work > LATE_WORK
        or (rows > SUM_BLOCK and work > LATE_WORK_ADDED))


cdef inline void update_late(
    const Job* job, real* params, double* clock, Part part
) noexcept nogil:
    """The update of all parameters with the whole gradient, its norm clipped where that is asked.
    """
    cdef Span span = share_of(
        part.thread, part.threads, job.net.n_params, LINE_BYTES // sizeof(real))
    cdef const real* grad = <const real*> job.buffers.grad
    cdef double most = job.rule.hyper[CLIP_NORM], scale
    cdef Py_ssize_t first, stop
    cdef const Layer* layer
    cdef int index
    if most > 0:
        if part.thread == 0:
            job.run.gradient_norm = norm(grad, job.net.n_params)
        meet(job.team)
        scale = most / (job.run.gradient_norm + 1e-6)
        clock[SCALE] = 1 if scale > 1 else scale
    for index in range(job.net.n_layers):
        layer = &job.net.layers[index]
        first, stop = max(span.first, layer.learned), min(span.stop, layer.learned_stop)
        if first < stop:
            update(
                job.rule, clock, params, grad + first, first, Stretch(1, stop - first, 0, 0), 0)
    meet(job.team)


cdef inline void apply_given(const Job* job, const real* given) noexcept nogil:
    """The update of all parameters with a gradient of the caller's.

    It is copied to where a step leaves its own, which is 0 wherever nothing learns; so the norm
    that is clipped is that of a step.
    """
    cdef double[CLOCK] clock
    cdef real* grad = <real*> job.buffers.grad
    cdef const Layer* layer
    cdef int index
    for index in range(job.net.n_layers):
        layer = &job.net.layers[index]
        memcpy(
            grad + layer.learned, given + layer.learned,
            (layer.learned_stop - layer.learned) * sizeof(real))
    memcpy(clock, job.rule.clock, sizeof(clock))
    tick(job.rule, clock)
    update_late(job, <real*> job.buffers.params, clock, part_of(0, 1, 1, False))
    memcpy(job.rule.clock, clock, sizeof(clock))


cdef inline bint take_last_block(
    const Job* job, real* work, const Moment* moment, bint late, bint add, double* clock, Part part
) noexcept nogil:
    """The gradient of a step's last block and the update; return whether it was taken.

    Parameters change only while the watch is closed, so that no handler of a signal sees half of
    an update.
    """
    cdef double decay = job.rule.l2 / moment.weight_sum
    cdef int index
    if late:
        block_backward(job, work, moment, add, decay, NULL, NULL, part)
        if job.run.left_backward:
            return False
    if part.thread == 0:
        job.net.watch.closed = True
    if late:
        if part.thread == part.threads - 1:
            for index in range(job.net.n_layers):
                move_statistics(job.net, <real*> job.buffers.params, work, index)
        update_late(job, <real*> job.buffers.params, clock, part)
    else:
        block_backward(job, work, moment, add, decay, job.rule, clock, part)
    if part.thread == 0:
        job.net.watch.closed = False
    return True


cdef inline void report_step(
    const Job* job, const double* clock, Py_ssize_t step, double loss, double weight_sum
) noexcept nogil:
    """Record a step that was taken."""
    memcpy(job.rule.clock, clock, CLOCK * sizeof(double))
    job.run.last_loss = loss / weight_sum
    job.run.weighted_loss += loss
    job.run.penalties += job.run.penalty
    job.run.total_weight += weight_sum
    job.run.updated = step + 1


cdef inline bint has_finite_statistics(const Network* net, const real* work) noexcept nogil:
    """Whether the running means and variances stay finite, which losses do not depend on."""
    cdef const Layer* layer
    cdef Py_ssize_t j
    cdef int index
    for index in range(net.n_layers):
        layer = &net.layers[index]
        if layer.batch_statistics:
            for j in range(2 * layer.n_out):
                if not isfinite(work[layer.statistics + j]):
                    return False
    return True


cdef inline void report_stop(Run* run, Py_ssize_t step, double loss) noexcept nogil:
    """Record a step that was not taken, for its loss."""
    run.last_loss = loss
    run.stopped = step
    run.diverged = True


cdef inline void run_steps(Job* job, int thread, real* work) noexcept nogil:
    """Steps first .. last - 1 of an epoch; stops before an update whose loss is not finite.

    Every member of a team goes through the same steps; thread 0 alone reports.
    """
    cdef const Data* data = job.data
    cdef Run* run = job.run
    cdef int threads = 1 if job.team == NULL else job.team.threads
    # Python functions, which may fail, are all called before the first update of a step.
    cdef bint keep = run.keep
    cdef bint columns = job.columns or (threads == 1 and not job.net.early)
    cdef Py_ssize_t step, start, rows, done, block
    cdef double loss, weight_sum
    cdef double[CLOCK] clock
    cdef bint late
    cdef Moment moment
    cdef const void* weight = NULL
    cdef Part part
    if threads == 1 and take_tiny_steps(
        job.net, job.buffers, data, job.rule, run, work
    ):
        return
    if data.weight != NULL:
        weight = job.buffers.weight
    memcpy(clock, job.rule.clock, sizeof(clock))
    meet(job.team)
    for step in range(run.first, run.last):
        if run.rates != NULL and thread == 0:
            # Between the barriers that end a step and begin the next one's updates.
            job.rule.hyper[LEARNING_RATE] = run.rates[step]
        start = step * run.batch_size
        rows = min(run.batch_size, run.n_rows - start)
        weight_sum = total_weight(<const real*> data.weight, run.order, start, rows)
        if weight_sum == 0:
            continue
        if thread == 0:
            run.penalty = penalty(job.net, <const real*> job.buffers.params, job.rule.l2)
        loss = 0
        done = 0
        while done < rows:
            block = min(job.net.capacity, rows - done)
            part = part_of(thread, threads, block, columns)
            moment = Moment(
                job.team, block, done, weight, weight_sum, <unsigned long long> clock[0])
            block_forward(job, work, start + done, &moment, part)
            if run.left_forward:
                return
            loss += sum_of(job.buffers.losses, block)
            if done + block < rows:
                block_backward(job, work, &moment, done > 0, 0, NULL, NULL, part)
            else:
                loss += run.penalty
                if (
                    not isfinite(loss / weight_sum) or has_failed(job.net)
                    or not (job.net.plain or has_finite_statistics(job.net, work))
                ):
                    if thread == 0:
                        report_stop(run, step, loss / weight_sum)
                    return
                if keep:
                    if thread == 0:
                        keep_state(job.net, job.buffers, job.rule, run, sizeof(real))
                        run.left_copy = wanted(job.net.watch)
                    meet(job.team)
                    if run.left_copy:
                        return
                    keep = False
                tick(job.rule, clock)
                late = is_late(job, rows, block, threads, sizeof(real))
                if not take_last_block(job, work, &moment, late, done > 0, clock, part):
                    return
            done += block
        if thread == 0:
            report_step(job, clock, step, loss, weight_sum)


cdef inline void run_single(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <float*> (<Job*> job).buffers.work)
    restore_mode(mode)


cdef inline void run_double(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <double*> (<Job*> job).buffers.work)
    restore_mode(mode)
