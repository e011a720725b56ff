"""Standardisation folded into weights: the same predictions within a bound, or a refusal."""

import numpy as np
import pytest
from structures import STRUCTURES, structure, with_signs
from tolerance import SUM_FACTOR, assert_same_bits

import fastbp as fb

DTYPES = ["float32", "float64"]
RNG = np.random.default_rng(1)
X = RNG.normal(size=(50, 4)) * [1, 100, 1e-3, 7] + [0.5, -300, 2e-3, 0]
Y = RNG.normal(size=(50, 2)) * [5, 0.1] + [1000, -3]


def both(layers, dtype="float64", loss="mse"):
    net = fb.Network(
        4, layers, loss, dtype, 2, fb.Standardize().fit(X), fb.Standardize().fit(Y[:, -1:])
    )
    return with_signs(net)


def close(net, rows=X, factor=1.0):
    """Require that the folded network predicts the same, within some roundings of the outputs."""
    made = net.folded()
    assert made.inputs is None
    assert made.targets is None
    got, want = made.predict(rows), net.predict(rows)
    tolerance = factor * 50 * np.finfo(net.dtype).eps
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()
    return made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_folded_networks_predict_the_same(depth, bias, dtype):
    layers = [fb.Dense(6, "tanh", bias=bias) for _ in range(depth - 1)]
    net = both([*layers, fb.Dense(1, bias=bias)], dtype)
    before = net.params.copy()
    made = close(net)
    assert_same_bits(net.params, before)
    assert made.params.size == net.params.size + (0 if bias else made.sizes[1] + (depth > 1))
    made.params[:] = 0
    assert_same_bits(net.params, before)


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("where", [0, 1])
def test_a_norm_takes_the_targets_into_its_scale_and_shift(norm, where):
    layers = [fb.Dense(6, "tanh"), fb.Dense(1)]
    layers[where] = fb.Dense(layers[where].units, layers[where].activation, norm=norm)
    close(both(layers), factor=100)
    if where == 1:
        close(both([fb.Dense(1, norm="batch")]), factor=100)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_error_of_one_layer_is_within_its_bound(dtype):
    """(c sqrt(K) + 4) u [sum |w| (|z| + 2 r) + |b|], r = |mean| / scale; r = 0 not folded."""
    rng = np.random.default_rng(4)
    for ratio in (0.0, 1.0, 30.0, 3000.0):
        x = rng.normal(size=(200, 8)) + ratio
        net = fb.Network(8, [fb.Dense(5)], dtype=dtype, inputs=fb.Standardize().fit(x))
        net.biases[0][:] = rng.normal(size=5)
        x = x.astype(dtype).astype(np.float64)
        exact = x.astype(np.longdouble) - net.inputs.mean
        exact /= net.inputs.scale
        weight = net.weights[0].astype(np.longdouble)
        want = (weight[None] * exact[:, None, :]).sum(axis=2) + net.biases[0]
        r = np.abs(net.inputs.mean) / net.inputs.scale
        u = np.finfo(dtype).eps / 2
        for one, shift in ((net.folded(), 2 * r), (net, 0 * r)):
            terms = np.abs(weight)[None] * (np.abs(exact) + shift)[:, None, :]
            magnitudes = terms.sum(axis=2) + np.abs(net.biases[0])
            bound = (SUM_FACTOR * np.sqrt(8) + 4) * u * magnitudes
            assert (np.abs(one.predict(x) - want) <= bound).all(), ratio


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_is_folded_or_refused(name):
    plain = structure(fb, name, "float64")
    n_in = plain.sizes[0]
    x = np.random.default_rng(0).normal(size=(30, n_in)) * 3 + 1
    net = fb.Network(n_in, plain.layers, plain.loss, "float64", inputs=fb.Standardize().fit(x))
    net.params = plain.params
    first = net.layers[0]
    tied = any(layer.tied_to == 0 for layer in net.layers)
    if first.residual or tied:
        with pytest.raises(ValueError, match=r"^inputs must not be folded into a"):
            net.folded()
    else:
        np.testing.assert_allclose(net.folded().predict(x), net.predict(x), rtol=1e-9, atol=1e-9)


REFUSED = {
    "a skip connection first": ([fb.Dense(4, residual=True), fb.Dense(1)], "which adds x itself"),
    "a tied first weight": (
        [fb.Dense(4), fb.Dense(4, tied_to=0), fb.Dense(1)],
        r"that other layers use, got layers\[1\] tied to layers\[0\]",
    ),
    "a skip connection last": (
        [fb.Dense(1, "tanh"), fb.Dense(1, residual=True)],
        "targets must not be folded into a layer with residual=True",
    ),
    "a tied last weight": (
        [fb.Dense(1), fb.Dense(1, "tanh"), fb.Dense(1, tied_to=1)],
        "a weight that is another layer's",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_folded_is_refused(name):
    layers, message = REFUSED[name]
    net = both(layers)
    assert net.predict(X).shape == (50, 1)
    with pytest.raises(ValueError, match=message):
        net.folded()


def test_means_far_from_0_are_refused_by_column():
    x = {"near": [1.0, 2.0, 3.0], "time": [1.7e9, 1.7e9 + 1, 1.7e9 + 2]}
    for dtype, fits in (("float32", False), ("float64", True)):
        net = fb.mlp([2, 3, 1], dtype=dtype, inputs=fb.Standardize().fit(x))
        if fits:
            net.folded()
        else:
            with pytest.raises(ValueError, match=r"at most 4096 .* float32, .* in column 'time'"):
                net.folded()


def test_weights_that_overflow_are_refused():
    net = fb.mlp([1, 3, 1], inputs=fb.Standardize().fit([[0.0], [1e-300]]))
    with pytest.raises(ValueError, match="fold into float32, got weights that are not finite"):
        net.folded()


def test_folding_needs_fitted_ones_and_leaves_tables_alone():
    with pytest.raises(ValueError, match="inputs must be fitted"):
        fb.mlp([2, 1], inputs=fb.Standardize()).folded()
    plain = fb.mlp([2, 1])
    assert_same_bits(plain.folded().params, plain.params)
    table = {"a": [1.0, 3.0], "c": ["x", "y"]}
    targets = fb.Standardize().fit([10.0, 30.0])
    net = fb.mlp([None, 1], inputs=fb.Columns().fit(table), targets=targets)
    made = net.folded()
    assert made.inputs is net.inputs
    assert made.targets is None
    np.testing.assert_allclose(made.predict(table), net.predict(table), rtol=1e-6)


def test_what_a_network_is_otherwise_goes_along():
    net = both([fb.Dense(3, "relu", dropout=0.1, trainable=False), fb.Dense(1)], "float32", "mae")
    net.metadata = {"a": [1]}
    made = net.folded()
    assert (made.loss, made.dtype, made.seed) == (net.loss, net.dtype, net.seed)
    assert made.layers == net.layers
    assert made.metadata == net.metadata
    assert made.metadata is not net.metadata
    assert made.metadata["a"] is not net.metadata["a"]
