"""Python functions of one's own that fail, misbehave, or call fastbp themselves, in the middle."""

import threading

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import custom

ROLES = ["value", "derivative", "loss", "gradient"]
X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(96, 2)).astype("float32")


class Switched:
    """A function on a batch that does something else at its n-th call from now."""

    def __init__(self, function):
        self.function = function
        self.disarm()

    def disarm(self):
        self.calls, self.at, self.instead = 0, None, None

    def arm(self, at, instead):
        self.calls, self.at, self.instead = 0, at, instead

    def __call__(self, *arrays):
        self.calls += 1
        return (self.instead if self.calls == self.at else self.function)(*arrays)


SWITCHED = {
    "value": Switched(np.tanh),
    "derivative": Switched(lambda z: 1 - np.tanh(z) ** 2),
    "loss": Switched(lambda a, y: ((a - y) ** 2).sum(axis=1) / 2),
    "gradient": Switched(lambda a, y: a - y),
}


@pytest.fixture(autouse=True)
def _register():
    for function in SWITCHED.values():
        function.disarm()
    fb.register_activation("switched", SWITCHED["value"], SWITCHED["derivative"])
    fb.register_loss("switched", SWITCHED["loss"], SWITCHED["gradient"])


def network(extra=None, dtype="float32"):
    """Return a network whose first layer and loss alone are switched: each once a step."""
    first = fb.Dense(6, "switched", **(extra or {}))
    layers = [first, fb.Dense(5, "tanh"), fb.Dense(5, "relu"), fb.Dense(2)]
    return fb.Network(4, layers, "switched", dtype=dtype)


def fit(net, rows, optimizer, batch_size=16):
    return net.fit(
        X[:rows], Y[:rows], optimizer, epochs=1, batch_size=batch_size, shuffle=False,
        progress=False,
    )  # fmt: skip


def fail(error):
    def raising(*arrays):
        raise error

    return raising


EXTRAS = {
    "plain": {},
    "batch norm": {"norm": "batch"},
    "layer norm and dropout": {"norm": "layer", "dropout": 0.2},
}
OPTIMIZERS = {
    "adam": lambda: fb.Adam(0.01),
    "clipped": lambda: fb.SGD(0.1, momentum=0.9, clip_norm=0.5),
}


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("role", ROLES)
def test_a_fit_ends_with_the_parameters_of_the_last_whole_step(role, extra, optimizer, step):
    net, same, whole = (network(EXTRAS[extra]) for _ in range(3))
    rule, other, third = (OPTIMIZERS[optimizer]() for _ in range(3))
    error = KeyError("not today")
    SWITCHED[role].arm(step, fail(error))
    with pytest.raises(KeyError) as caught:
        fit(net, 96, rule)
    assert caught.value is error
    SWITCHED[role].disarm()
    if step > 1:
        fit(same, 16 * (step - 1), other)
        assert rule.steps == other.steps == step - 1
    assert_same_bits(net.params, same.params, "params")
    # The same function, as good as ever, goes on from there.
    fit(whole, 96, third)
    for first in range(16 * (step - 1), 96, 16):
        net.train_step(X[first : first + 16], Y[first : first + 16], rule)
    assert_same_bits(net.params, whole.params, "params after going on")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("at", [1, 2])
def test_a_batch_of_several_blocks_is_one_step(role, at):
    x, y = (np.tile(part, (4, 1)) for part in (X, Y))
    net = network()
    before = net.params.copy()
    SWITCHED[role].arm(at, fail(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        net.fit(x, y, epochs=1, batch_size=None, progress=False)
    assert_same_bits(net.params, before, "params")


CALLS = {
    "predict": lambda net: net.predict(X),
    "evaluate": lambda net: net.evaluate(X, Y),
    "gradient": lambda net: net.gradient(X, Y),
    "backward": lambda net: net.backward(X, Y),
    "train_step": lambda net: net.train_step(X, Y, fb.SGD(0.1)),
    "fit": lambda net: net.fit(X, Y, epochs=2, progress=False, validation=0.5),
}
USED = {
    "predict": ["value"],
    "evaluate": ["value", "loss"],
    "backward": ["value", "derivative"],
}
ANSWERS = {
    "error": (fail(ZeroDivisionError("zero")), ZeroDivisionError, "^zero$"),
    "interrupt": (fail(KeyboardInterrupt()), KeyboardInterrupt, None),
    "transposed": (lambda a, *_: a.T, ValueError, "returns must have shape .*, got shape"),
    "a number": (lambda *_: 1.0, ValueError, r"must have shape .*, got shape \(\)"),
    "complex": (lambda a, *_: 1j * a, TypeError, "must hold real numbers, got dtype complex"),
    "text": (lambda *_: "text", TypeError, "must hold real numbers"),
    "ragged": (lambda *_: [[1], [2, 3]], ValueError, "must be a rectangular array"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(
    ("call", "role"), [(call, role) for call in CALLS for role in USED.get(call, ROLES)]
)
def test_every_call_raises_what_a_function_does_wrong(call, role, answer):
    net = network()
    before = net.params.copy()
    instead, error, message = ANSWERS[answer]
    SWITCHED[role].arm(1, instead)
    with pytest.raises(error, match=message):
        CALLS[call](net)
    assert SWITCHED[role].calls == 1, "no function is called after one has failed"
    assert_same_bits(net.params, before, "params")
    CALLS[call](net)


def test_no_other_function_is_called_after_one_has_failed():
    SWITCHED["value"].arm(1, fail(ValueError("first")))
    calls = {role: function.calls for role, function in SWITCHED.items()}
    with pytest.raises(ValueError, match="first"):
        network().gradient(X, Y)
    assert [SWITCHED[role].calls - calls[role] for role in ROLES] == [1, 0, 0, 0]


def test_nan_is_a_divergence_and_no_error():
    net = network()
    SWITCHED["value"].arm(3, lambda z: z * np.nan)
    with pytest.warns(RuntimeWarning, match="^loss became nan at epoch 1, step 3"):
        history = fit(net, 96, fb.SGD(0.1))
    assert history.stop_reason == "diverged"
    assert np.isfinite(net.params).all()


@pytest.mark.parametrize("kind", ["int64", "bool", "float64", "list"])
def test_any_real_dtype_is_converted(kind):
    def step(z):
        return (z > 0).tolist() if kind == "list" else (z > 0).astype(kind)

    net = network()
    SWITCHED["value"].arm(1, step)
    got = net.predict(X)
    SWITCHED["value"].arm(1, lambda z: np.where(z > 0, np.float32(1), np.float32(0)))
    assert_same_bits(got, net.predict(X))


def test_what_overflows_becomes_infinite():
    net = fb.Network(4, [fb.Dense(2, "switched")])
    SWITCHED["value"].arm(1, lambda z: np.full(z.shape, 1e300))
    assert np.isinf(net.predict(X)).all()


def test_functions_may_keep_and_change_what_they_are_given():
    kept = []

    def destructive(function):
        def changing(*arrays):
            assert all(a.flags.c_contiguous and a.dtype == "float32" for a in arrays)
            answer = function(*arrays)
            for array in arrays:
                array[...] = 77
                kept.append(array)
            return answer

        return changing

    expected = network().gradient(X, Y)
    for switch in SWITCHED.values():
        switch.arm(1, destructive(switch.function))
    loss, found = network().gradient(X, Y)
    assert loss == expected[0]
    assert_same_bits(found.flat, expected[1].flat)
    assert len(kept) == 6
    assert all((array == 77).all() for array in kept)


def test_rows_come_in_blocks_without_what_lies_between_them():
    shapes = []

    def noting(z):
        shapes.append(z.shape)
        return np.tanh(z)

    net = fb.Network(4, [fb.Dense(6, "switched"), fb.Dense(2)])
    SWITCHED["value"].function = noting
    try:
        net.predict(np.tile(X, (6, 1)))
    finally:
        SWITCHED["value"].function = np.tanh
    assert shapes == [(256, 6), (256, 6), (64, 6)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_see_denormal_numbers(dtype):
    tiny = np.array([np.finfo(dtype).smallest_subnormal], dtype)
    seen = []

    def noting(z):
        seen.append((tiny * tiny.dtype.type(1) > 0).all())
        return np.tanh(z)

    net = network(dtype=dtype)
    SWITCHED["value"].arm(1, noting)
    net.train_step(X, Y, fb.SGD(0.1))
    assert seen == [True]


def test_functions_may_call_networks():
    inner = fb.mlp([4, 3, 2])
    net = network()
    expected = net.predict(X)

    def asking(z):
        inner.fit(X, Y, epochs=1, progress=False)
        net.predict(X[:3])
        return np.tanh(z)

    SWITCHED["value"].arm(1, asking)
    assert_same_bits(net.predict(X), expected)


def test_python_threads_train_side_by_side():
    nets = [network() for _ in range(4)]
    jobs = [threading.Thread(target=fit, args=(net, 96, fb.Adam(0.01))) for net in nets]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    for net in nets[1:]:
        assert_same_bits(net.params, nets[0].params)


def test_functions_stay_alive_with_their_network(monkeypatch):
    net = network()
    expected = net.predict(X)
    monkeypatch.delitem(custom.ACTIVATIONS, "switched")
    monkeypatch.delitem(custom.LOSSES, "switched")
    assert_same_bits(net.predict(X), expected)
