"""The workloads, each defined once: network, loss, optimizer, rows, batch, and how they are made.

Parameters and rows come from numpy and a seed, so that every peer starts from the same numbers.
A loss is a mean over rows of a sum over outputs; mse has the half of the textbook.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUICK_ROWS = 6400


@dataclass(frozen=True)
class Workload:
    """A network, how it is trained or asked, and what one figure of it counts.

    Attributes
    ----------
    sizes : tuple of int
        Inputs, hidden units layer by layer, outputs.
    hidden, output : str
        Activations: sigmoid, tanh, relu; identity, sigmoid, softmax.
    loss : str
        mse, binary_cross_entropy or cross_entropy.
    optimizer : str
        sgd, momentum or adam; "" where nothing is trained.
    rows, batch : int
        Rows of an epoch, rows of a step or of a call of predict.
    unit : str
        What a figure is the time of: step, epoch, call.
    check_epochs : int
        Epochs after which the training loss must agree.
    max_rounds : int
        Most timed samples for each peer.
    target_ratio, target_share : float or None
        The project's own goals for one thread: time of the fastest peer / time of fastbp, and share
        of the measured FMA peak.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    output: str
    loss: str
    optimizer: str
    learning_rate: float
    rows: int
    batch: int
    unit: str
    momentum: float = 0.0
    dtype: str = "float32"
    shuffle: bool = True
    check_epochs: int = 1
    max_rounds: int = 99
    total_epochs: int | None = None
    target_ratio: float | None = None
    target_share: float | None = None
    seed: int = 2026

    @property
    def trains(self) -> bool:
        """Whether the workload is training rather than prediction."""
        return self.optimizer != ""

    @property
    def steps(self) -> int:
        """Steps of an epoch, a last one with fewer rows counted."""
        return -(-self.rows // self.batch)

    @property
    def units_per_run(self) -> int:
        """How many units one epoch, or one call, is."""
        return self.steps if self.unit == "step" else 1

    @property
    def flops(self) -> float:
        """Floating-point operations of one unit, 2 for a multiply-add.

        Forward, weight gradient and, for all layers but the first, data gradient; a unit of
        prediction has the forward pass alone. Bias, activation, loss and update are not counted.
        """
        products = [a * b for a, b in itertools.pairwise(self.sizes)]
        if not self.trains:
            return 2.0 * self.batch * sum(products)
        an_epoch = 2.0 * self.rows * (3 * sum(products) - products[0])
        return an_epoch / self.units_per_run

    @property
    def description(self) -> str:
        """One line for a table."""
        widths = list(self.sizes)
        hidden = widths[1:-1]
        if len(hidden) > 4 and len(set(hidden)) == 1:
            shape = f"{widths[0]}-[{hidden[0]} x {len(hidden)}]-{widths[-1]}"
        else:
            shape = "-".join(map(str, widths))
        precision = "" if self.dtype == "float32" else f", {self.dtype}"
        activations = self.hidden if self.output == "identity" else f"{self.hidden}/{self.output}"
        if not self.trains:
            return f"predict {self.batch:,} row{'s'[: self.batch > 1]}, {shape} {activations}"
        batch = "full batch" if self.batch >= self.rows else f"batch {self.batch}"
        rows = f", {self.rows:,} rows" if self.unit == "epoch" else ""
        return f"{shape} {activations}, {batch}, {self.optimizer}{rows}{precision}"


@dataclass(frozen=True)
class Problem:
    """Rows and initial parameters of a workload.

    Attributes
    ----------
    x : array, (rows, n_in)
    y : array
        (rows, n_out) of the dtype; class indices (rows,) int64 with cross_entropy.
    params : list of (weight (n_out, n_in), bias (n_out,))
    """

    x: NDArray[Any]
    y: NDArray[Any]
    params: list[tuple[NDArray[Any], NDArray[Any]]]

    def one_hot(self, n_out: int) -> NDArray[Any]:
        """Return class indices as rows of 0 and 1, other targets as they are."""
        if self.y.ndim == 2:
            return self.y
        return np.asarray(np.eye(n_out, dtype=self.x.dtype)[self.y])


def _regression(name: str, sizes: tuple[int, ...], hidden: str, **rest: Any) -> Workload:
    return Workload(name, sizes, hidden, "identity", "mse", **rest)


def _classes(name: str, sizes: tuple[int, ...], **rest: Any) -> Workload:
    return Workload(name, sizes, "relu", "softmax", "cross_entropy", **rest)


_SGD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.02}
_MOMENTUM: dict[str, Any] = {"optimizer": "momentum", "momentum": 0.9, "learning_rate": 0.01}
_ADAM: dict[str, Any] = {"optimizer": "adam", "learning_rate": 1e-3}
_PREDICT: dict[str, Any] = {"optimizer": "", "learning_rate": 0.0, "unit": "call", "shuffle": False}
_W7 = _classes(
    "W7", (784, 512, 512, 10), **_ADAM, rows=60_000, batch=256, unit="epoch",
    max_rounds=3, target_ratio=1.11, target_share=0.88,
)  # fmt: skip

_ALL = (
    _regression(
        "W1", (1, 1, 1), "sigmoid", **_SGD, rows=4096, batch=1, unit="step", target_ratio=1.0
    ),
    Workload(
        "W2", (2, 8, 1), "tanh", "sigmoid", "binary_cross_entropy", **_SGD,
        rows=4096, batch=4, unit="step", target_ratio=5.0,
    ),
    _regression(
        "W3", (8, 64, 64, 4), "tanh", **_ADAM, rows=6400, batch=64, unit="step",
        target_ratio=1.45, target_share=0.62,
    ),
    _classes(
        "W4", (64, 32, 10), **_ADAM, rows=1797, batch=32, unit="epoch",
        target_ratio=2.4, target_share=0.51,
    ),
    _regression(
        "W5", (32, 256, 256, 1), "relu", **_ADAM, rows=20_000, batch=256, unit="epoch",
        target_ratio=1.06, target_share=0.88,
    ),
    _classes(
        "W6", (784, 128, 10), **_MOMENTUM, rows=60_000, batch=128, unit="epoch",
        max_rounds=5, target_ratio=1.13, target_share=0.88,
    ),
    _W7,
    _classes(
        "W8", (1024, 2048, 2048, 2048, 10), **_MOMENTUM, rows=1024, batch=256, unit="step",
        check_epochs=3, max_rounds=5, target_ratio=1.1, target_share=0.88,
    ),
    _regression(
        "W9", (64, *(64,) * 50, 1), "tanh", **_SGD, rows=12_800, batch=128, unit="step",
        max_rounds=5, target_ratio=1.3, target_share=0.82,
    ),
    _regression("I1", (8, 64, 64, 4), "tanh", **_PREDICT, rows=16, batch=1, target_ratio=1.5),
    _classes("I2", (784, 512, 512, 10), **_PREDICT, rows=16, batch=1, target_ratio=1.2),
    _classes("I3", (784, 512, 512, 10), **_PREDICT, rows=4096, batch=1024, target_ratio=1.05),
    _regression(
        "S1", (4, 32, 16, 4), "tanh", **_ADAM, rows=10_000, batch=10_000, unit="epoch",
        shuffle=False, check_epochs=20, total_epochs=10_000,
    ),
    replace(_W7, name="W7D", dtype="float64", rows=15_000, target_ratio=None, target_share=0.85),
)  # fmt: skip

WORKLOADS = {workload.name: workload for workload in _ALL}


def find(name: str, quick: bool) -> Workload:
    """Return a workload by name; a quick one has at most QUICK_ROWS rows."""
    workload = WORKLOADS[name]
    if quick and workload.rows > QUICK_ROWS and workload.batch < QUICK_ROWS:
        return replace(workload, rows=QUICK_ROWS)
    return workload


def build(workload: Workload, dtype: str | None = None) -> Problem:
    """Return the rows and the initial parameters of a workload.

    Inputs are standard normal. Targets come from a random linear map: its tanh plus noise for mse,
    its largest output for classes, of which one in ten is replaced by a random one, so that no loss
    falls to 0. Weights are uniform (Glorot; He before relu), biases 0.

    Parameters
    ----------
    workload : Workload
    dtype : str, optional
        Instead of the workload's own.

    Returns
    -------
    Problem
    """
    rng = np.random.default_rng(workload.seed)
    kind = dtype or workload.dtype
    n_in, n_out = workload.sizes[0], workload.sizes[-1]
    params = []
    for inputs, outputs in itertools.pairwise(workload.sizes):
        fans = inputs if workload.hidden == "relu" else (inputs + outputs) / 2
        limit = (6 / fans if workload.hidden == "relu" else 3 / fans) ** 0.5
        weight = rng.uniform(-limit, limit, (outputs, inputs)).astype(np.float32)
        params.append((weight.astype(kind), np.zeros(outputs, kind)))
    x = rng.standard_normal((workload.rows, n_in), np.float32)
    teacher = x @ rng.standard_normal((n_in, n_out), np.float32) / np.float32(n_in**0.5)
    if workload.loss == "mse":
        noise = np.float32(0.1) * rng.standard_normal(teacher.shape, np.float32)
        y = (np.tanh(teacher) + noise).astype(kind)
    else:
        classes = max(n_out, 2)
        label = np.argmax(teacher, 1) if n_out > 1 else (teacher[:, 0] > 0).astype(np.int64)
        random = rng.random(len(x)) < 0.1
        label[random] = rng.integers(0, classes, int(random.sum()))
        y = label if n_out > 1 else label[:, None].astype(kind)
    return Problem(x.astype(kind), y, params)


def shuffled(workload: Workload) -> NDArray[Any]:
    """Return the order in which the timed epochs visit the rows, (rows,) int64."""
    return np.random.default_rng(workload.seed + 1).permutation(workload.rows)
