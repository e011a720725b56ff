"""The optimizers: each a rule of src_pyx/fastbp/rules.pxd with its settings in the rule's order.

Formulas, names and defaults are those of PyTorch's optimizers of the same names, with
learning_rate, beta1, beta2 and epsilon for lr, betas and eps.
"""

from __future__ import annotations

from typing import Any

from fastbp import checks
from fastbp.optimizers.adam import Adam, Adamax, AdamW, Lion, NAdam, RAdam
from fastbp.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from fastbp.optimizers.optimizer import Optimizer
from fastbp.optimizers.sgd import SGD, Rprop

__all__ = [
    "BY_NAME",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "as_optimizer",
]

BY_NAME: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, Lion, Rprop),
    )
}


def as_optimizer(value: object) -> Optimizer:
    """Return an optimizer from its name or the object itself."""
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str):
        kind: Any = BY_NAME[checks.choice("optimizer", value, BY_NAME)]
        chosen: Optimizer = kind()
        return chosen
    raise TypeError(
        f"optimizer must be a name or an optimizer such as fb.Adam(), got {checks.described(value)}"
    )
