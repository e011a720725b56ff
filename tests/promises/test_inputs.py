"""Every kind of array for every argument: the bits of a plain array, or an error that names it."""

import copy
import pickle
import re

import numpy as np
import pytest
from promises.kinds import ACCEPTED, KINDS, looks, masked_at
from refusal import refuse
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import checks

DTYPES = ["float32", "float64"]
N_ROWS = 5
RNG = np.random.default_rng(5)


def whole(*shape):
    """Return whole numbers from 0 to 3, of which the first and the last row are not 0."""
    found = RNG.integers(0, 4, shape).astype(np.float64)
    found[0], found[-1] = 1, 2
    return found


X, Y, WEIGHT = whole(N_ROWS, 3), whole(N_ROWS, 2), whole(N_ROWS)
LABELS = np.array([0, 1, 1, 0, 1.0])
HELD = {"validation x": X[::-1].copy(), "validation y": Y + 1, "validation sample_weight": WEIGHT}
ROWS = {"x": X, "y": Y, "sample_weight": WEIGHT}


def network(dtype, loss="mse"):
    output = "softmax" if loss == "cross_entropy" else "identity"
    return fb.mlp([3, 4, 2], "tanh", output, loss, dtype=dtype, seed=3)


def predict(dtype, given):
    return network(dtype).predict(given["x"])


def evaluate(dtype, given):
    return network(dtype).evaluate(given["x"], given["y"], given["sample_weight"])


def gradient(dtype, given):
    loss, found = network(dtype).gradient(given["x"], given["y"], given["sample_weight"])
    return np.hstack([loss, found.flat, found.inputs.ravel()])


def backward(dtype, given):
    found = network(dtype).backward(given["x"], given["output_gradient"])
    return np.hstack([found.flat, found.inputs.ravel()])


def train_step(dtype, given):
    net, optimizer = network(dtype), fb.Adam(0.1)
    losses = [
        net.train_step(given["x"], given["y"], optimizer, given["sample_weight"]) for _ in "ab"
    ]
    return np.hstack([losses, net.params])


def fit(dtype, given):
    net = network(dtype)
    held = tuple(given[name] for name in HELD)
    arguments = {"epochs": 2, "batch_size": 2, "progress": False, "metrics": "r2"}
    history = net.fit(
        given["x"],
        given["y"],
        fb.Adam(0.1),
        sample_weight=given["sample_weight"],
        validation=held,
        **arguments,
    )
    figures = history.loss + history.validation_loss + history.metrics["r2"]
    return np.hstack([figures, net.params])


def partial_fit(dtype, given):
    net = network(dtype)
    for _ in "ab":
        net.partial_fit(
            given["x"], given["y"], "sgd", batch_size=2, sample_weight=given["sample_weight"]
        )
    return net.params.copy()


def labels(dtype, given):
    net = network(dtype, "cross_entropy")
    loss = net.evaluate(given["x"], given["y"])
    net.fit(given["x"], given["y"], epochs=1, validation=(given["x"], given["y"]), progress=False)
    return np.hstack([loss, net.params])


def params(dtype, given):
    net = network(dtype)
    net.params = given["params"]
    return net.params.copy()


CALLS = {
    predict: {"x": X},
    evaluate: ROWS,
    gradient: ROWS,
    backward: {"x": X, "output_gradient": Y},
    train_step: ROWS,
    fit: ROWS | HELD,
    partial_fit: ROWS,
    labels: {"x": X, "y": LABELS},
    params: {"params": whole(26)},
}
every_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


def same_bits(call, dtype, kind, slot, plain):
    """Require the bits of the plain array of the numbers that a thing holds, and that it stays."""
    thing = kind.make(plain[slot].copy())
    before = looks(thing)
    found = call(dtype, plain | {slot: thing})
    numbers = np.array(kind.numbers(plain[slot]), np.float64)
    assert_same_bits(found, call(dtype, plain | {slot: numbers}), f"{slot} of {call.__name__}")
    assert looks(thing) == before


def refused(call, dtype, kind, slot, plain):
    """Require the error that names the argument, and that the thing stays."""
    error, came = kind.refusal
    thing = kind.make(plain[slot].copy())
    before = looks(thing)
    rule = came if slot != "params" else came.replace("row 4", "row 25")
    with pytest.raises(error) as caught:
        call(dtype, plain | {slot: thing})
    text = str(caught.value)
    assert re.match(f"{slot} must ", text), text
    assert re.search(rule, text) or (kind.name == "ragged list" and "must" in text), text
    assert looks(thing) == before


@every_call
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_array_gives_the_right_answer_or_a_named_error(kind, call):
    done = 0
    for slot, plain in CALLS[call].items():
        if kind.make(plain.copy()) is None:
            continue
        for dtype in DTYPES:
            check = same_bits if kind.refusal is None else refused
            check(call, dtype, kind, slot, CALLS[call])
            done += 1
    if not done:
        pytest.skip("has no such number of dimensions")


def test_the_kinds_are_counted(promise):
    kinds, taken = len(KINDS), len(ACCEPTED)
    slots = sum(map(len, CALLS.values()))
    promise(
        8,
        "kinds of arrays, for each argument of each method, in both dtypes",
        "24 kinds: the bits of a plain array, or an error naming argument, rule and what came",
        f"{kinds} kinds ({taken} taken, {kinds - taken} refused) for {slots} arguments",
    )
    assert len({kind.name for kind in KINDS}) == kinds >= 24


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ACCEPTED, ids=lambda kind: kind.name)
def test_kernels_get_rows_that_lie_as_they_assume(kind, dtype):
    thing = kind.make(X.copy())
    if thing is None:
        pytest.skip("has no such number of dimensions")
    found = checks.rows("x", thing, 3, dtype, "3-1")
    assert found.flags.c_contiguous
    assert found.flags.aligned
    assert found.dtype == dtype
    assert found.dtype.isnative


@every_call
def test_a_number_beyond_float32_is_named_in_a_float32_network(call):
    for slot, plain in CALLS[call].items():
        thing = plain.copy()
        thing[(-1,) * thing.ndim] = 1e300
        given = CALLS[call] | {slot: thing}
        place = f"in row {len(thing) - 1}, column "
        came = rf"1e\+300 {place}\d \(not finite as float32\)$"
        rule = rf"must be finite, got {came}"
        if call is labels and slot == "y":
            rule = r"must hold class indices from 0 to 1, got 1e\+300 in row 4$"
        with pytest.raises(ValueError, match=f"^{slot} {rule}"):
            call("float32", given)


@pytest.mark.parametrize(
    ("places", "came"),
    [
        ([(0, 0), (2, 1)], "row 0, column 0"),
        ([(3, 0), (2, 2)], "row 2, column 2"),
        ([(4, 2)], "row 4, column 2"),
    ],
)
def test_the_first_masked_entry_is_named(places, came):
    net = network("float32")
    message = f"^x must have no masked entries, got one in {came}; fill them"
    with pytest.raises(ValueError, match=message):
        net.predict(masked_at(X, *places))
    with pytest.raises(ValueError, match=r"^sample_weight must have no masked .* in row 3;"):
        net.evaluate(X, Y, masked_at(WEIGHT, 3))


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_is_taken_and_none_refused(rows, dtype):
    given = {name: array[:rows] for name, array in (ROWS | HELD).items()}
    given |= {"output_gradient": Y[:rows]}
    for call in (predict, evaluate, gradient, backward, train_step, fit, partial_fit):
        if rows:
            assert np.isfinite(call(dtype, given)).all()
        else:
            with pytest.raises(
                ValueError, match=r"^x must have at least 1 row, got shape \(0, 3\)"
            ):
                call(dtype, given)


VIEWS = ["weights", "biases", "scales", "shifts", "means", "variances"]


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_the_parameters_are_not_replaced(name):
    net = network("float64")
    before = getattr(net, name)
    with pytest.raises(AttributeError, match=rf"^{name} must be written in place, .* got \[1\.0\]"):
        setattr(net, name, [1.0])
    assert getattr(net, name) is before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_params_that_are_not_finite_are_refused(value):
    net = network("float32")
    bad = net.params.copy()
    bad[7] = value
    message = f"^params must be finite, got {value} in row 7, column 0$"
    refuse(net, ValueError, message, lambda: setattr(net, "params", bad))
    # In place nothing is looked at, and a network that has diverged by a hand is copied as it is.
    net.params[7] = value
    assert pickle.loads(pickle.dumps(net)).params.tobytes() == net.params.tobytes()


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_shares_nothing_with_its_original(way):
    net = network("float32")
    net.metadata = {"names": ["a", "b"]}
    other = COPIES[way](net)
    assert_same_bits(other.params, net.params)
    assert other.metadata == net.metadata
    other.metadata["names"].append("c")
    other.params[:] = 0
    other.layers[0].trainable = False
    assert net.metadata == {"names": ["a", "b"]}
    assert net.params.any()
    assert net.layers[0].trainable
    # Copied first and trained then, both learn alike, and each for itself.
    first, second = COPIES[way](net), COPIES[way](net)
    first.fit(X, Y, epochs=2, progress=False)
    assert_same_bits(second.params, net.params)
    second.fit(X, Y, epochs=2, progress=False)
    assert_same_bits(second.params, first.params)
