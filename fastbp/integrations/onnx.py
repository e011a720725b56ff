"""Networks as ONNX models, of opset 20.

Every activation of float32 is an operator of ONNX, or a few of them. onnxruntime has no kernels in
double for LeakyRelu, Elu, Selu, Softplus, Softsign, HardSigmoid, Mish and Erf, which Gelu is made
of: float64 networks write these by operators that it has, and gelu takes its Erf in float32. They
write norms too, whose operators have an epsilon of float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import fastbp as fb
from fastbp.atomic import replace_file
from fastbp.files import StrPath, as_path
from fastbp.integrations.assembly import as_numpy, require_representable, split
from fastbp.integrations.packages import needed

OPSET = 20
# The first version of the format that opset 20 belongs to, for older runtimes.
IR_VERSION = 9
EPSILON = 1e-5
# A message of protobuf cannot be longer.
MOST_BYTES = 2**31 - 2**20
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


class Graph:
    """Nodes and constants of a model in the making; values go by name.

    Parameters
    ----------
    onnx : module
    dtype : str
        Of all values.
    """

    def __init__(self, onnx: Any, dtype: str) -> None:
        self._onnx = onnx
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str | float, **attributes: Any) -> str:
        """Add an operator; return the name of its value. Numbers become constants."""
        names = [name if isinstance(name, str) else self.number(name) for name in inputs]
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, names, [output], **attributes))
        return output

    def constant(self, name: str, array: Any) -> str:
        """Add an array under a name, once; return the name."""
        if name not in self.constants:
            tensor = self._onnx.numpy_helper.from_array(as_numpy(array), name)
            self.constants[name] = tensor
        return name

    def number(self, value: float) -> str:
        """Return the name of a constant number."""
        return self.constant(f"number_{value!r}", np.array(value, self.dtype))

    def cast(self, name: str, dtype: str) -> str:
        """Return the name of a value in another dtype."""
        kind = self._onnx.TensorProto.FLOAT if dtype == "float32" else self._onnx.TensorProto.DOUBLE
        return self.op("Cast", name, to=kind)


def above(graph: Graph, z: str) -> str:
    """s(z) = max(z, 0)."""
    return graph.op("Max", z, 0.0)


def below(graph: Graph, z: str) -> str:
    """s(z) = min(z, 0)."""
    return graph.op("Min", z, 0.0)


def leaky_relu(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = max(z, 0) + alpha min(z, 0)."""
    return graph.op("Add", above(graph, z), graph.op("Mul", below(graph, z), alpha))


def elu(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = max(z, 0) + alpha (e^min(z, 0) - 1)."""
    less = graph.op("Sub", graph.op("Exp", below(graph, z)), 1.0)
    return graph.op("Add", above(graph, z), graph.op("Mul", less, alpha))


def selu(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = lambda elu(z), alpha given."""
    return graph.op("Mul", elu(graph, z, SELU_ALPHA), SELU_SCALE)


def gelu(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z (1 + erf(z / sqrt(2))) / 2, erf in float32."""
    small = graph.cast(graph.op("Mul", z, math.sqrt(0.5)), "float32")
    erf = graph.cast(graph.op("Erf", small), graph.dtype)
    return graph.op("Mul", graph.op("Mul", z, 0.5), graph.op("Add", erf, 1.0))


def gelu_tanh(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z sigmoid(2 sqrt(2 / pi) (z + 0.044715 z^3))."""
    square = graph.op("Mul", graph.op("Mul", z, z), 0.044715)
    cube = graph.op("Mul", graph.op("Add", square, 1.0), z)
    twice = graph.op("Mul", cube, math.sqrt(8 / math.pi))
    return graph.op("Mul", z, graph.op("Sigmoid", twice))


def silu(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z sigmoid(z)."""
    return graph.op("Mul", z, graph.op("Sigmoid", z))


def softplus(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = max(z, 0) + log(1 + e^-|z|)."""
    far = graph.op("Exp", graph.op("Neg", graph.op("Abs", z)))
    return graph.op("Add", above(graph, z), graph.op("Log", graph.op("Add", far, 1.0)))


def softsign(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z / (1 + |z|)."""
    return graph.op("Div", z, graph.op("Add", graph.op("Abs", z), 1.0))


def hard_sigmoid(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z / 6 + 1/2 within [0, 1]."""
    return graph.op("Clip", graph.op("Add", graph.op("Div", z, 6.0), 0.5), 0.0, 1.0)


def hard_tanh(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z within [-1, 1]."""
    return graph.op("Clip", z, -1.0, 1.0)


def mish(graph: Graph, z: str, alpha: float) -> str:
    """s(z) = z tanh(softplus(z))."""
    return graph.op("Mul", z, graph.op("Tanh", softplus(graph, z, alpha)))


Written = Callable[[Graph, str, float], str]
# Operators that onnxruntime has for both dtypes, and those of float32 alone.
BOTH: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "softmax": ("Softmax", {"axis": 1}),
    "exp": ("Exp", {}),
    "sin": ("Sin", {}),
    "log_softmax": ("LogSoftmax", {"axis": 1}),
}
ALPHA = "alpha"
SINGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "leaky_relu": ("LeakyRelu", {"alpha": ALPHA}),
    "elu": ("Elu", {"alpha": ALPHA}),
    "selu": ("Selu", {"alpha": SELU_ALPHA, "gamma": SELU_SCALE}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "mish": ("Mish", {}),
}
WRITTEN: dict[str, Written] = {
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "softplus": softplus,
    "softsign": softsign,
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": hard_tanh,
    "mish": mish,
}
ACTIVATIONS = ("identity", *BOTH, *WRITTEN)


def to_onnx(net: fb.Network, path: StrPath | None = None) -> Any:
    """Return a network's predictions as an ONNX model, from x (n_rows, n_in) to y (n_rows, n_out).

    The number of rows is free. Operators are those of opset 20, for onnxruntime 1.17 and newer;
    outputs agree with its kernels' to rounding, but with float64 and gelu to that of float32.
    Dropout and the loss are for training and not in it.

    Parameters
    ----------
    net : Network
        Without activations of the user's own.
    path : str or path, optional
        Where the model is written too; an existing file is replaced at once or not at all.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        onnx is not installed.
    TypeError, ValueError
        It cannot be represented, the message says the layer and why; the parameters take 2 GB or
        more; or `path` is no path.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import fastbp as fb
    >>> from fastbp.integrations.onnx import to_onnx
    >>> model = to_onnx(fb.mlp([2, 3, 1], "tanh"))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Tanh', 'Gemm']
    """
    onnx = needed("to_onnx", "onnx", "onnx")
    net = require_representable(net, "an ONNX model", ACTIVATIONS)
    if net.params.nbytes >= MOST_BYTES:
        raise ValueError(
            "net must have parameters of less than 2 GB for an ONNX model, got "
            f"{net.params.nbytes} bytes"
        )
    graph = Graph(onnx, net.dtype)
    a = "x"
    for index in range(len(net.layers)):
        a = add_layer(graph, net, index, a)
    model = made_model(onnx, graph, net)
    if path is not None:
        replace_file(as_path(path), [model.SerializeToString()])
    return model


def made_model(onnx: Any, graph: Graph, net: fb.Network) -> Any:
    """Return the model of a graph, whose last value becomes y."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(net.dtype))
    x, y = (
        onnx.helper.make_tensor_value_info(name, kind, ["n_rows", size])
        for name, size in (("x", net.sizes[0]), ("y", net.sizes[-1]))
    )
    graph.nodes[-1].output[0] = "y"
    body = onnx.helper.make_graph(
        graph.nodes, "fastbp", [x], [y], initializer=list(graph.constants.values())
    )
    return onnx.helper.make_model(
        body,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastbp",
        producer_version=fb.__version__,
    )


def add_layer(graph: Graph, net: fb.Network, index: int, below: str) -> str:
    """Add a layer; return the name of its outputs."""
    layer = net.layers[index]
    source = index if layer.tied_to is None else layer.tied_to
    weight = graph.constant(f"layers.{source}.weight", net.weights[source])
    bias = [] if net.biases[index] is None else [("bias", net.biases)]
    inputs = [graph.constant(f"layers.{index}.{part}", views[index]) for part, views in bias]
    a = graph.op("Gemm", below, weight, *inputs, transB=int(not layer.transposed))
    if layer.norm:
        a = add_norm(graph, net, index, a)
    a = add_activation(graph, layer.activation, a)
    return graph.op("Add", a, below) if layer.residual else a


def add_norm(graph: Graph, net: fb.Network, index: int, z: str) -> str:
    """Add a layer's normalisation; that of a batch by its running means and variances."""
    if graph.dtype == "float64":
        return written_norm(graph, net, index, z)
    parts = {"scale": net.scales, "shift": net.shifts}
    of_row = net.layers[index].norm == "layer"
    parts |= {} if of_row else {"mean": net.means, "variance": net.variances}
    inputs = [
        graph.constant(f"layers.{index}.{part}", views[index]) for part, views in parts.items()
    ]
    if of_row:
        return graph.op("LayerNormalization", z, *inputs, axis=1, epsilon=EPSILON)
    return graph.op("BatchNormalization", z, *inputs, epsilon=EPSILON)


def written_norm(graph: Graph, net: fb.Network, index: int, z: str) -> str:
    """Scale (z - mean) / sqrt(var + epsilon) + shift, with an epsilon of float64."""
    of = f"layers.{index}"
    if net.layers[index].norm == "layer":
        units = graph.constant("units", np.array([1]))
        away = graph.op("Sub", z, graph.op("ReduceMean", z, units))
        variance = graph.op("ReduceMean", graph.op("Mul", away, away), units)
        deviation = graph.op("Sqrt", graph.op("Add", variance, EPSILON))
    else:
        away = graph.op("Sub", z, graph.constant(f"{of}.mean", net.means[index]))
        spread = np.sqrt(net.variances[index] + EPSILON)
        deviation = graph.constant(f"{of}.deviation", spread)
    scale = graph.constant(f"{of}.scale", net.scales[index])
    scaled = graph.op("Mul", graph.op("Div", away, deviation), scale)
    return graph.op("Add", scaled, graph.constant(f"{of}.shift", net.shifts[index]))


def add_activation(graph: Graph, activation: str, z: str) -> str:
    """Add an activation, by one operator where there is a kernel of the dtype."""
    name, alpha = split(activation)
    if name == "identity":
        return z
    single = BOTH | SINGLE if graph.dtype == "float32" else BOTH
    if name not in single:
        return WRITTEN[name](graph, z, alpha or 0.0)
    kind, attributes = single[name]
    values = {key: alpha if wanted == ALPHA else wanted for key, wanted in attributes.items()}
    return graph.op(kind, z, **values)
