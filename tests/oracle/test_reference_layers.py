"""The twin's gradients through dropout, normalisation, skip connections and tied weights.

Against differences of its own loss, as in test_reference_differences; in training the loss is that
of one step, with its mask and its batch's statistics.
"""

import random

import mpmath
import pytest

from fastbp import reference
from fastbp.reference.between import Step
from fastbp.reference.losses import weighted_loss
from fastbp.reference.training import Data

pytestmark = pytest.mark.no_sanitizer("runs no compiled code, and for long")

MP = mpmath.MPContext()
MP.dps = 50
STEP = MP.mpf(10) ** -10
TOLERANCE = MP.mpf(10) ** -25

LAYERS = {
    "plain": [{}],
    "dropout": [{"dropout": 0.4}],
    "layer-norm": [{"norm": "layer"}],
    "batch-norm": [{"norm": "batch"}],
    "frozen-batch-norm": [{"norm": "batch", "trainable": False}],
    "residual": [{"units": 3, "residual": True}],
    "two": [{"norm": "batch", "dropout": 0.3}, {"residual": True, "norm": "layer"}],
    "tied": [{}, {"tied_to": 1}],
    "transposed": [{}, {"units": 3, "tied_to": 0, "transposed": True}],
}


def number(value):
    """Convert to 50 digits."""
    return MP.mpf(value)


def make(name):
    """Return a network 3-4-...-2 of 50 digits, rows, targets and row weights."""
    rng = random.Random(name)
    extras = [{"units": 4, "activation": "tanh", **extra} for extra in LAYERS[name]]
    if name == "tied":
        extras.insert(0, {"units": 4, "activation": "tanh"})
    layers = [reference.Dense(**extra) for extra in extras]
    net = reference.Network(3, [*layers, reference.Dense(2)], dtype=number, seed=5)
    net.params = [rng.uniform(0.2, 1) * rng.choice([1, -1]) for _ in net.params]
    for variance in net.variances:
        if variance is not None:
            variance[:] = [number(rng.uniform(0.5, 2)) for _ in variance]
    x = [[number(rng.uniform(-1, 1)) for _ in range(3)] for _ in range(5)]
    y = [[number(rng.uniform(-1, 1)) for _ in range(2)] for _ in range(5)]
    return net, Data(x, y, [number(w) for w in (1, 0.5, 0, 2, 1)])


def running_places(net):
    """Return the places of running means and variances in the flat list."""
    net_params = net.params
    marker = number(10) ** 9
    kept = [(row, list(row)) for row in net.means + net.variances if row]
    for row, _ in kept:
        row[:] = [marker] * len(row)
    places = {i for i, p in enumerate(net.params) if p == marker}
    net.params = net_params
    assert len(places) == sum(len(values) for _, values in kept)
    return places


def assert_gradient(net, loss, found):
    """Compare a flat gradient with extrapolated differences; 0 for running statistics."""
    params = net.params
    running = running_places(net)
    assert len(found) == len(params)
    for i, g in enumerate(found):
        if i in running:
            assert g == 0
            continue

        def central(h, i=i):
            above, below = ([*params[:i], params[i] + d, *params[i + 1 :]] for d in (h, -h))
            return (loss(above) - loss(below)) / (2 * h)

        slope = (4 * central(STEP / 2) - central(STEP)) / 3
        assert abs(slope - g) <= TOLERANCE, (i, slope, g)
    net.params = params


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_predictions(name):
    net, data = make(name)

    def loss(params):
        net.params = params
        return net.evaluate(*data)

    assert_gradient(net, loss, net.gradient(*data)[1].flat)


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_inputs(name):
    net, data = make(name)
    found = net.gradient(*data)[1].inputs
    for r, k in [(0, 0), (1, 2), (4, 1)]:

        def central(h, r=r, k=k):
            losses = []
            for d in (h, -h):
                x = [list(row) for row in data.x]
                x[r][k] += d
                losses.append(net.evaluate(x, data.y, data.weight))
            return (losses[0] - losses[1]) / (2 * h)

        slope = (4 * central(STEP / 2) - central(STEP)) / 3
        assert abs(slope - found[r][k]) <= TOLERANCE


@pytest.mark.parametrize("name", LAYERS)
def test_gradient_of_a_step(name):
    net, data = make(name)
    optimizer = reference.SGD(0.1)
    optimizer._step = 3
    loss_of_step, gradients, _ = net._step(data, optimizer)

    def loss(params):
        net.params = params
        walk = net._forward(data.x, Step(net._dropout_key, 3, data.weight))
        return weighted_loss(walk.z[-1], data.y, data.weight, "identity", "mse")

    assert loss(net.params) == loss_of_step
    assert_gradient(net, loss, gradients.flat)


def test_a_step_leaves_out_units_and_normalises_its_batch():
    net, data = make("dropout")
    walk = net._forward(data.x, Step(net._dropout_key, 3, data.weight))
    factors = [
        a / t
        for a_r, z_r in zip(walk.a[1], walk.z[0], strict=True)
        for a, t in zip(a_r, map(MP.tanh, z_r), strict=True)
    ]
    assert {round(float(f), 9) for f in factors} == {0.0, round(1 / 0.6, 9)}
    net, data = make("batch-norm")
    walk = net._forward(data.x, Step(net._dropout_key, 3, data.weight))
    scale, shift = net.scales[0], net.shifts[0]
    for j in range(4):
        n = [(row[j] - shift[j]) / scale[j] for row in walk.z[0]]
        mean = sum(w * v for w, v in zip(data.weight, n, strict=True)) / sum(data.weight)
        assert abs(mean) < 1e-40
        variance = sum(w * v * v for w, v in zip(data.weight, n, strict=True)) / sum(data.weight)
        assert 0.99 < variance < 1
