"""Is it so? Every figure of a trace, compared with what the compiled package makes of the same.

Each figure is first taken from the kernel of its formula, fed with the twin's numbers in double
precision: there, only the roundings of one formula lie between the two. Then the whole step is
taken by a copy of the network in its own dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp import kernels
from fastbp.checks import Array
from fastbp.explain.whole_step import WholeStep
from fastbp.explain.working import LayerWork, Working
from fastbp.optimizers import Optimizer
from fastbp.reference.losses import find_loss

EPSILON = float(np.finfo(np.float64).eps)
# A sum of K products errs by at most c sqrt(K) u (|A| |B|) on either side, c = 8; the formula
# around it adds up to 9 ulp of an activation and a few roundings of its own.
SUM_FACTOR, ROUNDINGS = 8, 24
# The kernels take denormal numbers for 0.
SMALLEST = 1e-280


class Disagreement(AssertionError):
    """A figure of a trace is not what the compiled package computes."""


class Agreement:
    """Compares figures and remembers the largest difference."""

    def __init__(self) -> None:
        self.largest = 0.0

    def require(self, what: str, got: Any, want: Any, scale: Any, terms: int = 1) -> None:
        """Compare figures; their errors are relative to `scale`, the size of their terms.

        Raises
        ------
        Disagreement
            One of them differs by more than so many terms may be rounded.
        """
        limit = (SUM_FACTOR * terms**0.5 + ROUNDINGS) * EPSILON
        self.require_within(what, got, want, scale, limit)

    def require_within(self, what: str, got: Any, want: Any, scale: Any, limit: float) -> None:
        """Compare figures, with a limit of their relative differences."""
        got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
        size = np.maximum(np.asarray(scale, np.float64), SMALLEST)
        off = np.abs(got - want) / size
        if got.size and not (off <= limit).all():
            place = tuple(int(i) for i in np.argwhere(~(off <= limit))[0])
            raise Disagreement(
                f"{what} of the trace must agree with the compiled kernels to {limit:.1e}, got "
                f"{np.broadcast_to(want, off.shape)[place]!r} and {got[place]!r} at {place}; "
                "please report this network"
            )
        self.largest = max(self.largest, float(off.max(initial=0.0)))


def agreement(work: Working, rows: Any, optimizer: Optimizer) -> float:
    """Return the largest relative difference between a trace's figures and the compiled package's.

    Raises
    ------
    Disagreement
        A figure is further off than rounding explains.
    """
    found = Agreement()
    for index, layer in enumerate(work.layers):
        _forward(found, work, index, layer)
    _loss(found, work)
    for index, layer in enumerate(work.layers):
        _backward(found, work, index, layer)
    whole = WholeStep(work, rows, optimizer)
    whole.require_update(found)
    whole.require_step(found)
    return found.largest


def _array(rows: Any) -> Array:
    return np.array(rows, np.float64)


def _forward(found: Agreement, work: Working, index: int, layer: LayerWork) -> None:
    """Compare z, n, s(n) and the output of a layer."""
    name = f"layer {index + 1}"
    inputs, weight, bias = _array(layer.inputs), _array(work.weights[index]), work.biases[index]
    b = None if bias is None else _array(bias)
    size = kernels.dense_forward(np.abs(inputs), np.abs(weight), None if b is None else np.abs(b))
    z, n, a = _array(layer.z), _array(layer.n), _array(layer.a)
    terms = inputs.shape[1] + 1
    found.require(f"z of {name}", kernels.dense_forward(inputs, weight, b), z, size, terms)
    spec = work.twin.layers[index]
    if spec.norm:
        net = norm_network(work, index)
        got = net.predict(z)
        spread = np.abs(got - np.abs(_array(work.norms[index][1]))) + np.abs(n) + 1
        found.require(f"n of {name}", got, n, spread * (1 + np.abs(z).max()), z.shape[1])
    got = kernels.activate(n, spec.activation)
    steep = np.abs(kernels.activation_delta(n, np.ones_like(n), spec.activation) * n)
    found.require(f"a of {name}", got, a, np.abs(a) + steep + _cancelled(a, n), n.shape[1])
    kept = _array(layer.extra._factors) if layer.extra._factors else np.ones_like(a)
    around = inputs if spec.residual else np.zeros_like(a)
    out = kept * got + around
    found.require(f"output of {name}", out, layer.out, np.abs(kept * a) + np.abs(around) + steep)
    if layer.slope is not None:
        slope = kernels.activation_delta(n, np.ones_like(n), spec.activation)
        found.require(f"s' of {name}", slope, layer.slope, np.abs(slope) + np.abs(a) + 1e-3)


def _cancelled(a: Array, n: Array) -> Array:
    """Return the size of what may cancel within an activation: its argument, up to 1."""
    return np.minimum(np.abs(n), 1) * (np.abs(a) < np.abs(n))


def _loss(found: Agreement, work: Working) -> None:
    """Compare the loss of each row, and where the loss is all of it, delta of the last layer."""
    z, y, weight, activation, loss = work.twin._output(work.walk, work.data)
    rows, targets = _array(z), _array(y)
    got = [
        kernels.loss_value(rows[r : r + 1], targets[r : r + 1], activation, loss)
        for r in range(len(rows))
    ]
    size = np.abs(work.row_losses) + np.abs(rows).max() + np.abs(targets).max() + 1
    size = size * (1 + work.imbalance / EPSILON)
    found.require("loss of rows", got, work.row_losses, size, rows.shape[1])
    shares = _array(weight) / sum(weight)
    found.require("loss", (np.array(got) * shares).sum(), work.loss, (size * shares).sum())
    last = work.layers[-1]
    delta = kernels.output_delta(rows, targets, activation, loss)
    delta = delta * (len(rows) * shares)[:, np.newaxis]
    if last.above is None or find_loss(loss).output is not None:
        spread = (np.abs(delta) + np.abs(last.a) + np.abs(targets).max() + 1) * shares[:, None]
        found.require("delta of the last layer", delta, last.delta_n, spread, rows.shape[1])
    else:
        above = kernels.output_delta(_array(last.out), targets, "identity", loss)
        above = above * (len(rows) * shares)[:, np.newaxis]
        spread = (np.abs(above) + np.abs(last.out) + np.abs(targets).max()) * shares[:, None]
        found.require("dL/da of the last layer", above, last.above, spread)


def _backward(found: Agreement, work: Working, index: int, layer: LayerWork) -> None:
    """Compare what comes down to a layer, its delta and its gradients."""
    name, spec = f"layer {index + 1}", work.twin.layers[index]
    delta, delta_n = _array(layer.delta), _array(layer.delta_n)
    if index + 1 < len(work.layers):
        next_layer, weight = work.layers[index + 1], _array(work.weights[index + 1])
        down = _array(next_layer.delta)
        flat = np.zeros((len(down), weight.shape[1]))
        got = kernels.hidden_delta(weight, down, flat, "identity")
        size = kernels.hidden_delta(np.abs(weight), np.abs(down), flat, "identity")
        if work.twin.layers[index + 1].residual:
            got, size = got + _array(next_layer.above), size + np.abs(_array(next_layer.above))
        assert layer.above is not None
        found.require(f"dL/da of {name}", got, layer.above, size, len(weight))
    if layer.above is not None:
        kept = _array(layer.extra._factors) if layer.extra._factors else 1.0
        above = _array(layer.above) * kept
        got = kernels.activation_delta(_array(layer.n), above, spec.activation)
        size = np.abs(got) + np.abs(above).sum(axis=1, keepdims=True)
        found.require(f"delta of {name}", got, delta_n, size, above.shape[1])
    if spec.norm and not layer.extra.batch_mean:
        gradients = norm_network(work, index).backward(_array(layer.z), delta_n)
        size = np.abs(delta_n).sum(axis=1, keepdims=True) * (1 + np.abs(layer.n).max())
        size = size * (1 + np.abs(work.norms[index][0]).max() * max(layer.extra._inverse))
        found.require(f"delta of {name}", gradients.inputs, delta, size, delta.shape[1])
    inputs = _array(layer.inputs)
    got, size = np.zeros(_shape(layer)), np.zeros(_shape(layer))
    db, db_size = np.zeros(delta.shape[1]), np.zeros(delta.shape[1])
    kernels.accumulate_gradients(inputs, delta, got, db)
    kernels.accumulate_gradients(np.abs(inputs), np.abs(delta), size, db_size)
    found.require(f"dL/dW of {name}", got, layer.weight_gradient, size, len(delta))
    if layer.bias_gradient is not None:
        found.require(f"dL/db of {name}", db, layer.bias_gradient, db_size, len(delta))


def _shape(layer: LayerWork) -> tuple[int, int]:
    return len(layer.weight_gradient), len(layer.weight_gradient[0])


def norm_network(work: Working, index: int) -> Any:
    """Return a compiled network that does nothing but normalise what it gets.

    Means and variances of a batch stand there as running ones.
    """
    layer, extra = work.net.layers[index], work.layers[index].extra
    kind = type(layer)
    single = kind(layer.units, "identity", bias=False, init=np.eye(layer.units), norm=layer.norm)
    net = type(work.net)(layer.units, [single], dtype="float64")
    scale, shift, *running = work.norms[index]
    net.scales[0][:], net.shifts[0][:] = scale, shift
    if running:
        net.means[0][:] = extra.batch_mean or running[0]
        net.variances[0][:] = extra.batch_variance or running[1]
    return net
