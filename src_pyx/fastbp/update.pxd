"""An optimizer bound to a parameter vector: its clock, and its rule on a stretch of the vector.

`slots` holds the optimizer's vectors one after another (each n_params long), `hyper` its settings:
first those that every optimizer has, then its own in the order of its class, from OWN. `clock` is
what advances with each step: the step count t, running products (so that a resumed run has the same
bits), most often beta1^t and beta2^t, and what a rule
wants besides.

Before a rule sees a gradient g of the batch it is shaped, where the settings ask for that:

    g <- s g, s = min(1, clip_norm / (||g|| + 1e-6))     ||g|| over all parameters
    g <- max(min(g, clip_value), -clip_value)
    g <- g + weight_decay p + l1 sign(p)

and with decoupled decay p <- p - eta decay p before the rule's step (Loshchilov & Hutter, 2019).
After it, a running mean of the parameters: average <- average + (1 - ema) (p - average), p at first
(Polyak & Juditsky 1992, with the weights of an exponential mean), in the last slot.
"""
from libc.math cimport pow

from .real cimport apart, multiply_add, real
from .rules cimport (
    Stretch, adadelta_step, adagrad_step, adam_step, adamax_step, lion_step, nadam_step,
    radam_step, rmsprop_step, rprop_step, sgd_step, sign,
)

cdef enum:
    SGD = 0
    ADAM = 1
    RMSPROP = 2
    ADAGRAD = 3
    ADADELTA = 4
    ADAMAX = 5
    NADAM = 6
    RADAM = 7
    LION = 8
    RPROP = 9

cdef enum:
    # Places in `hyper`.
    LEARNING_RATE = 0
    WEIGHT_DECAY = 1
    DECOUPLED_DECAY = 2
    L1 = 3
    CLIP_VALUE = 4
    CLIP_NORM = 5
    EMA = 6
    OWN = 7
    # Settings that a plain rule reads.
    PLAIN = 10
    # Length of a clock, whose last place is s, the factor that clips the norm.
    CLOCK = 5
    SCALE = 4
    # Numbers of a gradient that are shaped at a time.
    SHAPED = 512


cdef inline dict update_codes():
    return {
        "sgd": SGD, "adam": ADAM, "rmsprop": RMSPROP, "adagrad": ADAGRAD, "adadelta": ADADELTA,
        "adamax": ADAMAX, "nadam": NADAM, "radam": RADAM, "lion": LION, "rprop": RPROP,
    }


cdef inline dict setting_places():
    return {
        "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
        "decoupled_decay": DECOUPLED_DECAY, "l1": L1, "clip_value": CLIP_VALUE,
        "clip_norm": CLIP_NORM, "ema": EMA, "own": OWN,
    }


cdef struct Rule:
    # One optimizer bound to one parameter vector.
    int code
    # Whether the rule is SGD's or Adam's on the gradient as it is.
    bint plain
    void* slots
    Py_ssize_t n_slots
    Py_ssize_t n_params
    double* hyper
    double* clock
    # Whether the whole gradient of the last batch is wanted after the update.
    bint keeps_gradient
    # Factor of the penalty on weights, which is part of each batch's loss; see `penalty` in
    # steps.pxd.
    double l2


cdef inline bint is_plain(const Rule* rule) noexcept nogil:
    """Whether the rule is SGD's or Adam's and nothing else is asked for."""
    cdef const double* hyper = rule.hyper
    cdef double others = (
        hyper[DECOUPLED_DECAY] + hyper[L1] + hyper[CLIP_VALUE] + hyper[CLIP_NORM] + hyper[EMA])
    if rule.code == SGD:
        return others == 0 and hyper[OWN + 2] == 0
    return rule.code == ADAM and others == 0 and hyper[WEIGHT_DECAY] == 0


cdef inline void tick_plain(const Rule* rule, double* clock) noexcept nogil:
    """As `tick`, where the rule is plain: no call that is not inlined."""
    clock[0] += 1
    if rule.code == ADAM:
        clock[1] *= rule.hyper[OWN]
        clock[2] *= rule.hyper[OWN + 1]


cdef inline void tick(const Rule* rule, double* clock) noexcept nogil:
    """Advance a clock by one step of the rule."""
    cdef const double* own = rule.hyper + OWN
    if rule.plain:
        tick_plain(rule, clock)
        return
    clock[0] += 1
    clock[SCALE] = 1
    if rule.code == NADAM:
        clock[3] *= pow(0.96, own[3])
        clock[1] *= own[0] * (1 - clock[3] / 2)
        clock[2] *= own[1]
    elif rule.code in (ADAM, ADAMAX, RADAM):
        clock[1] *= own[0]
        clock[2] *= own[1]


cdef inline void shape(
    const Rule* rule, const double* clock, real* params, const real* grad, real* shaped,
    Py_ssize_t n
) noexcept nogil:
    """The gradient that the rule sees, and the decoupled decay of the parameters."""
    cdef const double* hyper = rule.hyper
    cdef Py_ssize_t i
    cdef real scale = <real> clock[SCALE], most = <real> hyper[CLIP_VALUE]
    cdef real decay = <real> hyper[WEIGHT_DECAY], l1 = <real> hyper[L1]
    cdef real shrink = <real> (hyper[LEARNING_RATE] * hyper[DECOUPLED_DECAY])
    cdef real dampened = <real> 1
    cdef real g
    if rule.code == SGD and clock[0] > 1 and hyper[OWN] > 0:
        dampened = <real> (1 - hyper[OWN + 2])
    for i in range(n):
        g = scale * grad[i]
        if most > 0:
            g = most if g > most else (-most if g < -most else g)
        g = multiply_add(decay, params[i], g)
        if l1 > 0:
            g = multiply_add(l1, sign(params[i]), g)
        shaped[i] = dampened * g
        params[i] = multiply_add(-shrink, params[i], params[i])


cdef inline void take_average(
    const double* hyper, const double* clock, const real* params, real* average, Py_ssize_t n
) noexcept nogil:
    """average <- average + (1 - ema) (p - average), or p at first."""
    cdef Py_ssize_t i
    cdef real share = <real> 1 if clock[0] == 1 else <real> (1 - hyper[EMA])
    for i in range(n):
        average[i] = multiply_add(share, params[i] - average[i], average[i])


cdef inline void step_of_rule(
    const Rule* rule, const double* clock, real* params, const real* grad, real* slot,
    Py_ssize_t n
) noexcept nogil:
    """The rule's own step on n parameters, `slot` its first vector there."""
    cdef const double* own = rule.hyper + OWN
    cdef double eta = rule.hyper[LEARNING_RATE], t = clock[0], mu
    cdef Py_ssize_t next_slot = rule.n_params
    cdef real* second = <real*> NULL if slot == NULL else slot + next_slot
    cdef real* velocity = NULL
    if rule.code == SGD:
        # The decay is in the gradient already.
        sgd_step(
            params, grad, slot if own[0] > 0 else <real*> NULL, Stretch(1, n, 0, 0), eta, own[0],
            own[1] != 0, 0, t == 1)
    elif rule.code == ADAM:
        adam_step(
            params, grad, slot, second, Stretch(1, n, 0, 0), eta, own[0], own[1], own[2],
            clock[1], clock[2], 0, True)
    elif rule.code == RMSPROP:
        if own[2] > 0:
            velocity = slot + (2 if own[3] != 0 else 1) * next_slot
        rmsprop_step(
            params, grad, slot, second if own[3] != 0 else <real*> NULL, velocity, n, eta, own[0],
            own[1], own[2])
    elif rule.code == ADAGRAD:
        adagrad_step(params, grad, slot, n, eta, own[0], own[1], t)
    elif rule.code == ADADELTA:
        adadelta_step(params, grad, slot, second, n, eta, own[0], own[1])
    elif rule.code == ADAMAX:
        adamax_step(params, grad, slot, second, n, eta, own[0], own[1], own[2], clock[1])
    elif rule.code == NADAM:
        mu = own[0] * (1 - clock[3] / 2)
        nadam_step(
            params, grad, slot, second, n, eta, own[0], own[1], own[2], mu,
            own[0] * (1 - clock[3] * pow(0.96, own[3]) / 2), clock[1], clock[2])
    elif rule.code == RADAM:
        radam_step(
            params, grad, slot, second, n, eta, own[0], own[1], own[2], t, clock[1], clock[2])
    elif rule.code == LION:
        lion_step(params, grad, slot, n, eta, own[0], own[1])
    elif rule.code == RPROP:
        rprop_step(
            params, grad, slot, second, n, eta, own[0], own[1], own[2], own[3], t == 1)


cdef inline apart update_shaped(
    const Rule* rule, const double* clock, real* params, const real* grad, Py_ssize_t start,
    Stretch over
) noexcept nogil:
    """The step of any rule on a stretch, some hundred numbers at a time."""
    cdef real[SHAPED] shaped
    cdef real* slot
    cdef Py_ssize_t _row, i, n
    for _row in range(over.rows):
        i = 0
        while i < over.n:
            n = min(<Py_ssize_t> SHAPED, over.n - i)
            slot = <real*> NULL if rule.slots == NULL else <real*> rule.slots + start + i
            shape(rule, clock, params + start + i, grad + i, shaped, n)
            step_of_rule(rule, clock, params + start + i, <const real*> shaped, slot, n)
            if rule.hyper[EMA] > 0:
                take_average(
                    rule.hyper, clock, <const real*> params + start + i,
                    slot + (rule.n_slots - 1) * rule.n_params, n)
            i += n
        start += over.row
        grad += over.grad_row


cdef inline bint adds_decay(const Rule* rule) noexcept nogil:
    """Whether `update` can add decay p to the gradient by the way."""
    return rule.plain and rule.hyper[WEIGHT_DECAY] == 0


cdef inline void update_plain(
    const Rule* rule, const double* clock, real* params, const real* grad, Py_ssize_t start,
    Stretch over, double decay, bint wide
) noexcept nogil:
    """As `update`, where the rule is plain: no call that is not inlined; `wide` as in adam.h."""
    cdef const double* hyper = rule.hyper
    cdef const double* own = hyper + OWN
    cdef real* slot = <real*> rule.slots
    if slot != NULL:
        slot += start
    if rule.code == ADAM:
        adam_step(
            params + start, grad, slot, slot + rule.n_params, over,
            hyper[LEARNING_RATE], own[0], own[1], own[2], clock[1], clock[2], decay, wide,
        )
    else:
        sgd_step(
            params + start, grad, slot, over,
            hyper[LEARNING_RATE], own[0], own[1] != 0, hyper[WEIGHT_DECAY] + decay, clock[0] == 1,
        )


cdef inline void update(
    const Rule* rule, const double* clock, real* params, const real* grad, Py_ssize_t start,
    Stretch over, double decay
) noexcept nogil:
    """Take the rule's step, at the time that the clock tells, on a stretch of params from `start`.

    `grad` begins with the stretch; decay p is part of it too, where the rule `adds_decay`.
    """
    if rule.plain:
        update_plain(rule, clock, params, grad, start, over, decay, True)
    else:
        update_shaped(rule, clock, params, grad, start, over)
