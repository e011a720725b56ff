"""The five functions that a step is made of, of the twin or of the compiled kernels.

The twin's are those of a trace. For a network that would keep it busy for minutes the kernels do
the same sums on the same lists, and the trace says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastbp import kernels
from fastbp.checks import Array
from fastbp.reference import layers

# Multiply-adds of a forward pass that the twin takes about ten seconds for, back and forth.
MOST_FOR_TWIN = 8_000_000

Rows = list[list[float]]


class Arithmetic(NamedTuple):
    """Functions of lists, by the names that they have in `fastbp.reference.kernels`."""

    dense_forward: Callable[..., Rows]
    activate: Callable[..., Rows]
    activation_delta: Callable[..., Rows]
    hidden_delta: Callable[..., Rows]
    accumulate_gradients: Callable[..., None]


def _array(rows: Rows) -> Array:
    return np.array(rows, np.float64)


def _dense_forward(x: Rows, weight: Rows, bias: Any) -> Rows:
    found: Rows = kernels.dense_forward(
        _array(x), _array(weight), None if bias is None else np.array(bias, np.float64)
    ).tolist()
    return found


def _activate(z: Rows, activation: str) -> Rows:
    found: Rows = kernels.activate(_array(z), activation).tolist()
    return found


def _activation_delta(z: Rows, output_gradient: Rows, activation: str) -> Rows:
    found: Rows = kernels.activation_delta(_array(z), _array(output_gradient), activation).tolist()
    return found


def _hidden_delta(weight: Rows, delta: Rows, z: Rows, activation: str) -> Rows:
    found: Rows = kernels.hidden_delta(
        _array(weight), _array(delta), _array(z), activation
    ).tolist()
    return found


def _accumulate_gradients(
    a: Rows, delta: Rows, weight_gradient: Rows, bias_gradient: list[float] | None
) -> None:
    dw = _array(weight_gradient)
    db = None if bias_gradient is None else np.array(bias_gradient, np.float64)
    kernels.accumulate_gradients(_array(a), _array(delta), dw, db)
    weight_gradient[:] = dw.tolist()
    if bias_gradient is not None and db is not None:
        bias_gradient[:] = db.tolist()


TWIN = Arithmetic(
    layers.dense_forward,
    layers.activate,
    layers.activation_delta,
    layers.hidden_delta,
    layers.accumulate_gradients,
)
COMPILED = Arithmetic(
    _dense_forward, _activate, _activation_delta, _hidden_delta, _accumulate_gradients
)
