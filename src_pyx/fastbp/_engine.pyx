"""The compiled engine: whole passes and whole runs of steps over one network, without the GIL."""
from cpython.mem cimport PyMem_Free, PyMem_Malloc

from ._callbacks cimport Callbacks
from ._team cimport Team
from .activation cimport (
    CUSTOM as CUSTOM_ACTIVATION, activation_codes, activation_parameters, couples_row, needs_z,
)
from .batch cimport Buffers, Data, total_weight
from .dense cimport LINE_BYTES as LINE, SUM_BLOCK, scratch_bytes
from .loss cimport (
    CUSTOM as CUSTOM_LOSS, loss_code, loss_codes, loss_outputs, loss_parameters, loss_targets,
)
from .network cimport Layer, Network
from .norm cimport norm
from .normalization cimport NO_NORM, norm_codes, norm_parameters
from .passes cimport (
    Pass, backward_rows, evaluate_double, evaluate_single, find_nonfinite_row, predict_double,
    predict_single, whole_gradient,
)
from .real cimport flush_denormals, restore_mode
from .standard cimport standardize_rows
from .steps cimport Job, Run, apply_given, run_double, run_single
from .team cimport Task, Team as Members, team_here, team_run
from .update cimport CLOCK, Rule, is_plain, setting_places, update_codes
from .watch cimport Watch, watch_begin

ACTIVATIONS = activation_codes()
ACTIVATION_PARAMETERS = activation_parameters()
NEEDING_Z = frozenset(name for name, code in ACTIVATIONS.items() if needs_z(code))
COUPLING_ROWS = frozenset(name for name, code in ACTIVATIONS.items() if couples_row(code))
LOSSES = loss_codes()
LOSS_PARAMETERS = loss_parameters()
OUTPUT_OF_LOSS = loss_outputs()
TARGETS_OF_LOSS = loss_targets()
NORMS = norm_codes()
NORM_PARAMETERS = norm_parameters()
UPDATES = update_codes()
BLOCK_ROWS = SUM_BLOCK
LINE_BYTES = LINE
CLOCK_LENGTH = CLOCK
SETTING_PLACES = setting_places()


def scratch_length(Py_ssize_t columns, Py_ssize_t itemsize):
    """Return how many elements the products need as scratch for rows of so many columns."""
    return scratch_bytes(columns, itemsize) // itemsize


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


def standardize(x, const double[::1] mean, const double[::1] scale, z):
    """Write (x - mean) / scale into z; return the index of the first row not finite then, or -1.

    x and z are C-contiguous matrices (n_rows, n_columns) of float32 or float64 each, not empty.
    """
    cdef const float[:, ::1] x_single
    cdef float[:, ::1] z_single
    cdef const double[:, ::1] x_double
    cdef double[:, ::1] z_double
    cdef const double* m = &mean[0]
    cdef const double* s = &scale[0]
    cdef Py_ssize_t n_rows = len(x), n_columns = len(mean), row
    cdef bint from_single = x.itemsize == sizeof(float), to_single = z.itemsize == sizeof(float)
    if from_single:
        x_single = x
    else:
        x_double = x
    if to_single:
        z_single = z
    else:
        z_double = z
    with nogil:
        if from_single and to_single:
            row = standardize_rows(&x_single[0, 0], m, s, &z_single[0, 0], n_rows, n_columns)
        elif from_single:
            row = standardize_rows(&x_single[0, 0], m, s, &z_double[0, 0], n_rows, n_columns)
        elif to_single:
            row = standardize_rows(&x_double[0, 0], m, s, &z_single[0, 0], n_rows, n_columns)
        else:
            row = standardize_rows(&x_double[0, 0], m, s, &z_double[0, 0], n_rows, n_columns)
    return row


cdef inline Members* members_of(Team team) noexcept:
    return NULL if team is None else team_here(team.members)


cdef inline void run_task(Members* members, Task task, void* job) noexcept nogil:
    """Run the task on a team, or alone where there is none."""
    if members == NULL:
        task(job, 0)
    else:
        team_run(members, task, job)


cdef void set_extras(Layer* out, layer) except *:
    """Tell a layer what it has beside W, b and s."""
    out.learned, out.learned_stop = layer.learned, layer.learned_stop
    out.learns_weight, out.adds = layer.learns_weight, layer.adds
    out.tied, out.transposed = layer.tied, layer.transposed
    out.norm = NORMS[layer.norm] if layer.norm else NO_NORM
    out.norm_parameter, out.scale = layer.norm_parameter, layer.scale
    out.dropout, out.residual = layer.dropout, layer.residual
    out.apart = out.norm != NO_NORM or layer.mask >= 0 or out.residual
    out.s, out.mask, out.above = layer.s, layer.mask, layer.above
    out.outer, out.normed, out.statistics = layer.outer, layer.normed, layer.statistics
    out.batch_statistics = layer.batch_statistics


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
    cdef readonly Team team
    cdef bint columns
    cdef bint single
    cdef dict owners
    cdef Callbacks callbacks
    cdef Watch watch

    def __cinit__(self, plan, params, grad):
        self.net.layers = NULL
        self.net.n_layers = len(plan.layers)
        self.net.layers = <Layer*> PyMem_Malloc(self.net.n_layers * sizeof(Layer))
        if self.net.layers == NULL:
            raise MemoryError

    def __init__(self, plan, params, grad):
        cdef Layer* out
        self.callbacks = Callbacks()
        self.callbacks.watch_signals(&self.watch)
        self.net.watch, self.net.early = &self.watch, plan.early
        for index, layer in enumerate(plan.layers):
            out = &self.net.layers[index]
            out.n_in, out.n_out, out.row = layer.n_in, layer.n_out, layer.row
            if layer.custom is None:
                out.activation = ACTIVATIONS[layer.activation]
            else:
                out.activation = CUSTOM_ACTIVATION
                self.callbacks.bind(&out.custom, layer.custom)
            out.weight, out.bias = layer.weight, layer.bias
            out.alpha = layer.alpha
            out.a, out.z, out.delta = layer.a, layer.z, layer.delta
            set_extras(out, layer)
        if plan.custom_loss is None:
            self.net.loss = loss_code(LOSSES[plan.loss], plan.loss_parameter)
        else:
            self.net.loss = CUSTOM_LOSS
            self.callbacks.bind(&self.net.custom, plan.custom_loss)
        self.net.failed = &self.callbacks.failed if plan.calls_python else NULL
        self.net.loss_parameter = plan.loss_parameter
        self.net.n_in, self.net.n_out, self.net.n_y = plan.n_in, plan.n_out, plan.n_y
        self.net.capacity, self.net.n_params = plan.capacity, plan.n_params
        self.net.x, self.net.x_row, self.net.x_delta = plan.x, plan.x_row, plan.x_delta
        self.net.y = plan.y
        self.net.scratch, self.net.scratch_length = plan.scratch, plan.scratch_length
        self.net.widest = plan.widest
        self.net.lowest, self.net.plain, self.net.key = plan.lowest, plan.plain, plan.key
        self.single = params.itemsize == sizeof(float)
        self.owners = {}
        self.buffers.params = self.address("params", params)
        self.buffers.grad = self.address("grad", grad)
        self.buffers.work = self.address("work", plan.workspace())
        self.buffers.label = <long long*> self.address("labels", plan.label_space())
        self.buffers.weight = self.address("weights", plan.weight_space())
        self.buffers.losses = <double*> self.address("losses", plan.loss_space())

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

    def use_team(self, Team team, bint columns=False):
        """Share the runs of steps with a team, by rows of a batch or by `columns` of a layer."""
        self.team = team
        self.columns = columns

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

    def set_rule(self, optimizer, safe, bint keep_gradient=False, double l2=0):
        """Bind an optimizer's rule and state, and the place for a run's last good state.

        `keep_gradient`: whether `gradient_norm` will be asked. `l2`: factor of the penalty on
        weights that is part of each batch's loss.
        """
        self.rule.l2 = l2
        self.rule.keeps_gradient = keep_gradient
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

    def predict(self, x, out, Team team=None):
        """Write a^L of each row of x into out."""
        cdef const float[:, ::1] x_single
        cdef float[:, ::1] out_single
        cdef const double[:, ::1] x_double
        cdef double[:, ::1] out_double
        cdef Data data
        cdef Pass job
        if self.single:
            x_single, out_single = x, out
            data.x, job.out, data.n_rows = &x_single[0, 0], &out_single[0, 0], x_single.shape[0]
        else:
            x_double, out_double = x, out
            data.x, job.out, data.n_rows = &x_double[0, 0], &out_double[0, 0], x_double.shape[0]
        job.net, job.buffers, job.data = &self.net, &self.buffers, &data
        job.team, job.next_block = members_of(team), 0
        watch_begin(&self.watch)
        with nogil:
            run_task(job.team, predict_single if self.single else predict_double, &job)
        self.callbacks.raise_error()

    def evaluate(self, Team team=None):
        """Return the mean loss over the bound rows."""
        cdef Pass job
        job.net, job.buffers, job.data = &self.net, &self.buffers, &self.data
        job.team = members_of(team)
        job.loss = 0
        watch_begin(&self.watch)
        with nogil:
            run_task(job.team, evaluate_single if self.single else evaluate_double, &job)
            if self.single:
                job.loss /= total_weight(
                    <const float*> self.data.weight, NULL, 0, self.data.n_rows)
            else:
                job.loss /= total_weight(
                    <const double*> self.data.weight, NULL, 0, self.data.n_rows)
        self.callbacks.raise_error()
        return job.loss

    def gradient(self, x_grad):
        """Return the mean loss over the bound rows; its gradient goes to `grad` and `x_grad`."""
        cdef double loss
        cdef unsigned int mode
        cdef void* inputs = self.address("x_grad", x_grad)
        watch_begin(&self.watch)
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
        self.callbacks.raise_error()
        return loss

    def backward(self, x, output_gradient, x_grad):
        """Write the gradient for dL/da^L = output_gradient to `grad` and `x_grad`."""
        cdef unsigned int mode
        cdef Py_ssize_t rows = x.shape[0]
        cdef void* inputs = self.address("x", x)
        cdef void* outputs = self.address("output_gradient", output_gradient)
        cdef void* below = self.address("x_grad", x_grad)
        watch_begin(&self.watch)
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
        self.callbacks.raise_error()

    def begin_sums(self, double loss=0, double weight=0):
        """Let the sums over an epoch's rows begin, at 0 or where an earlier run left them."""
        self.run_state.weighted_loss, self.run_state.total_weight = loss, weight
        self.run_state.penalties = 0

    def run(
        self, const long long[::1] order, Py_ssize_t batch_size, Py_ssize_t first,
        Py_ssize_t last, bint keep=False, const double[::1] rates=None,
    ):
        """Train steps first .. last - 1 over the bound rows, in an order or as they lie.

        `rates` has the learning rate of each step from 0 on, float64. With `keep`, parameters and
        optimizer state are copied to the safe place before the first update. Returns whether a
        step's loss, or its batch's statistics, were not finite; then that step is `stopped`, and
        neither it nor any later one was taken. The same where a Python function of the user's, or
        the handler of a signal, raises, which is raised here.
        """
        cdef Run* run = &self.run_state
        cdef Job job
        run.order = NULL if order is None else &order[0]
        run.rates = NULL if rates is None else &rates[0]
        run.n_rows = self.data.n_rows if order is None else order.shape[0]
        run.batch_size, run.first, run.last = batch_size, first, last
        run.stopped = last
        run.updated = first
        run.diverged = run.left_forward = run.left_copy = run.left_backward = False
        run.keep = keep
        run.kept = False
        job.net, job.buffers, job.data = &self.net, &self.buffers, &self.data
        self.rule.plain = is_plain(&self.rule)
        job.rule, job.run = &self.rule, run
        job.team, job.columns = members_of(self.team), self.columns
        watch_begin(&self.watch)
        with nogil:
            run_task(job.team, run_single if self.single else run_double, &job)
        self.callbacks.raise_error()
        return run.diverged

    def apply(self, gradient):
        """Take one step of the rule with a gradient of the caller's, which stays as it is.

        C-contiguous (n_params,), finite and of the network's dtype. Running means and variances
        stay.
        """
        cdef unsigned int mode
        cdef void* given = self.address("gradient", gradient)
        cdef Job job
        self.rule.plain = is_plain(&self.rule)
        job.net, job.buffers, job.data = &self.net, &self.buffers, &self.data
        job.rule, job.run = &self.rule, &self.run_state
        job.team, job.columns = NULL, False
        with nogil:
            mode = flush_denormals()
            if self.single:
                apply_given(&job, <const float*> given)
            else:
                apply_given(&job, <const double*> given)
            restore_mode(mode)
        self.owners["gradient"] = None

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
        """The sum of w_r l_r over the rows of the runs since `begin_sums`, with penalties."""
        return self.run_state.weighted_loss

    @property
    def penalties(self):
        """The part of `weighted_loss` that is penalties on weights."""
        return self.run_state.penalties

    @property
    def total_weight(self):
        """The sum of w_r over the rows of the runs since `begin_sums`."""
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
