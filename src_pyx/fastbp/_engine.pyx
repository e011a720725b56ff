"""The compiled engine: whole passes and whole runs of steps over one network, without the GIL."""
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport isfinite, sqrt
from libc.string cimport memcpy

from .activation cimport activation_codes, times_derivative
from .dense cimport SUM_BLOCK
from .loss cimport loss_codes
from .network cimport Layer, Network, backward, forward, loss_of_rows, output_delta
from .real cimport flush_denormals, real, restore_mode
from .update cimport update, update_codes

ACTIVATIONS = activation_codes()
LOSSES = loss_codes()
UPDATES = update_codes()
BLOCK_ROWS = SUM_BLOCK

cdef struct Data:
    # The rows of a call: x (n_rows, n_in), y (n_rows, n_out) or label (n_rows,), weight or NULL.
    const void* x
    const void* y
    const long long* label
    const void* weight
    Py_ssize_t n_rows

cdef struct Rule:
    # One optimizer bound to one parameter vector.
    int code
    void* slots
    Py_ssize_t n_slots
    double* hyper
    double* clock

cdef struct Run:
    # What a run of steps reports, and where it keeps the last good state.
    double weighted_loss
    double total_weight
    double last_loss
    Py_ssize_t next_step
    bint diverged
    void* safe_params
    void* safe_slots
    double* safe_clock
    bint keep_safe


cdef double total_weight(
    const real* weight, const long long* order, Py_ssize_t start, Py_ssize_t rows
) noexcept nogil:
    """The sum of the weights of a batch in ascending order; the number of rows without weights."""
    cdef Py_ssize_t r
    cdef double total = 0
    if weight == NULL:
        return rows
    for r in range(start, start + rows):
        total += weight[r if order == NULL else order[r]]
    return total


cdef void gather(
    real* out, const real* source, const long long* order, Py_ssize_t start, Py_ssize_t rows,
    Py_ssize_t width
) noexcept nogil:
    """out[r] = source[order[start + r]], rows of `width`."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(out + r * width, source + order[start + r] * width, width * sizeof(real))


cdef double batch_gradient(
    const Network* net, real* params, real* work, const Data* data, const long long* order,
    Py_ssize_t start, Py_ssize_t rows, double weight_sum, real* grad, real* x_grad, long long*
    labels, real* weights
) noexcept nogil:
    """Return sum_r w_r l_r of one batch and leave its mean gradient in `grad`, block by block."""
    cdef Py_ssize_t done = 0, block, first, r
    cdef const real* x
    cdef const real* y
    cdef const long long* label
    cdef const real* weight
    cdef double loss = 0
    while done < rows:
        block = min(net.capacity, rows - done)
        first = start + done
        x = <const real*> data.x + first * net.n_in
        y = NULL if data.y == NULL else <const real*> data.y + first * net.n_out
        label = NULL if data.label == NULL else data.label + first
        weight = NULL if data.weight == NULL else <const real*> data.weight + first
        if order != NULL:
            gather(work + net.x, <const real*> data.x, order, first, block, net.n_in)
            x = work + net.x
            if y != NULL:
                gather(work + net.y, <const real*> data.y, order, first, block, net.n_out)
                y = work + net.y
            if label != NULL:
                for r in range(block):
                    labels[r] = data.label[order[first + r]]
                label = labels
            if weight != NULL:
                for r in range(block):
                    weights[r] = (<const real*> data.weight)[order[first + r]]
                weight = weights
        forward(net, params, work, x, block)
        loss += loss_of_rows(net, work, y, label, weight, block)
        output_delta(net, work, y, label, weight, weight_sum, block)
        backward(
            net, params, work, x, block, grad,
            NULL if x_grad == NULL else x_grad + first * net.n_in, done > 0,
        )
        done += block
    return loss


cdef double whole_gradient(
    const Network* net, real* params, real* work, const Data* data, real* grad, real* x_grad
) noexcept nogil:
    """Return the mean loss over all rows and leave its gradient in `grad` and `x_grad`."""
    cdef double weight_sum = total_weight(<const real*> data.weight, NULL, 0, data.n_rows)
    return batch_gradient(
        net, params, work, data, NULL, 0, data.n_rows, weight_sum, grad, x_grad, NULL, <real*> NULL
    ) / weight_sum


cdef void run_steps(
    const Network* net, real* params, real* work, real* grad, const Data* data,
    const long long* order, Py_ssize_t batch_size, Py_ssize_t first, Py_ssize_t last,
    const Rule* rule, Run* run, long long* labels, real* weights
) noexcept nogil:
    """Steps first .. last - 1 of an epoch; stops before an update whose loss is not finite."""
    cdef Py_ssize_t step, start, rows
    cdef double loss, weight_sum
    for step in range(first, last):
        start = step * batch_size
        rows = min(batch_size, data.n_rows - start)
        weight_sum = total_weight(<const real*> data.weight, order, start, rows)
        run.next_step = step + 1
        if weight_sum == 0:
            continue
        loss = batch_gradient(
            net, params, work, data, order, start, rows, weight_sum, grad, <real*> NULL, labels,
            weights
        )
        run.last_loss = loss / weight_sum
        if not isfinite(run.last_loss):
            run.next_step = step
            run.diverged = True
            return
        if run.keep_safe:
            memcpy(run.safe_params, params, net.n_params * sizeof(real))
            memcpy(run.safe_slots, rule.slots, rule.n_slots * net.n_params * sizeof(real))
            memcpy(run.safe_clock, rule.clock, 3 * sizeof(double))
            run.keep_safe = False
        run.weighted_loss += loss
        run.total_weight += weight_sum
        update(
            rule.code, params, grad, <real*> rule.slots, net.n_params, rule.hyper, rule.clock
        )


cdef void predict_rows(
    const Network* net, real* params, real* work, const real* x, Py_ssize_t rows, real* out
) noexcept nogil:
    cdef Py_ssize_t done = 0, block
    cdef real* a
    while done < rows:
        block = min(net.capacity, rows - done)
        a = forward(net, params, work, x + done * net.n_in, block)
        memcpy(out + done * net.n_out, a, block * net.n_out * sizeof(real))
        done += block


cdef double evaluate_rows(
    const Network* net, real* params, real* work, const Data* data
) noexcept nogil:
    """The mean loss over all rows."""
    cdef Py_ssize_t done = 0, block
    cdef double loss = 0
    while done < data.n_rows:
        block = min(net.capacity, data.n_rows - done)
        forward(net, params, work, <const real*> data.x + done * net.n_in, block)
        loss += loss_of_rows(
            net, work,
            <const real*> NULL if data.y == NULL else <const real*> data.y + done * net.n_out,
            <const long long*> NULL if data.label == NULL else data.label + done,
            <const real*> NULL if data.weight == NULL else <const real*> data.weight + done,
            block,
        )
        done += block
    return loss / total_weight(<const real*> data.weight, NULL, 0, data.n_rows)


cdef void backward_rows(
    const Network* net, real* params, real* work, const real* x, const real* output_gradient,
    Py_ssize_t rows, real* grad, real* x_grad
) noexcept nogil:
    """The gradient of a caller's loss with dL/da^L = output_gradient, summed over rows."""
    cdef Py_ssize_t done = 0, block
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    while done < rows:
        block = min(net.capacity, rows - done)
        forward(net, params, work, x + done * net.n_in, block)
        memcpy(
            work + net.delta, output_gradient + done * net.n_out, block * net.n_out * sizeof(real)
        )
        times_derivative(last.activation, work + last.a, work + net.delta, block, net.n_out)
        backward(
            net, params, work, x + done * net.n_in, block, grad, x_grad + done * net.n_in, done > 0
        )
        done += block


cdef double norm(const real* v, Py_ssize_t n) noexcept nogil:
    """sqrt(sum v_i^2) in double, in ascending order."""
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += <double> v[i] * v[i]
    return sqrt(total)


cdef Py_ssize_t find_nonfinite_row(
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


def first_nonfinite_row(const real[:, ::1] x):
    """Return the index of the first row of x that holds NaN or infinity, or -1."""
    cdef Py_ssize_t row
    if x.shape[0] == 0 or x.shape[1] == 0:
        return -1
    with nogil:
        row = find_nonfinite_row(&x[0, 0], x.shape[0], x.shape[1])
    return row


cdef class Engine:
    """A plan bound to its parameter vector and workspace: the passes and the runs of steps.

    The Python side has checked every shape, dtype and label before it calls; nothing here looks
    again.
    """

    cdef Network net
    cdef Data data
    cdef Rule rule
    cdef Run run_state
    cdef bint single
    cdef void* params
    cdef void* work
    cdef void* grad
    cdef long long* labels
    cdef void* weights
    cdef dict owners

    def __cinit__(self, plan, params, grad):
        self.net.layers = NULL
        self.net.n_layers = len(plan.layers)
        self.net.layers = <Layer*> PyMem_Malloc(self.net.n_layers * sizeof(Layer))
        if self.net.layers == NULL:
            raise MemoryError

    def __init__(self, plan, params, grad):
        cdef Layer* out
        for index, layer in enumerate(plan.layers):
            out = &self.net.layers[index]
            out.n_in, out.n_out = layer.n_in, layer.n_out
            out.activation = ACTIVATIONS[layer.activation]
            out.weight, out.bias, out.a = layer.weight, layer.bias, layer.a
        self.net.loss = LOSSES[plan.loss]
        self.net.n_in, self.net.n_out = plan.n_in, plan.n_out
        self.net.capacity, self.net.n_params = plan.capacity, plan.n_params
        self.net.x, self.net.y, self.net.z = plan.x, plan.y, plan.z
        self.net.delta, self.net.spare = plan.delta, plan.spare
        self.net.transposed, self.net.block_sum = plan.transposed, plan.block_sum
        self.single = params.itemsize == sizeof(float)
        self.owners = {}
        self.params = self.address("params", params)
        self.grad = self.address("grad", grad)
        self.work = self.address("work", plan.workspace())
        self.labels = <long long*> self.address("labels", plan.label_space())
        self.weights = self.address("weights", plan.weight_space())

    def __dealloc__(self):
        PyMem_Free(self.net.layers)

    cdef void* address(self, str name, array) except? NULL:
        """Return the array's memory and keep it alive for as long as its name is bound."""
        cdef const unsigned char[::1] raw
        if array is None or array.size == 0:
            self.owners[name] = None
            return NULL
        raw = array.reshape(-1).view("uint8")
        self.owners[name] = raw
        return <void*> &raw[0]

    def set_data(self, x, y=None, label=None, weight=None):
        """Bind the rows of the next calls: C-contiguous, of the network's dtype, labels int64."""
        self.data.x = self.address("x", x)
        self.data.y = self.address("y", y)
        self.data.label = <const long long*> self.address("label", label)
        self.data.weight = self.address("weight", weight)
        self.data.n_rows = x.shape[0]

    def release_data(self):
        """Let go of the arrays bound by `set_data`."""
        self.data.x = self.data.y = self.data.weight = NULL
        self.data.label = NULL
        self.data.n_rows = 0
        for name in ("x", "y", "label", "weight"):
            self.owners[name] = None

    def set_rule(self, optimizer, safe):
        """Bind an optimizer's rule and state, and the place for a run's last good state."""
        self.rule.code = UPDATES[optimizer.rule]
        self.rule.n_slots = optimizer.slots.shape[0]
        self.rule.slots = self.address("slots", optimizer.slots)
        self.rule.hyper = <double*> self.address("hyper", optimizer.hyper)
        self.rule.clock = <double*> self.address("clock", optimizer.clock)
        self.run_state.keep_safe = False
        if safe is not None:
            self.run_state.safe_params = self.address("safe_params", safe.params)
            self.run_state.safe_slots = self.address("safe_slots", safe.slots)
            self.run_state.safe_clock = <double*> self.address("safe_clock", safe.clock)

    def predict(self, x, out):
        """Write a^L of each row of x into out."""
        cdef const float[:, ::1] x_single
        cdef float[:, ::1] out_single
        cdef const double[:, ::1] x_double
        cdef double[:, ::1] out_double
        cdef unsigned int mode
        if self.single:
            x_single, out_single = x, out
            with nogil:
                mode = flush_denormals()
                predict_rows(
                    &self.net, <float*> self.params, <float*> self.work, &x_single[0, 0],
                    x_single.shape[0], &out_single[0, 0],
                )
                restore_mode(mode)
        else:
            x_double, out_double = x, out
            with nogil:
                mode = flush_denormals()
                predict_rows(
                    &self.net, <double*> self.params, <double*> self.work, &x_double[0, 0],
                    x_double.shape[0], &out_double[0, 0],
                )
                restore_mode(mode)

    def evaluate(self):
        """Return the mean loss over the bound rows."""
        cdef double loss
        cdef unsigned int mode
        with nogil:
            mode = flush_denormals()
            if self.single:
                loss = evaluate_rows(
                    &self.net, <float*> self.params, <float*> self.work, &self.data)
            else:
                loss = evaluate_rows(
                    &self.net, <double*> self.params, <double*> self.work, &self.data)
            restore_mode(mode)
        return loss

    def gradient(self, x_grad):
        """Return the mean loss over the bound rows; its gradient goes to `grad` and `x_grad`."""
        cdef double loss
        cdef unsigned int mode
        cdef void* inputs = self.address("x_grad", x_grad)
        with nogil:
            mode = flush_denormals()
            if self.single:
                loss = whole_gradient(
                    &self.net, <float*> self.params, <float*> self.work, &self.data,
                    <float*> self.grad, <float*> inputs,
                )
            else:
                loss = whole_gradient(
                    &self.net, <double*> self.params, <double*> self.work, &self.data,
                    <double*> self.grad, <double*> inputs,
                )
            restore_mode(mode)
        self.owners["x_grad"] = None
        return loss

    def backward(self, x, output_gradient, x_grad):
        """Write the gradient for dL/da^L = output_gradient to `grad` and `x_grad`."""
        cdef unsigned int mode
        cdef Py_ssize_t rows = x.shape[0]
        cdef void* inputs = self.address("x", x)
        cdef void* outputs = self.address("output_gradient", output_gradient)
        cdef void* below = self.address("x_grad", x_grad)
        with nogil:
            mode = flush_denormals()
            if self.single:
                backward_rows(
                    &self.net, <float*> self.params, <float*> self.work, <float*> inputs,
                    <float*> outputs, rows, <float*> self.grad, <float*> below,
                )
            else:
                backward_rows(
                    &self.net, <double*> self.params, <double*> self.work, <double*> inputs,
                    <double*> outputs, rows, <double*> self.grad, <double*> below,
                )
            restore_mode(mode)
        for name in ("x", "output_gradient", "x_grad"):
            self.owners[name] = None

    def keep_safe(self):
        """Ask the next run to copy its state to the safe place before its first update."""
        self.run_state.keep_safe = True

    def run(self, order, Py_ssize_t batch_size, Py_ssize_t first, Py_ssize_t last):
        """Train steps first .. last - 1 of an epoch over the bound rows; return what happened.

        Returns (next step, sum of w_r l_r, sum of w_r, last batch's loss, diverged).
        """
        cdef unsigned int mode
        cdef long long* rows = <long long*> self.address("order", order)
        cdef Run* run = &self.run_state
        run.weighted_loss = run.total_weight = 0
        run.next_step = first
        run.diverged = False
        with nogil:
            mode = flush_denormals()
            if self.single:
                run_steps(
                    &self.net, <float*> self.params, <float*> self.work, <float*> self.grad,
                    &self.data, rows, batch_size, first, last, &self.rule, run, self.labels,
                    <float*> self.weights,
                )
            else:
                run_steps(
                    &self.net, <double*> self.params, <double*> self.work, <double*> self.grad,
                    &self.data, rows, batch_size, first, last, &self.rule, run, self.labels,
                    <double*> self.weights,
                )
            restore_mode(mode)
        return run.next_step, run.weighted_loss, run.total_weight, run.last_loss, run.diverged

    def gradient_norm(self):
        """Return the 2-norm of the last batch's gradient."""
        cdef double result
        with nogil:
            if self.single:
                result = norm(<float*> self.grad, self.net.n_params)
            else:
                result = norm(<double*> self.grad, self.net.n_params)
        return result
