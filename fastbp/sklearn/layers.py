"""The network of an estimator: its layers, and the numbers that it begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import fastbp as fb

# scikit-learn's names of activations and losses, where they are not ours.
ACTIVATIONS = {"logistic": "sigmoid"}
OUTPUTS = {"sigmoid": "logistic"}


def hidden_sizes(sizes: Any) -> list[int]:
    """Return the widths of the hidden layers."""
    found = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    if any(size <= 0 for size in found):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {found}.")
    return [int(size) for size in found]


def each(name: str, value: Any, n: int) -> list[Any]:
    """Return one value a hidden layer, of one for all or of a sequence of them."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value] * n
    found = list(value)
    if len(found) != n:
        raise ValueError(f"{name} must be one value or {n}, one a hidden layer, got {value!r}")
    return found


def initial_parameters(
    units: Sequence[int], activations: Sequence[str], output: str, random_state: Any
) -> tuple[list[Any], list[Any]]:
    """Return (coefs, intercepts), drawn in the order and within the bounds of scikit-learn.

    Uniform within sqrt(6 / (n_in + n_out)), or sqrt(2 / (n_in + n_out)) beside the logistic
    activation; biases too. `output`: the activation that the last layer's bound goes by.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, eq. 16.
    """
    coefs, intercepts = [], []
    for n_in, n_out, activation in zip(units[:-1], units[1:], [*activations, output], strict=True):
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (n_in + n_out))
        coefs.append(random_state.uniform(-bound, bound, (n_in, n_out)))
        intercepts.append(random_state.uniform(-bound, bound, n_out))
    return coefs, intercepts


def given(name: str, values: Any, own: Sequence[Any]) -> list[Any]:
    """Return the user's initial arrays if they have the shapes of those that they replace."""
    if values is None:
        return list(own)
    found = [np.asarray(value) for value in values]
    wanted, came = [a.shape for a in own], [a.shape for a in found]
    if came != wanted:
        raise ValueError(f"{name} must have shapes {wanted}, got {came}")
    return found


def single(name: str) -> str:
    """Return the part of a name before its parameter."""
    return name.partition("(")[0]


def made_network(
    units: Sequence[int],
    activations: Sequence[str],
    dropout: Sequence[float],
    output: tuple[str, str],
    dtype: str,
    seed: int,
) -> fb.Network:
    """Return a network of zeros: hidden layers, and (activation, loss) of the output."""
    layers = [
        fb.Dense(size, ACTIVATIONS.get(kind, kind), dropout=rate, init="zeros")
        for size, kind, rate in zip(units[1:-1], activations, dropout, strict=True)
    ]
    layers.append(fb.Dense(units[-1], output[0], init="zeros"))
    return fb.Network(units[0], layers, output[1], dtype=dtype, seed=seed)
