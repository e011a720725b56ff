"""Networks that go to other packages and come back, and what both sides predict."""

import numpy as np
import pytest
from strategies import EVERY_ACTIVATION
from tolerance import norm

import fastbp as fb
from fastbp.spec import DTYPES

N_ROWS = 41
# Units of layer normalisation are at least 2: of one, nothing but rounding is left.
SIZES = (2, 3, 5, 8, 13, 17, 33)
NORMS = (None, "layer", "batch", "batch(0.3)")

every_activation = pytest.mark.parametrize("activation", EVERY_ACTIVATION)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def fill(net, seed=0):
    """Give every parameter a value that a trained network might have, and none its first one."""
    rng = np.random.default_rng(seed)
    ranges = {"biases": (-0.5, 0.5), "scales": (0.5, 1.5), "shifts": (-0.5, 0.5)}
    ranges |= {"means": (-0.5, 0.5), "variances": (0.5, 2)}
    for views, (low, high) in ranges.items():
        for view in getattr(net, views):
            if view is not None:
                view[:] = rng.uniform(low, high, view.shape)
    for weight in net.weights:
        weight[:] = rng.uniform(-1, 1, weight.shape) / np.sqrt(weight.shape[1])
    return net


def rows(net, seed=1):
    """Return rows for a network."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-2, 2, (N_ROWS, net.sizes[0])).astype(net.dtype)


def layered(activation, dtype, **more):
    """Return a network with an activation everywhere, after no norm and after each kind.

    The last norm keeps what comes of exp within a range of its next e^z.
    """
    layers = [
        fb.Dense(7, activation, dropout=0.25),
        fb.Dense(9, activation, norm="layer", bias=False),
        fb.Dense(8, activation, norm="batch(0.3)", trainable=False),
        fb.Dense(4, activation, norm="layer"),
    ]
    return fill(fb.Network(5, layers, dtype=dtype, seed=3, **more))


def random_network(seed, dtype, ties=True):
    """Return a network of random layers: any activation, norm, skip connection and tied weight."""
    rng = np.random.default_rng(seed)
    sizes = [int(rng.choice(SIZES))]
    layers = []
    for index in range(rng.integers(1, 6)):
        kind = rng.integers(6)
        free = [i for i, layer in enumerate(layers) if layer.tied_to is None]
        source = int(rng.choice(free)) if free else 0
        more = {}
        units = int(rng.choice(SIZES))
        if kind == 0:
            units, more = sizes[-1], {"residual": True}
        elif ties and kind == 1 and index and sizes[-1] == layers[source].units:
            units, more = sizes[source], {"tied_to": source, "transposed": True}
        elif ties and kind == 2 and index and sizes[-1] == sizes[source]:
            units, more = layers[source].units, {"tied_to": source}
        activation = EVERY_ACTIVATION[(seed + 7 * index) % len(EVERY_ACTIVATION)]
        norm = NORMS[rng.integers(len(NORMS))]
        layers.append(fb.Dense(units, activation, bias=bool(rng.integers(4)), norm=norm, **more))
        sizes.append(units)
    return fill(fb.Network(sizes[0], layers, dtype=dtype, seed=seed), seed)


def distance(got, want):
    """Return ||got - want|| / ||want||; shapes and dtypes must be the same."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    assert np.isfinite(want).all()
    return norm(got.astype(np.float64) - want) / norm(want)


def arguments(net):
    """Return what makes a network, but for how its weights began."""
    layers = [{**layer.to_dict(), "init": None} for layer in net.layers]
    return net.sizes, layers, net.loss, net.dtype
