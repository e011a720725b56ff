"""Runs of steps for tiny networks, whose parameters stay in local variables from step to step.

Copied rows, tiles and a workspace cost more than the arithmetic of a few units. Here a row of
anything is LANES numbers, so that the loops over it have a constant length. The body is compiled
twice: for `lanes` = LANES, and for `lanes` = 1, the network 1-1-1 on single rows, where all loops
vanish, the parameters live in registers, and a step takes as long as the chain of operations from
one value of the first weight to its next.

The arithmetic is that of network.pxd and dense.pxd, each sum in the same order, by the same
activations, losses and updates: the bits are the same. What lies in a row past its width has no
meaning, and nothing that has is made of it.
"""
from libc.math cimport isfinite
from libc.string cimport memcpy

from .activation cimport SOFTMAX, activate_first, derivative_first
from .batch cimport Buffers, Data, total_weight
from .lanes cimport LANES, flat_f32, flat_f64, product, product_transposed
from .loss cimport (
    BINARY_CROSS_ENTROPY, first_gradient_of_row, first_loss_of_row, gives_delta, has_power,
    take_logarithms,
)
from .network cimport Layer, Network
from .real cimport real
from .rules cimport Stretch
from .run cimport Run, keep_state
from .update cimport CLOCK, LEARNING_RATE, PLAIN, Rule, tick_plain, update_plain

cdef enum:
    MOST_LAYERS = 4
    MOST_ROWS = 16
    MOST_SLOTS = 2
    # Numbers of a batch of rows, and of the parameters: a row of biases and LANES of weights each.
    BATCH = MOST_ROWS * LANES
    PARAMS = MOST_LAYERS * (1 + LANES) * LANES

cdef struct Frame:
    # How a network and a batch lie in the local variables: rows of `lanes` numbers.
    Py_ssize_t lanes
    int n_layers
    Py_ssize_t[MOST_LAYERS + 1] place
    Py_ssize_t rows
    double weight_sum
    long long* label
    # What the loss is like, asked once.
    bint gives_delta
    bint has_power


cdef inline bint is_tiny(const Network* net, const Rule* rule, const Run* run) noexcept nogil:
    """Whether the local variables have room for the network and its batches, and the rule is plain.
    """
    cdef int index
    if net.n_layers > MOST_LAYERS or run.batch_size > MOST_ROWS:
        return False
    if not (net.plain and rule.plain) or rule.l2 != 0:
        return False
    for index in range(net.n_layers):
        if net.layers[index].n_in > LANES or net.layers[index].n_out > LANES:
            return False
        if net.layers[index].activation > SOFTMAX:
            return False
    return net.loss <= BINARY_CROSS_ENTROPY


cdef inline bint is_single(const Network* net, const Data* data, const Run* run) noexcept nogil:
    """Whether it is 1-1-1 on single rows with a number as target and no weight."""
    return (
        net.n_layers == 2 and net.n_in == 1 and net.layers[0].n_out == 1 and net.n_out == 1
        and run.batch_size == 1 and data.y != NULL and data.weight == NULL
    )


cdef inline Py_ssize_t width(Py_ssize_t n, Py_ssize_t lanes) noexcept nogil:
    """Return n, which is 1 for one lane: so the compiler knows it."""
    return 1 if lanes == 1 else n


cdef inline void lay_out(const Network* net, Frame* frame, Py_ssize_t lanes) noexcept nogil:
    """Find the place of each layer's parameters: a row of biases, then its rows of weights."""
    cdef int index
    frame.lanes = lanes
    frame.n_layers = 2 if lanes == 1 else net.n_layers
    frame.place[0] = 0
    for index in range(frame.n_layers):
        frame.place[index + 1] = (
            frame.place[index] + (1 + width(net.layers[index].n_in, frame.lanes)) * frame.lanes)


cdef inline void copy_params(
    const Network* net, const Frame* frame, real* near, real* far, bint out
) noexcept nogil:
    """Copy a vector of the parameters' layout to rows of lanes, or with `out` from them."""
    cdef int index
    cdef const Layer* layer
    cdef real* row
    cdef Py_ssize_t k, n, source, n_out
    for index in range(frame.n_layers):
        layer = &net.layers[index]
        n_out = width(layer.n_out, frame.lanes)
        for k in range(-1, width(layer.n_in, frame.lanes)):
            row = near + frame.place[index] + (1 + k) * frame.lanes
            source = layer.bias if k < 0 else layer.weight + k * n_out
            if source < 0:
                continue
            for n in range(n_out):
                if out:
                    far[source + n] = row[n]
                else:
                    row[n] = far[source + n]


cdef inline void copy_state(
    const Network* net, const Buffers* buffers, const Rule* rule, const Frame* frame,
    real* params, real* grad, real* slots, bint out
) noexcept nogil:
    """Copy all that lasts from step to step: parameters, gradient and the optimizer's vectors."""
    cdef Py_ssize_t i
    copy_params(net, frame, params, <real*> buffers.params, out)
    copy_params(net, frame, grad, <real*> buffers.grad, out)
    for i in range(rule.n_slots):
        copy_params(
            net, frame, slots + i * PARAMS, <real*> rule.slots + i * rule.n_params, out)


cdef inline void gather_row(
    real* near, const real* far, Py_ssize_t n, Py_ssize_t lanes
) noexcept nogil:
    """Copy a row of n numbers; a loop up to n would become a call of memcpy."""
    cdef Py_ssize_t i
    for i in range(lanes):
        near[i] = far[i] if i < n else <real> 0


cdef inline void gather_rows(
    const Network* net, const Frame* frame, const Data* data, const long long* order,
    Py_ssize_t start, real* x, real* y, real* weight
) noexcept nogil:
    """Copy a batch of rows of x, y, label and weight."""
    cdef Py_ssize_t r, source, lanes = frame.lanes
    cdef Py_ssize_t n_in = width(net.n_in, lanes), n_out = width(net.n_out, lanes)
    for r in range(frame.rows):
        source = start + r if order == NULL else order[start + r]
        gather_row(x + r * lanes, <const real*> data.x + source * n_in, n_in, lanes)
        if y != NULL:
            gather_row(y + r * lanes, <const real*> data.y + source * n_out, n_out, lanes)
        else:
            frame.label[r] = data.label[source]
        if weight != NULL:
            weight[r] = (<const real*> data.weight)[source]


cdef inline void layer_forward(
    const Network* net, const Frame* frame, int index, const real* params, const real* below,
    real* a, real* z
) noexcept nogil:
    """a^l = s(z^l), z^l = W^l a^(l-1) + b^l; of the last layer z is kept as well."""
    cdef const Layer* layer = &net.layers[index]
    cdef const real* bias = params + frame.place[index]
    a += index * BATCH
    product(
        a, z if index == frame.n_layers - 1 else <real*> NULL, below, bias + frame.lanes,
        <const real*> NULL if layer.bias < 0 else bias, frame.rows,
        width(layer.n_in, frame.lanes), frame.lanes,
    )
    activate_first(layer.activation, a, frame.rows, width(layer.n_out, frame.lanes), frame.lanes)


cdef inline void forward(
    const Network* net, const Frame* frame, const real* params, const real* x, real* a, real* z
) noexcept nogil:
    """a of each layer, and z of the last one."""
    cdef int index
    # Without its first step the loop is none for two layers, and the compiler need not unroll it.
    layer_forward(net, frame, 0, params, x, a, z)
    for index in range(1, frame.n_layers):
        layer_forward(net, frame, index, params, a + (index - 1) * BATCH, a, z)


cdef inline double loss_of_rows(
    const Network* net, const Frame* frame, const real* z, const real* a, const real* y,
    const real* weight
) noexcept nogil:
    """The sum of w_r l_r over the rows."""
    cdef Py_ssize_t r, lanes = frame.lanes
    cdef double[MOST_ROWS] losses
    cdef real[MOST_ROWS] power
    cdef double total = 0
    for r in range(frame.rows):
        losses[r] = first_loss_of_row(
            net.loss, z + r * lanes, a + r * lanes, NULL if y == NULL else y + r * lanes,
            0 if frame.label == NULL else frame.label[r], width(net.n_out, lanes), power + r,
        )
    if frame.has_power:
        take_logarithms(power, frame.rows)
        for r in range(frame.rows):
            losses[r] = <real> losses[r] - power[r]
    for r in range(frame.rows):
        total += losses[r] if weight == NULL else weight[r] * losses[r]
    return total


cdef inline void output_delta(
    const Network* net, const Frame* frame, const real* a, const real* y, const real* weight,
    real* delta
) noexcept nogil:
    """delta^L = dL/dz^L, with each row's share weight / weight_sum of the mean."""
    cdef Py_ssize_t r, lanes = frame.lanes, n_out = width(net.n_out, lanes)
    cdef real scale = <real> 1 if lanes == 1 else <real> (1 / frame.weight_sum)
    for r in range(frame.rows):
        if weight != NULL:
            scale = <real> (weight[r] / frame.weight_sum)
        first_gradient_of_row(
            a + r * lanes, NULL if y == NULL else y + r * lanes,
            0 if frame.label == NULL else frame.label[r], n_out, n_out, scale, delta + r * lanes,
        )
    if not frame.gives_delta:
        derivative_first(
            net.layers[frame.n_layers - 1].activation, a, delta, frame.rows, n_out, lanes)


cdef inline void data_gradient(
    const Network* net, const Frame* frame, int index, const real* params, const real* a,
    real* delta
) noexcept nogil:
    """delta^(l-1) = (W^l)^T delta^l * s'(z^(l-1))."""
    cdef Py_ssize_t k, n, lanes = frame.lanes
    cdef Py_ssize_t n_out = width(net.layers[index].n_out, lanes)
    cdef const real* weight = params + frame.place[index] + lanes
    cdef real* before = delta + (index - 1) * BATCH
    cdef real[LANES * LANES] transposed
    for n in range(n_out):
        for k in range(lanes):
            transposed[n * lanes + k] = weight[k * lanes + n]
    product(
        before, <real*> NULL, delta + index * BATCH, <const real*> transposed,
        <const real*> NULL, frame.rows, n_out, lanes,
    )
    derivative_first(
        net.layers[index - 1].activation, a + (index - 1) * BATCH, before, frame.rows,
        width(net.layers[index].n_in, lanes), lanes,
    )


cdef inline void backward(
    const Network* net, const Frame* frame, const real* params, const real* x, const real* a,
    real* delta, real* grad
) noexcept nogil:
    """The chain rule from delta^L down, and each layer's gradient."""
    cdef int index
    cdef real* bias
    for index in range(frame.n_layers - 1, 0, -1):
        data_gradient(net, frame, index, params, a, delta)
        bias = grad + frame.place[index]
        product_transposed(
            bias + frame.lanes, bias, a + (index - 1) * BATCH, delta + index * BATCH, frame.rows,
            width(net.layers[index].n_in, frame.lanes), frame.lanes,
        )
    product_transposed(
        grad + frame.lanes, grad, x, delta, frame.rows, width(net.n_in, frame.lanes), frame.lanes)


cdef inline void update_all(
    const Rule* rule, const double* clock, real* params, const real* grad, const Frame* frame
) noexcept nogil:
    """Take the rule's step; the four parameters of one lane by themselves, not as a vector."""
    if frame.lanes == 1:
        update_plain(rule, clock, params, grad, 0, Stretch(1, 1, 0, 0), 0, False)
        update_plain(rule, clock, params, grad + 1, 1, Stretch(1, 1, 0, 0), 0, False)
        update_plain(rule, clock, params, grad + 2, 2, Stretch(1, 1, 0, 0), 0, False)
        update_plain(rule, clock, params, grad + 3, 3, Stretch(1, 1, 0, 0), 0, False)
    else:
        update_plain(
            rule, clock, params, grad, 0, Stretch(1, frame.place[frame.n_layers], 0, 0), 0,
            real is double)


cdef inline void clear(
    real* params, real* grad, real* slots, real* delta, const Frame* frame
) noexcept nogil:
    """Set to 0 what no row's width reaches."""
    cdef Py_ssize_t i
    for i in range(4 if frame.lanes == 1 else PARAMS):
        params[i] = grad[i] = slots[i] = slots[PARAMS + i] = 0
    if frame.lanes > 1:
        for i in range(MOST_LAYERS * BATCH):
            delta[i] = 0


cdef inline void take_steps(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const real* marker, Py_ssize_t lanes
) noexcept nogil:
    """Steps first .. last - 1 of an epoch, as `run_steps` takes them; `marker` tells the type."""
    cdef Frame frame
    # Copies that nothing else points to, so that what they hold stays in registers.
    cdef Rule near = rule[0]
    cdef double[CLOCK] clock
    cdef double[PLAIN] hyper
    cdef real[PARAMS] params, grad
    cdef real[MOST_SLOTS * PARAMS] slots
    cdef real[MOST_LAYERS * BATCH] a, delta
    cdef real[BATCH] x, y_rows, z
    cdef real[MOST_ROWS] weight_rows
    cdef long long[MOST_ROWS] labels
    cdef real* y = NULL if lanes > 1 and data.y == NULL else <real*> y_rows
    cdef real* weight = NULL if lanes == 1 or data.weight == NULL else <real*> weight_rows
    cdef Py_ssize_t step, start, last
    cdef double loss, mean
    cdef bint keep = run.keep
    lay_out(net, &frame, lanes)
    frame.label = NULL if y != NULL else <long long*> labels
    frame.gives_delta, frame.has_power = gives_delta(net.loss), has_power(net.loss)
    last = (frame.n_layers - 1) * BATCH
    clear(params, grad, slots, delta, &frame)
    copy_state(net, buffers, rule, &frame, params, grad, slots, False)
    near.slots, near.n_params = NULL if rule.slots == NULL else <void*> slots, PARAMS
    near.hyper = hyper
    memcpy(clock, rule.clock, sizeof(clock))
    memcpy(hyper, rule.hyper, sizeof(hyper))
    for step in range(run.first, run.last):
        if run.rates != NULL:
            hyper[LEARNING_RATE] = run.rates[step]
        start = step * run.batch_size
        frame.rows = 1 if lanes == 1 else min(run.batch_size, run.n_rows - start)
        frame.weight_sum = 1 if lanes == 1 else total_weight(
            <const real*> data.weight, run.order, start, frame.rows)
        if frame.weight_sum == 0:
            continue
        gather_rows(net, &frame, data, run.order, start, x, y, weight)
        forward(net, &frame, params, x, a, z)
        loss = loss_of_rows(net, &frame, z, a + last, y, weight)
        mean = loss / frame.weight_sum
        run.last_loss = mean
        if not isfinite(mean):
            run.stopped = step
            run.diverged = True
            break
        if keep:
            # Before the first update, when what is near is what is far.
            keep_state(net, buffers, rule, run, sizeof(real))
            keep = False
        output_delta(net, &frame, a + last, y, weight, delta + last)
        backward(net, &frame, params, x, a, delta, grad)
        tick_plain(&near, clock)
        update_all(&near, clock, params, grad, &frame)
        run.weighted_loss += loss
        run.total_weight += frame.weight_sum
        run.updated = step + 1
    copy_state(net, buffers, rule, &frame, params, grad, slots, True)
    memcpy(rule.clock, clock, sizeof(clock))
    rule.hyper[LEARNING_RATE] = hyper[LEARNING_RATE]


cdef inline flat_f32 take_single_f32(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const float* marker
) noexcept nogil:
    take_steps(net, buffers, data, rule, run, marker, 1)


cdef inline flat_f32 take_few_f32(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const float* marker
) noexcept nogil:
    take_steps(net, buffers, data, rule, run, marker, LANES)


cdef inline flat_f64 take_single_f64(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const double* marker
) noexcept nogil:
    take_steps(net, buffers, data, rule, run, marker, 1)


cdef inline flat_f64 take_few_f64(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const double* marker
) noexcept nogil:
    take_steps(net, buffers, data, rule, run, marker, LANES)


cdef inline bint take_tiny_steps(
    const Network* net, const Buffers* buffers, const Data* data, const Rule* rule, Run* run,
    const real* marker
) noexcept nogil:
    """Take the run's steps if the network is tiny; return whether it is."""
    cdef bint single = is_single(net, data, run)
    if not is_tiny(net, rule, run):
        return False
    if real is float:
        if single:
            take_single_f32(net, buffers, data, rule, run, marker)
        else:
            take_few_f32(net, buffers, data, rule, run, marker)
    elif single:
        take_single_f64(net, buffers, data, rule, run, marker)
    else:
        take_few_f64(net, buffers, data, rule, run, marker)
    return True
