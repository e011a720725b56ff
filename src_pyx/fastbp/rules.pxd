"""Update rules: the step of each optimizer on n parameters, stated once.

g is the gradient, t the number of the step from 1, eta the learning rate. A rule's vectors begin at
0. The formulas are those of PyTorch's optimizers of the same names, which differ in places from the
papers that they cite; each says where its epsilon stands.

To add one: its function here; a code and a branch in update.pxd; then its class in
fastbp/optimizers/ and its twin in fastbp/reference. (Adam's loop is in adam_body.h.)
"""
from libc.math cimport sqrt as sqrt_double

from .real cimport magnitude, multiply_add, real, sqrt

cdef extern from "adam.h" nogil:
    ctypedef struct adam_numbers_f32:
        float decay, b1, c1, b2, c2, rate, shrink, tiny
    ctypedef struct adam_numbers_f64:
        double decay, b1, c1, b2, c2, rate, shrink, tiny
    void adam_f32(
        float* p, const float* grad, float* m, float* v, Py_ssize_t n, adam_numbers_f32 by,
        bint wide) noexcept
    void adam_f64(
        double* p, const double* grad, double* m, double* v, Py_ssize_t n, adam_numbers_f64 by,
        bint wide) noexcept

cdef struct Stretch:
    # `rows` runs of n numbers: `row` apart in parameters and slots, grad_row apart in the gradient.
    Py_ssize_t rows
    Py_ssize_t n
    Py_ssize_t row
    Py_ssize_t grad_row


cdef inline real sign(real x) noexcept nogil:
    """-1, 0 or 1; NaN for NaN."""
    return <real> 1 if x > 0 else (<real> -1 if x < 0 else x)


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
    double beta1_power, double beta2_power, double decay, bint wide
) noexcept nogil:
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - eta m^ / (sqrt(v^) + epsilon).

    m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t) as Kingma & Ba (2015), Algorithm 1; decay p is part
    of g. `wide` as in adam.h.
    """
    cdef Py_ssize_t _row
    cdef real rate = <real> (learning_rate / (1 - beta1_power))
    cdef real shrink = <real> (1 / sqrt_double(1 - beta2_power))
    for _row in range(over.rows):
        if real is float:
            adam_f32(
                params, grad, m, v, over.n,
                adam_numbers_f32(
                    <float> decay, <float> beta1, <float> (1 - beta1), <float> beta2,
                    <float> (1 - beta2), rate, shrink, <float> epsilon),
                wide)
        else:
            adam_f64(
                params, grad, m, v, over.n,
                adam_numbers_f64(
                    decay, beta1, 1 - beta1, beta2, 1 - beta2, rate, shrink, epsilon),
                wide)
        params += over.row
        grad += over.grad_row
        m += over.row
        v += over.row


cdef inline void rmsprop_step(
    real* params, const real* grad, real* v, real* mean, real* velocity, Py_ssize_t n,
    double learning_rate, double alpha, double epsilon, double momentum
) noexcept nogil:
    """v <- alpha v + (1 - alpha) g^2;  q = g / (sqrt(v) + epsilon);  p <- p - eta q.

    With `mean` (centered): mean <- alpha mean + (1 - alpha) g, and v - mean^2 instead of v. With
    `velocity`: velocity <- mu velocity + q, and p <- p - eta velocity. Tieleman & Hinton, COURSERA
    lecture 6.5 (2012); centered: Graves (2013), eq. 38-45.
    """
    cdef Py_ssize_t i
    cdef real a = <real> alpha, c = <real> (1 - alpha), tiny = <real> epsilon
    cdef real eta = <real> learning_rate, mu = <real> momentum, spread
    for i in range(n):
        v[i] = multiply_add(c * grad[i], grad[i], a * v[i])
        spread = v[i]
        if mean != NULL:
            mean[i] = multiply_add(c, grad[i], a * mean[i])
            spread = multiply_add(-mean[i], mean[i], spread)
        spread = grad[i] / (sqrt(spread) + tiny)
        if velocity != NULL:
            velocity[i] = multiply_add(mu, velocity[i], spread)
            spread = velocity[i]
        params[i] = multiply_add(-eta, spread, params[i])


cdef inline void adagrad_step(
    real* params, const real* grad, real* total, Py_ssize_t n, double learning_rate,
    double rate_decay, double epsilon, double t
) noexcept nogil:
    """total <- total + g^2;  p <- p - eta / (1 + (t - 1) rate_decay) g / (sqrt(total) + epsilon).

    Duchi, Hazan & Singer (2011), Figure 1.
    """
    cdef Py_ssize_t i
    cdef real eta = <real> (learning_rate / (1 + (t - 1) * rate_decay)), tiny = <real> epsilon
    for i in range(n):
        total[i] = multiply_add(grad[i], grad[i], total[i])
        params[i] = multiply_add(-eta, grad[i] / (sqrt(total[i]) + tiny), params[i])


cdef inline void adadelta_step(
    real* params, const real* grad, real* v, real* moved, Py_ssize_t n, double learning_rate,
    double rho, double epsilon
) noexcept nogil:
    """v <- rho v + (1 - rho) g^2;  d = sqrt(moved + epsilon) / sqrt(v + epsilon) g;
    moved <- rho moved + (1 - rho) d^2;  p <- p - eta d.

    Zeiler (2012), Algorithm 1, with a learning rate before it.
    """
    cdef Py_ssize_t i
    cdef real eta = <real> learning_rate, r = <real> rho, c = <real> (1 - rho)
    cdef real tiny = <real> epsilon, step
    for i in range(n):
        v[i] = multiply_add(c * grad[i], grad[i], r * v[i])
        step = sqrt(moved[i] + tiny) / sqrt(v[i] + tiny) * grad[i]
        moved[i] = multiply_add(c * step, step, r * moved[i])
        params[i] = multiply_add(-eta, step, params[i])


cdef inline void adamax_step(
    real* params, const real* grad, real* m, real* u, Py_ssize_t n, double learning_rate,
    double beta1, double beta2, double epsilon, double beta1_power
) noexcept nogil:
    """m <- b1 m + (1 - b1) g;  u <- max(b2 u, |g| + epsilon);  p <- p - eta / (1 - b1^t) m / u.

    Kingma & Ba (2015), Algorithm 2.
    """
    cdef Py_ssize_t i
    cdef real b1 = <real> beta1, c1 = <real> (1 - beta1), b2 = <real> beta2
    cdef real rate = <real> (learning_rate / (1 - beta1_power)), tiny = <real> epsilon
    cdef real before, now
    for i in range(n):
        m[i] = multiply_add(c1, grad[i], b1 * m[i])
        before = b2 * u[i]
        now = magnitude(grad[i]) + tiny
        u[i] = before if before > now else now
        params[i] = params[i] - rate * m[i] / u[i]


cdef inline void nadam_step(
    real* params, const real* grad, real* m, real* v, Py_ssize_t n, double learning_rate,
    double beta1, double beta2, double epsilon, double mu, double mu_next, double product,
    double beta2_power
) noexcept nogil:
    """m and v as Adam's;  p <- p - eta ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) /
    (sqrt(v^) + epsilon).

    M_t = mu_1 ... mu_t is `product`; mu_t = b1 (1 - 0.96^(t psi) / 2). Dozat (2016), Algorithm 2.
    """
    cdef Py_ssize_t i
    cdef real b1 = <real> beta1, c1 = <real> (1 - beta1)
    cdef real b2 = <real> beta2, c2 = <real> (1 - beta2)
    cdef real of_g = <real> (learning_rate * (1 - mu) / (1 - product))
    cdef real of_m = <real> (learning_rate * mu_next / (1 - product * mu_next))
    cdef real shrink = <real> (1 / sqrt_double(1 - beta2_power)), tiny = <real> epsilon
    for i in range(n):
        m[i] = multiply_add(c1, grad[i], b1 * m[i])
        v[i] = multiply_add(c2 * grad[i], grad[i], b2 * v[i])
        params[i] = params[i] - (
            multiply_add(of_m, m[i], of_g * grad[i]) / multiply_add(sqrt(v[i]), shrink, tiny))


cdef inline void radam_step(
    real* params, const real* grad, real* m, real* v, Py_ssize_t n, double learning_rate,
    double beta1, double beta2, double epsilon, double t, double beta1_power, double beta2_power
) noexcept nogil:
    """m and v as Adam's;  p <- p - eta r_t m^ sqrt(1 - b2^t) / (sqrt(v) + epsilon), or p - eta m^
    while v is too young to be trusted, rho_t <= 5.

    rho_t = rho - 2 t b2^t / (1 - b2^t), rho = 2 / (1 - b2) - 1; r_t of Liu et al. (2020),
    Algorithm 2.
    """
    cdef Py_ssize_t i
    cdef real b1 = <real> beta1, c1 = <real> (1 - beta1)
    cdef real b2 = <real> beta2, c2 = <real> (1 - beta2), tiny = <real> epsilon
    cdef double rho = 2 / (1 - beta2) - 1
    cdef double rho_t = rho - 2 * t * beta2_power / (1 - beta2_power)
    cdef double rate = learning_rate / (1 - beta1_power)
    cdef bint young = rho_t <= 5
    cdef real eta
    if not young:
        rate *= sqrt_double(
            (rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t) * (1 - beta2_power))
    eta = <real> rate
    for i in range(n):
        m[i] = multiply_add(c1, grad[i], b1 * m[i])
        v[i] = multiply_add(c2 * grad[i], grad[i], b2 * v[i])
        if young:
            params[i] = multiply_add(-eta, m[i], params[i])
        else:
            params[i] = params[i] - eta * m[i] / (sqrt(v[i]) + tiny)


cdef inline void lion_step(
    real* params, const real* grad, real* m, Py_ssize_t n, double learning_rate, double beta1,
    double beta2
) noexcept nogil:
    """p <- p - eta sign(b1 m + (1 - b1) g);  m <- b2 m + (1 - b2) g.

    Chen et al. (2023), Algorithm 2.
    """
    cdef Py_ssize_t i
    cdef real b1 = <real> beta1, c1 = <real> (1 - beta1)
    cdef real b2 = <real> beta2, c2 = <real> (1 - beta2), eta = <real> learning_rate
    for i in range(n):
        params[i] = multiply_add(-eta, sign(multiply_add(c1, grad[i], b1 * m[i])), params[i])
        m[i] = multiply_add(c2, grad[i], b2 * m[i])


cdef inline void rprop_step(
    real* params, const real* grad, real* before, real* size, Py_ssize_t n, double learning_rate,
    double shrink, double grow, double least, double most, bint first
) noexcept nogil:
    """Each parameter has a step size of its own, eta at first: times `grow` while its gradient
    keeps its sign, times `shrink` and no step where the sign has changed; p <- p - sign(g) size.

    Riedmiller & Braun (1993), section II, in the variant without taking a step back (iRprop-,
    Igel & Huesken 2003).
    """
    cdef Py_ssize_t i
    cdef real low = <real> least, high = <real> most, eta = <real> learning_rate
    cdef real smaller = <real> shrink, larger = <real> grow, same, now, g
    for i in range(n):
        same = before[i] * grad[i]
        now = eta if first else size[i]
        now = now * (larger if same > 0 else (smaller if same < 0 else <real> 1))
        now = low if now < low else now
        size[i] = high if now > high else now
        g = <real> 0 if same < 0 else grad[i]
        params[i] = multiply_add(-sign(g), size[i], params[i])
        before[i] = g
