"""Networks with preprocessing on their way to other packages: folded, or refused."""

import numpy as np
import pytest
from tolerance import EXCHANGED

import fastbp as fb
from fastbp.integrations.onnx import to_onnx
from fastbp.integrations.safetensors import load_safetensors, save_safetensors
from fastbp.integrations.sklearn import to_sklearn
from fastbp.integrations.torch import to_torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)) * [1, 20, 0.1] + [1, -30, 0.05]
Y = (X @ [[1.0], [0.1], [5.0]]) * 3 + 50


def trained(dtype):
    net = fb.mlp([3, 8, 1], "tanh", dtype=dtype, inputs=fb.Standardize(), targets=fb.Standardize())
    net.fit(X, Y, epochs=5)
    return net


def require_same(got, net):
    want = net.predict(X)
    # Folded sums have terms of |mean| / scale up to 1.5 beside those of 1.
    assert np.linalg.norm(got - want) <= 3 * EXCHANGED[net.dtype] * np.linalg.norm(want)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_takes_rows_as_they_come_and_gives_targets_in_their_own_unit(dtype):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    net = trained(dtype)
    session = onnxruntime.InferenceSession(
        to_onnx(net).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    require_same(session.run(None, {"x": X.astype(dtype)})[0], net)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_takes_them_folded(dtype):
    torch = pytest.importorskip("torch")
    net = trained(dtype)
    with torch.no_grad():
        require_same(to_torch(net)(torch.from_numpy(X.astype(dtype))).numpy(), net)


# PyTorch's arrays do not yet know numpy's newest argument.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_takes_them_folded(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    from fastbp.integrations.keras import to_keras

    net = trained("float32")
    require_same(to_keras(net).predict(X.astype("float32"), verbose=0), net)


def test_scikit_learn_takes_them_folded():
    pytest.importorskip("sklearn")
    net = trained("float64")
    require_same(to_sklearn(net).predict(X)[:, np.newaxis], net)


def test_safetensors_refuses_them_and_takes_the_folded_network(tmp_path):
    pytest.importorskip("safetensors")
    net, path = trained("float32"), tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match=r"neither inputs nor targets .*; give net.folded\(\), or"):
        save_safetensors(net, path)
    assert not path.exists()
    save_safetensors(net.folded(), path)
    require_same(load_safetensors(path).predict(X), net)


def test_categories_and_what_does_not_fold_are_refused():
    pytest.importorskip("onnx")
    net = fb.mlp([None, 1], inputs=fb.Columns().fit({"c": ["a", "b"]}))
    with pytest.raises(
        ValueError, match="net must have inputs that an ONNX model takes, which are"
    ):
        to_onnx(net)
    far = fb.mlp([1, 1], inputs=fb.Standardize().fit([1e9, 1e9 + 1]))
    with pytest.raises(
        ValueError, match="net must fold to go into an ONNX model: inputs must have"
    ):
        to_onnx(far)
