"""The compiled engine: whole passes and whole runs of steps over one network, without the GIL."""
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport isfinite, sqrt
from libc.string cimport memcpy

from .activation cimport activation_codes
from .dense cimport SUM_BLOCK, scratch_bytes
from .loss cimport loss_codes
from .network cimport (
    Layer, Network, Part, data_gradient, forward, losses_of_rows, output_delta, output_derivative,
    part_of, weight_gradient,
)
from .real cimport flush_denormals, real, restore_mode
from .team cimport Team, meet, team_end, team_run, team_start
from .update cimport Rule, tick, update_codes

ACTIVATIONS = activation_codes()
LOSSES = loss_codes()
UPDATES = update_codes()
BLOCK_ROWS = SUM_BLOCK


def scratch_length(Py_ssize_t columns, Py_ssize_t itemsize):
    """Return how many elements the products need as scratch for rows of so many columns."""
    return scratch_bytes(columns, itemsize) // itemsize


cdef struct Data:
    # The rows of a call: x (n_rows, n_in), y (n_rows, n_out) or label (n_rows,), weight or NULL.
    const void* x
    const void* y
    const long long* label
    const void* weight
    Py_ssize_t n_rows

cdef struct Buffers:
    # Everything of a network that is written: parameters, gradient and workspace.
    void* params
    void* grad
    void* work
    long long* label
    void* weight
    double* losses

cdef struct Run:
    # What a run of steps is asked, what it reports, and where it keeps the last good state.
    const long long* order
    Py_ssize_t batch_size
    Py_ssize_t first
    Py_ssize_t last
    double weighted_loss
    double total_weight
    double last_loss
    Py_ssize_t stopped
    Py_ssize_t updated
    bint diverged
    void* safe_params
    void* safe_slots
    double* safe_clock
    bint keep
    bint kept

cdef struct Job:
    # A run of steps as the members of a team share it.
    const Network* net
    const Buffers* buffers
    const Data* data
    const Rule* rule
    Run* run
    Team* team


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
    const Network* net, const Buffers* buffers, real* work, const Data* data,
    const long long* order, Py_ssize_t start, Part part
) noexcept nogil:
    """Copy the part's rows of x, y, label and weight into the workspace."""
    cdef Py_ssize_t r, source
    for r in range(part.first, part.stop):
        source = start + r if order == NULL else order[start + r]
        memcpy(
            work + net.x + r * net.x_row, <const real*> data.x + source * net.n_in,
            net.n_in * sizeof(real),
        )
        if data.y != NULL:
            memcpy(
                work + net.y + r * net.n_out, <const real*> data.y + source * net.n_out,
                net.n_out * sizeof(real),
            )
        else:
            buffers.label[r] = data.label[source]
        if data.weight != NULL:
            (<real*> buffers.weight)[r] = (<const real*> data.weight)[source]


cdef void block_losses(
    const Network* net, const Buffers* buffers, const real* params, real* work, const Data* data,
    const long long* order, Py_ssize_t start, Part part, double weight_sum
) noexcept nogil:
    """Forward, losses and delta^L of the part's rows of one block."""
    cdef const real* y = NULL if data.y == NULL else <const real*> work + net.y
    cdef const long long* label = NULL if data.label == NULL else <const long long*> buffers.label
    cdef const real* weight = (
        NULL if data.weight == NULL else <const real*> buffers.weight)
    gather(net, buffers, work, data, order, start, part)
    forward(net, params, work, work + net.x, net.x_row, part)
    losses_of_rows(net, work, y, net.n_out, label, weight, part, buffers.losses)
    output_delta(net, work, y, net.n_out, label, weight, weight_sum, part)


cdef double sum_of(const double* values, Py_ssize_t n) noexcept nogil:
    """The sum in ascending order."""
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += values[i]
    return total


cdef void backward_alone(
    const Network* net, const Buffers* buffers, real* work, Py_ssize_t rows, bint add,
    const Rule* rule, const double* clock, Part part, bint inputs
) noexcept nogil:
    """The chain rule from delta^L down, each layer's weight gradient while its delta is at hand."""
    cdef int index
    for index in range(net.n_layers - 1, -1, -1):
        if index > 0 or inputs:
            data_gradient(net, <const real*> buffers.params, work, index, part)
        weight_gradient(
            net, <real*> buffers.params, work, index, rows, add, <real*> buffers.grad, rule, clock,
            part,
        )


cdef void data_gradients(
    const Network* net, const real* params, real* work, Part part
) noexcept nogil:
    """The chain rule for the part's rows of a team: every layer's delta from delta^L."""
    cdef int index
    for index in range(net.n_layers - 1, 0, -1):
        data_gradient(net, params, work, index, part)


cdef void weight_gradients(
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


cdef double whole_gradient(
    const Network* net, const Buffers* buffers, real* work, const Data* data, real* x_grad
) noexcept nogil:
    """Return the mean loss over all rows and leave its gradient in `grad` and `x_grad`."""
    cdef double weight_sum = total_weight(<const real*> data.weight, NULL, 0, data.n_rows)
    cdef double loss = 0
    cdef Py_ssize_t done = 0, rows
    cdef Part part
    while done < data.n_rows:
        rows = min(net.capacity, data.n_rows - done)
        part = part_of(0, 1, rows)
        block_losses(
            net, buffers, <const real*> buffers.params, work, data, NULL, done, part, weight_sum)
        loss += sum_of(buffers.losses, rows)
        backward_alone(net, buffers, work, rows, done > 0, NULL, NULL, part, True)
        copy_rows(x_grad + done * net.n_in, work + net.x_delta, net.x_row, rows, net.n_in)
        done += rows
    return loss / weight_sum


cdef void copy_rows(
    real* out, const real* source, Py_ssize_t source_row, Py_ssize_t rows, Py_ssize_t width
) noexcept nogil:
    """Copy rows of a padded matrix to rows without gaps."""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(out + r * width, source + r * source_row, width * sizeof(real))


cdef void keep_state(const Network* net, const Buffers* buffers, const Rule* rule, Run* run,
                     Py_ssize_t item) noexcept nogil:
    """Copy parameters and optimizer state to the safe place."""
    memcpy(run.safe_params, buffers.params, net.n_params * item)
    if rule.n_slots > 0:
        memcpy(run.safe_slots, rule.slots, rule.n_slots * net.n_params * item)
    memcpy(run.safe_clock, rule.clock, 3 * sizeof(double))


cdef void run_steps(Job* job, int thread, real* work) noexcept nogil:
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


cdef void run_single(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <float*> (<Job*> job).buffers.work)
    restore_mode(mode)


cdef void run_double(void* job, int thread) noexcept nogil:
    cdef unsigned int mode = flush_denormals()
    run_steps(<Job*> job, thread, <double*> (<Job*> job).buffers.work)
    restore_mode(mode)


cdef void predict_rows(
    const Network* net, const Buffers* buffers, real* work, const real* x, Py_ssize_t rows,
    real* out
) noexcept nogil:
    cdef Py_ssize_t done = 0, block, row = net.layers[net.n_layers - 1].row
    cdef real* a
    while done < rows:
        block = min(net.capacity, rows - done)
        a = forward(
            net, <const real*> buffers.params, work, x + done * net.n_in, net.n_in,
            part_of(0, 1, block),
        )
        copy_rows(out + done * net.n_out, a, row, block, net.n_out)
        done += block


cdef double evaluate_rows(
    const Network* net, const Buffers* buffers, real* work, const Data* data
) noexcept nogil:
    """The mean loss over all rows."""
    cdef Py_ssize_t done = 0, block
    cdef double loss = 0
    cdef Part part
    while done < data.n_rows:
        block = min(net.capacity, data.n_rows - done)
        part = part_of(0, 1, block)
        forward(
            net, <const real*> buffers.params, work, <const real*> data.x + done * net.n_in,
            net.n_in, part,
        )
        losses_of_rows(
            net, work,
            <const real*> NULL if data.y == NULL else <const real*> data.y + done * net.n_out,
            net.n_out,
            <const long long*> NULL if data.label == NULL else data.label + done,
            <const real*> NULL if data.weight == NULL else <const real*> data.weight + done,
            part, buffers.losses,
        )
        loss += sum_of(buffers.losses, block)
        done += block
    return loss / total_weight(<const real*> data.weight, NULL, 0, data.n_rows)


cdef void backward_rows(
    const Network* net, const Buffers* buffers, real* work, const real* x,
    const real* output_gradient, Py_ssize_t rows, real* x_grad
) noexcept nogil:
    """The gradient of a caller's loss with dL/da^L = output_gradient, summed over rows."""
    cdef Py_ssize_t done = 0, block, r
    cdef const Layer* last = &net.layers[net.n_layers - 1]
    cdef Part part
    while done < rows:
        block = min(net.capacity, rows - done)
        part = part_of(0, 1, block)
        for r in range(block):
            memcpy(
                work + net.x + r * net.x_row, x + (done + r) * net.n_in, net.n_in * sizeof(real))
            memcpy(
                work + last.delta + r * last.row, output_gradient + (done + r) * net.n_out,
                net.n_out * sizeof(real),
            )
        forward(net, <const real*> buffers.params, work, work + net.x, net.x_row, part)
        output_derivative(net, work, part)
        backward_alone(net, buffers, work, block, done > 0, NULL, NULL, part, True)
        copy_rows(x_grad + done * net.n_in, work + net.x_delta, net.x_row, block, net.n_in)
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


def first_nonfinite_row(x):
    """Return the index of the first row of x that holds NaN or infinity, or -1.

    x is a C-contiguous matrix of float32 or float64. (One function and no fused signature: choosing
    among those by dtype takes longer than the check of a row.)
    """
    cdef const float[:, ::1] single
    cdef const double[:, ::1] double_
    cdef Py_ssize_t row
    if x.size == 0:
        return -1
    if x.itemsize == sizeof(float):
        single = x
        with nogil:
            row = find_nonfinite_row(&single[0, 0], single.shape[0], single.shape[1])
    else:
        double_ = x
        with nogil:
            row = find_nonfinite_row(&double_[0, 0], double_.shape[0], double_.shape[1])
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
    cdef Buffers buffers
    cdef Team* team
    cdef bint single
    cdef dict owners

    def __cinit__(self, plan, params, grad):
        self.team = NULL
        self.net.layers = NULL
        self.net.n_layers = len(plan.layers)
        self.net.layers = <Layer*> PyMem_Malloc(self.net.n_layers * sizeof(Layer))
        if self.net.layers == NULL:
            raise MemoryError

    def __init__(self, plan, params, grad):
        cdef Layer* out
        for index, layer in enumerate(plan.layers):
            out = &self.net.layers[index]
            out.n_in, out.n_out, out.row = layer.n_in, layer.n_out, layer.row
            out.activation = ACTIVATIONS[layer.activation]
            out.weight, out.bias = layer.weight, layer.bias
            out.a, out.delta = layer.a, layer.delta
        self.net.loss = LOSSES[plan.loss]
        self.net.n_in, self.net.n_out = plan.n_in, plan.n_out
        self.net.capacity, self.net.n_params = plan.capacity, plan.n_params
        self.net.x, self.net.x_row, self.net.x_delta = plan.x, plan.x_row, plan.x_delta
        self.net.y, self.net.z = plan.y, plan.z
        self.net.scratch, self.net.scratch_length = plan.scratch, plan.scratch_length
        self.single = params.itemsize == sizeof(float)
        self.owners = {}
        self.buffers.params = self.address("params", params)
        self.buffers.grad = self.address("grad", grad)
        self.buffers.work = self.address("work", plan.workspace())
        self.buffers.label = <long long*> self.address("labels", plan.label_space())
        self.buffers.weight = self.address("weights", plan.weight_space())
        self.buffers.losses = <double*> self.address("losses", plan.loss_space())

    def __dealloc__(self):
        team_end(self.team)
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

    def start_team(self, int threads, int cores):
        """Start the threads of a fit; where they cannot be had, the caller works alone."""
        if threads > 1:
            with nogil:
                self.team = team_start(threads, cores)

    def end_team(self):
        """End the threads of a fit."""
        cdef Team* team = self.team
        self.team = NULL
        with nogil:
            team_end(team)

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
        self.rule.n_params = self.net.n_params
        self.rule.slots = self.address("slots", optimizer.slots)
        self.rule.hyper = <double*> self.address("hyper", optimizer.hyper)
        self.rule.clock = <double*> self.address("clock", optimizer.clock)
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
                    &self.net, &self.buffers, <float*> self.buffers.work, &x_single[0, 0],
                    x_single.shape[0], &out_single[0, 0],
                )
                restore_mode(mode)
        else:
            x_double, out_double = x, out
            with nogil:
                mode = flush_denormals()
                predict_rows(
                    &self.net, &self.buffers, <double*> self.buffers.work, &x_double[0, 0],
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
                    &self.net, &self.buffers, <float*> self.buffers.work, &self.data)
            else:
                loss = evaluate_rows(
                    &self.net, &self.buffers, <double*> self.buffers.work, &self.data)
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
                    &self.net, &self.buffers, <float*> self.buffers.work, &self.data,
                    <float*> inputs,
                )
            else:
                loss = whole_gradient(
                    &self.net, &self.buffers, <double*> self.buffers.work, &self.data,
                    <double*> inputs,
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
                    &self.net, &self.buffers, <float*> self.buffers.work, <float*> inputs,
                    <float*> outputs, rows, <float*> below,
                )
            else:
                backward_rows(
                    &self.net, &self.buffers, <double*> self.buffers.work, <double*> inputs,
                    <double*> outputs, rows, <double*> below,
                )
            restore_mode(mode)
        for name in ("x", "output_gradient", "x_grad"):
            self.owners[name] = None

    def run(
        self, order, Py_ssize_t batch_size, Py_ssize_t first, Py_ssize_t last, bint keep=False
    ):
        """Train steps first .. last - 1 of an epoch over the bound rows.

        With `keep`, parameters and optimizer state are copied to the safe place before the first
        update. Returns whether a step's loss was not finite; then that step is `stopped`, and
        neither it nor any later one was taken.
        """
        cdef Run* run = &self.run_state
        cdef Job job
        run.order = <const long long*> self.address("order", order)
        run.batch_size, run.first, run.last = batch_size, first, last
        if first == 0:
            run.weighted_loss = run.total_weight = 0
        run.stopped = last
        run.updated = first
        run.diverged = False
        run.keep = keep
        run.kept = False
        job.net, job.buffers, job.data = &self.net, &self.buffers, &self.data
        job.rule, job.run, job.team = &self.rule, run, self.team
        with nogil:
            if self.team != NULL:
                team_run(self.team, run_single if self.single else run_double, &job)
            elif self.single:
                run_single(&job, 0)
            else:
                run_double(&job, 0)
        return run.diverged

    @property
    def stopped(self):
        """The step that the last run did not take any more."""
        return self.run_state.stopped

    @property
    def updated(self):
        """One more than the last run's last step that changed parameters; its first if none."""
        return self.run_state.updated

    @property
    def kept(self):
        """Whether the last run copied its state to the safe place."""
        return self.run_state.kept

    @property
    def weighted_loss(self):
        """The sum of w_r l_r over the rows since the run that began with step 0."""
        return self.run_state.weighted_loss

    @property
    def total_weight(self):
        """The sum of w_r over the rows since the run that began with step 0."""
        return self.run_state.total_weight

    @property
    def last_loss(self):
        """The mean loss of the last run's last batch."""
        return self.run_state.last_loss

    def gradient_norm(self):
        """Return the 2-norm of the last batch's gradient."""
        cdef double result
        with nogil:
            if self.single:
                result = norm(<float*> self.buffers.grad, self.net.n_params)
            else:
                result = norm(<double*> self.buffers.grad, self.net.n_params)
        return result
