"""How good predictions are, beside the loss: the share of right classes, and R2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .scalars import Number, Row, Rows, add_up, real
from .stopping import Stop

if TYPE_CHECKING:
    from .network import Network
    from .training import Data

VALIDATION = "validation_"


def accuracy(y: Rows, outputs: Rows, weight: Row, threshold: Number | None) -> Number:
    """Share of the rows that are put into their class; of several yes or no, all must be right.

    The class of a row is its largest output, or with a threshold, each output above it says yes.

    Examples
    --------
    >>> accuracy([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]], [1, 3], None)
    0.25
    """

    def answer(row: Row) -> list[bool] | int:
        if threshold is None:
            return max(range(len(row)), key=lambda j: real(row[j]))
        return [real(value) > threshold for value in row]

    right = [
        w for w, *rows in zip(weight, y, outputs, strict=True) if answer(rows[0]) == answer(rows[1])
    ]
    return add_up(right) / add_up(weight) if right else 0.0


def r2(y: Rows, outputs: Rows, weight: Row) -> Number:
    """1 - sum_r w_r (a_r - y_r)^2 / sum_r w_r (y_r - mean y)^2, the mean over the targets.

    A target that is the same in all rows counts 1 where it is met, else 0.

    Examples
    --------
    >>> r2([[0.0], [2.0]], [[0.0], [1.0]], [1, 1])
    0.5
    """
    found = []
    for j in range(len(y[0])):
        column = [row[j] for row in y]
        mean = add_up(w * v for w, v in zip(weight, column, strict=True)) / add_up(weight)
        left = add_up(w * (a[j] - v) ** 2 for w, a, v in zip(weight, outputs, column, strict=True))
        spread = add_up(w * (v - mean) ** 2 for w, v in zip(weight, column, strict=True))
        found.append(1 - left / spread if spread else int(left == 0))
    return add_up(found) / len(found)


def threshold_of(loss: str, output: str) -> Number | None:
    """Return what an output must exceed to say yes; None where the largest names the class."""
    if output in ("softmax", "log_softmax"):
        return None
    if loss == "hinge":
        return 0
    if output in ("sigmoid", "hard_sigmoid"):
        return 0.5
    raise ValueError(
        f"metrics must not have 'accuracy' for outputs that name no class, got loss {loss!r} with "
        f"output {output!r}; take 'r2' or a function of (y, outputs)"
    )


def checked(metrics: Any, monitor: str | None, loss: str, output: str) -> list[Any]:
    """Return the metrics that a fit takes, each a name or a function, the monitored one too."""
    listed = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    for name in ("accuracy", "r2"):
        if monitor in (name, VALIDATION + name) and monitor not in listed:
            listed.append(monitor)
    for item in listed:
        if callable(item) or item == "gradient_norm":
            continue
        if item.removeprefix(VALIDATION) not in ("accuracy", "r2"):
            raise ValueError(
                "metrics must be among 'accuracy', 'r2', 'gradient_norm' or functions, got "
                f"{item!r}"
            )
        if item.endswith("accuracy"):
            threshold_of(loss, output)
    return listed


def figures(
    listed: Iterable[Any], prefix: str, y: Rows, outputs: Rows, weight: Row, kind: tuple[str, str]
) -> dict[str, Number]:
    """Return named metrics of some rows; `prefix` is "" for training rows, else "validation_"."""
    found: dict[str, Number] = {}
    known: dict[str, Callable[[], Number]] = {
        "accuracy": lambda: accuracy(y, outputs, weight, threshold_of(*kind)),
        "r2": lambda: r2(y, [row[: len(y[0])] for row in outputs], weight),
    }
    for item in listed:
        if item == "gradient_norm" or (item.startswith(VALIDATION) and not prefix):
            continue
        name = item.removeprefix(VALIDATION)
        found[prefix + name] = known[name]()
    return found


class Recorder:
    """Takes what is recorded of an epoch besides its training loss."""

    def __init__(
        self, network: Network, data: Data, held_out: Data | None, wanted: Any, stop: Stop
    ) -> None:
        loss = network.loss.partition("(")[0]
        output = network.layers[-1].activation.partition("(")[0]
        self._kind = (loss, output)
        self._listed = checked(wanted, stop.monitor, *self._kind)
        self._functions = [item for item in self._listed if callable(item)]
        self._named = [item for item in self._listed if not callable(item)]
        self._norm = "gradient_norm" in self._listed or stop.gradient_norm is not None
        self._parts = {"": data} if held_out is None else {"": data, VALIDATION: held_out}
        self._network = network
        columns = ["loss"] if held_out is None else ["loss", "validation_loss"]
        for prefix in self._parts:
            for item in self._listed:
                name = item.__name__ if callable(item) else item
                columns.append(prefix + name.removeprefix(VALIDATION))
        self.recorded = [*columns, *(["gradient_norm"] if self._norm else [])]

    def figures(self, gradient: Row) -> dict[str, Number]:
        """Return the metrics of each part of the rows, and the validation loss."""
        found: dict[str, Number] = {}
        for prefix, part in self._parts.items():
            if prefix:
                found["validation_loss"] = self._network._loss(part)
            outputs = self._network._outputs(part.x) if self._listed else []
            found |= figures(self._named, prefix, part.y, outputs, part.weight, self._kind)
            scaling = self._network.targets
            y, outputs = (
                rows if scaling is None or not rows else scaling.inverse(rows)
                for rows in (part.y, outputs)
            )
            found |= {prefix + item.__name__: item(y, outputs) for item in self._functions}
        if self._norm:
            found["gradient_norm"] = real(add_up(g * g for g in gradient)) ** 0.5
        return found
