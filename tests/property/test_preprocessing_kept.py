"""Predictions by a folded copy: never out of date, one row's bits in every call, within a bound."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from structures import STRUCTURES, structure, with_signs
from tolerance import SUM_FACTOR, assert_same_bits

import fastbp as fb
from fastbp import maps, passes
from fastbp.folding import MOST_BYTES
from fastbp.preprocessing.scaling import NEAR_EXPONENT, NEAR_RATIO

DTYPES = ["float32", "float64"]
RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 4)) * [1, 100, 1e-3, 7] + [0.5, -80, 1e-4, 0]
Y = RNG.normal(size=(60, 2)) * [5, 0.1] + [1000, -3]


def made(layers=None, dtype="float32", rows=X, **sides):
    """Return a network with parameters of any sign, whose variances are above 0."""
    sides = {"inputs": fb.Standardize().fit(rows), **sides}
    layers = layers or [fb.Dense(6, "tanh"), fb.Dense(2)]
    net = fb.Network(rows.shape[1], layers, dtype=dtype, seed=2, **sides)
    return with_signs(net)


def by_hand(net, rows):
    """Return what the network predicts of rows that are standardised first."""
    plain = fb.Network(net.sizes[0], net.layers, net.loss, net.dtype, net.seed)
    plain.params = net.params
    found = plain.predict(net.inputs.transform(rows).astype(net.dtype))
    return found if net.targets is None else net.targets.inverse(found).astype(net.dtype)


def folded(net, rows):
    """Return what the network predicts with its inputs, not its targets, in the weights."""
    bare = fb.Network(net.sizes[0], net.layers, net.loss, net.dtype, net.seed, inputs=net.inputs)
    bare.params = net.params
    found = bare.folded().predict(rows)
    return found if net.targets is None else net.targets.inverse(found).astype(net.dtype)


def assert_folds(net, rows=X):
    assert_same_bits(net.predict(rows), folded(net, rows))
    assert net.predict(rows).tobytes() != by_hand(net, rows).tobytes()


def assert_untouched(net, rows=X):
    assert_same_bits(net.predict(rows), by_hand(net, rows))


# What changes a network between two predictions, given a generator.
def write_weight(net, rng):
    weight = net.weights[rng.integers(2)]
    place = tuple(rng.integers(weight.shape))
    weight[place] = np.nextafter(weight[place], net.weights[0].dtype.type(9))


def write_zero(net, rng):
    net.weights[0][0, 0] = rng.choice([0.0, -0.0])


def write_bias(net, rng):
    net.biases[rng.integers(2)][...] += rng.normal()


def write_params(net, rng):
    net.params = rng.normal(size=net.params.size)


def write_one(net, rng):
    net.params[rng.integers(net.params.size)] *= 2


def swap(net, rng):
    net.params[[0, 1]] = net.params[[1, 0]]


def step(net, rng):
    net.train_step(X, Y, fb.SGD(0.01))


def fit(net, rng):
    net.fit(X, Y, epochs=1, batch_size=32, shuffle=False)


def more_inputs(net, rng):
    net.inputs.partial_fit(rng.normal(size=(3, 4)) * 5)


def other_inputs(net, rng):
    net.inputs.fit(X * rng.uniform(0.5, 2))


def far_inputs(net, rng):
    net.inputs.fit(X + 1e3)


def more_targets(net, rng):
    net.targets.partial_fit(rng.normal(size=(3, 2)))


def nothing(net, rng):
    net.params[...] = net.params.copy()


CHANGES = [write_weight, write_zero, write_bias, write_params, write_one, swap, step, fit]
CHANGES += [more_inputs, other_inputs, far_inputs, more_targets, nothing]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
def test_every_change_is_seen_by_the_next_prediction(bias, dtype, tmp_path):
    rng = np.random.default_rng(8)
    layers = [fb.Dense(6, "tanh", bias=bias), fb.Dense(2)]
    net = made(layers, dtype, targets=fb.Standardize().fit(Y))
    changes = CHANGES * 12
    rng.shuffle(changes)
    ways = set()
    for change in changes:
        if change is write_bias and not bias:
            continue
        before = net.predict(X)
        change(net, rng)
        if rng.integers(10) == 0:
            net.save(tmp_path / "model.fastbp")
            net = fb.load(tmp_path / "model.fastbp")
        near = (np.abs(net.inputs.mean) <= NEAR_RATIO * net.inputs.scale).all()
        wanted = (folded if near else by_hand)(net, X)
        assert_same_bits(net.predict(X), wanted, change.__name__)
        ways.add((near, before.tobytes() != wanted.tobytes()))
    assert ways == {(True, True), (True, False), (False, True), (False, False)}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_has_the_same_bits_however_it_comes(dtype, tmp_path, monkeypatch):
    x = X.astype(dtype)
    columns = dict(zip("abcd", x.T, strict=True))
    net = made(dtype=dtype, inputs=fb.Standardize().fit(columns))
    whole = net.predict(x)
    assert_folds(net, x)
    np.save(tmp_path / "x.npy", x)
    ways = {
        "float64": x.astype(np.float64),
        "list": x.tolist(),
        "Fortran": np.asfortranarray(x),
        "strides": np.repeat(x, 2, axis=0)[::2],
        "map": np.load(tmp_path / "x.npy", mmap_mode="r"),
        "table": dict(reversed(columns.items())),
        "swapped bytes": x.astype(x.dtype.newbyteorder()),
    }
    monkeypatch.setattr(maps, "SMALL_BYTES", 1 << 6)
    # Blocks that end within the rows.
    monkeypatch.setattr(passes, "block_rows", lambda width, threads: 7)
    for name, rows in ways.items():
        for threads in (1, 2):
            assert_same_bits(net.predict(rows, threads=threads), whole, name)
    for row in range(60):
        assert_same_bits(net.predict(x[row : row + 1]), whole[row : row + 1])
    net.save(tmp_path / "model.fastbp")
    for other in (fb.load(tmp_path / "model.fastbp"), pickle.loads(pickle.dumps(net))):
        assert_same_bits(other.predict(x), whole)
        assert_same_bits(other.predict(x[:1].tolist()), whole[:1])


def test_pickles_files_and_copies_leave_it_out(tmp_path):
    net = made()
    net.save(tmp_path / "before.fastbp")
    before = pickle.dumps(net)
    net.predict(X)
    assert len(net._copies) == 1
    assert pickle.dumps(net) == before
    net.save(tmp_path / "after.fastbp")
    assert (tmp_path / "after.fastbp").read_bytes() == (tmp_path / "before.fastbp").read_bytes()
    other = copy.deepcopy(net)
    assert other._copies == []
    net.params[:] = 0
    assert np.abs(other.predict(X)).max() > 0


def test_threads_that_predict_at_once_have_copies_of_their_own():
    net = made()
    calls = [X[start : start + 3] for start in range(57)] * 8
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            wanted = folded(net, X)
            found = list(pool.map(net.predict, calls))
            for call, one in enumerate(found):
                assert_same_bits(one, wanted[call % 57 : call % 57 + 3])
            net.weights[0][...] *= 0.5
            net.inputs.partial_fit(X[:7] * 2)
    assert 1 <= len(net._copies) <= 16


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_a_prediction_standardises(dtype):
    net, plain = made(dtype=dtype), made(dtype=dtype, inputs=None)
    assert_folds(net)
    z = net.inputs.transform(X).astype(dtype)
    assert net.evaluate(X, Y) == plain.evaluate(z, Y)
    loss, grads = net.gradient(X, Y)
    wanted, other = plain.gradient(z, Y)
    assert loss == wanted
    assert_same_bits(grads.flat, other.flat)
    assert net.fit(X, Y, epochs=2).loss == plain.fit(z, Y, epochs=2).loss
    assert_same_bits(net.params, plain.params)
    assert_folds(net)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
def test_the_error_of_one_layer_is_within_its_bound(given, dtype):
    """(c sqrt(K) + 4) u [sum |w| (|z| + 2 r) + |b|], and 4 times that without r."""
    rng = np.random.default_rng(4)
    for n_in in (1, 8, 65):
        x = rng.normal(size=(300, n_in)) * 10.0 ** rng.integers(-6, 7, n_in)
        x -= x.mean(axis=0)
        x += x.std(axis=0) * rng.uniform(0.9, 0.99, n_in) * NEAR_RATIO * rng.choice([-1, 1], n_in)
        net = made([fb.Dense(5)], dtype, x)
        assert_folds(net, x)
        exact = x.astype(given).astype(np.longdouble) - net.inputs.mean
        exact /= net.inputs.scale
        weight = net.weights[0].astype(np.longdouble)
        want = (weight[None] * exact[:, None, :]).sum(axis=2) + net.biases[0]
        r = np.abs(net.inputs.mean) / net.inputs.scale
        # Numbers of float64 are rounded on their way into float32 once more.
        rounded = 1 + (given > dtype)
        bounds = [
            (SUM_FACTOR * np.sqrt(n_in) + 3 + rounded)
            * (np.finfo(dtype).eps / 2)
            * (
                (np.abs(weight)[None] * (np.abs(exact) + 2 * s)[:, None, :]).sum(axis=2)
                + np.abs(net.biases[0])
            )
            for s in (r, 0 * r)
        ]
        off = np.abs(net.predict(x.astype(given)) - want)
        assert (off <= bounds[0]).all(), n_in
        assert bounds[0].mean() <= 4 * bounds[1].mean(), n_in


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_folds_or_is_untouched(name):
    plain = structure(fb, name, "float64")
    x = np.random.default_rng(0).normal(size=(30, plain.sizes[0])) * 3 + 1
    scaling = fb.Standardize().fit(x)
    net = fb.Network(x.shape[1], plain.layers, plain.loss, "float64", inputs=scaling)
    net.params = plain.params
    alone = not net.layers[0].residual and all(layer.tied_to != 0 for layer in net.layers)
    (assert_folds if alone else assert_untouched)(net, x)


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("depth", [1, 2])
def test_norms_biases_and_targets_go_along(depth, bias, norm):
    layers = [fb.Dense(6, "tanh", bias=bias, norm=norm), fb.Dense(3)]
    if depth == 1:
        layers = [fb.Dense(3, bias=bias, norm=norm)]
    net = made(layers, targets=fb.Standardize().fit(RNG.normal(size=(9, 3))))
    assert_folds(net)
    np.testing.assert_allclose(net.predict(X), by_hand(net, X), rtol=1e-4, atol=1e-5)


def at_the_edge(sign):
    """Return rows whose |mean| / scale is just within the limit, or just beyond."""
    x = np.random.default_rng(0).normal(size=(50, 4))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    x[:, 2] -= NEAR_RATIO * (1 - sign * 1e-9)
    return x


UNTOUCHED = {
    "a mean too far from 0": (None, at_the_edge(-1)),
    "a large scale": (None, X * [1, 1, 1, 2.0**NEAR_EXPONENT]),
    "a small scale": (None, X * [1, 1, 2.0**-NEAR_EXPONENT, 1]),
    "many parameters": ([fb.Dense(1200), fb.Dense(2)], X),
    "a skip connection": ([fb.Dense(4, residual=True), fb.Dense(2)], X),
    "a weight of two layers": ([fb.Dense(4), fb.Dense(4, tied_to=0), fb.Dense(2)], X),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_what_does_not_fold_is_untouched(name):
    layers, x = UNTOUCHED[name]
    net = made(layers, rows=x)
    assert (net.params.nbytes > MOST_BYTES) == (name == "many parameters")
    assert_untouched(net, x)
    assert not net._copies


def test_what_is_just_within_the_limits_folds():
    assert_folds(made(rows=at_the_edge(1)), at_the_edge(1))


def test_weights_that_are_not_finite_once_folded_are_left_alone():
    x = X * [1, 1, 1e-3, 1]
    net = made(rows=x)
    net.weights[0][1, 2] = 1e36
    assert_untouched(net, x)
    net.weights[0][1, 2] = 1
    assert_folds(net, x)
    net.weights[0][1, 2] = np.inf
    found = net.predict(x[:1])
    net.weights[0][1, 2] = np.nan
    assert np.isfinite(found).all()
    assert np.isnan(net.predict(x[:1])).all()


def test_tables_of_categories_are_untouched():
    table = {"a": [1.0, -3.0, 0.5], "c": ["x", "y", "x"]}
    columns = fb.Columns().fit(table)
    net = fb.mlp([None, 4, 2], inputs=columns)
    plain = fb.mlp([3, 4, 2])
    assert_same_bits(net.predict(table), plain.predict(columns.transform(table).astype("f")))
    assert not net._copies


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_refused_as_ever(dtype):
    net = made()
    net.predict(X)
    bad = np.zeros((3, 4))
    bad[1, 2] = np.nan
    refused = {
        r"x must be finite, got nan in row 1, column 2$": bad.astype(dtype),
        r"x must have at least 1 row and 1 column": np.ones((0, 4), dtype),
        r"x must have 4 columns, got shape": np.ones((2, 3), dtype),
        r"x must hold real numbers": [["a"] * 4],
        r"got 1e\+39 in row 0, column 3 \(not finite as float32\)": [[0, 0, 0, 1e39]],
    }
    for message, rows in refused.items():
        with pytest.raises((TypeError, ValueError), match=message):
            net.predict(rows)
    assert len(net._copies) == 1
    assert_folds(net)
