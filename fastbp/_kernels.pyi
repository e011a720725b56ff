from fastbp.checks import Array

ACTIVATIONS: dict[str, int]
LOSSES: dict[str, int]
ELEMENTARY: tuple[str, ...]

def activation_value(activation: str, alpha: float, z: Array) -> None: ...
def activation_vjp(activation: str, alpha: float, a: Array, z: Array, g: Array) -> None: ...
def rows_product(a: Array, b: Array, c: Array, bias: Array | None, scratch: Array) -> None: ...
def loss_sum(
    loss: str, parameter: float, z: Array, a: Array, y: Array | None, label: Array | None
) -> float: ...
def loss_delta(
    activation: str,
    alpha: float,
    loss: str,
    parameter: float,
    z: Array,
    a: Array,
    y: Array | None,
    label: Array | None,
    delta: Array,
) -> None: ...
def add_gradients(
    a: Array,
    delta: Array,
    weight_gradient: Array,
    bias_gradient: Array | None,
    scratch: Array,
) -> None: ...
def sgd(
    params: Array,
    grad: Array,
    velocity: Array | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None: ...
def adam(
    params: Array,
    grad: Array,
    m: Array,
    v: Array,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None: ...
def elementwise(name: str, x: Array, out: Array) -> None: ...
