"""Dense feed-forward networks trained by backpropagation on the CPU.

>>> import fastbp as fb
>>> net = fb.mlp([2, 8, 1], hidden="tanh")
>>> net.predict([[0.5, -0.5]]).shape
(1, 1)

`fastbp.kernels` holds the compiled kernels one by one, `fastbp.reference` the same system in pure
Python, written to be read, `fastbp.plot` draws pictures.
"""

from typing import Any

from fastbp import kernels
from fastbp.callbacks import Callback, Checkpoint, EverySteps, Training
from fastbp.checks import FileFormatError
from fastbp.config import show_config
from fastbp.construction import load, mlp
from fastbp.custom import register_activation, register_loss
from fastbp.gradient_check import check_gradients
from fastbp.gradients import Gradients
from fastbp.health import HealthLog
from fastbp.history import History
from fastbp.logs import CSVLog, JSONLog
from fastbp.network import Network
from fastbp.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)
from fastbp.preprocessing import Columns, OneHot, Standardize
from fastbp.schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    Linear,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
)
from fastbp.spec import Dense
from fastbp.stopping import Stop
from fastbp.version import __version__ as __version__

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Columns",
    "Constant",
    "Cosine",
    "Dense",
    "EverySteps",
    "ExponentialDecay",
    "FileFormatError",
    "Gradients",
    "HealthLog",
    "History",
    "InverseScaling",
    "JSONLog",
    "Linear",
    "Lion",
    "NAdam",
    "Network",
    "OneCycle",
    "OneHot",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "Standardize",
    "StepDecay",
    "Stop",
    "Training",
    "Warmup",
    "check_gradients",
    "kernels",
    "load",
    "mlp",
    "register_activation",
    "register_loss",
    "show_config",
]


def __getattr__(name: str) -> Any:
    """Import `fastbp.reference` and `fastbp.plot` on first use: training never needs them."""
    import importlib

    if name == "reference":
        return importlib.import_module("fastbp.reference")
    if name == "plot":
        return importlib.import_module("fastbp.plot")
    raise AttributeError(f"module 'fastbp' has no attribute {name!r}")
