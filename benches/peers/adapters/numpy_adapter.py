"""numpy: forward and backward written by hand, into buffers made once.

In float64 it is also what every peer's loss is checked against.
"""

import itertools

import numpy as np
from protocol import Idiom
from workloads import Problem, Workload


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"numpy": np.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return the one way."""
    if not workload.trains:
        return [Idiom("out= buffers", lambda problem: Asked(workload, problem))]
    return [Idiom("hand-written, out= buffers", lambda problem: Trained(workload, problem))]


def activate(name: str, z: np.ndarray) -> None:
    """Replace z by s(z)."""
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "softmax":
        z -= z.max(1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(1, keepdims=True)


def times_derivative(name: str, a: np.ndarray, delta: np.ndarray, spare: np.ndarray) -> None:
    """Multiply delta by s'(z), written with a = s(z)."""
    if name == "relu":
        delta *= a > 0
    elif name == "tanh":
        np.multiply(a, a, out=spare)
        np.subtract(1, spare, out=spare)
        delta *= spare
    elif name == "sigmoid":
        np.subtract(1, a, out=spare)
        spare *= a
        delta *= spare


class Layers:
    """Parameters in one vector, with views (n_in, n_out) and (n_out,) for each layer."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        parts = [part for weight, bias in problem.params for part in (weight.T.ravel(), bias)]
        self.initial = np.concatenate(parts)
        self.flat = self.initial.copy()
        self.sizes = workload.sizes
        self.names = [workload.hidden] * (len(workload.sizes) - 2) + [workload.output]
        self.layers = self.views(self.flat)

    def views(self, flat: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the layers' weights and biases in a vector of all parameters."""
        found, at = [], 0
        for n_in, n_out in itertools.pairwise(self.sizes):
            end = at + n_in * n_out
            found.append((flat[at:end].reshape(n_in, n_out), flat[end : end + n_out]))
            at = end + n_out
        return found

    def forward(self, x: np.ndarray, outs: list[np.ndarray]) -> np.ndarray:
        """Fill each layer's activations; return the last."""
        a = x
        for (weight, bias), name, out in zip(self.layers, self.names, outs, strict=True):
            np.matmul(a, weight, out=out)
            out += bias
            activate(name, out)
            a = out
        return a


class Asked(Layers):
    """Prediction."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        super().__init__(workload, problem)
        batch = workload.batch
        self.outs = [np.empty((batch, width), self.flat.dtype) for width in workload.sizes[1:]]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x, self.outs).copy()


class Trained(Layers):
    """Training."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        super().__init__(workload, problem)
        self.workload = workload
        self.x = problem.x
        self.y = problem.one_hot(workload.sizes[-1])
        self.grad = np.empty_like(self.flat)
        self.gradients = self.views(self.grad)
        self.spare = np.empty_like(self.flat)
        self.buffers: dict[int, list[list[np.ndarray]]] = {}
        self.order: np.ndarray | None = None
        self.reset()

    def reset(self) -> None:
        self.flat[:] = self.initial
        self.velocity = np.zeros_like(self.flat)
        self.square = np.zeros_like(self.flat)
        self.step = 0

    def use(self, order: np.ndarray | None) -> None:
        self.order = order

    def run(self, epochs: int) -> float:
        batch, rows = self.workload.batch, self.workload.rows
        for _ in range(epochs):
            total = 0.0
            for start in range(0, rows, batch):
                total += self.train(*self.rows(start, min(start + batch, rows)))
        return total / rows

    def rows(self, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs and targets of a batch."""
        if self.order is None:
            return self.x[start:end], self.y[start:end]
        index = self.order[start:end]
        return self.x.take(index, 0), self.y.take(index, 0)

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        """Take one step; return the batch's summed loss before it."""
        n = len(x)
        if n not in self.buffers:
            shapes = [(n, width) for width in self.sizes[1:]]
            self.buffers[n] = [[np.empty(s, x.dtype) for s in shapes] for _ in range(3)]
        outs, deltas, spares = self.buffers[n]
        a = self.forward(x, outs)
        loss = self.output_delta(a, y, deltas[-1], spares[-1])
        for layer in range(len(outs) - 1, -1, -1):
            delta, below = deltas[layer], outs[layer - 1] if layer else x
            weight_gradient, bias_gradient = self.gradients[layer]
            np.matmul(below.T, delta, out=weight_gradient)
            np.sum(delta, 0, out=bias_gradient)
            if layer:
                np.matmul(delta, self.layers[layer][0].T, out=deltas[layer - 1])
                times_derivative(self.names[layer - 1], below, deltas[layer - 1], spares[layer - 1])
        self.update()
        return loss

    def output_delta(
        self, a: np.ndarray, y: np.ndarray, delta: np.ndarray, spare: np.ndarray
    ) -> float:
        """Fill delta = (a - y) / n, which all three losses share; return the summed loss."""
        np.subtract(a, y, out=delta)
        if self.workload.loss == "mse":
            flat = delta.ravel()
            loss = 0.5 * float(flat @ flat)
        else:
            tiny = np.finfo(a.dtype).tiny
            loss = -float((y * np.log(np.maximum(a, tiny))).sum())
            if self.workload.loss == "binary_cross_entropy":
                loss -= float(((1 - y) * np.log(np.maximum(1 - a, tiny))).sum())
        if self.workload.output == "sigmoid" and self.workload.loss == "mse":
            times_derivative("sigmoid", a, delta, spare)
        delta /= len(a)
        return loss

    def update(self) -> None:
        """Apply the optimizer's rule to the whole vector."""
        rate, grad, spare = self.workload.learning_rate, self.grad, self.spare
        if self.workload.optimizer == "sgd":
            grad *= rate
            self.flat -= grad
        elif self.workload.optimizer == "momentum":
            self.velocity *= self.workload.momentum
            self.velocity += grad
            np.multiply(self.velocity, rate, out=spare)
            self.flat -= spare
        else:
            self.adam(rate, grad, spare)

    def adam(self, rate: float, grad: np.ndarray, spare: np.ndarray) -> None:
        """Apply Adam with beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8."""
        self.step += 1
        self.velocity *= 0.9
        np.multiply(grad, 0.1, out=spare)
        self.velocity += spare
        self.square *= 0.999
        np.multiply(grad, grad, out=grad)
        grad *= 0.001
        self.square += grad
        np.sqrt(self.square, out=spare)
        spare *= (1 - 0.999**self.step) ** -0.5
        spare += 1e-8
        np.divide(self.velocity, spare, out=spare)
        spare *= rate / (1 - 0.9**self.step)
        self.flat -= spare
