"""Promise 11: forward, loss and every gradient of 300 drawn networks, against two kinds of bounds.

Of each sum that the engine makes, given the numbers that the engine itself puts into it:
elementwise |error| <= 8 sqrt(K) u (|A| |B|), u half an epsilon. The numbers are seen by taking the
network apart into its layers; put together again they have the network's bits.

Of whole passes and of a step of training: the norm of the error to that of the result, at most
1e-6 in float32 and 1e-14 in float64, against formulas.py on the tape of tape.py in float64 or long
double. That can only hold where the result itself does not hang on the last digits. So each
network has a condition number: what changing every intermediate result and derivative by a share
of at most NOISE does to a result, in units of that share, the worst of 3 such changes. 150 networks
a dtype have KAPPA at most for each result. Those above, which are drawn on the way, are not let go:
their error must be within the limit times their condition number. So must, by its own, the
gradient of each layer's weights, biases, scales and shifts, but of biases below the norm of a
batch: that is 0 whatever the rows are, and nothing but rounding errors in the whole gradient.
"""

import functools

import mpmath
import numpy as np
import pytest
from drawn import drawn
from formulas import Formulas
from strategies import EVERY_ACTIVATION, EVERY_LOSS, twin_of
from tape import Tape, exact_number
from tolerance import NORMWISE, ORACLE_ERROR, norm
from tolerance import plain as plain_numbers

import fastbp as fb
from fastbp import spec
from fastbp.names import plain

WIDER = {"float32": np.float64, "float64": np.longdouble}
NETWORKS = 150  # of each dtype
KAPPA = {"float32": 6.0, "float64": 10.0}
PARTS = ("weights", "biases", "scales", "shifts")
# Larger than the errors of the dtype, so that what they bring over a bend of relu or huber, where
# the derivative jumps, is brought over it by the noise too.
NOISE = {"float32": 1e-6, "float64": 1e-9}

every_dtype = pytest.mark.parametrize("dtype", spec.DTYPES)
pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="the oracle needs a 64-bit significand"
)


def own(net, gradients):
    """Return {name: array} of the gradients of parameters, tied weights once."""
    found = {}
    for part in PARTS:
        for index, array in enumerate(getattr(gradients, part)):
            tied = part == "weights" and net.layers[index].tied_to is not None
            if array is not None and not tied:
                found[f"{part}[{index}]"] = array
    return found


def step_gradients(drawn_one):
    """Return the loss of a training step and its gradients: the velocity after the first step."""
    net = drawn_one.net
    before = net.params.copy()
    optimizer = fb.SGD(1e-3, momentum=0.9)
    loss = net.train_step(drawn_one.x, drawn_one.y, optimizer, drawn_one.weight)
    net.params[:] = optimizer.slots[0]
    parts = {name: array.copy() for name, array in own(net, net).items()}
    net.params[:] = before
    return whole({"loss": np.array([[loss]]), **parts})


def reached(drawn_one):
    """Return what the package answers: {pass: {name: array}}."""
    net, x, y, weight = drawn_one.net, drawn_one.x, drawn_one.y, drawn_one.weight
    loss, gradients = net.gradient(x, y, weight)
    assert net.evaluate(x, y, weight) == loss
    passes = {"a": net.predict(x), "loss": np.array([[loss]]), "inputs": gradients.inputs}
    return {"pass": whole({**passes, **own(net, gradients)}), "step": step_gradients(drawn_one)}


def expected(drawn_one, way, dtype, noise=0.0, seed=0):
    """Return what the formulas answer: {name: array}."""
    formulas = Formulas(drawn_one.net, Tape(dtype, noise, seed), training=way == "step")
    return whole(formulas.results(drawn_one.x, drawn_one.y, drawn_one.weight))


def whole(results):
    """Return results with the gradients of all parameters as one vector."""
    names = [name for name in results if name.partition("[")[0] in PARTS]
    gradient = np.concatenate([results[name].ravel() for name in names])
    return {**results, "gradient": gradient}


def relative(got, want):
    """Return ||got - want|| / ||want||."""
    difference = norm(got - want)
    return difference / norm(want) if want.any() else (np.inf if difference else 0.0)


def is_zero(name, way, net):
    """Whether a gradient is 0 whatever the rows are: of biases below the norm of a batch."""
    part, _, index = name.rstrip("]").partition("[")
    return part == "biases" and way == "step" and "batch" in (net.layers[int(index)].norm or "")


def errors(number, dtype):
    """Return [(relative error, condition number, name, of what)] of a drawn network's results."""
    one = drawn(number, dtype)
    found = []
    for way, got in reached(one).items():
        want = expected(one, way, WIDER[dtype])
        still = want if dtype == "float32" else expected(one, way, np.float64)
        noise = NOISE[dtype]
        shaken = [expected(one, way, np.float64, noise, seed) for seed in range(3)]
        for name, array in got.items():
            if not is_zero(name, way, one.net):
                kappa = max(relative(other[name], still[name]) for other in shaken) / noise
                found.append((relative(array, want[name]), kappa, name, f"{way} of {one}"))
    return found


def of_whole(found):
    """Return the results that are not of a single layer."""
    return [one for one in found if "[" not in one[2]]


@functools.cache
def all_errors(dtype):
    """Return the errors of NETWORKS well conditioned networks, and of the others drawn."""
    kept, others, number = [], [], 0
    while len(kept) < NETWORKS:
        found = errors(number, dtype)
        well = all(kappa <= KAPPA[dtype] for _, kappa, *_ in of_whole(found))
        (kept if well else others).append(found)
        number += 1
    return kept, others


@every_dtype
def test_every_result_of_a_well_conditioned_network(dtype, promise):
    kept, others = all_errors(dtype)
    worst = max(one for found in kept for one in of_whole(found))
    promise(
        11,
        f"results of {len(kept)} networks with condition numbers up to {KAPPA[dtype]:g}, {dtype}",
        f"a relative error of {NORMWISE[dtype]:g} at most",
        f"{worst[0]:.2g}; {len(others)} more were drawn",
    )
    assert worst[0] <= NORMWISE[dtype], worst


@every_dtype
def test_every_result_of_any_network_and_each_gradient_of_its_own(dtype, promise):
    kept, others = all_errors(dtype)
    results = [one for found in (*kept, *others) for one in found]
    worst = max((error / max(kappa, 1), *what) for error, kappa, *what in results)
    promise(
        11,
        f"all results of all {len(kept) + len(others)} networks and each part's gradient, {dtype}",
        f"a relative error of {NORMWISE[dtype]:g} times the condition number at most",
        f"{worst[0]:.2g} times, condition numbers up to {max(one[1] for one in results):.2g}",
    )
    assert worst[0] <= NORMWISE[dtype], worst


@every_dtype
def test_the_networks_have_every_activation_loss_and_kind_of_layer(dtype):
    kept, _ = all_errors(dtype)
    nets = [drawn(number, dtype) for number in range(NETWORKS)]
    layers = [layer for one in nets for layer in one.net.layers]
    assert {layer.activation for layer in layers} >= set(map(written, EVERY_ACTIVATION))
    assert {one.net.loss for one in nets} >= {spec.loss_name(loss) for loss in EVERY_LOSS}
    assert {plain(layer.norm or "") for layer in layers} == {"", "layer", "batch"}
    assert {layer.residual for layer in layers} == {layer.bias for layer in layers} == {True, False}
    assert {layer.tied_to is not None for layer in layers} == {True, False}
    assert {layer.transposed for layer in layers} == {True, False}
    assert {one.weight is None for one in nets} == {True, False}
    assert len(kept) == NETWORKS


def written(activation):
    """Return the name of an activation as layers have it."""
    return fb.Dense(1, activation).activation


@pytest.mark.parametrize("number", range(46))
def test_the_oracle_agrees_with_the_twin_to_its_last_digits(number):
    one = drawn(number, "float64", small=True)
    want = expected(one, "pass", np.longdouble)
    context = mpmath.MPContext()
    context.prec = 120
    twin = twin_of(one.net, context.mpf)
    loss, gradients = twin.gradient(plain_numbers(one.x), *map(plain_numbers, (one.y, one.weight)))
    got = {"loss": [[loss]], "inputs": gradients.inputs, **own(one.net, gradients)}
    for name, exact in got.items():
        array = np.array(exact, object).reshape(want[name].shape)
        pairs = zip(array.ravel(), want[name].ravel(), strict=True)
        off = [float(context.mpf(v) - exact_number(context, w)) for v, w in pairs]
        assert norm(off) <= ORACLE_ERROR * norm(want[name]), name
