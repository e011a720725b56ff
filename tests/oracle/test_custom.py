"""Activations and losses of one's own: copies of built-in ones do what those do, in every form."""

import pickle

import numpy as np
import pytest
from customs import FORMS, register
from tolerance import (
    assert_agree,
    assert_same_fit,
    assert_same_passes,
)

import fastbp as fb
from fastbp import custom, kernels, reference, threads

DTYPES = ["float32", "float64"]
every_form = pytest.mark.parametrize("form", FORMS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def rows(n_rows, n_in, n_out):
    rng = np.random.default_rng(n_rows)
    return rng.normal(size=(n_rows, n_in)), rng.normal(size=(n_rows, n_out)), rng.random(n_rows)


def network(package, names, dtype, sizes=(5, 9, 17, 3)):
    """Return a network with two hidden layers and an output of the named functions."""
    tanh, softplus, huber = names
    layers = [
        package.Dense(units, activation)
        for units, activation in zip(sizes[1:], (tanh, softplus, tanh), strict=True)
    ]
    return package.Network(sizes[0], layers, huber, dtype=dtype, seed=1)


@every_dtype
@every_form
def test_copies_do_what_the_built_in_ones_do(form, dtype):
    x, y, weight = rows(300, 5, 3)
    ours = network(fb, register(form), dtype)
    theirs = network(fb, ("tanh", "softplus", "huber"), dtype)
    assert (ours.params == theirs.params).all()
    assert_agree(ours.predict(x), theirs.predict(x), dtype, "predict")
    assert_agree(ours.evaluate(x, y, weight), theirs.evaluate(x, y, weight), dtype, "evaluate")
    (got_loss, got), (loss, want) = (net.gradient(x, y, weight) for net in (ours, theirs))
    assert_agree(got_loss, loss, dtype, "loss")
    assert_agree(got.flat, want.flat, dtype, "gradient")
    assert_agree(got.inputs, want.inputs, dtype, "dL/dx")
    assert_agree(ours.backward(x, y).flat, theirs.backward(x, y).flat, dtype, "backward")
    start = ours.params.astype(np.float64)
    for batch_size in (7, 290):
        for net in (ours, theirs):
            net.fit(x, y, fb.SGD(0.05), epochs=2, batch_size=batch_size, sample_weight=weight)
    moved, wanted = (net.params - start for net in (ours, theirs))
    assert_agree(moved.astype(dtype), wanted, dtype, "movement", 10 * np.linalg.norm(wanted))


@every_dtype
@every_form
def test_they_agree_with_the_twin(form, dtype):
    x, y, weight = rows(23, 5, 3)
    ours = network(fb, register(form), dtype)
    twin = network(reference, register(form, reference), dtype)
    twin.params = ours.params.astype(np.float64).tolist()
    x, y, weight = (part.astype(dtype) for part in (x, y, weight))
    assert_same_passes(ours, twin, x, y, weight)
    assert_same_fit(
        ours, twin, x, y, fb.SGD(0.05), reference.SGD(0.05), epochs=2, batch_size=10,
        sample_weight=weight, validation=(x[:5], y[:5]),
    )  # fmt: skip


STRUCTURES = {
    "dropout": [{"dropout": 0.4}, {"dropout": 0.2}, {}],
    "residual": [{"residual": True}, {}, {"residual": True}],
    "layer norm": [{"norm": "layer"}, {"norm": "layer"}, {"norm": "layer"}],
    "batch norm": [{"norm": "batch"}, {"norm": "batch", "dropout": 0.1}, {"norm": "batch"}],
    "frozen": [{"trainable": False}, {}, {}],
    "tied": [{}, {}, {"tied_to": 1}],
}


@every_dtype
@every_form
@pytest.mark.parametrize("structure", STRUCTURES)
def test_layers_may_be_more_than_w_b_and_s(structure, form, dtype):
    x, y, weight = rows(330, 8, 8)
    nets = []
    for tanh, softplus, huber in (register(form), ("tanh", "softplus", "huber")):
        layers = [
            fb.Dense(8, name, **extra)
            for name, extra in zip((tanh, softplus, tanh), STRUCTURES[structure], strict=True)
        ]
        net = fb.Network(8, layers, huber, dtype=dtype)
        start = net.params.astype(np.float64)
        net.fit(x, y, fb.SGD(0.05), epochs=2, batch_size=300, sample_weight=weight)
        nets.append(net)
    ours, theirs = nets
    moved, wanted = (net.params - start for net in nets)
    assert_agree(moved.astype(dtype), wanted, dtype, "movement", 10 * np.linalg.norm(wanted))
    assert_agree(ours.predict(x), theirs.predict(x), dtype, "predict")
    assert_agree(ours.gradient(x, y)[1].flat, theirs.gradient(x, y)[1].flat, dtype, "gradient")


@every_form
@pytest.mark.parametrize("mixed", ["activation", "loss"])
def test_they_mix_with_built_in_ones(form, mixed):
    x, y, _ = rows(40, 5, 3)
    tanh, _, huber = register(form)
    names = (tanh, "gelu", "mse") if mixed == "activation" else ("relu", "tanh", huber)
    same = ("tanh", "gelu", "mse") if mixed == "activation" else ("relu", "tanh", "huber")
    got, want = (network(fb, chosen, "float64").gradient(x, y)[1].flat for chosen in (names, same))
    assert_agree(got, want, "float64")


@every_dtype
@every_form
def test_kernels_take_the_names_too(form, dtype):
    tanh, softplus, huber = register(form)
    z, g, _ = rows(6, 4, 4)
    z, g = z.astype(dtype), g.astype(dtype)
    for ours, theirs in ((tanh, "tanh"), (softplus, "softplus")):
        assert_agree(kernels.activate(z, ours), kernels.activate(z, theirs), dtype)
        got, want = (kernels.activation_delta(z, g, name) for name in (ours, theirs))
        assert_agree(got, want, dtype)
        for loss, same in (("mse", "mse"), (huber, "huber")):
            for kernel in (kernels.loss_value, kernels.output_delta):
                assert_agree(kernel(z, g, ours, loss), kernel(z, g, theirs, same), dtype)
    assert_agree(
        kernels.output_delta(z, g, "elu(0.5)", huber),
        kernels.output_delta(z, g, "elu(0.5)", "huber"),
        dtype,
    )


@every_form
def test_one_thread_where_python_is_called(form, monkeypatch):
    for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
        monkeypatch.setattr(threads, cost, 1e-9)
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    spec = network(fb, register(form), "float64")._spec
    expected = 1 if form == "python" else 3
    assert threads.fit_threads(3, spec, 100, 100) == expected
    assert threads.pass_threads(3, spec, 100) == expected
    with pytest.raises(ValueError, match=r"^threads must be"):
        threads.pass_threads(0, spec, 100)


@every_form
def test_files_and_pickles_hold_the_name(form, tmp_path, monkeypatch):
    x, _, _ = rows(5, 5, 3)
    net = network(fb, register(form), "float64")
    path = tmp_path / "model.fastbp"
    net.save(path)
    stored = pickle.dumps(net)
    for same in (fb.load(path), pickle.loads(stored)):
        assert same.predict(x).tobytes() == net.predict(x).tobytes()
    for registry, kind, name, rest in (
        (custom.ACTIVATIONS, "activation", f"softplus_{form}", "derivative"),
        (custom.LOSSES, "loss", f"huber_{form}", "gradient"),
    ):
        with monkeypatch.context() as change:
            change.delitem(registry, name)
            message = rf"{kind} '{name}'.*fastbp\.register_{kind}\('{name}', value, {rest}\)"
            with pytest.raises(fb.FileFormatError, match=rf"^model\.fastbp has the {message}"):
                fb.load(path)
            with pytest.raises(ValueError, match=message):
                pickle.loads(stored)
    assert fb.load(path).loss == f"huber_{form}"
