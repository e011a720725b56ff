"""Every kernel against its twin, by enumeration of the package's own tables."""

import inspect
import itertools
from fractions import Fraction

import numpy as np
import pytest
from strategies import EVERY_ACTIVATION, OPTIMIZERS, PAIRS, even_outputs, one_hot, targets
from tolerance import (
    ACTIVATION_ULPS,
    DERIVATIVE_EPSILONS,
    assert_agree,
    assert_same_bits,
    assert_same_elementwise,
    assert_same_kernel,
    plain,
)

import fastbp.optimizers
from fastbp import _compiled, kernels, reference, spec
from fastbp.reference import activations, initializers, losses, optimizers

# The elementwise activations that have kernels of their own.
ELEMENTWISE = ["identity", "sigmoid", "relu", "tanh"]
ROWS = ["softmax", "log_softmax"]

# (rows, inputs, outputs): the smallest, primes, one above vector lengths, and sums longer than the
# blocks of 256 that they are made in.
SHAPES = [(1, 1, 1), (7, 5, 3), (3, 17, 33), (4, 600, 2), (600, 3, 2)]
# Panels of 1 to 3 vectors with and without a remainder, for every vector length.
WIDE = [(rows, 50, n_out) for rows in (1, 61) for n_out in (31, 47, 77, 95)]
# Gradients of few columns, worked by their transposes: 2, 3, 6 and 10 of them, in one piece and in
# two, of one block of rows and of two.
NARROW = [
    (rows, n_in, n_out)
    for rows in (61, 300)
    for n_in, n_out in ((33, 2), (70, 3), (203, 6), (100, 10))
]
LONG = [(rows, 300, n_out) for rows in (1, 4, 61) for n_out in (31, 47, 77, 95)]


def shape_id(shape):
    return "x".join(map(str, shape))


def draw(shape, seed=0, size=1.5):
    """Draw numbers in [-size, size]."""
    return np.random.default_rng([seed, *shape]).uniform(-size, size, shape)


def forward_cases():
    for rows, n_in, n_out in SHAPES + LONG:
        for bias in (None, draw((n_out,), 3)):
            x, weight = draw((rows, n_in), 1), draw((n_out, n_in), 2)
            label = f"{shape_id((rows, n_in, n_out))}-{'bias' if bias is not None else 'no-bias'}"
            yield label, {"x": x, "weight": weight, "bias": bias}


def accumulate_cases():
    for rows, n_in, n_out in SHAPES + WIDE + NARROW:
        for bias in (None, draw((n_out,), 3)):
            label = f"{shape_id((rows, n_in, n_out))}-{'bias' if bias is not None else 'no-bias'}"
            yield (
                label,
                {
                    "a": draw((rows, n_in), 1),
                    "delta": draw((rows, n_out), 2),
                    "weight_gradient": draw((n_out, n_in), 4),
                    "bias_gradient": bias,
                },
            )


def hidden_delta_cases():
    for activation, (rows, n_in, n_out) in itertools.product(EVERY_ACTIVATION, SHAPES):
        yield (
            f"{activation}-{shape_id((rows, n_in, n_out))}",
            {
                "weight": draw((n_out, n_in), 1),
                "delta": draw((rows, n_out), 2),
                "z": draw((rows, n_in), 3),
                "activation": activation,
            },
        )


def loss_cases():
    rng = np.random.default_rng(5)
    for (output, loss), (rows, _, n_out) in itertools.product(PAIRS, SHAPES):
        n_out = even_outputs([n_out], loss)[0]
        y = targets(rng, loss, rows, n_out, "float64")
        wanted = {"numbers": y}
        if loss.startswith("cross_entropy"):
            wanted = {"indices": y, "one-hot": one_hot(y, n_out, "float64")}
        elif y.shape[1] == 1:
            wanted["one-dimension"] = y[:, 0]
        for kind, target in wanted.items():
            yield (
                f"{output}-{loss}-{kind}-{rows}x{n_out}",
                {"z": draw((rows, n_out), 1), "y": target, "activation": output, "loss": loss},
            )


def softmax_cases():
    for rows, _, n_out in SHAPES:
        yield shape_id((rows, n_out)), {"z": draw((rows, n_out), 1)}
    yield "far-apart", {"z": np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [80.0, 81.0, 79.0]])}


def softmax_vjp_cases():
    for label, arguments in softmax_cases():
        yield label, {**arguments, "output_gradient": draw(arguments["z"].shape, 2)}


def update_cases(rule):
    """Return (name, settings) of those that the rule's kernel takes by itself."""
    taken = set(inspect.signature(getattr(kernels, f"{rule.lower()}_update")).parameters)
    return [
        (name, settings)
        for name, (kind, settings) in OPTIMIZERS.items()
        if kind == rule and set(settings) <= taken
    ]


def sgd_cases():
    for n, (name, settings) in itertools.product((1, 37), update_cases("SGD")):
        state = {"params": draw((n,), 1), "grad": draw((n,), 2), "velocity": draw((n,), 3)}
        yield f"{name}-{n}", {**state, **settings}
        if "momentum" not in settings:
            yield f"{name}-{n}-no-velocity", {**state, "velocity": None, **settings}
    yield "defaults", {"params": draw((5,), 1), "grad": draw((5,), 2), "velocity": None}


def adam_cases():
    for (n, step), (name, settings) in itertools.product([(1, 1), (37, 4)], update_cases("Adam")):
        state = {"params": draw((n,), 1), "grad": draw((n,), 2), "m": draw((n,), 3)}
        yield f"{name}-{n}-step{step}", {**state, "v": draw((n,), 4) ** 2, "step": step, **settings}
    state = {"params": draw((5,), 1), "grad": draw((5,), 2), "m": np.zeros(5), "v": np.zeros(5)}
    yield "defaults", {**state, "step": 1}


def activate_cases():
    for activation, (rows, _, n_out) in itertools.product(EVERY_ACTIVATION, SHAPES):
        arguments = {"z": draw((rows, n_out), 1), "activation": activation}
        yield f"{activation}-{shape_id((rows, n_out))}", arguments


def activation_delta_cases():
    for label, arguments in activate_cases():
        gradient = draw(arguments["z"].shape, 2)
        yield label, {**arguments, "output_gradient": gradient}


CASES = {
    "accumulate_gradients": accumulate_cases,
    "activate": activate_cases,
    "activation_delta": activation_delta_cases,
    "adam_update": adam_cases,
    "dense_forward": forward_cases,
    "hidden_delta": hidden_delta_cases,
    "loss_value": loss_cases,
    "output_delta": loss_cases,
    "sgd_update": sgd_cases,
    "softmax": softmax_cases,
    "softmax_vjp": softmax_vjp_cases,
}


def both(name):
    """Return (the package's kernel, the twin's)."""
    return getattr(kernels, name), getattr(reference.kernels, name)


def assert_tables_agree(what, sides):
    """Compare sets of names and say what each side forgot."""
    everything = set().union(*map(set, sides.values()))
    forgotten = {side: sorted(everything - set(names)) for side, names in sides.items()}
    forgotten = {side: names for side, names in forgotten.items() if names}
    assert not forgotten, f"{what} missing: {forgotten}"


def test_every_kernel_has_a_twin_and_a_case():
    elementwise = {name + suffix for name in ELEMENTWISE for suffix in ("", "_prime")}
    assert_tables_agree(
        "kernels",
        {
            "fastbp.kernels": kernels.__all__,
            "fastbp.reference.kernels": reference.kernels.__all__,
            "cases of this file": elementwise | set(CASES),
        },
    )


@pytest.mark.parametrize(
    ("what", "compiled", "twin"),
    [
        ("activations", spec.ACTIVATIONS, activations.ACTIVATIONS),
        ("losses", spec.LOSSES, losses.LOSSES),
        (
            "initializers",
            set(spec.INITS) - {"auto", "given"},
            {*initializers.INITIALIZERS, *initializers.WITH_NUMBERS},
        ),
        ("optimizers", fastbp.optimizers.BY_NAME, optimizers.OPTIMIZERS),
        (
            "losses bound to an output",
            [f"{loss}: {output}" for loss, output in spec.OUTPUT_OF_LOSS.items()],
            [f"{name}: {loss.output}" for name, loss in losses.LOSSES.items() if loss.output],
        ),
    ],
    ids=["activations", "losses", "initializers", "optimizers", "outputs-of-losses"],
)
def test_package_and_twin_know_the_same_names(what, compiled, twin):
    assert_tables_agree(what, {"package": compiled, "twin": twin})


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_activation_agrees_element_by_element(activation, dtype):
    z = np.concatenate(
        [[0.0, -0.0, 1e4, -1e4], np.linspace(-30, 30, 601), draw((97,), 1, 1e-3)]
    ).reshape(-1, 3)
    if activation == "sigmoid":  # e^-1e4 is below the smallest number of both dtypes
        assert kernels.sigmoid(np.array([-1e4, 1e4], dtype)).tolist() == [0, 1]
    z[np.abs(z) > 100] = 25
    assert_same_elementwise(*both(activation), z, dtype, ulps=ACTIVATION_ULPS)
    assert_same_elementwise(*both(activation), z[0, 0], dtype)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_derivative_agrees(activation, dtype):
    z = np.concatenate([[0.0, -0.0], np.linspace(-30, 30, 600), draw((97,), 1, 1e-3)])
    name = f"{activation}_prime"
    assert_same_elementwise(*both(name), z, dtype, epsilons=DERIVATIVE_EPSILONS)
    far = getattr(kernels, name)(np.array([1e4, -1e4], dtype))
    assert far.tolist() == [both(name)[1](v) for v in (1e4, -1e4)]


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        pytest.param(name, arguments, id=f"{name}-{label}")
        for name, make in CASES.items()
        for label, arguments in make()
    ],
)
def test_kernel_agrees_with_its_twin(name, arguments, dtype):
    assert_same_kernel(*both(name), arguments, dtype)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize(("name", "settings"), update_cases("SGD"))
def test_sgd_agrees_over_50_steps(name, settings, dtype):
    ours, our_velocity = draw((29,), 1).astype(dtype), np.zeros(29, dtype)
    theirs, their_velocity = plain(ours), [0.0] * 29
    for step in range(50):
        grad = draw((29,), 10 + step).astype(dtype)
        kernels.sgd_update(ours, grad, our_velocity, **settings)
        reference.kernels.sgd_update(theirs, plain(grad), their_velocity, **settings)
        assert_agree(ours, theirs, dtype, f"params after step {step + 1}")
    if "momentum" in settings:
        assert_agree(our_velocity, their_velocity, dtype, "velocity")


@pytest.mark.parametrize("dtype", spec.DTYPES)
def test_sgd_without_decay_hands_on_every_special_number(dtype):
    # p - eta (g + 0 p) for all pairs; eta and the numbers are such that nothing is rounded.
    special = [0.0, -0.0, 1.5, -1.5, 4.0, -4.0, np.inf, -np.inf, np.nan]
    p, g = np.array(list(itertools.product(special, repeat=2)), dtype).T.copy()
    real = np.dtype(dtype).type
    with np.errstate(invalid="ignore"):
        expected = p - real(0.5) * (g + real(0) * p)
    _compiled.kernels.sgd(p, g, None, 0.5, 0.0, False, 0.0)
    np.testing.assert_array_equal(p, expected)
    assert np.signbit(p[p == 0]).tolist() == np.signbit(expected[p == 0]).tolist()


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize(("name", "settings"), update_cases("Adam"))
def test_adam_agrees_over_50_steps(name, settings, dtype):
    ours = [draw((29,), 1).astype(dtype), np.zeros(29, dtype), np.zeros(29, dtype)]
    theirs = [plain(part) for part in ours]
    for step in range(1, 51):
        grad = draw((29,), 10 + step).astype(dtype)
        grad[::7] = 0
        kernels.adam_update(ours[0], grad, *ours[1:], step=step, **settings)
        reference.kernels.adam_update(theirs[0], plain(grad), *theirs[1:], step=step, **settings)
        for part, got, want in zip(("params", "m", "v"), ours, theirs, strict=True):
            assert_agree(got, want, dtype, f"{part} after step {step}")


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize(
    ("output", "loss"), [p for p in PAIRS if p[1].startswith(("cross", "binary", "kl"))]
)
@pytest.mark.parametrize("size", [30.0, 1e4])
def test_losses_from_z_are_finite_and_agree_far_from_zero(output, loss, size, dtype):
    z = np.array([[size, -size], [-size, size], [size, size], [0.0, -size]])
    y = np.array([1, 1, 0, 0]) if loss.startswith("cross_entropy") else np.array([[0.0, 1.0]] * 4)
    for name in ("loss_value", "output_delta"):
        arguments = {"z": z, "y": y, "activation": output, "loss": loss}
        assert_same_kernel(*both(name), arguments, dtype)


def rounded(value, dtype):
    """Return an exact number rounded to the dtype; float() of a Fraction rounds correctly."""
    return np.dtype(dtype).type(float(value))


def sum_as_specified(first, second, dtype, start=None):
    """Return sum_k first[k] second[k] in the order that the package promises.

    Ascending index, in blocks of 256; a block is one chain of fused multiply-adds from 0, and the
    block sums are added in order, to `start` where there is one.
    """
    total = start
    for begin in range(0, len(first), 256):
        block = Fraction(0)
        for a, b in zip(first[begin : begin + 256], second[begin : begin + 256], strict=True):
            block = Fraction(float(rounded(Fraction(float(a)) * Fraction(float(b)) + block, dtype)))
        of_block = rounded(block, dtype)
        total = of_block if total is None else total + of_block
    return total


@pytest.mark.skipif(_compiled.LEVEL == "v1", reason="no fused multiply-add at this level")
@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("terms", [1, 7, 256, 257, 700])
def test_sums_are_made_in_the_specified_order_bit_for_bit(terms, dtype):
    a, b = draw((3, terms), 1).astype(dtype), draw((5, terms), 2).astype(dtype)
    want = np.array([[sum_as_specified(row, other, dtype) for other in b] for row in a])
    assert_same_bits(kernels.dense_forward(a, b, None), want, "over inputs")
    bias = draw((5,), 3).astype(dtype)
    assert_same_bits(kernels.dense_forward(a, b, bias), want + bias, "bias last")
    z = np.zeros((3, 5), dtype)
    assert_same_bits(kernels.hidden_delta(b.T, a, z, "identity"), want, "over outputs")
    start = draw((5, 3), 4).astype(dtype)
    got = start.copy()
    kernels.accumulate_gradients(a.T, b.T, got, None)
    want = [
        [sum_as_specified(row, other, dtype, start[j, i]) for i, row in enumerate(a)]
        for j, other in enumerate(b)
    ]
    assert_same_bits(got, np.array(want), "over rows")


def test_kernels_work_in_float32_only_where_all_floats_are_float32():
    single, double = np.ones((2, 2), np.float32), np.ones((2, 2))
    assert kernels.dense_forward(single, single, None).dtype == np.float32
    assert kernels.dense_forward(single, double, None).dtype == np.float64
    assert kernels.dense_forward(single, [[1, 2], [3, 4]], None).dtype == np.float32
    assert kernels.dense_forward([[1, 2]], [[3, 4]], None).dtype == np.float64


def test_kernels_take_scalars_and_empty_arrays():
    assert kernels.sigmoid(0.0) == 0.5
    assert kernels.relu_prime(np.float32(3)) == 1
    assert kernels.tanh(np.zeros((0, 4))).shape == (0, 4)
    assert kernels.sigmoid(np.zeros((2, 3, 4))).shape == (2, 3, 4)


@pytest.mark.skipif(_compiled.LEVEL == "v1", reason="no fused multiply-add at this level")
@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("rows", [1, 3])
def test_wide_sums_are_made_in_the_specified_order_and_the_bias_is_added_last(rows, dtype):
    a, b = draw((rows, 300), 1).astype(dtype), draw((61, 300), 2).astype(dtype)
    bias = draw((61,), 3).astype(dtype)
    want = np.array([[sum_as_specified(row, other, dtype) for other in b] for row in a])
    assert_same_bits(kernels.dense_forward(a, b, bias), want + bias, "sums and bias")


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("difference", [0.5, 1e-2, -1e-3, 1e-5])
def test_log_cosh_keeps_its_digits_where_its_terms_would_cancel(difference, dtype):
    a, y = np.array([[difference]], dtype), np.zeros((1, 1), dtype)
    want = np.log1p(2 * np.sinh(float(a[0, 0]) / 2) ** 2)  # cosh d = 1 + 2 sinh(d / 2)^2
    assert_agree(kernels.loss_value(a, y, "identity", "log_cosh"), want, dtype)
