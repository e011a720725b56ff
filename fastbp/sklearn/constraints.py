"""What the arguments of the estimators may be, in scikit-learn's own terms."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions

import fastbp as fb

POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")
DECAY = Interval(Real, 0, 1, closed="left")
OPTIMIZER = fb.SGD.__mro__[1]

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", AT_LEAST_ONE],
    "activation": [str, "array-like"],
    "solver": [str, OPTIMIZER],
    "alpha": [NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), AT_LEAST_ONE],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [POSITIVE],
    "power_t": [NOT_NEGATIVE],
    "max_iter": [AT_LEAST_ONE],
    "loss": [str],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [NOT_NEGATIVE],
    "verbose": ["verbose"],
    "warm_start": ["boolean", StrOptions({"optimizer"})],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [DECAY],
    "beta_1": [DECAY],
    "beta_2": [DECAY],
    "epsilon": [POSITIVE],
    "n_iter_no_change": [AT_LEAST_ONE, Options(Real, {math.inf})],
    "max_fun": [AT_LEAST_ONE],
    "dropout": [DECAY, "array-like"],
    "clip_norm": [POSITIVE, None],
    "scoring": [str, callable, None],
    "max_seconds": [POSITIVE, None],
    "target_loss": [Interval(Real, None, None, closed="neither"), None],
    "dtype": [StrOptions({"float32", "float64"}), None],
    "threads": [AT_LEAST_ONE, None],
    "callbacks": [object],
    "initial_coefs": ["array-like", None],
    "initial_intercepts": ["array-like", None],
}
