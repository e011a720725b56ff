"""How close is close enough: each tolerance once, with its reason, and the comparisons that use it.

Every comparison with the twin goes through `require_twin`: the expected side must be made by
fastbp.reference and the tested side must not, so that no test can compare a thing with itself.
"""

import math

import numpy as np

# A whole array, ||got - want|| <= tolerance * ||want||. The twin works in float64. float64: two
# orders of summing a few thousand terms differ by about sqrt(terms) 1e-16 times a condition number,
# which the cases here keep below 100. float32: the same with 6e-8.
AGREEMENT = {"float64": 1e-12, "float32": 1e-5}

# One element of an activation, in units in the last place: 2.5 promised by the kernel, and up to
# 1.5 of the mathematics library behind the twin.
ACTIVATION_ULPS = 4

# One element of a derivative, in machine epsilons: it is taken from a = s(z), so the 2.5 ulp of a
# enter as they are, not in proportion to s' (1 - a^2 has lost its digits where a is close to 1).
DERIVATIVE_EPSILONS = 4

# Predictions of one network by two packages, ||got - want|| / ||want||: sums in another order and
# other exponentials, a few roundings a layer of 6e-8 and 1e-16.
EXCHANGED = {"float32": 1e-6, "float64": 1e-14}
# A sum of K products, elementwise: the errors of K multiply-adds add up like a walk of random
# steps, sqrt(K) u (|A| |B|), of which 8 standard deviations never happen.
SUM_FACTOR = 8

# The relative error of a pass through a whole well conditioned network, by the norm: about 17 and
# 90 units of rounding for some hundred operations between a row and a gradient.
NORMWISE = {"float32": 1e-6, "float64": 1e-14}

# The long double oracle against the twin on numbers of mpmath, by the norm: about 1e-18, but the
# twin has the constants of selu in float64, and targets of kl_divergence add up to 1 in float64.
ORACLE_ERROR = 2e-16

# What is stated of each activation, (how many, of what): ulp of the result, or epsilons of what is
# the larger of 1 and the result, for results that cancel or whose argument does. 2.5 and 8 are
# those of elementary.h and special.h; half an ulp more for each operation after them. A row of
# softmax adds the rounding of z - max z.
VALUE_BOUNDS = {
    "identity": (0, "ulp"),
    "sigmoid": (2.5, "ulp"),
    "relu": (0, "ulp"),
    "tanh": (2.5, "ulp"),
    "softmax": (2.5, "epsilons"),
    "leaky_relu": (0.5, "ulp"),
    "elu": (3, "ulp"),
    "selu": (3.5, "ulp"),
    "gelu": (9, "ulp"),
    "gelu_tanh": (4, "epsilons"),
    "silu": (3.5, "ulp"),
    "softplus": (2.5, "ulp"),
    "softsign": (2, "ulp"),
    "hard_sigmoid": (1, "epsilons"),
    "hard_tanh": (0, "ulp"),
    "mish": (5, "ulp"),
    "exp": (2.5, "ulp"),
    "sin": (1, "epsilons"),
    "log_softmax": (4, "epsilons"),
}
DERIVATIVE_BOUNDS = {
    **dict.fromkeys(VALUE_BOUNDS, (DERIVATIVE_EPSILONS, "epsilons")),
    **dict.fromkeys(["identity", "relu", "leaky_relu", "hard_tanh"], (0, "epsilons")),
    "exp": (2.5, "ulp"),
    "softplus": (5, "ulp"),
    "hard_sigmoid": (0.5, "epsilons"),
}

# The figures of the textbook example are given to three decimals.
THREE_DECIMALS = 5e-4

ORACLE = "fastbp.reference"


def assert_agree(got, want, dtype, what="result", scale=None):
    """Compare an array of the package with the expected one by the norm of their difference.

    Parameters
    ----------
    got : array or float
        Of the tested side; an array must have the dtype.
    want : array_like
        Expected, in float64 or as lists.
    dtype : str
        Selects the tolerance.
    what : str
        Said when it fails.
    scale : float, optional
        What the tolerance is relative to, instead of ||want||: for sums whose terms cancel.
    """
    if isinstance(got, np.ndarray):
        assert got.dtype == dtype, f"{what}: dtype {got.dtype} instead of {dtype}"
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, f"{what}: shape {got.shape} instead of {want.shape}"
    assert np.isfinite(want).all(), f"{what}: the expected side holds NaN or infinity"
    if not np.isfinite(got).all():
        raise AssertionError(f"{what}: NaN or infinity at {_place(~np.isfinite(got))}")
    distance = norm(got - want)
    limit = AGREEMENT[np.dtype(dtype).name] * (norm(want) if scale is None else scale)
    if not distance <= limit:
        worst = np.abs(got - want)
        place = _place(worst == worst.max())
        raise AssertionError(
            f"{what}: differs by {distance:.3g}, allowed {limit:.3g} ({dtype}); worst entry "
            f"{place}: got {got[place]!r}, want {want[place]!r}"
        )


def norm(values):
    """Return the 2-norm of all elements, without underflow: 0 for zeros only."""
    values = np.asarray(values, np.float64).ravel()
    largest = np.abs(values).max(initial=0.0)
    return 0.0 if largest == 0 else largest * np.linalg.norm(values / largest)


def assert_same_movement(net, twin, start, steps):
    """Compare how far training has moved the parameters, which says more than where they are.

    Each step may also round every parameter once.
    """
    rounding = steps * np.finfo(net.dtype).eps * norm(start)
    want = np.array(twin.params) - start
    scale = norm(want) + rounding / AGREEMENT[net.dtype]
    got = (net.params.astype(np.float64) - start).tolist()
    assert_agree(got, want, net.dtype, f"movement of the parameters in {steps} steps", scale)


def assert_same_bits(got, want, what="result"):
    """Compare two arrays bit for bit; neither may hold NaN."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype, f"{what}: dtype {got.dtype} instead of {want.dtype}"
    assert got.shape == want.shape, f"{what}: shape {got.shape} instead of {want.shape}"
    assert not np.isnan(got).any(), f"{what}: NaN at {_place(np.isnan(got))}"
    if got.tobytes() != want.tobytes():
        place = _place((got != want) | (np.signbit(got) != np.signbit(want)))
        raise AssertionError(
            f"{what}: bits differ, first at {place}: {got[place]!r} instead of {want[place]!r}"
        )


def assert_within_ulps(got, want, dtype, ulps, what="result"):
    """Compare element by element in units in the last place of the dtype."""
    got, want = np.asarray(got), np.asarray(want, np.float64)
    assert got.dtype == dtype, f"{what}: dtype {got.dtype} instead of {dtype}"
    assert got.shape == want.shape, f"{what}: shape {got.shape} instead of {want.shape}"
    assert np.isfinite(want).all(), f"{what}: the expected side holds NaN or infinity"
    unit = np.spacing(np.abs(want).astype(dtype)).astype(np.float64)
    off = np.abs(got.astype(np.float64) - want) / unit
    if not (off <= ulps).all():
        place = _place(~(off <= ulps))
        raise AssertionError(
            f"{what}: {off[place]:.3g} ulp at {place}, allowed {ulps}: got {got[place]!r}, "
            f"want {want[place]!r}"
        )


def _place(mask):
    """Return the index of the first true entry."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _module(thing):
    """Return the name of the module that a function or the class of an object was written in."""
    return getattr(thing, "__module__", None) or type(thing).__module__


def _from_oracle(thing):
    module = _module(thing)
    return module == ORACLE or module.startswith(f"{ORACLE}.")


def require_twin(subject, oracle):
    """Refuse a comparison whose expected side is not the twin, or whose tested side is."""
    assert subject is not oracle, "an implementation is compared with itself"
    assert _from_oracle(oracle), f"the oracle must come from {ORACLE}, got {_module(oracle)}"
    assert not _from_oracle(subject), f"the subject must not come from {ORACLE}"


def plain(values):
    """Return an array as (nested lists of) Python numbers; None and numbers pass."""
    if values is None or not hasattr(values, "dtype"):
        return values
    array = np.asarray(values)
    return (array.astype(np.float64) if array.dtype.kind == "f" else array).tolist()


def _for_subject(value, dtype):
    if isinstance(value, np.ndarray):
        return np.array(value, dtype if value.dtype.kind == "f" else value.dtype)
    return value


def assert_same_kernel(subject, oracle, arguments, dtype):
    """Call a kernel of the package and its twin with the same arguments, and compare.

    Compared are the result and every array argument after the call, so that changes in place count.

    Parameters
    ----------
    subject, oracle : callables
    arguments : dict of str
        Floating-point arrays are rounded to the dtype for both sides.
    dtype : str
    """
    require_twin(subject, oracle)
    ours = {name: _for_subject(value, dtype) for name, value in arguments.items()}
    theirs = {name: plain(value) for name, value in ours.items()}
    got, want = subject(**ours), oracle(**theirs)
    name = getattr(oracle, "__name__", "kernel")
    assert (got is None) == (want is None), f"{name}: one side returns None"
    if want is not None:
        assert_agree(got, want, dtype, name)
    for argument, value in ours.items():
        if isinstance(value, np.ndarray):
            kept = value.dtype.kind != "f"
            if kept:
                assert value.tolist() == theirs[argument], f"{name} changed {argument}"
            else:
                assert_agree(value, theirs[argument], dtype, f"{name}: {argument} after the call")


def assert_same_elementwise(subject, oracle, z, dtype, ulps=None, epsilons=None):
    """Call an elementwise kernel on an array and its twin number by number, and compare.

    `ulps` and `epsilons` also bound the error of each element, relative and absolute.
    """
    require_twin(subject, oracle)
    z = np.asarray(z).astype(dtype)
    want = np.array([oracle(value) for value in plain(z.ravel())]).reshape(z.shape)
    got = subject(z)
    name = getattr(oracle, "__name__", "kernel")
    assert_agree(got, want, dtype, name)
    if ulps is not None:
        assert_within_ulps(got, want, dtype, ulps, name)
    if epsilons is not None:
        off = np.abs(got - want).max() / np.finfo(dtype).eps
        assert off <= epsilons, f"{name}: off by {off:.3g} epsilon, allowed {epsilons}"


def assert_same_gradients(got, want, dtype, what="gradient"):
    """Compare two Gradients: the flat vector, dL/dx, and that the views lie in the flat vector."""
    require_twin(got, want)
    assert_agree(got.flat, want.flat, dtype, what)
    assert_agree(got.inputs, want.inputs, dtype, f"{what}: inputs")
    assert len(got.weights) == len(want.weights)
    for layer, (weight, bias) in enumerate(zip(got.weights, got.biases, strict=True)):
        scale = norm(want.flat)
        assert_agree(weight, want.weights[layer], dtype, f"{what}: weights[{layer}]", scale)
        assert (bias is None) == (want.biases[layer] is None), f"{what}: biases[{layer}]"
        if bias is not None:
            assert_agree(bias, want.biases[layer], dtype, f"{what}: biases[{layer}]", scale)


def assert_same_passes(net, twin, x, y, sample_weight=None):
    """Compare everything of a network that changes no parameter, with the twin's."""
    require_twin(net, twin)
    rows, targets, weights = plain(x), plain(y), plain(sample_weight)
    a = net.predict(x)
    assert_agree(a, twin.predict(rows), net.dtype, "predict")
    loss = twin.evaluate(rows, targets, weights)
    assert_agree(net.evaluate(x, y, sample_weight), loss, net.dtype, "evaluate")
    got_loss, got = net.gradient(x, y, sample_weight)
    want_loss, want = twin.gradient(rows, targets, weights)
    assert_agree(got_loss, want_loss, net.dtype, "loss of gradient")
    assert_same_gradients(got, want, net.dtype)
    above = np.cos(np.arange(a.size, dtype=a.dtype)).reshape(a.shape)
    assert_same_gradients(
        net.backward(x, above), twin.backward(rows, plain(above)), net.dtype, "backward"
    )


def assert_same_steps(net, twin, optimizer, twin_optimizer, batches):
    """Take train_step after train_step on both sides; compare each loss and the parameters."""
    require_twin(net, twin)
    require_twin(optimizer, twin_optimizer)
    start = net.params.astype(np.float64)
    for number, (x, y, weight) in enumerate(batches, 1):
        got = net.train_step(x, y, optimizer, weight)
        want = twin.train_step(plain(x), plain(y), twin_optimizer, plain(weight))
        assert_agree(got, want, net.dtype, f"loss of step {number}")
        assert_same_movement(net, twin, start, number)


def assert_same_fit(net, twin, x, y, optimizer, twin_optimizer, **arguments):
    """Fit both sides without shuffling; compare the losses of each epoch and the parameters."""
    require_twin(net, twin)
    require_twin(optimizer, twin_optimizer)
    for_twin = {
        name: tuple(map(plain, value)) if isinstance(value, tuple) else plain(value)
        for name, value in arguments.items()
    }
    start = net.params.astype(np.float64)
    got = net.fit(x, y, optimizer, shuffle=False, progress=False, **arguments)
    want = twin.fit(plain(x), plain(y), twin_optimizer, shuffle=False, **for_twin)
    assert_agree(got.loss, want.loss, net.dtype, "history.loss")
    assert_agree(got.validation_loss, want.validation_loss, net.dtype, "history.validation_loss")
    assert got.stop_reason == want.stop_reason
    steps = len(got.loss) * -(-len(x) // arguments.get("batch_size", 32))
    assert_same_movement(net, twin, start, steps)
    assert all(math.isfinite(loss) for loss in got.loss)


# Means and standard deviations of one pass, in units in the last place of the exact ones (of a
# mean: or of the deviation, where that is larger). Sums of a piece's deviations are pairwise, each
# piece adds a rounding or two to the result, and what a mean loses is carried along; the second
# figure is for 430 pieces in place of 1 to 3.
MEAN_ULPS = 1
SCALE_ULPS, SCALE_ULPS_OF_MANY = 3, 20
