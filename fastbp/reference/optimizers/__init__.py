"""Optimizers: rules for a step, and what they remember from step to step.

``optimizer`` has what all of them share; ``sgd``, ``adam``, ``adam_family`` and ``adaptive`` have
the rules, each a function beside its class.
"""

from typing import Any

from .. import checks
from .adam import Adam, AdamW
from .adam_family import Adamax, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, Lion, RMSprop
from .optimizer import Optimizer
from .sgd import SGD, Rprop

__all__ = [
    "OPTIMIZERS",
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
    "chosen_optimizer",
]

# The one place that names the optimizers.
OPTIMIZERS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, Lion, Rprop),
    )
}


def chosen_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """Return an optimizer object as it is, or a new one for a name."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer must be a name or an optimizer object, got {optimizer!r}")
    checks.one_of("optimizer", optimizer, OPTIMIZERS)
    chosen: Optimizer = OPTIMIZERS[optimizer]()
    return chosen
