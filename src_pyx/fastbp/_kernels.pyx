"""The kernels one by one, on arrays: what fastbp.kernels offers, compiled from the same headers as
the engine. Shapes and dtypes are checked in fastbp/kernels.py before a call arrives here."""
from .activation cimport activate, activation_codes, times_derivative
from .dense cimport GRADIENT_ROWS, SUM_BLOCK, column_sums, product, product_transposed
from .elementary cimport (
    cosine, exp, expm1, log, log1p, normal_cdf, sigmoid, sine, softplus, square_roots, tanh,
)
from .loss cimport gives_delta, loss_code, loss_codes, loss_gradient_of_row, loss_of_row
from .real cimport real
from .rules cimport Stretch, adam_step, sgd_step

ACTIVATIONS = activation_codes()
LOSSES = loss_codes()
ELEMENTARY = (
    "exp", "log", "log1p", "tanh", "sigmoid", "softplus", "expm1", "sine", "cosine", "normal_cdf",
    "square_root",
)


def activation_value(str activation, double alpha, real[:, ::1] z):
    """z <- s(z), (n_rows, width), in place."""
    cdef int code = ACTIVATIONS[activation]
    with nogil:
        activate(code, alpha, NULL, &z[0, 0], z.shape[0], z.shape[1], z.shape[1])


def activation_vjp(
    str activation, double alpha, const real[:, ::1] a, const real[:, ::1] z, real[:, ::1] g
):
    """g <- dL/dz from g = dL/da, z and a = s(z), (n_rows, width), in place."""
    cdef int code = ACTIVATIONS[activation]
    with nogil:
        times_derivative(
            code, alpha, NULL, &a[0, 0], &z[0, 0], &g[0, 0], a.shape[0], a.shape[1], a.shape[1])


def rows_product(
    const real[:, ::1] a, const real[:, ::1] b, real[:, ::1] c, bias, real[::1] scratch
):
    """c = a b + bias: (M, K) (K, N) -> (M, N). The engine's product, with its scratch."""
    cdef const real[::1] added = bias
    with nogil:
        product(
            &c[0, 0], c.shape[1], &a[0, 0], a.shape[1], &b[0, 0], b.shape[1], a.shape[0],
            b.shape[1], a.shape[1], NULL if added is None else &added[0], &scratch[0],
        )


def loss_sum(
    str loss, double parameter, const real[:, ::1] z, const real[:, ::1] a, y, label
):
    """Return the sum of the rows' losses."""
    cdef int code = loss_code(LOSSES[loss], parameter)
    cdef const real[:, ::1] targets = y
    cdef const long long[::1] labels = label
    cdef Py_ssize_t r
    cdef real power, of_row
    cdef double total = 0
    for r in range(z.shape[0]):
        power = 1
        of_row = loss_of_row(
            code, parameter, &z[r, 0], &a[r, 0], NULL if targets is None else &targets[r, 0],
            0 if labels is None else labels[r], z.shape[1], &power,
        )
        total += of_row - log(power)
    return total


def loss_delta(
    str activation, double alpha, str loss, double parameter, const real[:, ::1] z,
    const real[:, ::1] a, y, label, real[:, ::1] delta
):
    """Write delta^L = dL/dz^L of the mean loss over the rows."""
    cdef int code = loss_code(LOSSES[loss], parameter)
    cdef int activation_code = ACTIVATIONS[activation]
    cdef const real[:, ::1] targets = y
    cdef const long long[::1] labels = label
    cdef Py_ssize_t r
    cdef real scale = <real> (1.0 / a.shape[0])
    for r in range(a.shape[0]):
        loss_gradient_of_row(
            code, parameter, &z[r, 0], &a[r, 0], NULL if targets is None else &targets[r, 0],
            0 if labels is None else labels[r], a.shape[1], a.shape[1], scale, &delta[r, 0],
        )
    if not gives_delta(code):
        times_derivative(
            activation_code, alpha, NULL, &a[0, 0], &z[0, 0], &delta[0, 0], a.shape[0],
            a.shape[1], a.shape[1])


def add_gradients(
    const real[:, ::1] a, const real[:, ::1] delta, real[:, ::1] weight_gradient,
    bias_gradient, real[::1] scratch
):
    """weight_gradient [in][out] += a^T delta and bias_gradient += sum of delta over rows."""
    cdef real[::1] bias = bias_gradient
    cdef Py_ssize_t n_in = a.shape[1], n_out = delta.shape[1], start = 0, first, rows, count
    with nogil:
        while start < a.shape[0]:
            rows = min(<Py_ssize_t> SUM_BLOCK, a.shape[0] - start)
            first = 0
            while first < n_in:
                count = min(<Py_ssize_t> GRADIENT_ROWS, n_in - first)
                product_transposed(
                    &weight_gradient[first, 0], n_out, &a[start, first], n_in, &delta[start, 0],
                    n_out, count, n_out, rows, True, &scratch[0], NULL, 0, 0,
                )
                first += count
            if bias is not None:
                column_sums(&bias[0], &delta[start, 0], n_out, rows, n_out, True)
            start += rows


def sgd(
    real[::1] params, const real[::1] grad, velocity, double learning_rate,
    double momentum, bint nesterov, double weight_decay
):
    """One SGD step in place."""
    cdef real[::1] moving = velocity
    with nogil:
        sgd_step(
            &params[0], &grad[0], NULL if moving is None else &moving[0],
            Stretch(1, params.shape[0], 0, 0),
            learning_rate, momentum, nesterov, weight_decay, False,
        )


def adam(
    real[::1] params, const real[::1] grad, real[::1] m, real[::1] v, Py_ssize_t step,
    double learning_rate, double beta1, double beta2, double epsilon
):
    """One Adam step in place; step counts from 1."""
    with nogil:
        adam_step(
            &params[0], &grad[0], &m[0], &v[0], Stretch(1, params.shape[0], 0, 0), learning_rate,
            beta1, beta2, epsilon, beta1 ** step, beta2 ** step, 0, True,
        )


def elementwise(str name, const real[::1] x, real[::1] out):
    """out[i] <- f(x[i]) for a name f of ELEMENTARY."""
    cdef Py_ssize_t i, n = x.shape[0]
    cdef int code = ELEMENTARY.index(name)
    if n == 0:
        return
    cdef const real* source = &x[0]
    cdef real* target = &out[0]
    with nogil:
        if code == 0:
            for i in range(n):
                target[i] = exp(source[i])
        elif code == 1:
            for i in range(n):
                target[i] = log(source[i])
        elif code == 2:
            for i in range(n):
                target[i] = log1p(source[i])
        elif code == 3:
            for i in range(n):
                target[i] = tanh(source[i])
        elif code == 4:
            for i in range(n):
                target[i] = sigmoid(source[i])
        elif code == 5:
            for i in range(n):
                target[i] = softplus(source[i])
        elif code == 6:
            for i in range(n):
                target[i] = expm1(source[i])
        elif code == 7:
            for i in range(n):
                target[i] = sine(source[i])
        elif code == 8:
            for i in range(n):
                target[i] = cosine(source[i])
        elif code == 9:
            for i in range(n):
                target[i] = normal_cdf(source[i])
        else:
            square_roots(target, source, n)
