"""jax: all epochs of a call in one jitted loop, lax.scan over the steps, donated state.

The ordinary idiom jits one step and calls it from a Python loop.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from protocol import Idiom
from workloads import Problem, Workload

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}
# Below so many parameters, loop control is a large part of a step, and unrolling is worth a try.
UNROLL_BELOW = 10_000

Params = list[tuple[jax.Array, jax.Array]]


def versions() -> dict[str, str]:
    """Return package versions."""
    import jaxlib

    return {"jax": jax.__version__, "jaxlib": jaxlib.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return the ways to train or to predict."""
    jax.config.update("jax_enable_x64", workload.dtype == "float64")
    if not workload.trains:
        return [
            Idiom("compiled ahead of time", lambda p: Asked(workload, p, ahead=True)),
            Idiom("jit", lambda p: Asked(workload, p, ahead=False), ordinary=True),
        ]
    found = [
        Idiom("jit of lax.scan over epochs", lambda problem: Scanned(workload, problem, 1)),
        Idiom("jit of one step", lambda p: StepByStep(workload, p), ordinary=True),
    ]
    if (
        workload.shuffle
        and sum(a * b for a, b in itertools.pairwise(workload.sizes)) < UNROLL_BELOW
    ):
        name = "jit of lax.scan over epochs, unroll=8"
        found.append(Idiom(name, lambda problem: Scanned(workload, problem, 8)))
    return found


def forward(workload: Workload, params: Params, x: jax.Array) -> jax.Array:
    """Return z of the last layer; weights are (n_in, n_out)."""
    *hidden, (weight, bias) = params
    for inner_weight, inner_bias in hidden:
        x = ACTIVATIONS[workload.hidden](x @ inner_weight + inner_bias)
    return x @ weight + bias


def loss(workload: Workload, params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the mean over rows of the loss."""
    z = forward(workload, params, x)
    if workload.loss == "mse":
        rows = 0.5 * jnp.sum((z - y) ** 2, 1)
    elif workload.loss == "cross_entropy":
        logs = jax.nn.log_softmax(z)
        rows = -jnp.take_along_axis(logs, y[:, None], 1, mode="promise_in_bounds")
    else:
        rows = jnp.sum(jax.nn.softplus(z) - y * z, 1)
    return jnp.mean(rows)


def zeros(workload: Workload, params: Params) -> tuple[Any, ...]:
    """Return the optimizer's state before the first step."""

    def empty() -> Params:
        return jax.tree.map(jnp.zeros_like, params)

    if workload.optimizer == "adam":
        return (empty(), empty(), jnp.zeros((), params[0][0].dtype))
    return (empty(),) if workload.optimizer == "momentum" else ()


def step(
    workload: Workload, params: Params, state: tuple[Any, ...], x: jax.Array, y: jax.Array
) -> tuple[Params, tuple[Any, ...], jax.Array]:
    """Return parameters, state and the loss before one step."""
    value, grads = jax.value_and_grad(lambda p: loss(workload, p, x, y))(params)
    rate = workload.learning_rate
    if workload.optimizer == "adam":
        m, v, count = state
        count = count + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        size, root = rate / (1 - 0.9**count), 1 / jnp.sqrt(1 - 0.999**count)
        params = jax.tree.map(
            lambda p, m, v: p - size * m / (jnp.sqrt(v) * root + 1e-8), params, m, v
        )
        return params, (m, v, count), value
    if workload.optimizer == "momentum":
        grads = jax.tree.map(lambda v, g: workload.momentum * v + g, state[0], grads)
        state = (grads,)
    params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
    return params, state, value


def initial(problem: Problem) -> Params:
    """Return the problem's parameters, weights as (n_in, n_out)."""
    return [(jnp.array(weight.T), jnp.array(bias)) for weight, bias in problem.params]


class Asked:
    """Prediction by one jitted function."""

    def __init__(self, workload: Workload, problem: Problem, ahead: bool) -> None:
        def outputs(params: Params, x: jax.Array) -> jax.Array:
            z = forward(workload, params, x)
            return jax.nn.softmax(z) if workload.output == "softmax" else z

        self.params = initial(problem)
        self.call = jax.jit(outputs)
        if ahead:
            x = problem.x[: workload.batch]
            params = self.params
            self.call = jax.jit(lambda x: outputs(params, x)).lower(x).compile()
            self.predict = lambda x: np.asarray(self.call(x))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.call(self.params, x))


class StepByStep:
    """One jitted step with donated state, called from Python on rows gathered inside."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.workload = workload
        self.problem = problem
        self.x, self.y = jnp.asarray(problem.x), jnp.asarray(problem.y)
        self.order: np.ndarray = np.arange(workload.rows)
        self.gather = False

        def one(params: Params, state: Any, total: Any, x: Any, y: Any, index: Any) -> Any:
            rows = jnp.take(x, index, 0, mode="clip"), jnp.take(y, index, 0, mode="clip")
            params, state, value = step(workload, params, state, *rows)
            return params, state, total + value * len(index)

        self.jitted = jax.jit(one, donate_argnums=(0, 1, 2))
        self.reset()

    def reset(self) -> None:
        self.params = initial(self.problem)
        self.state = zeros(self.workload, self.params)

    def use(self, order: np.ndarray | None) -> None:
        self.gather = order is not None
        self.order = np.arange(self.workload.rows) if order is None else order
        self.order = self.order.astype(np.int32)

    def run(self, epochs: int) -> float:
        rows, batch = self.workload.rows, self.workload.batch
        for _ in range(epochs):
            total = jnp.zeros((), self.x.dtype)
            for start in range(0, rows, batch):
                index = self.order[start : start + batch]
                self.params, self.state, total = self.jitted(
                    self.params, self.state, total, self.x, self.y, index
                )
        return float(total) / rows


class Scanned(StepByStep):
    """All epochs in one call."""

    def __init__(self, workload: Workload, problem: Problem, unroll: int) -> None:
        super().__init__(workload, problem)
        full = workload.rows // workload.batch
        end = full * workload.batch

        def one(carry: Any, rows: Any) -> Any:
            params, state, value = step(workload, *carry[:2], *rows)
            return (params, state, carry[2] + value * len(rows[0])), None

        def epoch(carry: Any, x: jax.Array, y: jax.Array, order: jax.Array | None) -> Any:
            if order is None:
                return one(carry, (x, y))[0]

            def gathered(carry: Any, index: jax.Array) -> Any:
                rows = tuple(
                    values.at[index].get(mode="promise_in_bounds", unique_indices=True)
                    for values in (x, y)
                )
                return one(carry, rows)

            index = order[:end].reshape(full, workload.batch)
            carry, _ = lax.scan(gathered, carry, index, unroll=unroll)
            return gathered(carry, order[end:])[0] if end < workload.rows else carry

        def every(params: Params, state: Any, x: Any, y: Any, order: Any, epochs: Any) -> Any:
            def again(_: Any, carry: Any) -> Any:
                nothing = jnp.zeros((), x.dtype)
                return epoch((*carry[:2], nothing), x, y, order)

            return lax.fori_loop(0, epochs, again, (params, state, jnp.zeros((), x.dtype)))

        self.every = jax.jit(every, donate_argnums=(0, 1))

    def run(self, epochs: int) -> float:
        order = self.order if self.gather else None
        self.params, self.state, total = self.every(
            self.params, self.state, self.x, self.y, order, epochs
        )
        return float(total) / self.workload.rows
