"""The regressor: numbers in, numbers out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.metaestimators import available_if

from fastbp.sklearn import scores
from fastbp.sklearn.constraints import CONSTRAINTS
from fastbp.sklearn.descent import Rows
from fastbp.sklearn.epochs import Reported
from fastbp.sklearn.layers import single
from fastbp.sklearn.perceptron import Perceptron

# scikit-learn's names of losses, and the outputs that are not identity.
LOSSES = {"squared_error": "mse"}
OUTPUTS = {"poisson": "exp", "gamma": "exp"}
GAUSSIAN = "gaussian_nll"


class MLPRegressor(RegressorMixin, Perceptron):
    """scikit-learn's MLPRegressor on fastbp's kernels, with the same arguments and more.

    The first 24 arguments are those of scikit-learn and mean what they mean there; what stands
    behind them changes nothing by default.

    Parameters
    ----------
    loss : str
        "squared_error", "poisson", or another loss of `fastbp.Network`: "mae", "huber(1.5)",
        "quantile(0.9)", "gamma", "gaussian_nll" (of which the means are predicted), ...
    hidden_layer_sizes : array-like of int
        Units of each hidden layer.
    activation : str or list of str
        Of the hidden layers, or one of each: "identity", "logistic", "tanh", "relu", and every
        other one of `fastbp.Dense`.
    solver : str or optimizer
        "adam", "sgd", "lbfgs", the name of any other optimizer of fastbp, or an object, of which a
        copy is used.
    alpha : float
        Factor of the penalty on weights, alpha/2 sum W^2 / n_rows of a batch.
    batch_size : int or "auto"
        Rows a batch; "auto" is min(200, n_rows).
    learning_rate : {"constant", "invscaling", "adaptive"}
        With solver "sgd": learning_rate_init, learning_rate_init / t^power_t, or a fifth of what it
        was each time that nothing gets better.
    learning_rate_init, power_t : float
    max_iter : int
        Epochs, or iterations of lbfgs.
    shuffle : bool
    random_state : int, RandomState or None
        Of the first weights, the rows that are held out and the orders of epochs.
    tol : float
        What counts as better; for lbfgs the largest part of the gradient at the end.
    verbose : bool
        Print a line an epoch.
    warm_start : bool or "optimizer"
        Whether fit goes on from the last one's parameters; "optimizer": and from its moments.
    momentum : float
    nesterovs_momentum : bool
        Of solver "sgd".
    early_stopping : bool
        Stop by the score of validation rows, and put the best parameters back.
    validation_fraction : float
        Rows held out by early_stopping, unless fit is given X_val.
    beta_1, beta_2, epsilon : float
        Of solver "adam"; the decays also of its relatives.
    n_iter_no_change : int
        Epochs without getting better that are waited for.
    max_fun : int
        Calls of the loss by lbfgs.
    dropout : float or list of float
        Of the hidden layers, or of each.
    clip_norm : float, optional
        Largest 2-norm of a gradient.
    scoring : str or callable, optional
        What early_stopping looks at instead of R2; scikit-learn's scorers.
    max_seconds : float, optional
        Stop a fit once it has taken this long.
    target_loss : float, optional
        Stop a fit once `loss_` is at most this.
    dtype : {"float32", "float64"}, optional
        Of the network; None: float32 for rows of float32, else float64. lbfgs takes float64.
    threads : int, optional
        As for `fastbp.Network.fit`.
    callbacks : Callback objects or callables
        As for `fastbp.Network.fit`.
    initial_coefs, initial_intercepts : list of arrays, optional
        What a first fit begins with, instead of numbers drawn by random_state.

    Attributes
    ----------
    coefs_, intercepts_ : list of arrays
        (n_in, n_out) and (n_out,) of each layer: views of the network's parameters, writable.
    network_ : Network
        What has been trained.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_ : as
        scikit-learn's.
    validation_loss_curve_ : list of float
        Losses of the validation rows, without penalty, where there are such.
    stopped_ : bool
        Whether tol and n_iter_no_change have ended the last fit, or all calls of partial_fit.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_ : as
        scikit-learn's.

    Examples
    --------
    >>> from fastbp.sklearn import MLPRegressor
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 2.0, 4.0, 6.0]
    >>> mlp = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", random_state=1).fit(x, y)
    >>> bool(mlp.score(x, y) > 0.999)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    _numeric = True

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        clip_norm: float | None = None,
        scoring: Any = None,
        max_seconds: float | None = None,
        target_loss: float | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        callbacks: Any = (),
        initial_coefs: Any = None,
        initial_intercepts: Any = None,
    ) -> None:
        self._take(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> MLPRegressor:
        """Train until a rule stops it.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)
            A sparse matrix is converted block by block.
        y : array-like, (n_rows,) or (n_rows, n_outputs)
            Targets.
        sample_weight : array-like, (n_rows,), optional
            Weights, at least 0.
        X_val, y_val : as X and y, optional
            Validation rows, for `validation_loss_curve_` and early_stopping.

        Returns
        -------
        MLPRegressor

        Raises
        ------
        TypeError, ValueError
            As scikit-learn's.

        Warns
        -----
        ConvergenceWarning
            max_iter is reached.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val), incremental=False)

    @available_if(lambda self: self._check_steps())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> MLPRegressor:
        """Go once over rows that have come in, from where the last call ended.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val
            As for `fit`; early_stopping needs X_val. Once it has stopped, calls change nothing.

        Returns
        -------
        MLPRegressor

        Raises
        ------
        TypeError, ValueError
            As scikit-learn's.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val), incremental=True)

    def predict(self, X: Any) -> Any:
        """Return the predictions of each row.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)

        Returns
        -------
        array, (n_rows,) or (n_rows, n_outputs)
        """
        return self._decoded(self._predicted(X))

    def _take_targets(self, y: Any, incremental: bool) -> None:
        """Learn how many targets a row has."""
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]

    @property
    def _core_loss(self) -> str:
        """The core's name of the loss."""
        return str(LOSSES.get(self.loss, self.loss))

    def _output(self) -> tuple[tuple[str, str], int]:
        """Return (activation, loss) of the output and its units."""
        loss = self._core_loss
        units = self.n_outputs_ * (2 if single(loss) == GAUSSIAN else 1)
        return (OUTPUTS.get(single(loss), "identity"), loss), units

    def _encoded(self, y: Any) -> Any:
        """Return the targets as the network takes them."""
        return y

    def _decoded(self, found: Any) -> Any:
        """Return the predictions of outputs of the network."""
        means = found[:, : self.n_outputs_]
        return means.ravel() if self.n_outputs_ == 1 else means

    def _weighed(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        """Return the weights of rows."""
        return sample_weight

    def _stratifies(self) -> bool:
        """Whether rows are held out class by class."""
        return False

    def _figure(self, y: Any, predicted: Any, weight: Any) -> float:
        """Return the score of predictions."""
        return scores.r2(y, predicted, weight)

    def _reporting(self, rows: Rows) -> Reported:
        """Return how losses are reported."""
        if self.loss == "squared_error":
            return Reported(self.n_outputs_, 0.0)
        if self.loss == "poisson":
            y = np.asarray(rows.target, np.float64)
            least = np.average(xlogy(y, y) - y, axis=0, weights=rows.weight)
            return Reported(1, float(least.sum()))
        return Reported(1, 0.0)
