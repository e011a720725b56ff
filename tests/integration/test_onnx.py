"""Networks as ONNX models: valid, and computed by onnxruntime as by us."""

import numpy as np
import pytest
from exchange import both_dtypes, distance, every_activation, fill, layered, random_network, rows
from structures import STRUCTURES, structure
from tolerance import EXCHANGED

import fastbp as fb
from fastbp.spec import ACTIVATIONS

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime as runtime

import fastbp.integrations.onnx as module
from fastbp.integrations.onnx import BOTH, OPSET, SINGLE, WRITTEN, to_onnx

# In float64 too: gelu has an Erf of float32.
AGREED = EXCHANGED["float32"]
DTYPES = {"float32": onnx.TensorProto.FLOAT, "float64": onnx.TensorProto.DOUBLE}


def session(model):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def predictions(net, x):
    """Return what onnxruntime computes of a model that passes every check of onnx."""
    model = to_onnx(net)
    onnx.checker.check_model(model, full_check=True)
    (found,) = session(model).run(None, {"x": x})
    return found


def operators(net):
    return [node.op_type for node in to_onnx(net).graph.node]


@both_dtypes
@every_activation
def test_every_activation_is_computed_alike(activation, dtype):
    net = layered(activation, dtype)
    x = rows(net)
    asked = AGREED if activation == "gelu" else EXCHANGED[dtype]
    assert distance(predictions(net, x), net.predict(x)) <= asked


def test_100_random_networks_are_computed_alike():
    worst, worst_double, seen = 0.0, 0.0, set()
    for seed in range(100):
        net = random_network(seed, ("float32", "float64")[seed % 2])
        x = rows(net, seed)
        off = distance(predictions(net, x), net.predict(x))
        worst = max(worst, off)
        if net.dtype == "float64" and "gelu" not in [layer.activation for layer in net.layers]:
            worst_double = max(worst_double, off)
        for layer in net.layers:
            ties = (layer.tied_to is not None) + layer.transposed
            seen |= {layer.activation, f"{layer.norm} {net.dtype}", f"{ties} ties"}
            seen |= {f"residual {layer.residual} {net.dtype}"}
    assert worst <= AGREED
    assert 0 < worst_double <= EXCHANGED["float64"]
    wanted = {*module.ACTIVATIONS, "0 ties", "1 ties", "2 ties"}
    for dtype in DTYPES:
        wanted |= {f"{norm} {dtype}" for norm in (None, "layer", "batch", "batch(0.3)")}
        wanted |= {f"residual True {dtype}"}
    assert wanted <= seen


@both_dtypes
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_is_computed_alike(name, dtype):
    net = fill(structure(fb, name, dtype))
    x = rows(net)
    assert distance(predictions(net, x), net.predict(x)) <= AGREED


@both_dtypes
@pytest.mark.parametrize("far", [30.0, 200.0])
@every_activation
def test_values_far_out_are_computed_alike(activation, far, dtype):
    if activation == "exp":
        far = 30.0
    net = fb.Network(1, [fb.Dense(2, activation, init=[[1.0], [-0.5]])], dtype=dtype)
    x = np.linspace(-far, far, 201, dtype=dtype).reshape(-1, 1)
    got, want = predictions(net, x), net.predict(x)
    assert np.abs(got - want).max() <= AGREED * max(1.0, np.abs(want).max())


def kernel(kind, dtype, attributes):
    """Return whether onnxruntime has a kernel of an operator for numbers of a dtype."""
    names = [onnx.helper.make_tensor_value_info(n, DTYPES[dtype], ["n", 3]) for n in "xy"]
    node = onnx.helper.make_node(kind, ["x"], ["y"], **attributes)
    graph = onnx.helper.make_graph([node], "one", names[:1], names[1:])
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=module.IR_VERSION)
    try:
        session(model)
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented:
        return False
    return True


def settings(attributes):
    return {key: 0.5 if value == module.ALPHA else value for key, value in attributes.items()}


@pytest.mark.parametrize("name", [*BOTH, *SINGLE])
def test_onnxruntime_has_the_kernels_that_are_taken_for_granted(name):
    kind, attributes = (BOTH | SINGLE)[name]
    assert kernel(kind, "float32", settings(attributes))
    has_double = kernel(kind, "float64", settings(attributes))
    # It makes Gelu with tanh of other operators, whose double kernels it has; for an older one too,
    # the network writes them itself.
    assert has_double == (name in BOTH or name == "gelu_tanh")
    assert not kernel("Erf", "float64", {})


def test_every_activation_has_one_way_at_least_in_both_dtypes():
    assert set(BOTH) | set(WRITTEN) | {"identity"} == set(ACTIVATIONS)


@both_dtypes
def test_the_model_says_what_it_is(dtype):
    model = to_onnx(layered("relu", dtype))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert (model.producer_name, model.producer_version) == ("fastbp", fb.__version__)
    found = session(model)
    kind = {"float32": "tensor(float)", "float64": "tensor(double)"}[dtype]
    for entry, name, size in ((*found.get_inputs(), "x", 5), (*found.get_outputs(), "y", 4)):
        assert (entry.name, entry.type, entry.shape) == (name, kind, ["n_rows", size])
    for n_rows in (1, 300):
        x = np.zeros((n_rows, 5), dtype)
        assert found.run(None, {"x": x})[0].shape == (n_rows, 4)


def test_float32_networks_are_made_of_onnxs_own_operators():
    net = fb.Network(3, [fb.Dense(3, "elu", norm="layer", residual=True), fb.Dense(2, "softmax")])
    wanted = ["Gemm", "LayerNormalization", "Elu", "Add", "Gemm", "Softmax"]
    assert operators(net) == wanted
    assert operators(fb.mlp([3, 2, 2], "gelu")) == ["Gemm", "Gelu", "Gemm"]
    assert operators(fb.mlp([3, 2, 2], "gelu", dtype="float64")).count("Cast") == 2


def test_a_tied_weight_is_in_the_model_once():
    model = to_onnx(structure(fb, "tied-both-ways-over-a-layer"))
    names = [tensor.name for tensor in model.graph.initializer]
    assert [name for name in names if name.endswith("weight")] == [
        "layers.0.weight",
        "layers.1.weight",
    ]


def test_the_model_is_written_and_read_again(tmp_path):
    net = layered("tanh", "float32")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    model = to_onnx(net, path)
    assert onnx.load(path) == model
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]
    x = rows(net)
    (found,) = session(path.read_bytes()).run(None, {"x": x})
    assert distance(found, net.predict(x)) <= AGREED


def test_a_model_is_copied_not_shared():
    net = layered("tanh", "float32")
    model = to_onnx(net)
    before = model.SerializeToString()
    net.params[:] = 0
    assert model.SerializeToString() == before


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    fb.register_activation("onnxs_tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    net = fb.Network(2, [fb.Dense(3), fb.Dense(1, "onnxs_tanh")])
    path = tmp_path / "model.onnx"
    with pytest.raises(
        ValueError, match=r"^net must have activations .* 'onnxs_tanh' in layers\[1"
    ):
        to_onnx(net, path)
    with pytest.raises(TypeError, match=r"^net must be a fastbp\.Network, got None"):
        to_onnx(None, path)
    assert not path.exists()
    with pytest.raises(TypeError, match=r"^path must be a string or a path, got 3"):
        to_onnx(fb.mlp([2, 1]), 3)
    with pytest.raises(FileNotFoundError):
        to_onnx(fb.mlp([2, 1]), tmp_path / "missing" / "model.onnx")
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"less than 2 GB for an ONNX model, got 100 bytes"):
        to_onnx(fb.mlp([24, 1]))
    to_onnx(fb.mlp([23, 1]))
