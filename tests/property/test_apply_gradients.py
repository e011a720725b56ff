"""What `apply_gradients` takes, what it refuses, and what it leaves alone."""

import math

import numpy as np
import pytest
from refusal import LABELS, X, make, refuse
from strategies import DISGUISES, IMPOSTORS
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import reference

N = 32
GRADIENTS = np.linspace(-1, 1, N)


def state(optimizer):
    return [part.copy() for part in (optimizer.hyper, optimizer.clock, optimizer.slots)]


def with_number(index, value):
    return [value if place == index else number for place, number in enumerate(GRADIENTS)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_numbers_in_any_guise_take_the_same_step(disguise, dtype):
    whole = (np.arange(N) % 3 == 0).astype(np.float64)
    net, alone = make(dtype=dtype), make(dtype=dtype)
    given = DISGUISES[disguise](whole)
    net.apply_gradients(given, fb.Adam(0.1))
    alone.apply_gradients(whole.astype(dtype), fb.Adam(0.1))
    assert_same_bits(net.params, alone.params)
    assert np.asarray(given).tolist() == whole.tolist()


def test_numbers_of_another_dtype_are_rounded_first():
    net, alone = make(dtype="float32"), make(dtype="float32")
    net.apply_gradients(GRADIENTS / 3, fb.SGD(0.7))
    alone.apply_gradients((GRADIENTS / 3).astype(np.float32), fb.SGD(0.7))
    assert_same_bits(net.params, alone.params)


@pytest.mark.parametrize("rule", [fb.SGD(0.1, momentum=0.9), fb.Adam(clip_norm=1e-3, ema=0.5)])
def test_gradients_are_read_only(rule):
    rule.reset()
    net = make()
    gradients = net.gradient(X, LABELS)[1]
    before = gradients.flat.copy()
    gradients.flat.flags.writeable = False
    for _ in range(3):
        net.apply_gradients(gradients, rule)
    assert_same_bits(gradients.flat, before)
    # Nor are parameters, which may well be a gradient, changed while they are read.
    alone = make()
    alone.apply_gradients(alone.params, fb.SGD(0.5))
    assert_same_bits(alone.params, make().params / 2)


def test_steps_of_both_kinds_go_on_from_each_other():
    net, alone = make(), make()
    optimizer, other = (fb.Adam(0.05, ema=0.9) for _ in "ab")
    for step in range(6):
        if step % 2:
            net.train_step(X, LABELS, optimizer)
        else:
            net.apply_gradients(net.gradient(X, LABELS)[1], optimizer)
        alone.train_step(X, LABELS, other)
    assert_same_bits(net.params, alone.params)
    assert_same_bits(optimizer.average, other.average)
    # A name starts afresh.
    net.apply_gradients(GRADIENTS, "adam")
    alone.apply_gradients(GRADIENTS, fb.Adam())
    assert_same_bits(net.params, alone.params)


def test_gradients_of_a_network_with_the_same_layers_are_taken():
    net, copy = make(), make()
    copy.params = net.params * 2
    net.apply_gradients(copy.gradient(X, LABELS)[1], fb.SGD(0.1))
    alone = make()
    alone.apply_gradients(copy.gradient(X, LABELS)[1].flat, fb.SGD(0.1))
    assert_same_bits(net.params, alone.params)


def test_running_statistics_are_not_moved():
    layers = [fb.Dense(3, "tanh", norm="batch"), fb.Dense(1)]
    net = fb.Network(2, layers, dtype="float64")
    x, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    optimizer = fb.SGD(0.1, clip_norm=1.0, ema=0.5)
    net.train_step(x, y, optimizer)
    kept = [net.means[0].copy(), net.variances[0].copy()]
    assert kept[0].any()
    before = net.params.copy()
    # With numbers at their places too, which are no parameters that learn.
    for gradients in (net.gradient(x, y)[1], np.ones(net.params.size)):
        net.apply_gradients(gradients, optimizer)
    assert_same_bits(net.means[0], kept[0])
    assert_same_bits(net.variances[0], kept[1])
    places = np.ones(before.size, bool)
    places[2 * 3 + 3 * 3 :][:6] = False
    assert (net.params[places] != before[places]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("index", "layer"), [(0, 0), (19, 0), (20, 1), (31, 1)])
def test_what_is_not_finite_is_refused_and_changes_nothing(value, index, layer, dtype):
    net, optimizer = make(dtype=dtype), fb.Adam(ema=0.9)
    net.apply_gradients(GRADIENTS, optimizer)
    message = (
        rf"^gradients must be finite, got {value} at index {index}, in layers\[{layer}\]; "
        "parameters and optimizer are unchanged$"
    )
    before = state(optimizer)
    bad = with_number(index, value)
    refuse(net, FloatingPointError, message, lambda: net.apply_gradients(bad, optimizer))
    gradients = net.gradient(X, LABELS)[1]
    gradients.flat[index] = value
    refuse(net, FloatingPointError, message, lambda: net.apply_gradients(gradients, optimizer))
    for now, then in zip(state(optimizer), before, strict=True):
        assert_same_bits(now, then)
    net.apply_gradients(GRADIENTS, optimizer)


def test_what_is_not_finite_is_refused_where_nothing_learns_too():
    net = fb.Network(1, [fb.Dense(1, trainable=False), fb.Dense(1)])
    message = r"^gradients must be finite, got nan at index 0, in layers\[0\]"
    bad = [math.nan, 0, 0, 0]
    refuse(net, FloatingPointError, message, lambda: net.apply_gradients(bad, "sgd"))


def test_what_is_too_large_for_the_dtype_is_refused_and_explained():
    net = make(dtype="float32")
    message = r"got 1e\+300 at index 7, in layers\[0\] \(not finite as float32\); parameters and"
    bad = with_number(7, 1e300)
    refuse(net, FloatingPointError, message, lambda: net.apply_gradients(bad, "sgd"))


def other_networks():
    """Yield (id, network, other network, sizes of the other's gradients)."""
    dense = fb.Dense
    yield "sizes", make(), fb.mlp([3, 6, 2]), "3-6-2"
    yield "bias", *pair([dense(4, bias=False), dense(4)], [dense(4), dense(4, bias=False)])
    yield "norm", *pair([dense(4, norm="layer"), dense(4)], [dense(4), dense(4, norm="layer")])
    yield (
        "tied",
        *pair([dense(4), dense(4, tied_to=0), dense(4)], [dense(4), dense(4), dense(4, tied_to=0)]),
    )
    yield "flat", *pair([dense(4, bias=False)], [dense(2, bias=False)], (2, 4), "4-2")


def pair(layers, others, n_in=(4, 4), sizes=""):
    """Return two networks of as many parameters, and the sizes of the second."""
    first, second = fb.Network(n_in[0], layers), fb.Network(n_in[1], others)
    assert first.params.size == second.params.size
    return first, second, sizes or "-".join(["4"] * (1 + len(others)))


@pytest.mark.parametrize(
    ("net", "other", "came"), [pytest.param(*rest, id=name) for name, *rest in other_networks()]
)
def test_gradients_of_other_layers_are_refused(net, other, came):
    n_in, n_out = other.sizes[0], other.sizes[-1]
    gradients = other.backward(np.ones((1, n_in)), np.ones((1, n_out)))
    sizes = "-".join(map(str, net.sizes))
    message = (
        f"^gradients must be of network sizes {sizes} with the same biases, norms and tied "
        f"weights, got those of {came}$"
    )
    optimizer = fb.SGD(0.1)
    refuse(net, ValueError, message, lambda: net.apply_gradients(gradients, optimizer))
    other.apply_gradients(gradients, optimizer)  # it may still have the optimizer


@pytest.mark.parametrize("shape", [(31,), (33,), (1, 32), (32, 1), (0,), ()], ids=str)
def test_wrong_shapes_are_refused(shape):
    net = make()
    message = rf"^gradients must have shape \(32,\) \(network sizes 3-5-2\), got shape \({shape}"
    message = message.replace(str(shape), str(shape)[1:-1].replace("(", r"\("))
    refuse(net, ValueError, message, lambda: net.apply_gradients(np.ones(shape), fb.Adam()))


@pytest.mark.parametrize("kind", sorted(set(IMPOSTORS) - {"scalar", "three-dimensions"}))
def test_what_is_no_vector_of_numbers_is_refused(kind):
    net = make()
    with pytest.raises((TypeError, ValueError), match=r"^gradients must .*(got|rectangular)"):
        net.apply_gradients(IMPOSTORS[kind](np.ones(N)), fb.Adam())
    assert_same_bits(net.params, make().params)


def test_what_gradient_returns_whole_is_refused():
    net = make()
    found = net.gradient(X, LABELS)
    refuse(net, TypeError, r"^gradients must ", lambda: net.apply_gradients(found, "sgd"))


def test_other_refusals_are_those_of_train_step():
    first, second, optimizer = make(), make(), fb.SGD(0.1)
    first.apply_gradients(GRADIENTS, optimizer)
    message = r"^optimizer must be new or reset .*reset()"
    refuse(second, ValueError, message, lambda: second.apply_gradients(GRADIENTS, optimizer))
    with pytest.raises(ValueError, match=r"^optimizer must be one of .*got 'SGD'$"):
        first.apply_gradients(GRADIENTS, "SGD")
    with pytest.raises(TypeError, match=r"^optimizer must be a name or"):
        first.apply_gradients(GRADIENTS, 0.1)
    frozen = fb.Network(1, [fb.Dense(1, trainable=False)])
    message = r"^trainable must be True for at least one layer"
    refuse(frozen, ValueError, message, lambda: frozen.apply_gradients([1.0, 1.0], "sgd"))


def test_an_update_may_leave_parameters_that_are_not_finite_as_train_step_may():
    net = make(dtype="float32")
    net.apply_gradients(np.full(N, 1e38), fb.SGD(1e38))
    assert not np.isfinite(net.params).all()


def test_a_layer_that_is_thawed_learns_and_one_that_is_frozen_stays():
    net = fb.Network(1, [fb.Dense(1), fb.Dense(1)], dtype="float64")
    optimizer = fb.SGD(1.0, momentum=0.5, clip_norm=1e9)
    moves = []
    for trainable in ((True, True), (False, True), (True, False)):
        for layer, learns in zip(net.layers, trainable, strict=True):
            layer.trainable = learns
        before = net.params.copy()
        net.apply_gradients([1.0, 1.0, 1.0, 1.0], optimizer)
        moves.append((before != net.params).tolist())
    assert moves == [[True] * 4, [False, False, True, True], [True, True, False, False]]


def test_the_twin_refuses_the_same():
    twin = reference.mlp([1, 2, 1])
    optimizer = reference.Adam()
    start = list(twin.params)
    for gradients, error, message in [
        (1.0, TypeError, r"^gradients must be Gradients or a list of numbers, got 1\.0$"),
        ("text", TypeError, r"^gradients must be Gradients or a list of numbers, got 'text'$"),
        ([0] * 6, ValueError, r"^gradients must have 7 numbers \(network sizes 1-2-1\), got 6$"),
        ([0] * 6 + [None], TypeError, r"^gradients must hold real numbers, got None at index 6$"),
        ([0] * 6 + [2j], TypeError, r"^gradients must hold real numbers, got 2j at index 6$"),
        ([0, math.nan] * 3 + [0], FloatingPointError, r"got nan at index 1; parameters and"),
        (
            reference.mlp([1, 3, 1]).backward([[1.0]], [[1.0]]),
            ValueError,
            r"^gradients must be of network sizes 1-2-1 with the same biases, .* of 1-3-1$",
        ),
    ]:
        with pytest.raises(error, match=message):
            twin.apply_gradients(gradients, optimizer)
    assert twin.params == start
    reference.mlp([1, 1]).apply_gradients([1.0, 1.0], optimizer)  # another one may have it
    with pytest.raises(ValueError, match=r"^optimizer must be used with one network"):
        twin.apply_gradients([0.0] * 7, optimizer)
