"""onnxruntime: prediction only, of a model of Gemm nodes built with the onnx package."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from protocol import Idiom, Skip
from workloads import Problem, Workload

OPERATORS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
OPSET, IR_VERSION = 17, 9


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return run() and io binding."""
    if workload.trains:
        raise Skip("does not train")
    return [
        Idiom("run", lambda problem: Asked(workload, problem, threads), ordinary=True),
        Idiom("io_binding", lambda problem: Bound(workload, problem, threads)),
    ]


def model(workload: Workload, problem: Problem) -> bytes:
    """Return the network as a serialized ONNX model, weights as (n_in, n_out)."""
    nodes, tensors, name = [], [], "x"
    activations = [workload.hidden] * (len(problem.params) - 1) + [workload.output]
    for layer, ((weight, bias), activation) in enumerate(
        zip(problem.params, activations, strict=True), 1
    ):
        transposed = np.ascontiguousarray(weight.T)
        tensors += [
            numpy_helper.from_array(transposed, f"weight{layer}"),
            numpy_helper.from_array(bias, f"bias{layer}"),
        ]
        inputs = [name, f"weight{layer}", f"bias{layer}"]
        name = f"z{layer}"
        nodes.append(helper.make_node("Gemm", inputs, [name]))
        if activation in OPERATORS:
            nodes.append(helper.make_node(OPERATORS[activation], [name], [f"a{layer}"]))
            name = f"a{layer}"
    kind = helper.np_dtype_to_tensor_dtype(problem.x.dtype)
    ends = [
        helper.make_tensor_value_info(end, kind, [None, width])
        for end, width in (("x", workload.sizes[0]), (name, workload.sizes[-1]))
    ]
    graph = helper.make_graph(nodes, "network", [ends[0]], [ends[1]], tensors)
    opset = [helper.make_opsetid("", OPSET)]
    built = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(built)
    return built.SerializeToString()


def session(workload: Workload, problem: Problem, threads: int) -> Any:
    """Return an inference session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model(workload, problem), options, providers=["CPUExecutionProvider"]
    )


class Asked:
    """`InferenceSession.run`."""

    def __init__(self, workload: Workload, problem: Problem, threads: int) -> None:
        self.session = session(workload, problem, threads)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"x": x})[0]


class Bound:
    """An input value filled in place, and an output value kept between calls."""

    def __init__(self, workload: Workload, problem: Problem, threads: int) -> None:
        self.session = session(workload, problem, threads)
        self.binding = self.session.io_binding()
        value = onnxruntime.OrtValue
        self.x = value.ortvalue_from_numpy(problem.x[: workload.batch].copy())
        shape = (workload.batch, workload.sizes[-1])
        self.out = value.ortvalue_from_shape_and_type(shape, problem.x.dtype.type)
        self.binding.bind_ortvalue_input("x", self.x)
        self.binding.bind_ortvalue_output(self.session.get_outputs()[0].name, self.out)

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.x.update_inplace(x)
        self.session.run_with_iobinding(self.binding)
        return self.out.numpy()
