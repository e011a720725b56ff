"""The textbook example: its hand values at the right steps, and what a trace says of itself."""

import json

import pytest
from traced import textbook

import fastbp as fb
from fastbp.explain.text import line_of

# Kind, symbol, what is shown, and what the rounded numbers give where that is another number.
HAND = [
    ("z", "z1", "1", None),
    ("a", "a1", "0.731", None),
    ("z", "z2", "0.585", None),
    ("a", "a2", "0.585", None),
    ("loss", "L", "0.086", None),
    ("delta", "delta2", "-0.415", None),
    ("weight_gradient", "dL/dw2", "-0.304", "-0.303"),
    ("bias_gradient", "dL/db2", "-0.415", None),
    ("slope", "s'(z1)", "0.197", None),
    ("delta", "delta1", "-0.065", None),
    ("weight_gradient", "dL/dw1", "-0.131", "-0.130"),
    ("bias_gradient", "dL/db1", "-0.065", None),
    ("weight_update", "w2", "0.830", None),
    ("bias_update", "b2", "0.042", None),
    ("weight_update", "w1", "0.513", None),
    ("bias_update", "b1", "0.007", None),
]
LINES = """\
z1 = w1 x + b1 = 0.5 * 2 + 0 = 1
a1 = 1 / (1 + e^(-z1)) = 1 / (1 + e^(-1)) = 0.731
z2 = w2 a1 + b2 = 0.8 * 0.731 + 0 = 0.585
a2 = z2 = 0.585
L = 1/2 (a2 - y)^2 = 1/2 * (0.585 - 1)^2 = 0.086
delta2 = a2 - y = 0.585 - 1 = -0.415
dL/dw2 = delta2 a1 = -0.415 * 0.731 = -0.304
dL/db2 = delta2 = -0.415
s'(z1) = a1 (1 - a1) = 0.731 * (1 - 0.731) = 0.197
delta1 = w2 delta2 s'(z1) = 0.8 * (-0.415) * 0.197 = -0.065
dL/dw1 = delta1 x = -0.065 * 2 = -0.131
dL/db1 = delta1 = -0.065
w2 = w2 - eta dL/dw2 = 0.8 - 0.1 * (-0.304) = 0.830
b2 = b2 - eta dL/db2 = 0 - 0.1 * (-0.415) = 0.042
w1 = w1 - eta dL/dw1 = 0.5 - 0.1 * (-0.131) = 0.513
b1 = b1 - eta dL/db1 = 0 - 0.1 * (-0.065) = 0.007"""


def test_hand_values_stand_at_their_steps():
    steps = textbook().to_dict()["steps"]
    found = [(step["kind"], step["symbol"], step["shown"], step["note"]) for step in steps]
    assert [row[:3] for row in found] == [row[:3] for row in HAND]
    for (_, symbol, _, note), (*_, wanted) in zip(found, HAND, strict=True):
        assert note == (wanted and f"with the rounded numbers shown: {wanted}"), symbol


def test_lines():
    assert "\n".join(map(line_of, textbook().to_dict()["steps"])) == LINES


def test_terms_know_their_edges_units_and_biases():
    first, *_ = textbook().to_dict()["steps"]
    assert first["terms"] == [
        {
            "formula": "w1 x",
            "numbers": "0.5 * 2",
            "value": 1.0,
            "edge": [1, 0, 0],
            "node": [0, 0],
            "bias": None,
        },
        {
            "formula": "b1",
            "numbers": "0",
            "value": 0.0,
            "edge": None,
            "node": None,
            "bias": [1, 0],
        },
    ]


def test_phases_come_in_order_and_the_last_layer_is_updated_first():
    steps = textbook().to_dict()["steps"]
    phases = list(dict.fromkeys(step["phase"] for step in steps))
    assert phases == ["forward", "loss", "backward", "update"]
    assert [step["layer"] for step in steps if step["phase"] == "update"] == [2, 2, 1, 1]


def test_head():
    trace = textbook()
    contents = trace.to_dict()
    assert contents["version"] == 1
    assert contents["network"]["weights"] == [[[0.5]], [[0.8]]]
    assert contents["network"]["new_weights"][1][0][0] == pytest.approx(0.83035, abs=1e-5)
    assert contents["network"]["biases"] == [[0.0], [0.0]]
    assert contents["network"]["layers"][0] == {
        "units": 1,
        "inputs": 1,
        "activation": "sigmoid",
        "bias": True,
        "norm": None,
        "dropout": 0.0,
        "residual": False,
    }
    assert (contents["x"], contents["y"]) == ([[2.0]], [[1.0]])
    assert 0 < contents["largest_difference"] < 1e-15
    assert contents["shortened"] is False
    assert contents["source"] == "reference"
    assert json.loads(json.dumps(contents, allow_nan=False)) == contents
    assert repr(trace) == "<Trace of 1-1-1, 1 row, SGD: 16 steps, loss 0.08618>"


def test_digits():
    shown = {step["symbol"]: step["shown"] for step in textbook(digits=6).to_dict()["steps"]}
    assert (shown["a1"], shown["dL/dw2"], shown["w1"]) == ("0.731059", "-0.303501", "0.513060")
    assert textbook().rounded(6).to_dict() == textbook(digits=6).to_dict()
    for digits in (0, 16):
        with pytest.raises(ValueError, match="digits must be at "):
            textbook(digits=digits)


def test_nothing_is_changed():
    net = fb.mlp([2, 3, 1], dtype="float64", seed=3)
    optimizer = fb.Adam(0.1)
    x, y = [[1.0, 2.0]], [1.0]
    net.train_step(x, y, optimizer)
    params, slots, clock = net.params.copy(), optimizer.slots.copy(), optimizer.clock.copy()
    first = net.explain(x, y, optimizer).to_dict()
    assert net.explain(x, y, optimizer).to_dict() == first
    for name in ("sgd", "lion"):
        net.explain(x, y, name)
    assert (net.params == params).all()
    assert (optimizer.slots == slots).all()
    assert (optimizer.clock == clock).all()
    # And the next step is the one that was explained.
    net.train_step(x, y, optimizer)
    assert net.weights[0].tolist() == pytest.approx(
        [pytest.approx(row, abs=1e-14) for row in first["network"]["new_weights"][0]]
    )


def test_what_train_step_refuses_is_refused():
    net, other = fb.mlp([2, 1]), fb.mlp([2, 1])
    optimizer = fb.SGD(0.1)
    other.train_step([[1.0, 2.0]], [1.0], optimizer)
    with pytest.raises(ValueError, match="optimizer must be new or reset for another network"):
        net.explain([[1.0, 2.0]], [1.0], optimizer)
    with pytest.raises(ValueError, match="x must have 2 columns"):
        net.explain([[1.0]], [1.0])
    with pytest.raises(TypeError, match="optimizer must be a name or an optimizer"):
        net.explain([[1.0, 2.0]], [1.0], 3)
    grown = fb.mlp([1, 1], output="exp", dtype="float64")
    grown.params = [1.0, 0.0]
    with pytest.raises(FloatingPointError, match="a figure became too large"):
        grown.explain([[1000.0]], [1.0])
    net.params[:] = 3e38
    with pytest.raises(FloatingPointError, match="loss became inf"):
        net.explain([[3e38, 3e38]], [1.0])
