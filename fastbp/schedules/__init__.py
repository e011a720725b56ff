"""Learning-rate schedules: what a fit multiplies the optimizer's learning rate by, step by step.

With n steps an epoch and N in all, step t counts from 0 and e = t // n is the epoch. A schedule is
computed for the steps of an epoch together, before they are taken: nothing per step is Python.
"""

from fastbp.schedules.curves import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    Linear,
    OneCycle,
    StepDecay,
    Warmup,
)
from fastbp.schedules.plateau import ReduceOnPlateau
from fastbp.schedules.schedule import Schedule, as_schedule

__all__ = [
    "Constant",
    "Cosine",
    "ExponentialDecay",
    "InverseScaling",
    "Linear",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "Warmup",
    "as_schedule",
]
