"""Hashes of trained parameters; as a script, printed as JSON for one instruction-set level."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

import fastbp as fb
from fastbp import spec
from fastbp import threads as team_sizes
from fastbp.names import plain
from fastbp.optimizers import BY_NAME

sys.path.insert(0, str(Path(__file__).parents[1]))
from structures import STRUCTURES, structure

# (sizes, hidden, output, loss, rows, batch size, optimizer): ragged and round, shallow and deep.
NETWORKS = [
    ([1, 1, 1], "sigmoid", "identity", "mse", 9, 1, "sgd"),
    ([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", 23, 4, "adam"),
    ([3, 5, 2], "relu", "softmax", "cross_entropy", 31, 7, "momentum"),
    ([4, 32, 16, 4], "tanh", "identity", "mse", 300, 300, "adam"),
    ([7, 1], "tanh", "identity", "mse", 50, 8, "sgd"),
    ([8, 64, 64, 4], "tanh", "identity", "mse", 130, 64, "adam"),
    ([13, 17, 1], "sigmoid", "sigmoid", "binary_cross_entropy", 70, 33, "nesterov"),
    ([16, 16, 16], "relu", "identity", "mse", 64, 16, "adam"),
    ([31, 33, 10], "relu", "softmax", "cross_entropy", 97, 32, "adam"),
    ([48, 47, 49, 3], "tanh", "softmax", "cross_entropy", 90, 45, "momentum"),
    ([50, 50, 50, 50], "tanh", "identity", "mse", 60, 20, "sgd"),
    ([64, 65, 1], "relu", "identity", "mse", 140, 70, "adam"),
    ([64, 32, 10], "relu", "softmax", "cross_entropy", 100, 32, "adam"),
    ([100, 101, 7], "sigmoid", "softmax", "cross_entropy", 77, 77, "adam"),
    ([128, 257, 2], "relu", "identity", "mse", 60, 31, "momentum"),
    ([200, 193, 96, 5], "tanh", "identity", "mse", 300, 290, "adam"),
    ([300, 8, 300], "relu", "sigmoid", "binary_cross_entropy", 40, 40, "adam"),
    ([600, 2], "relu", "softmax", "cross_entropy", 600, 600, "momentum"),
    ([784, 64, 10], "relu", "softmax", "cross_entropy", 128, 64, "adam"),
    ([450, 60, 3], "sigmoid", "identity", "mse", 60, 45, "momentum"),
    ([1, 530, 1], "tanh", "identity", "mse", 600, 520, "nesterov"),
]

# What has not been in any of these: every activation, every loss, every optimizer.
NETWORKS += [
    ([19, 37, 18, 2], name, "identity", "mse", 70, 33, "adam")
    for name in (*spec.ACTIVATIONS[4:], "leaky_relu(0.3)", "elu(0.5)")
]
NETWORKS += [
    ([19, 37, 18], "tanh", spec.OUTPUT_OF_LOSS.get(name, "identity"), name, 300, 290, "momentum")
    for name in (*spec.LOSSES[3:], "huber(0.3)", "quantile(0.8)")
]
NETWORKS.append(([19, 37, 18], "tanh", "softmax", "cross_entropy(0.1)", 70, 33, "sgd"))
NETWORKS += [
    ([19, 130, 18], "tanh", "identity", "mse", 70, 70 if kind.full_batch else 33, name)
    for name, kind in list(BY_NAME.items())[2:]
]
NETWORKS.append(([19, 130, 18], "tanh", "identity", "mse", 70, 33, "shaped"))
NETWORKS.append(([19, 130, 18], "tanh", "identity", "mse", 70, 33, "dampened"))
# Layers with more than W, b and s: their structure by name.
NETWORKS += [
    (name, "", "", STRUCTURES[name][2], n_rows, batch_size, "adam")
    for name in STRUCTURES
    for n_rows, batch_size in ((70, 33), (560, 530))
]
# With a penalty on weights.
NETWORKS += [
    ([19, 130, 18], "tanh", "identity", "mse", 70, 33, "penalized"),
    ([19, 530, 18], "tanh", "identity", "mse", 560, 530, "penalized"),
    ("tied-transposed", "", "", STRUCTURES["tied-transposed"][2], 560, 530, "penalized"),
]


def optimizer_of(name):
    found = {
        "sgd": lambda: fb.SGD(0.05),
        "momentum": lambda: fb.SGD(0.02, momentum=0.9),
        "nesterov": lambda: fb.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3),
        "adam": lambda: fb.Adam(0.01),
        "penalized": lambda: fb.Adam(0.01),
        "shaped": lambda: fb.Adam(0.01, l1=1e-3, clip_norm=0.5, clip_value=0.1, ema=0.9),
        "dampened": lambda: fb.SGD(0.02, momentum=0.9, dampening=0.2, l1=1e-3),
    }
    return found[name]() if name in found else BY_NAME[name]()


def targets_of(rng, loss, n_rows, n_out):
    """Return targets that the loss is defined for."""
    name = plain(loss)
    if name == "cross_entropy":
        return rng.integers(0, n_out, n_rows)
    y = rng.random((n_rows, spec.targets_a_row(name, n_out)))
    if name == "kl_divergence":
        y /= y.sum(axis=1, keepdims=True)
    return np.where(y < 0.5, -1, 1) if name == "hinge" else y


def force_teams(columns=False, change=setattr):
    """Let teams have as many threads as asked for, whatever the work and the cores."""
    change(team_sizes, "usable_cores", lambda: team_sizes.MOST_THREADS)
    for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
        change(team_sizes, cost, 1e-9)
    change(team_sizes, "NARROWEST_SHARE", 0)
    change(team_sizes, "COLUMN_WEIGHTS", 0 if columns else float("inf"))


def trained(network, dtype, threads=1):
    """Return the network after 3 epochs."""
    sizes, hidden, output, loss, n_rows, batch_size, optimizer = network
    if isinstance(sizes, str):
        net = structure(fb, sizes, dtype)
    else:
        net = fb.mlp(sizes, hidden, output, loss, dtype=dtype, seed=3)
    rng = np.random.default_rng(len(net.sizes) + n_rows)
    x = rng.normal(size=(n_rows, net.sizes[0]))
    y = targets_of(rng, loss, n_rows, net.sizes[-1])
    rule, l2 = optimizer_of(optimizer), 30.0 if optimizer == "penalized" else 0.0
    history = net.fit(x, y, rule, epochs=3, batch_size=batch_size, threads=threads, l2=l2)
    return net, history


def digest(network, dtype, threads=1):
    """Return a hash of the trained parameters and the losses on the way."""
    net, history = trained(network, dtype, threads)
    losses = np.array(history.loss)
    return hashlib.sha256(net.params.tobytes() + losses.tobytes()).hexdigest()


if __name__ == "__main__":
    hashes = [digest(network, dtype) for network in NETWORKS for dtype in ("float32", "float64")]
    json.dump(hashes, sys.stdout)
