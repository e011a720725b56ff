"""Networks that make their rows ready themselves: the same as rows made ready by hand."""

import copy
import pickle

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import maps, passes

DTYPES = ["float32", "float64"]
TABLE = {
    "age": [20, 40, 60, 30, 50, 70],
    "sex": ["male", "female", "male", "male", "female", "female"],
    "fare": [7.5, 8.5, 9.5, 1.0, 2.0, 3.0],
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1, 100, 1e-3] + [5, 1e4, 0]
Y = X @ [[1.0, 3.0], [0.01, 0.02], [1e3, 0]] * 50 + 1000


def made(dtype="float64", **sides):
    return fb.mlp([3, 7, 2], "tanh", dtype=dtype, seed=3, **sides)


def both(dtype="float64"):
    return made(dtype, inputs=fb.Standardize().fit(X), targets=fb.Standardize().fit(Y))


def by_hand(net):
    """Return rows and targets made ready by hand."""
    return (
        net.inputs.transform(X).astype(net.dtype),
        net.targets.transform(Y).astype(net.dtype),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_gradients_and_steps_are_those_of_rows_made_ready_by_hand(dtype):
    net, plain = both(dtype), made(dtype)
    x, y = by_hand(net)
    assert net.evaluate(X, Y) == plain.evaluate(x, y)
    loss, grads = net.gradient(X, Y)
    wanted, other = plain.gradient(x, y)
    assert loss == wanted
    assert_same_bits(grads.flat, other.flat)
    assert_same_bits(grads.inputs, other.inputs)
    above = np.ones((60, 2))
    assert_same_bits(net.backward(X, above).flat, plain.backward(x, above).flat)
    assert net.train_step(X, Y, fb.Adam()) == plain.train_step(x, y, fb.Adam())
    net.fit(X, Y, epochs=2, validation=0.2)
    plain.fit(x, y, epochs=2, validation=0.2)
    net.partial_fit(X, Y)
    plain.partial_fit(x, y)
    blocks = [(X[:13], Y[:13]), (X[13:], Y[13:])]
    net.fit_stream(blocks, validation=(X, Y))
    plain.fit_stream([(x[:13], y[:13]), (x[13:], y[13:])], validation=(x, y))
    assert_same_bits(net.params, plain.params)


@pytest.mark.parametrize("dtype", DTYPES)
def test_predictions_are_in_the_targets_own_unit(dtype):
    net, plain = both(dtype), made(dtype)
    z = plain.predict(by_hand(net)[0])
    wanted = (z.astype(np.float64) * net.targets.scale + net.targets.mean).astype(dtype)
    assert_same_bits(net.predict(X), wanted)
    assert net.predict(X).dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_alone_has_the_bits_it_has_in_a_batch(dtype, threads, monkeypatch):
    net = both(dtype)
    whole = net.predict(X)
    # Blocks that end within the rows.
    monkeypatch.setattr(passes, "block_rows", lambda width, threads: 7)
    assert_same_bits(net.predict(X, threads=threads), whole)
    for row in range(0, 60, 7):
        assert_same_bits(net.predict(X[row : row + 1], threads=threads), whole[row : row + 1])


def test_a_fit_fits_inputs_and_targets_to_the_rows_that_it_trains_on():
    net = made(inputs=fb.Standardize(), targets=fb.Standardize())
    net.fit(X, Y, epochs=1)
    assert_same_bits(net.inputs.mean, fb.Standardize().fit(X).mean)
    assert_same_bits(net.targets.scale, fb.Standardize().fit(Y).scale)


@pytest.mark.parametrize("shuffle", [True, False, "blocks"])
def test_rows_that_are_held_out_do_not_count(shuffle):
    net = made(inputs=fb.Standardize(), targets=fb.Standardize())
    x, y = X.copy(), Y.copy()
    held = np.sort(np.random.default_rng(3).permutation(60)[48:]) if shuffle else np.arange(48, 60)
    x[held], y[held] = 1e6, -1e6
    net.fit(x, y, epochs=1, validation=0.2, shuffle=shuffle)
    left = np.delete(np.arange(60), held)
    assert net.inputs.n_rows == net.targets.n_rows == 48
    assert_same_bits(net.inputs.mean, fb.Standardize().fit(x[left]).mean)
    assert_same_bits(net.targets.scale, fb.Standardize().fit(y[left]).scale)


def test_rows_given_for_validation_do_not_count():
    net = made(inputs=fb.Standardize())
    net.fit(X[:40], Y[:40], epochs=1, validation=(X[40:], Y[40:]))
    assert_same_bits(net.inputs.mean, fb.Standardize().fit(X[:40]).mean)


def test_a_second_fit_leaves_them_as_they_are():
    net = made(inputs=fb.Standardize())
    net.fit(X[:40], Y[:40], epochs=1)
    mean = net.inputs.mean
    net.fit(X[40:], Y[40:], epochs=1)
    assert_same_bits(net.inputs.mean, mean)


def test_a_fit_that_takes_no_step_leaves_them_unfitted():
    net = made(inputs=fb.Standardize(), targets=fb.Standardize())

    class Fails(fb.Callback):
        def begin(self, training):
            raise OSError("no")

    for error, change in (
        (ValueError, {"y": Y[:-1]}),
        (ValueError, {"validation": 0.999}),
        (ValueError, {"epochs": 0}),
        (TypeError, {"stop": 3}),
        (OSError, {"callbacks": Fails()}),
    ):
        with pytest.raises(error):
            net.fit(**{"x": X, "y": Y, "epochs": 1, **change})
        assert not net.inputs.is_fitted
        assert not net.targets.is_fitted

    def ends(network, history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, epochs=1, callbacks=ends)
    assert net.inputs.is_fitted


CALLS = {
    "predict": lambda net: net.predict(X),
    "evaluate": lambda net: net.evaluate(X, Y),
    "gradient": lambda net: net.gradient(X, Y),
    "backward": lambda net: net.backward(X, Y),
    "train_step": lambda net: net.train_step(X, Y, "sgd"),
    "partial_fit": lambda net: net.partial_fit(X, Y),
    "fit_stream": lambda net: net.fit_stream([(X, Y)]),
}


@pytest.mark.parametrize("side", ["inputs", "targets"])
@pytest.mark.parametrize("call", CALLS)
def test_what_needs_them_fitted_says_so(call, side):
    net = made(**{side: fb.Standardize()})
    with pytest.raises(
        ValueError, match=rf"^{side} must be fitted before rows are taken, got <Stan"
    ):
        CALLS[call](net)


def test_an_unfitted_network_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="Standardize must be fitted before"):
        made(inputs=fb.Standardize()).save(tmp_path / "model.fastbp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_have_their_own(copied):
    net = both()
    other = copied(net)
    assert other.inputs == net.inputs
    assert other.inputs is not net.inputs
    assert_same_bits(other.predict(X), net.predict(X))
    net.inputs.partial_fit(X * 2)
    assert other.inputs != net.inputs
    unfitted = copied(made(inputs=fb.Standardize()))
    assert not unfitted.inputs.is_fitted


def test_columns_and_one_hot_are_inputs():
    columns = fb.Columns().fit(TABLE)
    net = fb.mlp([None, 5, 2], output="softmax", loss="cross_entropy", inputs=columns)
    assert net.sizes == [4, 5, 2]
    labels = [0, 1, 0, 0, 1, 1]
    plain = fb.mlp([4, 5, 2], output="softmax", loss="cross_entropy")
    ready = columns.transform(TABLE).astype(np.float32)
    assert_same_bits(net.predict(TABLE), plain.predict(ready))
    net.fit(TABLE, labels, epochs=2, validation=0.5)
    plain.fit(ready, labels, epochs=2, validation=0.5)
    assert_same_bits(net.params, plain.params)
    turned = {name: TABLE[name] for name in ("sex", "fare", "age")}
    assert_same_bits(net.predict(turned), net.predict(TABLE))
    with pytest.raises(ValueError, match=r"^x must have the column 'fare'"):
        net.predict({"age": [1], "sex": ["male"]})
    with pytest.raises(ValueError, match=r"^x's column 'sex' must hold categories"):
        net.predict({"age": [1], "sex": ["x"], "fare": [1]})

    one_hot = fb.OneHot().fit(["a", "b", "c"])
    small = fb.Network(None, [fb.Dense(1)], inputs=one_hot)
    assert small.predict(["b", "a"]).shape == (2, 1)


def test_widths_must_agree():
    scaling, columns = fb.Standardize().fit(X), fb.Columns().fit(TABLE)
    assert fb.Network(None, [fb.Dense(1)], inputs=scaling).sizes == [3, 1]
    refused = {
        r"inputs must give 4 columns \(network sizes 4-1\), got 3 of <Standardize: 3": (
            {"inputs": scaling},
            [4, 1],
        ),
        r"inputs must give 3 columns .*, got 4 of <Columns: 3 to 4": ({"inputs": columns}, [3, 1]),
        r"targets must have 1 column .*, got <Standardize: 3": ({"targets": scaling}, [3, 1]),
        r"sizes\[0\] must be a number while inputs are not fitted": (
            {"inputs": fb.Standardize()},
            [None, 1],
        ),
        r"inputs must be fitted \(a fit of the network fits fb.Standardize alone\)": (
            {"inputs": fb.Columns()},
            [3, 1],
        ),
    }
    for message, (sides, sizes) in refused.items():
        with pytest.raises(ValueError, match=message):
            fb.mlp(sizes, **sides)
    net = made(inputs=scaling)
    scaling.fit(X[:, :2])
    with pytest.raises(ValueError, match="inputs must give 3 columns"):
        net.predict(X)


def test_types_are_checked():
    with pytest.raises(
        TypeError, match=r"^inputs must be fb.Standardize, fb.OneHot or fb.Columns, got 3"
    ):
        made(inputs=3)
    with pytest.raises(TypeError, match=r"^targets must be fb.Standardize, got <OneHot"):
        made(targets=fb.OneHot())
    with pytest.raises(TypeError, match="n_in must be an integer, got None"):
        fb.Network(None, [fb.Dense(1)])


REGRESSIONS = ["mse", "mae", "huber", "huber(0.5)", "log_cosh", "quantile(0.9)"]


@pytest.mark.parametrize("loss", REGRESSIONS)
def test_targets_are_standardised_for_every_regression(loss):
    net = fb.mlp([3, 2], loss=loss, targets=fb.Standardize())
    net.fit(X / 1e4, Y, epochs=1)
    assert abs(net.predict(X / 1e4).mean() - 1000) > 1


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("cross_entropy", "softmax"),
        ("binary_cross_entropy", "sigmoid"),
        ("poisson", "exp"),
        ("gaussian_nll", "identity"),
        ("hinge", "identity"),
        ("mse", "tanh"),
    ],
)
def test_targets_are_refused_where_they_have_a_meaning_of_their_own(loss, output):
    name = repr(loss) if loss != "mse" else repr(output)
    for package in (fb, fb.reference):
        with pytest.raises(ValueError, match=f"targets must be None with .*{name}"):
            package.mlp([3, 2], output=output, loss=loss, targets=package.Standardize())


def test_one_target_may_be_a_list():
    net = fb.mlp([3, 4, 1], targets=fb.Standardize(), inputs=fb.Standardize())
    net.fit(X, Y[:, 0].tolist(), epochs=1)
    assert net.targets.n_in == 1
    assert net.evaluate(X, Y[:, 0]) == net.evaluate(X, Y[:, :1])
    with pytest.raises(ValueError, match=r"y must have one entry a row of x \(60\), got 59 rows"):
        net.evaluate(X, Y[:59, 0])


@pytest.mark.parametrize("package", [fb, fb.reference], ids=["package", "twin"])
def test_metrics_of_the_users_own_are_in_the_targets_own_unit(package):
    seen = []

    def off(y, outputs):
        seen.append(np.array(y))
        return float(np.abs(seen[-1] - np.array(outputs)).mean())

    net = package.mlp([3, 2], targets=package.Standardize(), inputs=package.Standardize())
    history = net.fit(X.tolist(), Y.tolist(), epochs=1, metrics=[off, "r2"], batch_size=60)
    predicted = np.array(net.predict(X.tolist()))
    assert history["off"][0] == pytest.approx(np.abs(predicted - Y).mean(), rel=1e-4)
    spread = ((Y - Y.mean(axis=0)) ** 2).mean(axis=0)
    r2 = (1 - ((predicted - Y) ** 2).mean(axis=0) / spread).mean()
    assert history["r2"][0] == pytest.approx(r2, abs=1e-4)
    np.testing.assert_allclose(seen[-1], Y, rtol=1e-6)


def test_the_twin_trains_alike():
    histories = []
    for package in (fb, fb.reference):
        net = package.mlp(
            [3, 2], dtype="float64", inputs=package.Standardize(), targets=package.Standardize()
        )
        net.params = np.linspace(-1, 1, 8).tolist()
        rule = package.SGD(0.1)
        history = net.fit(
            X.tolist(), Y.tolist(), rule, epochs=3, batch_size=20, shuffle=False, validation=0.25
        )
        histories.append((history.loss, history.validation_loss, net.predict(X[:5].tolist())))
    for ours, theirs in zip(*histories, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_a_large_map_is_read_by_chunks_and_made_ready_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(maps, "SMALL_BYTES", 1 << 10)
    path = tmp_path / "x.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    net = made(inputs=fb.Standardize(), targets=fb.Standardize())
    net.fit(mapped, Y, epochs=1)
    other = made(inputs=fb.Standardize(), targets=fb.Standardize())
    other.fit(X, Y, epochs=1)
    assert_same_bits(net.params, other.params)
    assert maps.is_mapped(net._rows(mapped))
    assert_same_bits(net.predict(mapped), other.predict(X))


@pytest.mark.parametrize("sides", ["inputs", "targets", "both"])
def test_files_keep_them_bit_for_bit(sides, tmp_path):
    net = both()
    if sides != "both":
        net = made(**{sides: getattr(net, sides)})
    path, again = tmp_path / "model.fastbp", tmp_path / "again.fastbp"
    net.save(path)
    loaded = fb.load(path)
    assert (loaded.inputs, loaded.targets) == (net.inputs, net.targets)
    if net.inputs is not None:
        assert_same_bits(loaded.inputs.mean, net.inputs.mean)
        assert_same_bits(loaded.inputs.scale, net.inputs.scale)
    assert_same_bits(loaded.predict(X), net.predict(X))
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()
    assert path.read_bytes()[8] == 2


def test_files_keep_columns_and_what_goes_on_after_loading(tmp_path):
    columns = fb.Columns(unknown="ignore", extra="ignore", max_categories=7).fit(
        {**TABLE, "yes": [True, False] * 3, "zip": np.array([1, 2**40, -5] * 2)}
        | {"code": np.array(["Ä", '"', "\\", "\x00", "\U0001f34e", ""])}
    )
    net = fb.mlp([None, 2], inputs=columns)
    net.save(tmp_path / "model.fastbp")
    loaded = fb.load(tmp_path / "model.fastbp").inputs
    assert loaded == columns
    assert (loaded.unknown, loaded.extra, loaded.max_categories) == ("ignore", "ignore", 7)
    assert loaded.columns == columns.columns
    assert [type(c) for c in loaded.columns[3].categories] == [bool, bool]
    block = {"age": [1], "sex": ["other"], "fare": [2], "yes": [True], "zip": [1], "code": ["x"]}
    assert loaded.partial_fit(block).n_rows == 7
    assert loaded.columns[1].categories == ("female", "male", "other")


def test_files_without_are_of_version_1(tmp_path):
    made().save(tmp_path / "model.fastbp")
    assert (tmp_path / "model.fastbp").read_bytes()[8] == 1


def fit_with_checkpoints(path, stop=None, resume=None, sides=None):
    net = made(**(sides or {"inputs": fb.Standardize(), "targets": fb.Standardize()}))

    def save(training):
        assert training.save(path)
        return training.total_steps == stop

    keep = fb.EverySteps(5, save)
    net.fit(X, Y, epochs=3, batch_size=16, callbacks=keep, validation=0.2, resume=resume)
    return net


def test_a_fit_goes_on_from_a_checkpoint_bit_for_bit(tmp_path):
    path = tmp_path / "run.fastbp"
    whole = fit_with_checkpoints(tmp_path / "other.fastbp")
    fit_with_checkpoints(path, stop=5)
    assert fb.load(path).inputs == whole.inputs
    resumed = fit_with_checkpoints(path, resume=path)
    assert_same_bits(resumed.params, whole.params)
    assert resumed.inputs == whole.inputs
    assert resumed.targets == whole.targets


def test_a_checkpoint_of_other_preprocessing_is_refused(tmp_path):
    path = tmp_path / "run.fastbp"
    fit_with_checkpoints(path, stop=5)
    for sides in ({}, {"inputs": fb.Standardize().fit(X), "targets": fb.Standardize()}):
        net = made(**sides)
        with pytest.raises(ValueError, match="inputs must be those of the checkpoint"):
            net.fit(X, Y, epochs=3, batch_size=16, validation=0.2, resume=path)
        assert net.targets is None or not net.targets.is_fitted
