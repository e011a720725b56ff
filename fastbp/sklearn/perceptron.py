"""What a classifier and a regressor share: arguments, the way of a fit, predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

import fastbp as fb
from fastbp.sklearn import layers
from fastbp.sklearn.blocks import outputs
from fastbp.sklearn.descent import Rows, descend, hold_out
from fastbp.sklearn.epochs import Held
from fastbp.sklearn.lbfgs import minimize
from fastbp.sklearn.rules import LBFGS, check_solver, is_stochastic
from fastbp.sklearn.stored import Stored

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class Perceptron(Stored, BaseEstimator):
    """A multilayer perceptron as scikit-learn's estimators are; see its two subclasses."""

    # What the subclasses are made with, as far as it is looked at here.
    hidden_layer_sizes: Any
    activation: Any
    solver: Any
    alpha: float
    warm_start: Any
    early_stopping: bool
    random_state: Any
    dropout: Any
    dtype: str | None
    threads: int | None
    initial_coefs: Any
    initial_intercepts: Any

    def _take(self, settings: dict[str, Any]) -> None:
        """Keep the arguments of a constructor as they came."""
        for name, value in settings.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    @property
    def network_(self) -> fb.Network:
        """The trained network; arrays put into `coefs_` and `intercepts_` are its own."""
        if not hasattr(self, "coefs_"):
            raise AttributeError(f"{type(self).__name__} has no network_ before it is fitted")
        own = zip([*self.coefs_, *self.intercepts_], self._views(), strict=True)
        for array, view in own:
            if array is not view and not np.shares_memory(array, view):
                view[...] = array
        return self._network

    def _views(self) -> list[Any]:
        """Return what coefs_ and intercepts_ are, as views of the network."""
        return [*(weight.T for weight in self._network.weights), *self._network.biases]

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, held: tuple[Any, Any], incremental: bool
    ) -> Any:
        """Train on rows, once over them where it is `incremental`."""
        check_solver(self)
        sizes = layers.hidden_sizes(self.hidden_layer_sizes)
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._checked(X, y, first)
        self._take_targets(y, incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weighed(y, sample_weight, incremental)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._begin(sizes, X)
        rows = Rows(X, self._encoded(y), sample_weight)
        self._diverged = False
        if self.solver == LBFGS:
            minimize(self, rows)
        else:
            self._descend(rows, y, held, incremental)
        if self._diverged or not np.isfinite(self._network.params).all():
            raise ValueError(NOT_FINITE)
        return self

    def _descend(self, rows: Rows, y: Any, held: tuple[Any, Any], incremental: bool) -> None:
        """Train by steps, with rows to validate by where there are such."""
        validation = self._held(*held)
        if self.early_stopping and incremental and validation is None:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and validation is None:
            rows, validation = hold_out(self, rows, y)
        if not incremental:
            self.stopped_ = False
        elif self.early_stopping and self.stopped_:
            return
        descend(self, rows, validation, incremental)
        if self.early_stopping and (self.stopped_ or not incremental):
            self._network.params[:] = self._best
            self._diverged = False

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        """Return the rows and targets as arrays, or the rows as a sparse matrix."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._numeric,
            dtype=(np.float64, np.float32) if self.dtype is None else self.dtype,
            reset=first,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X.tocsr() if issparse(X) else X, y

    def _held(self, X: Any, y: Any) -> Held | None:
        """Return the user's validation rows."""
        if (X is None) != (y is None):
            raise ValueError("X_val and y_val must be given together, got one of them")
        if X is None:
            return None
        X, y = self._checked(X, y, False)
        return Held(X, y, self._encoded(y), None)

    def _begin(self, hidden: list[int], X: Any) -> None:
        """Make a network, and the books of a first fit."""
        self.n_iter_ = self.t_ = 0
        output, units = self._output()
        sizes = [X.shape[1], *hidden, units]
        self.n_layers_ = len(sizes)
        self.out_activation_ = layers.OUTPUTS.get(output[0], output[0])
        kinds = layers.each("activation", self.activation, len(hidden))
        rates = layers.each("dropout", self.dropout, len(hidden))
        if self.solver == LBFGS and any(rates):
            raise ValueError(f"dropout must be 0 with solver 'lbfgs', got {self.dropout!r}")
        last = self.activation if isinstance(self.activation, str) else kinds[-1]
        coefs, intercepts = layers.initial_parameters(sizes, kinds, last, self._random_state)
        seed = int(self._random_state.randint(2**31)) if any(rates) else 0
        dtype = "float64" if self.solver == LBFGS else X.dtype.name
        self._network = layers.made_network(sizes, kinds, rates, output, dtype, seed)
        values = layers.given("initial_coefs", self.initial_coefs, coefs)
        values += layers.given("initial_intercepts", self.initial_intercepts, intercepts)
        views = self._views()
        for view, value in zip(views, values, strict=True):
            view[...] = value.astype(X.dtype, copy=False)
        self.coefs_, self.intercepts_ = views[: len(coefs)], views[len(coefs) :]
        self._best = self._network.params.copy()
        if is_stochastic(self.solver):
            self._begin_books()

    def _begin_books(self) -> None:
        """Begin what is kept of epochs."""
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.stopped_ = False
        stops = self.early_stopping
        self.best_loss_ = None if stops else np.inf
        self.validation_scores_: list[float] | None = [] if stops else None
        self.best_validation_score_ = -np.inf if stops else None

    def _predicted(self, X: Any) -> Any:
        """Return the network's outputs for the user's rows, (n_rows, n_out)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        found = outputs(self.network_, X.tocsr() if issparse(X) else X, self.threads)
        return found.astype(np.result_type(X.dtype, found.dtype), copy=False)

    def _check_steps(self) -> bool:
        """Refuse partial_fit with a solver that takes no steps."""
        if not is_stochastic(self.solver):
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks about an estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
