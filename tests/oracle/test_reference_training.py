"""The twin's training loop and its ways to stop."""

import math
import warnings
from fractions import Fraction

import pytest

from fastbp import reference
from fastbp.reference import kernels

XOR = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]


def line_network(learning_rate=0.1, w=0.0):
    """Make yhat = w x + b with an optimizer; x = 1, y = 1 has the solution w + b = 1."""
    net = reference.mlp([1, 1])
    net.params = [w, 0.0]
    return net, reference.SGD(learning_rate)


@pytest.mark.parametrize("optimizer", [reference.Adam(0.05), reference.SGD(0.5, momentum=0.9)])
def test_xor_converges(optimizer):
    net = reference.mlp([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", seed=1)
    stop = reference.Stop(loss=0.01)
    history = net.fit(*XOR, optimizer, epochs=2000, batch_size=4, stop=stop)
    assert history.stop_reason == "loss"
    assert [round(a[0]) for a in net.predict(XOR[0])] == XOR[1]


def test_xor_by_softmax_with_class_indices():
    net = reference.mlp([2, 8, 2], "relu", "softmax", "cross_entropy", seed=2)
    net.fit(*XOR, "adam", epochs=1, batch_size=4)
    history = net.fit(*XOR, reference.Adam(0.05), 1000, 2, stop=reference.Stop(loss=0.01))
    assert history.stop_reason == "loss"
    assert [a.index(max(a)) for a in net.predict(XOR[0])] == XOR[1]


def test_same_seed_same_training():
    def train(seed):
        net = reference.mlp([2, 3, 1], "tanh", seed=seed)
        return net.fit(*XOR, epochs=3, batch_size=2).loss, net.params

    assert train(4) == train(4)
    assert train(4) != train(5)


def test_shuffle_changes_the_batches_only():
    def last_loss(shuffle, batch_size):
        net = reference.mlp([2, 3, 1], "tanh", seed=1)
        return net.fit(*XOR, "sgd", 5, batch_size, shuffle).loss[-1]

    assert last_loss(True, 2) != last_loss(False, 2)
    assert last_loss(True, 4) == pytest.approx(last_loss(False, 4), rel=1e-14)


def test_epoch_loss_is_the_mean_over_rows_before_each_update():
    # w x + b with rows (1, 1), (1, 0), (1, 2) in batches of 2 and 1, in Fractions.
    net = reference.mlp([1, 1], dtype=Fraction)
    net.params = [0, 0]
    sgd = reference.SGD(Fraction(1, 2))
    history = net.fit([[1], [1], [1]], [1, 0, 2], sgd, epochs=1, batch_size=2, shuffle=False)
    # Batch 1: errors -1, 0; L = 1/4; both gradients -1/2, so w = b = 1/4.
    # Batch 2: error 1/2 - 2; L = 9/8; gradients -3/2.
    assert history.loss == [(2 * Fraction(1, 4) + Fraction(9, 8)) / 3]
    assert net.params == [1, 1]
    assert history.stop_reason == "epochs"


def test_batch_without_weight_is_left_out():
    x, y = [[1.0], [1.0], [5.0], [7.0]], [1.0, 0.0, 3.0, 9.0]
    net, sgd = line_network()
    other, other_sgd = line_network()
    weighted = net.fit(x, y, sgd, 3, 2, shuffle=False, sample_weight=[2, 1, 0, 0])
    alone = other.fit(x[:2], y[:2], other_sgd, 3, 2, shuffle=False, sample_weight=[2, 1])
    assert weighted.loss == alone.loss
    assert net.params == other.params


def test_integer_weight_is_a_repeated_row():
    x, y = [[1.0], [2.0]], [1.0, 0.0]
    net, _ = line_network(w=0.3)
    loss, gradients = net.gradient(x, y, [3, 1])
    repeated, expected = net.gradient([x[0]] * 3 + [x[1]], [y[0]] * 3 + [y[1]])
    assert loss == pytest.approx(repeated, rel=1e-14)
    assert gradients.flat == pytest.approx(expected.flat, rel=1e-14)


def test_train_step_returns_the_loss_before_the_update():
    net, sgd = line_network()
    assert net.train_step([[1.0]], [1.0], sgd) == 0.5
    assert net.params == [0.1, 0.1]


def test_stop_by_seconds():
    net, sgd = line_network()
    history = net.fit([[1.0]], [1.0], sgd, epochs=10**6, stop=reference.Stop(seconds=0.02))
    assert history.stop_reason == "seconds"
    assert history.seconds[-1] >= 0.02
    assert history.seconds == sorted(history.seconds)


def test_stop_by_patience_and_restore_best():
    # Each step with this rate overshoots and the loss grows, so the first epoch stays the best.
    net, sgd = line_network(learning_rate=1.1)
    after_first = []
    history = net.fit(
        [[1.0]],
        [1.0],
        sgd,
        epochs=100,
        stop=reference.Stop(patience=3, restore_best=True),
        callbacks=[lambda network, history: after_first.append(network.params) or False],
    )
    assert history.stop_reason == "patience"
    assert len(history.loss) == 4
    assert net.params == after_first[0] != after_first[-1]


def test_min_delta_wants_more_than_a_little_progress():
    net, sgd = line_network(learning_rate=1e-6)
    stop = reference.Stop(patience=2, min_delta=0.01)
    assert net.fit([[1.0]], [1.0], sgd, 100, stop=stop).stop_reason == "patience"
    net, sgd = line_network(learning_rate=1e-6)
    assert net.fit([[1.0]], [1.0], sgd, 10, stop=reference.Stop(patience=2)).stop_reason == "epochs"
    # A great fall at first does not excuse the epochs without progress after it.
    net, sgd = line_network(learning_rate=0.5)
    stop = reference.Stop(patience=2, min_delta=0.01)
    assert net.fit([[1.0]], [1.0], sgd, 100, stop=stop).stop_reason == "patience"
    # Two epochs together fall by more than min_delta, though neither does alone.
    net, sgd = line_network(learning_rate=0.01)
    stop = reference.Stop(patience=2, min_delta=0.02)
    assert net.fit([[1.0]], [1.0], sgd, 5, stop=stop).stop_reason == "epochs"


def test_patience_follows_the_validation_loss_where_there_is_one():
    # Training pulls w + b to 1, away from the 0 that validation wants.
    def train(monitor):
        net, sgd = line_network()
        stop = reference.Stop(patience=2, monitor=monitor)
        return net.fit([[1.0]], [1.0], sgd, 20, validation=([[1.0]], [0.0]), stop=stop)

    assert train(None).stop_reason == train("validation_loss").stop_reason == "patience"
    assert len(train(None).validation_loss) == 3
    assert train("loss").stop_reason == "epochs"


def test_stop_by_gradient_norm():
    net, sgd = line_network()
    stop = reference.Stop(gradient_norm=1e-3)
    history = net.fit([[1.0]], [1.0], sgd, 1000, stop=stop)
    assert history.stop_reason == "gradient_norm"
    # Both gradients are the error e, their norm is sqrt(2) e, and L = e^2 / 2.
    norms = [2 * math.sqrt(loss) for loss in history.loss]
    assert norms[-1] <= 1e-3 < norms[-2]


def test_stop_by_callback_after_all_callbacks_have_run():
    seen = []
    net, sgd = line_network()
    callbacks = [
        lambda network, history: len(history.loss) == 2,
        lambda network, history: seen.append((network is net, len(history.loss))),
    ]
    history = net.fit([[1.0]], [1.0], sgd, callbacks=callbacks)
    assert history.stop_reason == "callback"
    assert seen == [(True, 1), (True, 2)]


def test_progress_says_a_line_an_epoch(capsys):
    net, sgd = line_network()
    net.fit([[1.0]], [1.0], sgd, 2, validation=([[1.0]], [1.0]), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss 0.5  validation_loss 0.32  ")
    net.fit([[1.0]], [1.0], sgd, 2, progress=False)
    assert capsys.readouterr() == ("", "")


def test_validation_fraction_takes_the_last_rows_without_shuffling():
    x, y = [[1.0], [2.0], [3.0], [4.0]], [0.0, 0.0, 0.0, 9.0]
    net, sgd = line_network(learning_rate=0.0)
    history = net.fit(x, y, sgd, 1, shuffle=False, validation=0.25)
    assert history.loss == [0.0]
    assert history.validation_loss == [81 / 2]


def test_divergence_puts_the_last_finite_parameters_back():
    net, sgd = line_network(learning_rate=1e200)
    trail = []
    with pytest.warns(RuntimeWarning, match="loss became inf at epoch 2, step 1 ") as caught:
        history = net.fit(
            [[1.0]],
            [1.0],
            sgd,
            callbacks=[lambda network, history: trail.append(network.params) and False],
        )
    assert history.stop_reason == "diverged"
    assert history.message == (
        "loss became inf at epoch 2, step 1 (learning_rate 1e+200); "
        "parameters are back at the last finite step"
    )
    assert caught[0].filename == __file__
    assert history.loss == [0.5]
    assert trail == [[1e200, 1e200]]
    assert net.params == [0.0, 0.0]
    assert math.isfinite(net.evaluate([[1.0]], [1.0]))


def test_divergence_takes_the_optimizer_back_too():
    net = reference.mlp([1, 1])
    net.params = [0.0, 0.0]
    sgd, fresh = (reference.SGD(1e200, momentum=0.9) for _ in range(2))
    with pytest.warns(RuntimeWarning, match="became inf at epoch 1, step 2"):
        net.fit([[1.0]] * 2, [1.0] * 2, sgd, batch_size=1)
    again = reference.mlp([1, 1])
    again.params = [0.0, 0.0]
    again.train_step([[1.0]], [1.0], fresh)
    net.train_step([[1.0]], [1.0], sgd)
    assert net.params == again.params


def test_divergence_within_an_epoch_counts_steps_from_one():
    net, sgd = line_network(learning_rate=1e200)
    with pytest.warns(RuntimeWarning, match="loss became inf at epoch 1, step 2 "):
        net.fit([[1.0]] * 4, [1.0] * 4, sgd, batch_size=1)
    assert net.params == [0.0, 0.0]


def test_divergence_with_restore_best_returns_to_the_best_epoch():
    net, sgd = line_network(learning_rate=1e80)
    trail = []
    with pytest.warns(RuntimeWarning, match="parameters are back at the best epoch"):
        net.fit(
            [[1.0]],
            [1.0],
            sgd,
            stop=reference.Stop(restore_best=True),
            callbacks=[lambda network, history: trail.append(network.params) and False],
        )
    assert net.params == trail[0]


def test_step_with_infinite_loss_changes_nothing():
    net, sgd = line_network(w=1e200)
    with pytest.raises(FloatingPointError, match="loss became inf"):
        net.train_step([[1.0]], [1.0], sgd)
    assert net.params == [1e200, 0.0]


@pytest.mark.parametrize("size", [0.0, 1.0, 50.0, 800.0, 1e4])
def test_losses_are_finite_and_right_far_from_zero(size):
    def cross_entropy(z, label):
        return kernels.loss_value([z], [label], "softmax", "cross_entropy")

    def binary(z, y):
        return kernels.loss_value([[z]], [y], "sigmoid", "binary_cross_entropy")

    wrong = size + math.log1p(math.exp(-size))
    right = math.log1p(math.exp(-size))
    assert cross_entropy([size, 0.0], 1) == pytest.approx(wrong, rel=1e-14)
    assert cross_entropy([size, 0.0], 0) == pytest.approx(right, rel=1e-14, abs=1e-15)
    assert cross_entropy([-size, size, 0.0], 0) >= 2 * size
    assert binary(size, 0) == binary(-size, 1) == pytest.approx(wrong, rel=1e-14)
    assert binary(size, 1) == binary(-size, 0) == pytest.approx(right, rel=1e-14, abs=0)
    for delta in (
        kernels.output_delta([[size, -size]], [1], "softmax", "cross_entropy"),
        kernels.output_delta([[size, -size]], [[0, 1]], "sigmoid", "binary_cross_entropy"),
    ):
        assert all(math.isfinite(d) for d in delta[0])


def test_nan_is_handed_on():
    nan = math.nan
    for name in ("identity", "sigmoid", "relu", "tanh"):
        assert math.isnan(getattr(kernels, name)(nan))
    assert all(math.isnan(a) for a in kernels.softmax([[nan, 0.0]])[0])


def test_optimizer_belongs_to_one_network():
    net, sgd = line_network()
    other, _ = line_network()
    net.train_step([[1.0]], [1.0], sgd)
    for use in (other.train_step, other.fit):
        with pytest.raises(ValueError, match="optimizer must be used with one network"):
            use([[1.0]], [1.0], sgd)
    assert other.params == [0.0, 0.0]
    sgd.reset()
    other.train_step([[1.0]], [1.0], sgd)


def test_fit_goes_on_with_the_optimizer_it_is_given():
    def train(*epochs):
        net, _ = line_network()
        adam = reference.Adam(0.1)
        for n in epochs:
            net.fit([[1.0]], [1.0], adam, n)
        return net.params

    assert train(4) == train(1, 3)


def test_inputs_are_never_modified():
    x, y, weight = [[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]], [1.0, 2.0]
    net = reference.mlp([2, 2, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(x, y, epochs=2, sample_weight=weight, validation=0.5)
    net.backward(x, y)
    assert (x, y, weight) == ([[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]], [1.0, 2.0])


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        ("he_normal", 2 / 40),
        ("he_uniform", 2 / 40),
        ("glorot_normal", 2 / 100),
        ("glorot_uniform", 2 / 100),
        ("zeros", 0),
    ],
)
def test_spread_of_the_first_weights(init, variance):
    net = reference.Network(40, [reference.Dense(60, init=init)])
    weights = [w for row in net.weights[0] for w in row]
    assert sum(w * w for w in weights) / len(weights) == pytest.approx(variance, rel=0.1)
    assert net.biases == [[0.0] * 60]


def test_auto_init_looks_at_the_activation():
    def first(init, activation):
        return reference.Network(4, [reference.Dense(3, activation, init=init)]).weights

    assert first("auto", "relu") == first("he_normal", "relu")
    assert first("auto", "tanh") == first("glorot_uniform", "tanh")
