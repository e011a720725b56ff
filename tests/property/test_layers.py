"""What dropout, normalisation, skip connections, frozen and tied layers promise."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from structures import STRUCTURES, has_batch_statistics, structure
from tolerance import assert_agree, assert_same_bits

import fastbp as fb
from fastbp._compiled import engine

every_structure = pytest.mark.parametrize("name", STRUCTURES)


def rows(net, n_rows=40, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, net.sizes[0]))
    if net.loss == "cross_entropy":
        return x, rng.integers(0, net.sizes[-1], n_rows)
    return x, rng.normal(size=(n_rows, net.sizes[-1]))


@every_structure
def test_files_pickles_and_copies_have_the_same_bits(name, tmp_path):
    net = structure(fb, name)
    x, y = rows(net)
    net.fit(x, y, epochs=2, batch_size=9)
    net.save(tmp_path / "model.fastbp")
    for found in (
        fb.load(tmp_path / "model.fastbp"),
        pickle.loads(pickle.dumps(net)),
        copy.deepcopy(net),
    ):
        assert_same_bits(found.predict(x), net.predict(x))
        assert found.layers == net.layers
        found.fit(x, y, epochs=1, batch_size=9)
        again = copy.deepcopy(net)
        again.fit(x, y, epochs=1, batch_size=9)
        assert_same_bits(found.params, again.params)


@every_structure
def test_gradients_are_checked_by_differences_of_what_is_predicted(name):
    net = structure(fb, name)
    x, y = rows(net, 7)
    net.fit(x, y, epochs=1)
    gradients = net.gradient(x, y)[1]
    rng = np.random.default_rng(1)
    direction = rng.normal(size=net.params.size)
    for part in (*net.means, *net.variances):
        if part is not None:
            start = (part.ctypes.data - net.params.ctypes.data) // 8
            direction[start : start + part.size] = 0
    before, h = net.params.copy(), 1e-6
    losses = []
    for step in (h, -h):
        net.params = before + step * direction
        losses.append(net.evaluate(x, y))
    slope = (losses[0] - losses[1]) / (2 * h)
    assert slope == pytest.approx(gradients.flat @ direction, rel=1e-5, abs=1e-8)


def test_dropout_leaves_out_its_share_and_no_two_steps_the_same():
    net = fb.Network(
        1,
        [fb.Dense(200, init="zeros", dropout=0.3), fb.Dense(1, init="zeros", bias=False)],
        dtype="float64",
    )
    net.biases[0][:] = 1
    masks = []
    optimizer = fb.SGD(1.0)
    for _ in range(50):
        before = net.weights[1].copy()
        net.weights[1][:] = 0
        net.train_step([[0.0]], [-1.0], optimizer)
        masks.append(-net.weights[1][0])
        net.weights[1][:] = before
        net.biases[0][:] = 1
    masks = np.array(masks)
    assert set(np.round(np.unique(masks), 12)) == {0, round(1 / 0.7, 12)}
    # 10,000 units: a share of 0.3 has a standard deviation of 0.0046.
    assert abs((masks == 0).mean() - 0.3) < 5 * 0.0046
    assert len({mask.tobytes() for mask in masks}) == 50
    assert abs(np.corrcoef(masks[:-1].ravel(), masks[1:].ravel())[0, 1]) < 0.05


def test_dropout_is_another_one_for_each_row_layer_and_seed():
    def outputs(seed, layers=2):
        net = fb.Network(
            4,
            [fb.Dense(4, init=np.eye(4), dropout=0.5) for _ in range(layers)]
            + [fb.Dense(4, init=np.eye(4))],
            dtype="float64",
            seed=seed,
        )
        optimizer = fb.SGD(1.0)
        net.train_step(np.ones((64, 4)), np.zeros((64, 4)), optimizer)
        return net.biases[-1].copy()

    assert outputs(0).tolist() == outputs(0).tolist()
    assert outputs(0).tolist() != outputs(1).tolist()
    # With the same mask in both layers nothing would be lost between them.
    assert not np.allclose(outputs(0, 1) * 2, outputs(0, 2))
    # The share of 64 rows that each output kept: not the same for all rows.
    assert len(set(np.abs(outputs(0, 1)))) > 1


def test_predictions_leave_out_nothing():
    plain = fb.Network(3, [fb.Dense(9, "tanh"), fb.Dense(2)])
    thinned = fb.Network(3, [fb.Dense(9, "tanh", dropout=0.9), fb.Dense(2)])
    x = np.random.default_rng(0).normal(size=(5, 3))
    assert_same_bits(thinned.predict(x), plain.predict(x))
    assert thinned.evaluate(x, x[:, :2]) == plain.evaluate(x, x[:, :2])
    assert_same_bits(thinned.gradient(x, x[:, :2])[1].flat, plain.gradient(x, x[:, :2])[1].flat)


def test_a_network_without_seed_draws_its_dropout_anew():
    first, second = (
        fb.Network(1, [fb.Dense(64, dropout=0.5), fb.Dense(1)], seed=None) for _ in "ab"
    )
    second.params = first.params
    for net in (first, second):
        net.train_step([[1.0]], [1.0], "sgd")
    assert not np.array_equal(first.params, second.params)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "shaped"])
def test_frozen_layers_keep_their_bits_and_learn_again_when_they_are_not(optimizer):
    layers = [fb.Dense(9, "tanh"), fb.Dense(8, "tanh", norm="batch"), fb.Dense(2)]
    net = fb.Network(4, layers, dtype="float64")
    x, y = rows(net)
    shaped = {"weight_decay": 0.1, "l1": 0.01, "clip_norm": 0.1, "ema": 0.5}

    def fit():
        rule = fb.Adam(0.01, **shaped) if optimizer == "shaped" else optimizer
        net.fit(x, y, rule, epochs=2, batch_size=16)

    for frozen in [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2)]:
        for index, layer in enumerate(net.layers):
            layer.trainable = index not in frozen
        before = net.params.copy()
        fit()
        starts = np.cumsum([0, 9 * 5, 8 * 10 + 4 * 8, 2 * 9])
        for index in range(3):
            part = slice(starts[index], starts[index + 1])
            same = net.params[part] == before[part]
            assert same.all() if index in frozen else not same.any(), (frozen, index)


def test_all_layers_frozen_is_refused_and_changes_nothing():
    net = fb.Network(2, [fb.Dense(1, trainable=False)])
    before = net.params.copy()
    for train in (
        lambda: net.fit([[1.0, 2.0]], [1.0]),
        lambda: net.train_step([[1.0, 2.0]], [1.0], "sgd"),
    ):
        with pytest.raises(ValueError, match=r"^trainable must be True for at least one layer"):
            train()
    assert_same_bits(net.params, before)


def test_tied_weights_are_one():
    net = structure(fb, "tied-both-ways-over-a-layer")
    first, _, again, back = net.weights
    first[...] = np.arange(24).reshape(4, 6)
    assert again.tolist() == first.tolist()
    assert back.tolist() == first.T.tolist()
    x, y = rows(net)
    net.fit(x, y, epochs=2)
    assert np.shares_memory(first, again)
    assert np.shares_memory(first, back)
    assert back.tolist() == first.T.tolist()


def test_the_gradient_of_a_tied_weight_is_the_sum_of_its_places():
    tied = structure(fb, "tied")
    loose = fb.Network(
        7,
        [fb.Dense(7, "tanh"), fb.Dense(7, "tanh"), fb.Dense(7, bias=False)],
        dtype="float64",
    )
    for place, weight in enumerate(loose.weights):
        weight[...] = tied.weights[0]
        if loose.biases[place] is not None:
            loose.biases[place][...] = tied.biases[place][...] = 0.1 * (place + 1)
    x, y = rows(tied)
    assert_agree(tied.predict(x), loose.predict(x), "float64")
    separate = loose.gradient(x, y)[1].weights
    assert_agree(tied.gradient(x, y)[1].weights[0], sum(separate), "float64")


def test_running_statistics_come_to_those_of_the_data():
    net = fb.Network(2, [fb.Dense(2, init=np.eye(2), norm="batch"), fb.Dense(1)], dtype="float64")
    x = np.random.default_rng(0).normal([3, -1], [2, 0.5], size=(200, 2))
    net.fit(x, x[:, 0], fb.SGD(0.0), epochs=200, batch_size=None)
    np.testing.assert_allclose(net.means[0], x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(net.variances[0], x.var(axis=0), rtol=1e-6)


@every_structure
def test_a_row_of_weight_two_is_the_row_twice(name):
    if "dropout" in str(STRUCTURES[name]):
        pytest.skip("each row has a mask of its own")
    x, y = rows(structure(fb, name), 6)
    weight = np.array([2, 0, 1, 3, 1, 1])
    twice = np.repeat(np.arange(6), weight)
    found = []
    for data in ((x, y, weight), (x[twice], y[twice], None)):
        net = structure(fb, name)
        for _ in range(3):
            net.train_step(data[0], data[1], fb.SGD(0.1), data[2])
        found.append(net.params.copy())
    assert_agree(*found, "float64")


@every_structure
def test_divergence_goes_back_with_running_statistics_too(name):
    net = structure(fb, name)
    x, y = rows(net, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        history = net.fit(x * 1e3, y, fb.SGD(1e200), epochs=50, batch_size=7)
    # Where the last layer is bounded, or frozen after a bounded one, the loss stays finite; whether
    # a bounded one is given infinity - infinity hangs on roundings, and so on the level.
    bounded = name in ("residual-out", "frozen-last")
    expected = {"epochs"} if bounded else {"diverged"}
    if name == "tied-both-ways-over-a-layer":
        expected = {"epochs", "diverged"}
    assert history.stop_reason in expected
    assert np.isfinite(net.params).all()
    assert np.isfinite(net.evaluate(x, y))


def test_the_best_epoch_has_its_own_running_statistics():
    net = structure(fb, "batch-norm")
    x, y = rows(net, 60)
    seen = []
    net.fit(
        x,
        y,
        fb.SGD(0.3),
        epochs=30,
        batch_size=7,
        stop=fb.Stop(restore_best=True),
        callbacks=lambda net, history: seen.append(net.params.copy()),
        validation=(x, y),
    )
    assert_same_bits(net.params, seen[int(np.argmin(net_losses(net, seen, x, y)))])


def net_losses(net, seen, x, y):
    """Return the loss with each of the parameters; the network is as it was."""
    params, losses = net.params.copy(), []
    for values in seen:
        net.params = values
        losses.append(net.evaluate(x, y))
    net.params = params
    return losses


@every_structure
def test_one_row_more_in_a_block_changes_no_others_prediction(name):
    net = structure(fb, name, "float32")
    x, y = rows(net, 300)
    net.fit(x, y, epochs=1)
    whole = net.predict(x)
    for count in (1, 2, 255, 257):
        assert_same_bits(net.predict(x[:count]), whole[:count])


REFUSED = [
    ({"dropout": 1.0}, ValueError, "dropout must be at least 0 and below 1"),
    ({"dropout": 1}, ValueError, "dropout must be at least 0 and below 1"),
    ({"dropout": -0.1}, ValueError, "dropout must be at least 0 and below 1"),
    ({"dropout": float("nan")}, ValueError, "dropout must be a finite number"),
    ({"dropout": "0.5"}, TypeError, "dropout must be a number"),
    ({"norm": "group"}, ValueError, "norm must be one of 'layer', 'batch', got 'group'"),
    ({"norm": "batch(1.5)"}, ValueError, "momentum of norm 'batch' must be"),
    ({"norm": "layer(0.1)"}, ValueError, "norm 'layer' must have no parameter"),
    ({"norm": 1}, TypeError, "norm must be a string"),
    ({"residual": 1}, TypeError, "residual must be True or False"),
    ({"trainable": None}, TypeError, "trainable must be True or False"),
    ({"tied_to": -1}, ValueError, "tied_to must be at least 0"),
    ({"tied_to": 0.0}, TypeError, "tied_to must be an integer"),
    ({"transposed": True}, ValueError, "transposed must come with tied_to"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), REFUSED, ids=str)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{message}".replace("(", r"\(").replace(")", r"\)")):
        fb.Dense(3, **arguments)
    layer = fb.Dense(3)
    if "trainable" in arguments:
        with pytest.raises(error, match=message):
            layer.trainable = arguments["trainable"]


MISFITS = [
    (([fb.Dense(3, dropout=0.5)], "mse"), "dropout of the last layer must be 0.*layer before"),
    (([fb.Dense(3, residual=True)], "mse"), "residual must be between equal widths, got 2 inputs"),
    (
        ([fb.Dense(2, "softmax", residual=True)], "cross_entropy"),
        "residual must be False in the last layer with loss 'cross_entropy'.*'mse'",
    ),
    (([fb.Dense(2, tied_to=0)], "mse"), "tied_to of layers.0. must be the place of an earlier"),
    (([fb.Dense(2), fb.Dense(2, tied_to=1)], "mse"), "tied_to of layers.1. must be the place of"),
    (
        ([fb.Dense(2), fb.Dense(2, tied_to=0), fb.Dense(2, tied_to=1)], "mse"),
        "tied_to of layers.2. must be .*weights of its own, got 1",
    ),
    (
        ([fb.Dense(3), fb.Dense(3, tied_to=0)], "mse"),
        r"tied_to must be a layer with weights of shape \(3, 3\) for layers.1., got 0, whose "
        r"weights are \(3, 2\)",
    ),
    (
        ([fb.Dense(3), fb.Dense(4, tied_to=0, transposed=True)], "mse"),
        r"tied_to must be .* got 0, whose transposed weights are \(2, 3\)",
    ),
    (
        ([fb.Dense(2), fb.Dense(2, tied_to=0, init="zeros")], "mse"),
        r"init of layers.1. must be left to layers.0., whose weights it is tied to, got 'zeros'",
    ),
]


@pytest.mark.parametrize(("network", "message"), MISFITS, ids=lambda value: str(value)[:40])
def test_layers_that_do_not_fit_are_refused(network, message):
    layers, loss = network
    with pytest.raises(ValueError, match=f"^{message}"):
        fb.Network(2, layers, loss=loss)


@pytest.mark.parametrize("name", [name for name in STRUCTURES if has_batch_statistics(name)])
def test_memory_counts_what_a_batch_norm_needs(name):
    net = structure(fb, name)
    small, large = net.memory(engine.BLOCK_ROWS), net.memory(10 * engine.BLOCK_ROWS)
    assert large > 5 * (small - 3 * net.params.nbytes) - small
    plain = fb.mlp([4, 9, 2])
    assert plain.memory(engine.BLOCK_ROWS) == plain.memory(10 * engine.BLOCK_ROWS)
