"""Time every kernel of the package and its pure-Python twin, after they have agreed.

Run as `pytest benches --benchmark-json=benches/results/kernels.json`.
"""

import numpy as np
import pytest
from tolerance import assert_same_elementwise, assert_same_kernel, plain

from fastbp import kernels, reference

ROWS, N_IN, N_OUT = 32, 64, 32
N_PARAMS = N_IN * N_OUT + N_OUT
ACTIVATIONS = ("identity", "sigmoid", "relu", "tanh")
ELEMENTWISE = [name + suffix for name in ACTIVATIONS for suffix in ("", "_prime")]


def draw(*shape):
    return np.random.default_rng(shape).uniform(-1.5, 1.5, shape)


def labels():
    return np.random.default_rng(0).integers(0, N_OUT, ROWS)


# The arguments and, for the table, the shape of every kernel that is not elementwise.
LAYER = f"{ROWS} rows, {N_IN}-{N_OUT}"
OUTPUTS = f"{ROWS} rows, {N_OUT} outputs"
CLASSES = {"activation": "softmax", "loss": "cross_entropy"}
CASES = {
    "softmax": (OUTPUTS, {"z": draw(ROWS, N_OUT)}),
    "softmax_vjp": (
        OUTPUTS,
        {"z": draw(ROWS, N_OUT), "output_gradient": draw(ROWS, N_OUT)},
    ),
    "activate": (OUTPUTS, {"z": draw(ROWS, N_OUT), "activation": "gelu"}),
    "activation_delta": (
        OUTPUTS,
        {
            "z": draw(ROWS, N_OUT),
            "output_gradient": draw(ROWS, N_OUT),
            "activation": "gelu",
        },
    ),
    "dense_forward": (
        LAYER,
        {"x": draw(ROWS, N_IN), "weight": draw(N_OUT, N_IN), "bias": draw(N_OUT)},
    ),
    "loss_value": (OUTPUTS, {"z": draw(ROWS, N_OUT), "y": labels(), **CLASSES}),
    "output_delta": (OUTPUTS, {"z": draw(ROWS, N_OUT), "y": labels(), **CLASSES}),
    "hidden_delta": (
        LAYER,
        {
            "weight": draw(N_OUT, N_IN),
            "delta": draw(ROWS, N_OUT),
            "z": draw(ROWS, N_IN),
            "activation": "tanh",
        },
    ),
    "accumulate_gradients": (
        LAYER,
        {
            "a": draw(ROWS, N_IN),
            "delta": draw(ROWS, N_OUT),
            "weight_gradient": draw(N_OUT, N_IN),
            "bias_gradient": draw(N_OUT),
        },
    ),
    "sgd_update": (
        f"{N_PARAMS} parameters",
        {
            "params": draw(N_PARAMS),
            "grad": draw(N_PARAMS + 1)[1:],
            "velocity": np.zeros(N_PARAMS),
            "momentum": 0.9,
        },
    ),
    "adam_update": (
        f"{N_PARAMS} parameters",
        {
            "params": draw(N_PARAMS),
            "grad": draw(N_PARAMS + 1)[1:],
            "m": np.zeros(N_PARAMS),
            "v": np.zeros(N_PARAMS),
            "step": 1,
        },
    ),
}


def rounded(arguments, dtype):
    """Return the arguments with floating-point arrays, copied, in the dtype."""
    return {
        name: value.astype(dtype)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        else value
        for name, value in arguments.items()
    }


def test_every_kernel_is_timed():
    assert set(ELEMENTWISE) | set(CASES) == set(kernels.__all__)


@pytest.mark.parametrize("side", ["float32", "float64", "reference"])
@pytest.mark.parametrize("name", CASES)
def test_kernel(benchmark, name, side):
    subject, oracle = getattr(kernels, name), getattr(reference.kernels, name)
    shape, arguments = CASES[name]
    dtype = "float64" if side == "reference" else side
    assert_same_kernel(subject, oracle, arguments, dtype)
    benchmark.group = f"kernel {name}"
    benchmark.extra_info.update(what=name, shape=shape, side=side)
    timed = rounded(arguments, dtype)
    if side == "reference":
        benchmark(oracle, **{key: plain(value) for key, value in timed.items()})
    else:
        benchmark(subject, **timed)


@pytest.mark.parametrize("side", ["float32", "float64", "reference"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_kernel(benchmark, name, side):
    subject, oracle = getattr(kernels, name), getattr(reference.kernels, name)
    dtype = "float64" if side == "reference" else side
    z = draw(ROWS, N_IN).astype(dtype)
    assert_same_elementwise(subject, oracle, z, dtype)
    benchmark.group = f"kernel {name}"
    benchmark.extra_info.update(what=name, shape=f"{z.size} elements", side=side)
    if side == "reference":
        numbers = plain(z.ravel())
        benchmark(lambda: [oracle(number) for number in numbers])
    else:
        benchmark(subject, z)
