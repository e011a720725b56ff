"""scikit-learn: `MLPClassifier` and `MLPRegressor`, an epoch a call of partial_fit, or fit."""

import warnings
from typing import Any

import numpy as np
import sklearn
from protocol import Idiom, Skip
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from workloads import Problem, Workload

HIDDEN = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}
OUTPUTS = {"mse": "identity", "cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def versions() -> dict[str, str]:
    """Return package versions."""
    return {"scikit-learn": sklearn.__version__}


def idioms(workload: Workload, threads: int) -> list[Idiom]:
    """Return partial_fit and fit with warm_start."""
    if workload.output != OUTPUTS[workload.loss]:
        raise Skip(f"no {workload.output} output with {workload.loss}")
    if not workload.trains:
        return [
            Idiom("predict", lambda problem: Asked(workload, problem), ordinary=True),
            Idiom("_forward_pass_fast", lambda problem: Unchecked(workload, problem)),
        ]
    return [
        Idiom("partial_fit", lambda problem: PartialFit(workload, problem)),
        Idiom("fit, warm_start", lambda problem: Fit(workload, problem), ordinary=True),
    ]


def estimator(workload: Workload, problem: Problem) -> Any:
    """Return an estimator that holds the problem's parameters and no optimizer state."""
    kind = MLPRegressor if workload.loss == "mse" else MLPClassifier
    found = kind(
        hidden_layer_sizes=workload.sizes[1:-1],
        activation=HIDDEN[workload.hidden],
        solver="adam" if workload.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=workload.learning_rate or 1e-3,
        momentum=workload.momentum,
        nesterovs_momentum=False,
        max_iter=1,
        shuffle=False,
        tol=0.0,
        n_iter_no_change=2**31,
        warm_start=True,
        random_state=0,
    )
    x, y = first_rows(workload, problem)
    found.fit(x, y)
    for weight, bias, (initial_weight, initial_bias) in zip(
        found.coefs_, found.intercepts_, problem.params, strict=True
    ):
        weight[...] = initial_weight.T
        bias[...] = initial_bias
    del found._optimizer
    return found


def one_column_flat(y: np.ndarray) -> np.ndarray:
    """Return targets of one output as (n_rows,), others as they are."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def first_rows(workload: Workload, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return rows enough to build an estimator that knows every class."""
    y = problem.y
    if workload.loss == "mse":
        return problem.x[: workload.batch], one_column_flat(y[: workload.batch])
    n_classes = max(workload.sizes[-1], 2)
    n_rows = max(workload.batch, n_classes)
    return np.resize(problem.x, (n_rows, workload.sizes[0])), np.arange(n_rows) % n_classes


class Asked:
    """`predict`, or `predict_proba` for classes."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = estimator(workload, problem)
        self.model = model
        self.predict = model.predict if workload.loss == "mse" else model.predict_proba


class Unchecked(Asked):
    """The private forward pass, without validation of its input."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        super().__init__(workload, problem)
        forward = self.model._forward_pass_fast
        self.predict = lambda x: forward(x, check_input=False)


class PartialFit:
    """One call of `partial_fit` an epoch; it shuffles by itself."""

    def __init__(self, workload: Workload, problem: Problem) -> None:
        self.workload = workload
        self.problem = problem
        self.x = problem.x
        self.y = one_column_flat(problem.y)
        self.shuffle = False
        self.reset()

    def reset(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = estimator(self.workload, self.problem)
        self.model.set_params(shuffle=self.shuffle)

    def use(self, order: np.ndarray | None) -> None:
        self.shuffle = order is not None and bool((np.diff(order) != 1).any())
        self.model.set_params(shuffle=self.shuffle)

    def run(self, epochs: int) -> float:
        for _ in range(epochs):
            self.model.partial_fit(self.x, self.y)
        return self.loss()

    def loss(self) -> float:
        """Return the last epoch's loss; scikit-learn's mse divides by the outputs too."""
        divided = self.workload.sizes[-1] if self.workload.loss == "mse" else 1
        return float(self.model.loss_) * divided


class Fit(PartialFit):
    """One call of `fit` for all epochs; it starts the optimizer afresh."""

    def run(self, epochs: int) -> float:
        self.model.set_params(max_iter=epochs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(self.x, self.y)
        return self.loss()
