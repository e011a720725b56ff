"""tensorflow: a while loop over the steps inside tf.function, with XLA and without; Keras fit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from protocol import Idiom
from workloads import Problem, Workload

ACTIVATIONS = {"relu": tf.nn.relu, "tanh": tf.tanh, "sigmoid": tf.sigmoid}


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"tensorflow": tf.__version__, "keras": tf.keras.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return the ways to train or to predict."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    found = []
    for xla in (False, True):
        name = "tf.function, jit_compile" if xla else "tf.function"
        if workload.trains:
            make = lambda p, xla=xla: Looped(workload, p, xla)  # noqa: E731
            found.append(Idiom("while loop in " + name, make))
        else:
            make = lambda p, xla=xla: Asked(workload, p, xla)  # noqa: E731
            found.append(Idiom(name, make))
    if workload.trains:
        found.append(Idiom("Keras fit", lambda p: Fit(workload, p), ordinary=True))
    else:
        found.append(Idiom("Keras model(x)", lambda p: Called(workload, p), ordinary=True))
    return found


def forward(workload: Workload, params: list[Any], x: Any) -> Any:
    """Return z of the last layer; params are weight (n_in, n_out) and bias in turn."""
    last = len(params) // 2 - 1
    for layer in range(last + 1):
        x = tf.nn.bias_add(tf.matmul(x, params[2 * layer]), params[2 * layer + 1])
        if layer < last:
            x = ACTIVATIONS[workload.hidden](x)
    return x


def loss_of(workload: Workload) -> Callable[[Any, Any], Any]:
    """Return the mean over rows of the loss as a function of targets and z of the last layer."""
    if workload.loss == "cross_entropy":
        each = tf.nn.sparse_softmax_cross_entropy_with_logits
        return lambda y, z: tf.reduce_mean(each(tf.cast(tf.reshape(y, [-1]), tf.int64), z))
    if workload.loss == "binary_cross_entropy":
        each = tf.nn.sigmoid_cross_entropy_with_logits
        return lambda y, z: tf.reduce_mean(each(y, z))
    half = 0.5 * workload.sizes[-1]
    return lambda y, z: half * tf.reduce_mean(tf.math.squared_difference(z, y))


def parts(problem: Problem) -> list[np.ndarray]:
    """Return weight (n_in, n_out) and bias of each layer in turn."""
    return [part for weight, bias in problem.params for part in (weight.T, bias)]


class Asked:
    """Prediction by a tf.function."""

    def __init__(self, workload: Workload, problem: Problem, xla: bool) -> None:
        params = [tf.constant(part) for part in parts(problem)]

        def outputs(x: Any) -> Any:
            z = forward(workload, params, x)
            return tf.nn.softmax(z) if workload.output == "softmax" else z

        spec = tf.TensorSpec([workload.batch, workload.sizes[0]], workload.dtype)
        self.call = tf.function(outputs, jit_compile=xla).get_concrete_function(spec)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.call(tf.constant(x)).numpy()


class Looped:
    """All steps of an epoch in one tf.function; fused updates of variables in place."""

    def __init__(self, workload: Workload, problem: Problem, xla: bool) -> None:
        self.workload = workload
        self.initial = parts(problem)
        self.params = [tf.Variable(part) for part in self.initial]
        self.m = [tf.Variable(np.zeros_like(part)) for part in self.initial]
        self.v = [tf.Variable(np.zeros_like(part)) for part in self.initial]
        one = np.ones((), workload.dtype)
        self.powers = [tf.Variable(one * 0.9), tf.Variable(one * 0.999)]
        self.data = tf.constant(problem.x), tf.constant(problem.y)
        self.loss = loss_of(workload)
        self.order: Any = None
        self.epoch = tf.function(self.one_epoch, jit_compile=xla)

    def reset(self) -> None:
        for param, m, v, part in zip(self.params, self.m, self.v, self.initial, strict=True):
            param.assign(part)
            m.assign(tf.zeros_like(m))
            v.assign(tf.zeros_like(v))
        for power, beta in zip(self.powers, (0.9, 0.999), strict=True):
            power.assign(beta)

    def use(self, order: np.ndarray | None) -> None:
        self.order = None if order is None else tf.constant(order.astype(np.int32))

    def run(self, epochs: int) -> float:
        for _ in range(epochs):
            total = self.epoch(*self.data, self.order)
        return float(total) / self.workload.rows

    def one_epoch(self, x: Any, y: Any, order: Any) -> Any:
        """Take every step of an epoch; return the summed loss."""
        batch, rows = self.workload.batch, self.workload.rows
        if order is None:
            return self.step(x, y)
        total = tf.zeros((), x.dtype)
        for at in tf.range(rows // batch):
            index = tf.slice(order, [at * batch], [batch])
            total += self.step(tf.gather(x, index), tf.gather(y, index))
        if rows % batch:
            index = order[rows - rows % batch :]
            total += self.step(tf.gather(x, index), tf.gather(y, index))
        return total

    def step(self, x: Any, y: Any) -> Any:
        """Take one step; return the batch's summed loss before it."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.params)
            loss = self.loss(y, forward(self.workload, self.params, x))
        gradients = tape.gradient(loss, self.params)
        for param, m, v, gradient in zip(self.params, self.m, self.v, gradients, strict=True):
            self.update(param, m, v, gradient)
        if self.workload.optimizer == "adam":
            for power, beta in zip(self.powers, (0.9, 0.999), strict=True):
                power.assign(power * tf.cast(beta, power.dtype))
        return loss * tf.cast(len(x), loss.dtype)

    def update(self, param: Any, m: Any, v: Any, gradient: Any) -> None:
        """Apply the optimizer's rule to one parameter."""

        def number(value: float) -> Any:
            return tf.constant(value, param.dtype)

        rate = number(self.workload.learning_rate)
        if self.workload.optimizer == "adam":
            tf.raw_ops.ResourceApplyAdam(
                var=param.handle, m=m.handle, v=v.handle,
                beta1_power=self.powers[0], beta2_power=self.powers[1], lr=rate,
                beta1=number(0.9), beta2=number(0.999), epsilon=number(1e-8), grad=gradient,
            )  # fmt: skip
        elif self.workload.optimizer == "momentum":
            tf.raw_ops.ResourceApplyMomentum(
                var=param.handle, accum=m.handle, lr=rate, grad=gradient,
                momentum=number(self.workload.momentum),
            )  # fmt: skip
        else:
            tf.raw_ops.ResourceApplyGradientDescent(var=param.handle, alpha=rate, delta=gradient)


def keras_model(workload: Workload, problem: Problem, output: str | None) -> Any:
    """Return keras.Sequential with the problem's parameters."""
    layers = [tf.keras.layers.InputLayer((workload.sizes[0],), dtype=workload.dtype)]
    for width in workload.sizes[1:-1]:
        layers.append(tf.keras.layers.Dense(width, workload.hidden, dtype=workload.dtype))
    layers.append(tf.keras.layers.Dense(workload.sizes[-1], output, dtype=workload.dtype))
    found = tf.keras.Sequential(layers)
    found.set_weights(parts(problem))
    return found


class Called:
    """Prediction by calling the Keras model, which for few rows is faster than its predict."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        output = None if workload.output == "identity" else workload.output
        self.model = keras_model(workload, problem, output)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model(x, training=False).numpy()


class Fit:
    """compile and fit, with shuffle as the workload has it."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.workload = workload
        self.problem = problem
        self.shuffle = False
        self.model = keras_model(workload, problem, None)
        rate = workload.learning_rate
        if workload.optimizer == "adam":
            optimizer = tf.keras.optimizers.Adam(rate, epsilon=1e-8)
        else:
            optimizer = tf.keras.optimizers.SGD(rate, momentum=workload.momentum)
        self.model.compile(optimizer, loss_of(workload))
        optimizer.build(self.model.trainable_variables)
        self.fresh = [variable.numpy() for variable in optimizer.variables]

    def reset(self) -> None:
        self.model.set_weights(parts(self.problem))
        variables = self.model.optimizer.variables
        for variable, value in zip(variables, self.fresh, strict=True):
            variable.assign(value)

    def use(self, order: np.ndarray | None) -> None:
        self.shuffle = order is not None and bool((np.diff(order) != 1).any())

    def run(self, epochs: int) -> float:
        history = self.model.fit(
            self.problem.x,
            self.problem.y,
            batch_size=self.workload.batch,
            epochs=epochs,
            shuffle=self.shuffle,
            verbose=0,
        )
        return history.history["loss"][-1]
