"""Update rules: each optimizer's step on a stretch of the flat parameter vector, stated once.

`slots` holds the optimizer's vectors one after another (each n_params long), `hyper` its settings
in the order of its `Hyper` comment, `clock` three numbers that advance with each step: the step
count t and the powers beta1^t and beta2^t (running products, so that a resumed run has the same
bits).

To add one: a code, a row in `update_codes`, its function, a branch in `update`; then its class in
fastbp/optimizers.py and its twin in fastbp/reference/optimizers.py.
"""
from .real cimport multiply_add, real, sqrt
from libc.math cimport sqrt as sqrt_double

cdef enum:
    SGD = 0
    ADAM = 1


cdef inline dict update_codes():
    return {"sgd": SGD, "adam": ADAM}


cdef struct Rule:
    # One optimizer bound to one parameter vector.
    int code
    void* slots
    Py_ssize_t n_slots
    Py_ssize_t n_params
    double* hyper
    double* clock
    # Whether the whole gradient of the last batch is wanted after the update.
    bint keeps_gradient


cdef struct Stretch:
    # `rows` runs of n numbers: `row` apart in parameters and slots, grad_row apart in the gradient.
    Py_ssize_t rows
    Py_ssize_t n
    Py_ssize_t row
    Py_ssize_t grad_row


cdef inline void tick(const Rule* rule, double* clock) noexcept nogil:
    """Advance a clock by one step of the rule."""
    clock[0] += 1
    if rule.code == ADAM:
        clock[1] *= rule.hyper[1]
        clock[2] *= rule.hyper[2]


cdef inline void sgd_step(
    real* params, const real* grad, real* velocity, Stretch over,
    double learning_rate, double momentum, bint nesterov, double weight_decay, bint first,
) noexcept nogil:
    """g <- g + lambda p;  v <- mu v + g (v <- g at first);  p <- p - eta (v, or g + mu v for
    Nesterov).

    Without momentum (velocity NULL): p <- p - eta g.
    """
    cdef Py_ssize_t i, _row
    cdef real eta = <real> learning_rate, mu = <real> momentum, decay = <real> weight_decay
    cdef real before = <real> 0 if first else mu
    cdef real g
    for _row in range(over.rows):
        if velocity == NULL and decay == 0:
            # 0 p is added to p instead of to g: an infinite p turns into NaN all the same, but off
            # the way from g to the result. A zero of p's sign changes g at most from -0 to 0, for p
            # that are not -0, and p - eta g is p for both.
            for i in range(over.n):
                params[i] = multiply_add(-eta, grad[i], multiply_add(decay, params[i], params[i]))
        elif velocity == NULL:
            for i in range(over.n):
                g = multiply_add(decay, params[i], grad[i])
                params[i] = multiply_add(-eta, g, params[i])
        elif nesterov:
            for i in range(over.n):
                g = multiply_add(decay, params[i], grad[i])
                velocity[i] = multiply_add(before, velocity[i], g)
                params[i] = multiply_add(-eta, multiply_add(mu, velocity[i], g), params[i])
        else:
            for i in range(over.n):
                g = multiply_add(decay, params[i], grad[i])
                velocity[i] = multiply_add(before, velocity[i], g)
                params[i] = multiply_add(-eta, velocity[i], params[i])
        params += over.row
        grad += over.grad_row
        if velocity != NULL:
            velocity += over.row


cdef inline void adam_step(
    real* params, const real* grad, real* m, real* v, Stretch over,
    double learning_rate, double beta1, double beta2, double epsilon,
    double beta1_power, double beta2_power,
) noexcept nogil:
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - eta m^ / (sqrt(v^) + epsilon).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) as Kingma & Ba (2015), Algorithm 1.
    """
    cdef Py_ssize_t i, _row
    cdef real b1 = <real> beta1, c1 = <real> (1 - beta1)
    cdef real b2 = <real> beta2, c2 = <real> (1 - beta2)
    cdef real rate = <real> (learning_rate / (1 - beta1_power))
    cdef real shrink = <real> (1 / sqrt_double(1 - beta2_power))
    cdef real tiny = <real> epsilon
    for _row in range(over.rows):
        for i in range(over.n):
            m[i] = multiply_add(c1, grad[i], b1 * m[i])
            v[i] = multiply_add(c2 * grad[i], grad[i], b2 * v[i])
            params[i] = params[i] - rate * m[i] / multiply_add(sqrt(v[i]), shrink, tiny)
        params += over.row
        grad += over.grad_row
        m += over.row
        v += over.row


cdef inline void update(
    const Rule* rule, const double* clock, real* params, const real* grad, Py_ssize_t start,
    Stretch over
) noexcept nogil:
    """Take the rule's step, at the time that the clock tells, on a stretch of params from `start`.

    `grad` begins with the stretch. Hyper: sgd (learning_rate, momentum, nesterov, weight_decay);
    adam (learning_rate, beta1, beta2, epsilon).
    """
    cdef const double* hyper = rule.hyper
    cdef real* slot = <real*> rule.slots
    if slot != NULL:
        slot += start
    if rule.code == ADAM:
        adam_step(
            params + start, grad, slot, slot + rule.n_params, over,
            hyper[0], hyper[1], hyper[2], hyper[3], clock[1], clock[2],
        )
    else:
        sgd_step(
            params + start, grad, slot, over,
            hyper[0], hyper[1], hyper[2] != 0, hyper[3], clock[0] == 1,
        )
