"""Promise 11, elementwise: every sum of a layer, given the engine's own numbers.

A network is taken apart into networks of one layer. Each gets what the engine itself has made of
the layers before and after it, and all that is left of it is one product a pass. That the parts
are the whole is asked bit for bit: what the last of them answers is what the network answers.
"""

import dataclasses

import numpy as np
import pytest
from drawn import drawn
from tolerance import SUM_FACTOR, assert_same_bits

import fastbp as fb
from fastbp import spec

WIDER = {"float32": np.float64, "float64": np.longdouble}
NETWORKS = 150  # of each dtype
pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="the oracle needs a 64-bit significand"
)


def alone(net, index, **changes):
    """Return a network that is one layer of another, with a bias (of 0) and no skip connection."""
    layer = net.layers[index].to_dict()
    for name in ("tied_to", "transposed", "residual", "init"):
        del layer[name]
    layer |= {"bias": True, **changes}
    one = fb.Network(net.sizes[index], [fb.Dense(**layer)], "mse", net.dtype)
    for part in ("weights", "biases", "scales", "shifts", "means", "variances"):
        source, target = getattr(net, part)[index], getattr(one, part)[0]
        if source is not None and target is not None:
            target[...] = source
    return one


@dataclasses.dataclass
class Sums:
    """The largest error of each kind of sum, in units of sqrt(K) u (|A| |B|)."""

    dtype: str
    worst: dict

    def compare(self, kind, got, a, b, more=None):
        """Compare got with a b (+ more), summed in a wider type; K is the number of terms."""
        wide = WIDER[self.dtype]
        a, b = np.asarray(a, wide), np.asarray(b, wide)
        terms = a.shape[1]
        want, size = a @ b, np.abs(a) @ np.abs(b)
        if more is not None:
            want, size, terms = want + more, size + np.abs(more).astype(wide), terms + 1
        unit = np.sqrt(terms) * np.finfo(self.dtype).eps / 2 * size
        off = np.abs(got - want)
        assert (off[size == 0] == 0).all(), kind
        largest = float((off / np.where(size == 0, 1, unit)).max())
        self.worst[kind] = max(self.worst.get(kind, 0), largest)


def backward_rows(one, a, g):
    """Return the gradients of each row alone: of its biases, and of shift and scale if any."""
    found = [one.backward(a[r : r + 1], g[r : r + 1]) for r in range(len(a))]
    return {
        part: None
        if getattr(found[0], part)[0] is None
        else np.array([getattr(each, part)[0] for each in found])
        for part in ("biases", "shifts", "scales")
    }


def compare_layer(sums, net, index, a, g):
    """Compare every sum of a layer with inputs a and dL/da = g; return its gradients."""
    one = alone(net, index)
    z = alone(net, index, activation="identity", norm=None).predict(a)
    sums.compare("z", z, a, net.weights[index].T, one.biases[0])
    whole, rows = one.backward(a, g), backward_rows(one, a, g)
    delta = rows["biases"]
    ones = np.ones((1, len(a)))
    sums.compare("data gradient", whole.inputs, delta, net.weights[index])
    sums.compare("weight gradient", whole.weights[0], delta.T, a)
    sums.compare("bias gradient", whole.biases[0][None], ones, delta)
    if rows["shifts"] is not None:
        sums.compare("shift gradient", whole.shifts[0][None], ones, rows["shifts"])
        sums.compare("scale gradient", whole.scales[0][None], ones, rows["scales"])
    return whole


def compare_network(sums, net, x):
    """Take a network apart; compare its sums, and what they come to with the network's."""
    a = [x]
    for index, layer in enumerate(net.layers):
        out = alone(net, index).predict(a[-1])
        a.append(out + a[-1] if layer.residual else out)
    assert_same_bits(a[-1], net.predict(x), "a")
    g = np.cos(np.arange(a[-1].size, dtype=net.dtype)).reshape(a[-1].shape)
    want = net.backward(x, g)
    tied_to = {layer.tied_to for layer in net.layers}
    for index in reversed(range(len(net.layers))):
        got = compare_layer(sums, net, index, a[index], g)
        g = got.inputs + g if net.layers[index].residual else got.inputs
        for part in ("weights", "biases", "scales", "shifts"):
            found = getattr(want, part)[index]
            shared = part == "weights" and (
                index in tied_to or net.layers[index].tied_to is not None
            )
            if found is not None and not shared:
                assert_same_bits(getattr(got, part)[0], found, f"{part}[{index}]")
    assert_same_bits(g, want.inputs, "inputs")


@pytest.mark.parametrize("dtype", spec.DTYPES)
def test_every_sum_of_a_layer(dtype, promise):
    sums = Sums(dtype, {})
    for number in range(NETWORKS):
        one = drawn(number, dtype)
        compare_network(sums, one.net, one.x)
    for kind, reached in sums.worst.items():
        promise(
            11,
            f"each element of {kind}, {NETWORKS} networks, {dtype}",
            f"{SUM_FACTOR} sqrt(K) u (|A| |B|) at most",
            f"{reached:.2g} sqrt(K) u (|A| |B|)",
        )
    assert max(sums.worst.values()) <= SUM_FACTOR, sums.worst
