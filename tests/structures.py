"""Networks whose layers are more than W a + b and s(z), for every test that goes through them."""

import numpy as np

from fastbp.names import plain

# name: (inputs, arguments of each layer, loss).
STRUCTURES = {
    "dropout": (3, [{"units": 70, "activation": "tanh", "dropout": 0.4}, {"units": 2}], "mse"),
    "dropout-relu-twice": (
        5,
        [
            {"units": 33, "activation": "relu", "dropout": 0.25},
            {"units": 17, "activation": "silu", "dropout": 0.5, "bias": False},
            {"units": 3, "activation": "softmax"},
        ],
        "cross_entropy",
    ),
    "layer-norm": (4, [{"units": 9, "activation": "relu", "norm": "layer"}, {"units": 2}], "mse"),
    "layer-norm-everywhere": (
        4,
        [
            {"units": 18, "activation": "gelu", "norm": "layer"},
            {"units": 5, "activation": "softmax", "norm": "layer"},
        ],
        "cross_entropy",
    ),
    "batch-norm": (4, [{"units": 9, "activation": "tanh", "norm": "batch"}, {"units": 2}], "mse"),
    "batch-norm-everywhere": (
        4,
        [
            {"units": 18, "activation": "silu", "norm": "batch(0.3)", "bias": False},
            {"units": 19, "activation": "tanh", "norm": "batch"},
            {"units": 5, "activation": "softmax", "norm": "batch"},
        ],
        "cross_entropy",
    ),
    "batch-norm-frozen": (
        4,
        [
            {"units": 9, "activation": "tanh"},
            {"units": 7, "activation": "tanh", "norm": "batch", "trainable": False},
            {"units": 2},
        ],
        "mse",
    ),
    "residual": (
        6,
        [
            {"units": 6, "activation": "tanh", "residual": True},
            {"units": 6, "activation": "relu", "residual": True},
            {"units": 6, "residual": True},
        ],
        "mse",
    ),
    "residual-out": (5, [{"units": 5, "activation": "tanh", "residual": True}], "huber"),
    "frozen-first": (
        4,
        [{"units": 9, "activation": "tanh", "trainable": False}, {"units": 8}, {"units": 2}],
        "mse",
    ),
    "frozen-last": (
        4,
        [{"units": 9, "activation": "tanh"}, {"units": 2, "trainable": False}],
        "mse",
    ),
    "tied": (
        7,
        [
            {"units": 7, "activation": "tanh"},
            {"units": 7, "activation": "tanh", "tied_to": 0},
            {"units": 7, "tied_to": 0, "bias": False},
        ],
        "mse",
    ),
    "tied-transposed": (
        19,
        [{"units": 5, "activation": "tanh"}, {"units": 19, "tied_to": 0, "transposed": True}],
        "mse",
    ),
    "tied-both-ways-over-a-layer": (
        6,
        [
            {"units": 4, "activation": "tanh", "bias": False},
            {"units": 6, "activation": "relu"},
            {"units": 4, "activation": "tanh", "tied_to": 0},
            {"units": 6, "activation": "tanh", "tied_to": 0, "transposed": True},
        ],
        "mse",
    ),
    "tied-to-frozen": (
        6,
        [
            {"units": 4, "activation": "tanh", "trainable": False},
            {"units": 6, "tied_to": 0, "transposed": True},
        ],
        "mse",
    ),
    "all-at-once": (
        20,
        [
            {"units": 20, "activation": "tanh", "norm": "layer", "dropout": 0.2, "residual": True},
            {"units": 20, "activation": "silu", "norm": "batch", "dropout": 0.1, "residual": True},
            {"units": 20, "activation": "tanh", "tied_to": 0, "dropout": 0.3},
            {"units": 20, "activation": "gelu", "norm": "batch", "trainable": False},
            {"units": 2},
        ],
        "mse",
    ),
}


def structure(package, name, dtype="float64", seed=3):
    """Return the network of a structure, of the package or of the twin."""
    n_in, layers, loss = STRUCTURES[name]
    return package.Network(
        n_in, [package.Dense(**layer) for layer in layers], loss, dtype=dtype, seed=seed
    )


def moved(net, rng):
    """Return a network given parameters that are nowhere 0 or 1, and variances."""
    net.params += rng.uniform(-0.2, 0.2, net.params.size)
    for variance in net.variances:
        if variance is not None:
            variance[...] = rng.uniform(0.5, 2, variance.size)
    return net


def has_batch_statistics(name):
    """Whether a step of a structure depends on which rows are in its batch."""
    return any(
        plain(layer.get("norm") or "") == "batch" and layer.get("trainable", True)
        for layer in STRUCTURES[name][1]
    )


def parameter_count(name):
    """Return how many parameters a structure has, counted by hand's rules."""
    n_in, layers, _ = STRUCTURES[name]
    count = 0
    for layer in layers:
        units = layer["units"]
        count += 0 if "tied_to" in layer else n_in * units
        count += units if layer.get("bias", True) else 0
        count += {"": 0, "layer": 2, "batch": 4}[plain(layer.get("norm") or "")] * units
        n_in = units
    return count


def with_signs(net):
    """Return a network given parameters of any sign, none near 0, whose variances are positive."""
    rng = np.random.default_rng(3)
    net.params = rng.uniform(0.1, 1, net.params.size) * rng.choice([-1, 1], net.params.size)
    for variance in net.variances:
        if variance is not None:
            np.abs(variance, out=variance)
    return net
