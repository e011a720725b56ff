"""Traces that the page is tried on: the textbook example, small networks and a large one."""

import copy

import numpy as np

import fastbp as fb


def textbook(**settings):
    """Return the trace of the textbook example: x = 2, y = 1, w1 = 0.5, w2 = 0.8, SGD 0.1."""
    net = fb.mlp([1, 1, 1], hidden="sigmoid", loss="mse", dtype="float64", seed=0)
    net.weights[0][:], net.biases[0][:] = 0.5, 0
    net.weights[1][:], net.biases[1][:] = 0.8, 0
    return net.explain([[2.0]], [[1.0]], optimizer=fb.SGD(0.1), **settings)


def two_rows(**settings):
    """Return a trace of two rows through 2-3-1."""
    net = fb.mlp([2, 3, 1], hidden="tanh", dtype="float64", seed=3)
    return net.explain([[1.0, 0.0], [-0.5, 2.0]], [[1.0], [0.0]], fb.SGD(0.1), **settings)


def medium(**settings):
    """Return a trace of a network whose boxes have one line each."""
    net = fb.mlp([6, 2], output="softmax", loss="cross_entropy", seed=1)
    return net.explain([[0.5, -1.0, 0.25, 2.0, 0.0, 1.0]], [1], fb.SGD(0.1), **settings)


def of_all_kinds(**settings):
    """Return a trace with prepared inputs, a norm, dropout, a skip connection and Adam."""
    layers = [
        fb.Dense(2, "relu", norm="layer", dropout=0.5),
        fb.Dense(2, "tanh", residual=True, bias=False),
        fb.Dense(1),
    ]
    inputs = fb.Standardize().fit([[1.0, 2.0], [3.0, 6.0]])
    net = fb.Network(2, layers, loss="mse", dtype="float64", seed=0, inputs=inputs)
    trace = net.explain([[1.0, 4.0]], [1.0], "adam", **settings)
    assert not trace.to_dict()["shortened"]
    return trace


def large(**settings):
    """Return a trace that is shortened."""
    net = fb.mlp([20, 30, 12, 3], hidden="relu", dtype="float32", seed=2)
    rng = np.random.default_rng(0)
    return net.explain(rng.normal(size=(8, 20)), rng.normal(size=(8, 3)), fb.SGD(0.1), **settings)


def with_text(contents, text):
    """Return contents in which every text that is free to be anything is this one."""
    found = copy.deepcopy(contents)
    found["title"] = found["optimizer"] = text
    found["words"] = {key: text for key in found["words"]}
    for step in found["steps"]:
        step |= {key: text for key in ("title", "why", "note", "symbol", "formula", "numbers")}
        step["shown"] = text
        step["terms"] = [term | {"formula": text, "numbers": text} for term in step["terms"]]
    found["network"]["loss"] = text
    for layer in found["network"]["layers"]:
        layer["activation"] = text
    return found
