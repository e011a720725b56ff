"""Passes over all rows of a call: predictions, losses, gradients.

A team's threads take blocks to predict as they are free, and evaluate in rounds of a block a
thread: what a pass needs beside the rows does not grow with them.
"""
from libc.string cimport memcpy

from .backward cimport output_derivative
from .batch cimport Buffers, Data, backward_alone, block_losses, sum_of, total_weight
from .dense cimport SUM_BLOCK
from .forward cimport forward, losses_of_rows
from .network cimport TILE_ROWS, Layer, Network, Part, part_of
from .real cimport flush_denormals, real, restore_mode
from .team cimport Team, meet
from .watch cimport ROW_WORK, Counter, look, take_next, wanted

cdef struct Pass:
    # Predictions into `out`, or the sum of the losses, as the members of a team share it.
    const Network* net
    const Buffers* buffers
    const Data* data
    Team* team
    void* out
    double loss
    bint left
    Counter next_block


cdef inline void copy_rows(
    real* out, const real* source, Py_ssize_t source_row, Py_ssize_t rows, Py_ssize_t width
) noexcept nogil:
    """Copy rows of a padded matrix to rows without gaps."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(out + r * width, source + r * source_row, width * sizeof(real))


cdef inline void predict_rows(Pass* job, int thread, real* work) noexcept nogil:
    """a^L of the rows, block by block, each by the thread that is free, in its own workspace.

    So no thread waits long for another, and thread 0, which alone asks for signals, never does.
    """
    cdef const Network* net = job.net
    cdef int threads = 1 if job.team == NULL else job.team.threads
    cdef Py_ssize_t row = net.layers[net.n_layers - 1].row
    cdef Py_ssize_t size = net.capacity // threads, first, rows
    # As many blocks for each thread, if they are few.
    cdef Py_ssize_t rounds = (job.data.n_rows + threads * size - 1) // (threads * size)
    cdef Part part
    cdef real* a
    if threads > 1:
        size = (job.data.n_rows + threads * rounds - 1) // (threads * rounds)
        size = (size + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    while not wanted(net.watch):
        first = size * take_next(&job.next_block)
        if first >= job.data.n_rows:
            return
        rows = min(size, job.data.n_rows - first)
        part = Part(thread * SUM_BLOCK, thread * SUM_BLOCK + rows, False, thread, threads)
        a = forward(
            net, <const real*> job.buffers.params, work,
            <const real*> job.data.x + (first - part.first) * net.n_in, net.n_in, part, NULL,
        )
        copy_rows(<real*> job.out + first * net.n_out, a, row, rows, net.n_out)
        look(net.watch, thread, <double> ROW_WORK * rows)


cdef inline void evaluate_rows(Pass* job, int thread, real* work) noexcept nogil:
    """The losses of the thread's rows of each round; thread 0 adds them up, in blocks."""
    cdef const Network* net = job.net
    cdef const Data* data = job.data
    cdef double* losses = job.buffers.losses
    cdef int threads = 1 if job.team == NULL else job.team.threads
    cdef Py_ssize_t done = 0, block, start
    cdef bint left
    cdef Part part
    while done < data.n_rows:
        block = min(net.capacity, data.n_rows - done)
        part = part_of(thread, threads, block, False)
        forward(
            net, <const real*> job.buffers.params, work,
            <const real*> data.x + done * net.n_in, net.n_in, part, NULL,
        )
        losses_of_rows(
            net, work,
            <const real*> NULL if data.y == NULL else <const real*> data.y + done * net.n_y,
            net.n_y,
            <const long long*> NULL if data.label == NULL else data.label + done,
            <const real*> NULL if data.weight == NULL else <const real*> data.weight + done,
            part, losses,
        )
        look(net.watch, thread, <double> ROW_WORK * (part.stop - part.first))
        if thread == 0:
            job.left = wanted(net.watch)
        meet(job.team)
        left = job.left
        if thread == 0:
            start = 0
            while start < block:
                job.loss += sum_of(losses + start, min(<Py_ssize_t> SUM_BLOCK, block - start))
                start += SUM_BLOCK
        meet(job.team)
        if left:
            return
        done += block


cdef inline void predict_single(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    predict_rows(<Pass*> job, thread, <float*> (<Pass*> job).buffers.work)
    restore_mode(mode)


cdef inline void predict_double(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    predict_rows(<Pass*> job, thread, <double*> (<Pass*> job).buffers.work)
    restore_mode(mode)


cdef inline void evaluate_single(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    evaluate_rows(<Pass*> job, thread, <float*> (<Pass*> job).buffers.work)
    restore_mode(mode)


cdef inline void evaluate_double(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    evaluate_rows(<Pass*> job, thread, <double*> (<Pass*> job).buffers.work)
    restore_mode(mode)


cdef inline double whole_gradient(
    const Network* net, const Buffers* buffers, real* work, const Data* data, real* x_grad
) noexcept nogil:
    """Return the mean loss over all rows and leave its gradient in `grad` and `x_grad`."""
    cdef double weight_sum = total_weight(<const real*> data.weight, NULL, 0, data.n_rows)
    cdef double loss = 0
    cdef Py_ssize_t done = 0, rows
    cdef Part part
    while done < data.n_rows and not look(net.watch, 0, <double> ROW_WORK * net.capacity):
        rows = min(net.capacity, data.n_rows - done)
        part = part_of(0, 1, rows, False)
        block_losses(
            net, buffers, <const real*> buffers.params, work, data, NULL, done, part, weight_sum)
        loss += sum_of(buffers.losses, rows)
        backward_alone(net, buffers, work, rows, done > 0, part)
        copy_rows(x_grad + done * net.n_in, work + net.x_delta, net.x_row, rows, net.n_in)
        done += rows
    return loss / weight_sum


cdef inline void backward_rows(
    const Network* net, const Buffers* buffers, real* work, const real* x,
    const real* output_gradient, Py_ssize_t rows, real* x_grad
) noexcept nogil:
    """The gradient of a caller's loss with dL/da^L = output_gradient, summed over rows."""
    cdef Py_ssize_t done = 0, block, r
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef Part part
    while done < rows and not look(net.watch, 0, <double> ROW_WORK * net.capacity):
        block = min(net.capacity, rows - done)
        part = part_of(0, 1, block, False)
        for r in range(block):
            memcpy(
                work + net.x + r * net.x_row, x + (done + r) * net.n_in, net.n_in * sizeof(real))
            memcpy(
                work + last.delta + r * last.row, output_gradient + (done + r) * net.n_out,
                net.n_out * sizeof(real),
            )
        forward(net, <const real*> buffers.params, work, work + net.x, net.x_row, part, NULL)
        output_derivative(
            net, <const real*> buffers.params, work, <real*> buffers.grad, part, NULL)
        backward_alone(net, buffers, work, block, done > 0, part)
        copy_rows(x_grad + done * net.n_in, work + net.x_delta, net.x_row, block, net.n_in)
        done += block


cdef inline Py_ssize_t find_nonfinite_row(
    const real* x, Py_ssize_t rows, Py_ssize_t width
) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef bint bad
    for r in range(rows):
        bad = False
        for j in range(width):
            # x - x is 0 for every finite x and NaN for infinity and NaN.
            bad |= x[r * width + j] - x[r * width + j] != 0
        if bad:
            return r
    return -1
