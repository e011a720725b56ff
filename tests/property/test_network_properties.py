"""What must hold for every network and every batch, whatever the numbers are."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DISGUISES, IMPOSTORS, PAIRS, case, cases, targets
from tolerance import assert_agree, assert_same_bits, norm

import fastbp as fb
from fastbp import _compiled, kernels, reference, spec, training

FEW = (1, 2, 7)


def flat_gradient(net, x, y, weight=None):
    return net.gradient(x, y, weight)[1].flat


def gradient_scale(net, x, y):
    """Return the mean norm of the rows' gradients, which their sum may be far below."""
    return np.mean([norm(flat_gradient(net, x[r : r + 1], y[r : r + 1])) for r in range(len(x))])


@given(cases(), st.randoms(use_true_random=False))
def test_permuted_rows_give_permuted_predictions_bit_for_bit(structure, random):
    net, (x, _) = structure.network(), structure.rows()
    order = np.array(random.sample(range(len(x)), len(x)))
    assert_same_bits(net.predict(x[order]), net.predict(x)[order])


@given(cases(), st.randoms(use_true_random=False))
def test_permuted_rows_give_the_same_loss_and_gradient(structure, random):
    net, (x, y) = structure.network(), structure.rows()
    order = np.array(random.sample(range(len(x)), len(x)))
    loss, gradients = net.gradient(x, y)
    other_loss, other = net.gradient(x[order], y[order])
    assert_agree(other_loss, loss, net.dtype, "loss")
    assert_agree(other.flat, gradients.flat, net.dtype, "flat", gradient_scale(net, x, y))
    assert_same_bits(other.inputs, gradients.inputs[order], "inputs")


@given(cases())
def test_a_row_alone_has_the_bits_it_has_in_a_batch(structure):
    net, (x, _) = structure.network(), structure.rows()
    a = net.predict(x)
    for r in {0, len(x) // 2, len(x) - 1}:
        assert_same_bits(net.predict(x[r : r + 1]), a[r : r + 1], f"row {r}")
    middle = slice(len(x) // 3, len(x) // 3 + 2)
    assert_same_bits(net.predict(x[middle]), a[middle], "two rows")
    inputs = net.backward(x, a).inputs
    assert_same_bits(net.backward(x[:1], a[:1]).inputs, inputs[:1], "inputs")


@given(cases())
def test_the_gradient_of_a_batch_is_the_mean_of_its_rows(structure):
    net, (x, y) = structure.network(), structure.rows()
    loss, gradients = net.gradient(x, y)
    alone = [net.gradient(x[r : r + 1], y[r : r + 1]) for r in range(len(x))]
    assert_agree(loss, np.mean([of_row for of_row, _ in alone]), net.dtype, "loss")
    mean = np.mean([of_row.flat for _, of_row in alone], axis=0, dtype=np.float64)
    assert_agree(gradients.flat, mean, net.dtype, "flat", gradient_scale(net, x, y))
    inputs = np.concatenate([of_row.inputs for _, of_row in alone]).astype(np.float64)
    assert_agree(gradients.inputs, inputs / len(x), net.dtype, "inputs")


@given(cases())
def test_gradient_and_evaluate_and_train_step_say_the_same_loss(structure):
    net, (x, y) = structure.network(), structure.rows()
    loss, gradients = net.gradient(x, y)
    assert net.evaluate(x, y) == loss
    before = net.params.copy()
    assert net.train_step(x, y, fb.SGD(0.5)) == loss
    moved = (before - net.params).astype(np.float64) / 0.5
    rounding = 4 * np.finfo(net.dtype).eps * norm(before)
    np.testing.assert_allclose(moved, gradients.flat, rtol=1e-5, atol=rounding)


@given(cases(rows=FEW), st.data())
def test_whole_row_weights_mean_repeated_rows(structure, data):
    net, (x, y) = structure.network(), structure.rows()
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(x), max_size=len(x)).filter(any))
    repeated = np.repeat(np.arange(len(x)), counts)
    loss, gradients = net.gradient(x, y, counts)
    want_loss, want = net.gradient(x[repeated], y[repeated])
    assert_agree(loss, want_loss, net.dtype, "loss")
    assert_agree(net.evaluate(x, y, counts), want_loss, net.dtype, "evaluate")
    assert_agree(gradients.flat, want.flat, net.dtype, "flat", gradient_scale(net, x, y))


@given(cases(rows=(3, 7, 257)), st.integers(0, 2))
def test_a_row_of_weight_0_is_absent(structure, position):
    net, (x, y) = structure.network(), structure.rows()
    gone = position * (len(x) - 1) // 2
    weight = np.ones(len(x))
    weight[gone] = 0
    loss, gradients = net.gradient(x, y, weight)
    rest = np.delete(np.arange(len(x)), gone)
    want_loss, want = net.gradient(x[rest], y[rest])
    assert_agree(loss, want_loss, net.dtype, "loss")
    assert_agree(gradients.flat, want.flat, net.dtype, "flat", gradient_scale(net, x, y))
    assert not gradients.inputs[gone].any()


@given(cases(rows=FEW), st.sampled_from([2.0**-10, 0.5, 2.0, 1024.0]))
def test_equal_row_weights_mean_no_weights_bit_for_bit(structure, weight):
    # Powers of 2, so that weight / (sum of weights) is rounded as 1 / rows is.
    net, (x, y) = structure.network(), structure.rows()
    weights = np.full(len(x), weight)
    loss, gradients = net.gradient(x, y)
    weighted_loss, weighted = net.gradient(x, y, weights)
    assert weighted_loss == loss
    assert_same_bits(weighted.flat, gradients.flat)


@given(cases())
def test_inputs_are_never_modified(structure):
    net, (x, y) = structure.network(), structure.rows()
    weight = np.linspace(0, 2, len(x) + 1, dtype=net.dtype)[1:]
    above = np.ones((len(x), net.sizes[-1]), net.dtype)
    arrays = (x, y, weight, above)
    copies = [array.copy() for array in arrays]
    params = net.params.copy()
    net.predict(x)
    net.evaluate(x, y, weight)
    net.gradient(x, y, weight)
    net.backward(x, above)
    assert_same_bits(net.params, params, "params")
    optimizer = fb.Adam()
    net.train_step(x, y, optimizer, weight)
    net.fit(
        x,
        y,
        optimizer,
        epochs=2,
        batch_size=5,
        sample_weight=weight,
        validation=(x, y),
        progress=False,
    )
    for array, copy in zip(arrays, copies, strict=True):
        assert_same_bits(array, copy)


@given(cases())
def test_results_belong_to_the_caller(structure):
    net, (x, y) = structure.network(), structure.rows()
    a, gradients = net.predict(x), net.gradient(x, y)[1]
    kept = a.copy(), gradients.flat.copy(), gradients.inputs.copy()
    net.predict(x / 2)
    net.gradient(x / 2, y)
    net.train_step(x, y, fb.SGD(0.1))
    for now, before in zip((a, gradients.flat, gradients.inputs), kept, strict=True):
        assert_same_bits(now, before)
        assert now.flags.writeable
        assert not np.shares_memory(now, x)
        assert not np.shares_memory(now, net.params)
    for part in [*gradients.weights, *(b for b in gradients.biases if b is not None)]:
        assert np.shares_memory(part, gradients.flat)
    for part in [*net.weights, *(b for b in net.biases if b is not None)]:
        assert np.shares_memory(part, net.params)


def trained(structure, **arguments):
    """Return (params, losses) after a short fit."""
    net, (x, y) = structure.network(), structure.rows()
    more = {"epochs": 3, "batch_size": 5, "progress": False, **arguments}
    history = net.fit(x, y, fb.Adam(0.01), **more)
    return net.params, history.loss


@given(cases(), st.sampled_from([{}, {"shuffle": False}, {"batch_size": None}]))
def test_the_same_run_twice_has_the_same_bits(structure, arguments):
    params, loss = trained(structure, **arguments)
    again, loss_again = trained(structure, **arguments)
    assert_same_bits(again, params)
    assert loss_again == loss


def test_where_a_long_run_is_divided_into_calls_changes_no_bit(monkeypatch):
    # The clock decides how many steps are taken in one call; no result may depend on it.
    runs = []
    for seconds in (0.0, 1e9):  # one step a call; twice as many in each call
        monkeypatch.setattr(training, "CALL_SECONDS", seconds)
        structure = case((5, 9, 3), "tanh", "softmax", "cross_entropy", "float64", 257, seed=6)
        runs.append(trained(structure, batch_size=3, sample_weight=np.linspace(0.1, 2, 257)))
    assert_same_bits(runs[1][0], runs[0][0], "params")
    assert runs[1][1] == runs[0][1], "history.loss"


@given(cases(), st.integers(1, 4))
def test_any_number_of_threads_has_the_same_bits(structure, threads):
    params, loss = trained(structure)
    again, loss_again = trained(structure, threads=threads)
    assert_same_bits(again, params)
    assert loss_again == loss


@given(cases(rows=(7, 257)))
def test_fit_without_shuffle_is_train_step_after_train_step_bit_for_bit(structure):
    params, _ = trained(structure, epochs=2, shuffle=False)
    net, (x, y) = structure.network(), structure.rows()
    adam = fb.Adam(0.01)
    for _ in range(2):
        for start in range(0, len(x), 5):
            net.train_step(x[start : start + 5], y[start : start + 5], adam)
    assert_same_bits(net.params, params)


@given(cases(rows=(7, 257), losses=["mse", "cross_entropy"]))
def test_a_shuffled_fit_sees_every_row_once_an_epoch(structure):
    net, (x, y) = structure.network(), structure.rows()
    # With a learning rate of 0 the mean over an epoch does not depend on its order.
    history = net.fit(x, y, fb.SGD(0.0), epochs=2, batch_size=3, progress=False)
    for loss in history.loss:
        assert_agree(loss, net.evaluate(x, y), net.dtype)


def test_shuffling_depends_on_the_seed_and_differs_between_epochs():
    def seen(seed):
        net = fb.mlp([1, 1], dtype="float64", seed=seed)
        net.params = [1.0, 0.0]
        x = np.arange(1.0, 9.0)[:, np.newaxis]
        trail = []
        # Targets 0: the loss of a row is x^2 / 2, and 1 row an update makes its order visible
        # in the parameters, which move by a factor that depends on the row.
        net.fit(
            x,
            np.zeros(8),
            fb.SGD(1e-3),
            epochs=3,
            batch_size=1,
            progress=False,
            callbacks=lambda network, history: trail.append(network.params.copy()) or False,
        )
        return np.array(trail)

    assert_same_bits(seen(1), seen(1))
    assert not np.array_equal(seen(1)[0], seen(2)[0])


@pytest.mark.parametrize("dtype", spec.DTYPES)
def test_both_dtypes_start_alike(dtype):
    net = fb.mlp([5, 17, 3], hidden="tanh", dtype=dtype, seed=8)
    wide = fb.mlp([5, 17, 3], hidden="tanh", dtype="float64", seed=8)
    assert_same_bits(net.params, wide.params.astype(dtype))
    assert not np.array_equal(net.params, fb.mlp([5, 17, 3], "tanh", dtype=dtype, seed=9).params)


@pytest.mark.parametrize(
    ("init", "variance", "limit"),
    [
        ("he_normal", 2 / 200, None),
        ("he_uniform", 2 / 200, (6 / 200) ** 0.5),
        ("glorot_normal", 2 / 500, None),
        ("glorot_uniform", 2 / 500, (6 / 500) ** 0.5),
        ("lecun_normal", 1 / 200, None),
        ("lecun_uniform", 1 / 200, (3 / 200) ** 0.5),
        ("uniform(-0.5, 0.5)", 1 / 12, 0.5),
        ("zeros", 0.0, 0.0),
    ],
)
def test_the_first_weights_have_the_spread_of_their_rule(init, variance, limit):
    net = fb.Network(200, [fb.Dense(300, init=init)], dtype="float64")
    weight = net.weights[0]
    # 60,000 draws: the mean square is within 2 % of the variance by more than 3 deviations.
    assert np.mean(weight**2) == pytest.approx(variance, rel=0.02)
    assert abs(weight.mean()) <= 0.02 * variance**0.5
    if limit is None:
        assert np.abs(weight).max() > 3 * variance**0.5
    else:
        assert 0.99 * limit <= np.abs(weight).max() <= limit
    assert not net.biases[0].any()


@pytest.mark.parametrize("activation", spec.ACTIVATIONS)
def test_the_first_weights_follow_the_activation_unless_told_otherwise(activation):
    like_relu = ("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish")
    rule = "he_normal" if activation in like_relu else "glorot_uniform"
    rule = "lecun_normal" if activation == "selu" else rule
    auto, named = (fb.Network(4, [fb.Dense(3, activation, init=i)]) for i in ("auto", rule))
    assert_same_bits(auto.params, named.params)


@pytest.mark.parametrize("sizes", [(40, 7), (7, 40), (9, 9), (1, 1)])
def test_orthogonal_weights_have_rows_or_columns_at_right_angles(sizes):
    weight = fb.Network(sizes[0], [fb.Dense(sizes[1], init="orthogonal")], dtype="float64").weights
    short = weight[0] if sizes[1] <= sizes[0] else weight[0].T
    np.testing.assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-14)
    twin = reference.Network(sizes[0], [reference.Dense(sizes[1], init="orthogonal")]).weights[0]
    short = np.array(twin) if sizes[1] <= sizes[0] else np.array(twin).T
    np.testing.assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-12)


@pytest.mark.parametrize("package", [fb, reference])
def test_weights_can_be_given_or_come_from_a_function(package):
    wanted = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    asked = []

    def ask(n_in, n_out, rng):
        asked.append((n_in, n_out))
        return wanted

    for init in (wanted, ask, "constant(2)"):
        net = package.Network(3, [package.Dense(2, init=init)])
        expected = wanted if init != "constant(2)" else [[2.0] * 3] * 2
        assert np.array(net.weights[0]).tolist() == expected
    assert asked == [(3, 2)]


def test_a_network_with_given_weights_is_saved_and_loaded(tmp_path):
    net = fb.Network(3, [fb.Dense(2, init=np.ones((2, 3)))])
    net.save(tmp_path / "model.fastbp")
    assert_same_bits(fb.load(tmp_path / "model.fastbp").params, net.params)


def whole_numbers(loss, dtype, n_rows=6):
    """Return a network and rows of zeros and ones, which every disguise can hold."""
    structure = case((4, 5, 1 if loss == "mse" else 3), "tanh", *OUTPUT[loss], dtype, n_rows)
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (n_rows, 4)).astype(dtype)
    y = rng.integers(0, 2, (n_rows, structure.sizes[-1])).astype(dtype)
    if loss == "cross_entropy":
        y = rng.integers(0, 2, n_rows).astype(dtype)
    return structure.network(), x, y


OUTPUT = {loss: (output, loss) for output, loss in reversed(PAIRS)}
# Losses whose targets may be 0 and 1 in every column.
OF_ZEROS_AND_ONES = [
    loss for loss in spec.LOSSES if loss not in ("gamma", "hinge", "gaussian_nll", "kl_divergence")
]


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("loss", OF_ZEROS_AND_ONES)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_numbers_in_disguise_give_the_same_answer(disguise, loss, dtype):
    net, x, y = whole_numbers(loss, dtype)
    weight = np.array([1, 0, 1, 1, 0, 1], dtype)
    above = np.ones((6, net.sizes[-1]), dtype)
    hide = DISGUISES[disguise]
    assert_same_bits(net.predict(hide(x)), net.predict(x), "predict")
    want_loss, want = net.gradient(x, y, weight)
    loss, gradients = net.gradient(hide(x), hide(y), hide(weight))
    assert loss == want_loss == net.evaluate(hide(x), hide(y), hide(weight))
    assert_same_bits(gradients.flat, want.flat, "gradient")
    backward = net.backward(hide(x), hide(above))
    assert_same_bits(backward.flat, net.backward(x, above).flat, "backward")


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_training_on_numbers_in_disguise_gives_the_same_bits(disguise, dtype):
    results = []
    for hide in (np.array, DISGUISES[disguise]):
        net, x, y = whole_numbers("binary_cross_entropy", dtype)
        arguments = {"epochs": 2, "batch_size": 4, "progress": False}
        net.fit(hide(x), hide(y), "adam", validation=(hide(x), hide(y)), **arguments)
        net.train_step(hide(x), hide(y), fb.SGD(0.1))
        results.append(net.params)
    assert_same_bits(results[1], results[0])


def test_broadcast_rows_give_the_same_answer():
    net, x, y = whole_numbers("mse", "float32")
    x, y = np.broadcast_to(x[0], (300, 4)), np.broadcast_to(y[0], (300, 1))
    want_loss, want = net.gradient(x.copy(), y.copy())
    loss, gradients = net.gradient(x, y)
    assert loss == want_loss
    assert_same_bits(gradients.flat, want.flat)


@pytest.mark.parametrize("loss", OF_ZEROS_AND_ONES)
@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_what_is_no_array_of_real_numbers_is_refused_by_name(impostor, loss):
    net, x, y = whole_numbers(loss, "float64")
    before = net.params.copy()
    poor = IMPOSTORS[impostor]
    above = np.ones((6, net.sizes[-1]))
    weight = np.ones(6)
    calls = {
        "x": [
            lambda: net.predict(poor(x)),
            lambda: net.gradient(poor(x), y),
            lambda: net.fit(poor(x), y),
        ],
        "y": [lambda: net.evaluate(x, poor(y)), lambda: net.train_step(x, poor(y), "sgd")],
        "output_gradient": [lambda: net.backward(x, poor(above))],
        "sample_weight": [lambda: net.gradient(x, y, poor(weight))],
    }
    for name, made in calls.items():
        if impostor == "none" and name == "sample_weight":
            continue  # None means no weights
        for call in made:
            with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
                call()
    assert_same_bits(net.params, before)


@given(cases(rows=FEW))
def test_kernels_do_not_modify_their_inputs(structure):
    rng = np.random.default_rng(structure.seed)
    n, n_in, n_out = structure.n_rows, structure.sizes[0], structure.sizes[-1]
    x, delta = rng.normal(size=(n, n_in)), rng.normal(size=(n, n_out))
    weight, bias = rng.normal(size=(n_out, n_in)), rng.normal(size=n_out)
    y = targets(rng, structure.loss, n, n_out, "float64")
    arrays = (x, delta, weight, bias, y)
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    kernels.dense_forward(x, weight, bias)
    kernels.hidden_delta(weight, delta, x, structure.activations[0])
    kernels.accumulate_gradients(x, delta, np.zeros((n_out, n_in)), np.zeros(n_out))
    output = structure.activations[-1]
    kernels.loss_value(delta, y, output, structure.loss)
    kernels.output_delta(delta, y, output, structure.loss)
    kernels.softmax_vjp(delta, delta)
    kernels.sgd_update(np.zeros(n_out), bias, None)
    kernels.adam_update(np.zeros(n_out), bias, np.zeros(n_out), np.zeros(n_out), 1)
    for name in ("sigmoid", "relu_prime", "tanh", "softmax"):
        getattr(kernels, name)(delta)
    for array, copy in zip(arrays, copies, strict=True):
        assert_same_bits(array, copy)


DIGEST = """
import hashlib
import numpy as np
import fastbp as fb
from fastbp import _compiled

digest = hashlib.sha256()
rng = np.random.default_rng(0)
x, y = rng.normal(size=(300, 17)), rng.integers(0, 5, 300)
for dtype in ("float32", "float64"):
    net = fb.mlp([17, 33, 9, 5], "tanh", "softmax", "cross_entropy", dtype=dtype)
    net.fit(x, y, fb.Adam(0.01), epochs=2, batch_size=31, progress=False)
    digest.update(net.params.tobytes() + net.predict(x).tobytes())
print(_compiled.LEVEL, digest.hexdigest())
"""


@pytest.mark.no_sanitizer("starts all levels, of which .ci/sanitize may have built one")
def test_the_wide_instruction_sets_give_the_same_bits(tmp_path):
    if _compiled._cpu.isa_level() < 4:
        pytest.skip("this CPU runs no level 4")
    found = []
    for level in ("v3", "v4"):
        answer = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "FASTBP_ISA": level},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        name, digest = answer.stdout.split()
        assert name == level
        found.append(digest)
    assert found[0] == found[1]


def test_the_callers_floating_point_state_is_given_back():
    net, x, y = whole_numbers("mse", "float64")
    smallest = np.float64(5e-324)
    net.fit(x, y, "adam", epochs=1, progress=False)
    net.predict(x)
    net.gradient(x, y)
    net.backward(x, y)
    net.evaluate(x, y)
    assert smallest * np.float64(1.0) == smallest
    assert np.float64(2.3e-308) / np.float64(4.0) > 0
