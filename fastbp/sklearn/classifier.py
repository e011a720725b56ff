"""The classifier: labels in, labels and probabilities out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import label_binarize
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from fastbp.sklearn import scores
from fastbp.sklearn.constraints import CONSTRAINTS
from fastbp.sklearn.descent import Rows
from fastbp.sklearn.epochs import Reported
from fastbp.sklearn.layers import single
from fastbp.sklearn.perceptron import Perceptron

BINARY, MULTICLASS, MULTILABEL = "binary", "multiclass", "multilabel-indicator"
# What scikit-learn calls the losses of these outputs.
LOG_LOSS = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}


class MLPClassifier(ClassifierMixin, Perceptron):
    """scikit-learn's MLPClassifier on fastbp's kernels, with the same arguments and more.

    The first 23 arguments are those of scikit-learn and mean what they mean there; what stands
    behind them changes nothing by default.

    Parameters
    ----------
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
    loss : str
        "log_loss", or another loss of `fastbp.Network` that goes with the output: softmax for
        several classes, else sigmoid.
    class_weight : dict or "balanced", optional
        Weight of each class, by which that of each row is multiplied.
    dropout : float or list of float
        Of the hidden layers, or of each.
    clip_norm : float, optional
        Largest 2-norm of a gradient.
    scoring : str or callable, optional
        What early_stopping looks at instead of accuracy; scikit-learn's scorers.
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
    classes_ : array
        The labels, ascending; a list of arrays where scikit-learn has one.

    Examples
    --------
    >>> from fastbp.sklearn import MLPClassifier
    >>> x, y = [[0.0, 0.0], [1.0, 1.0]] * 20, ["no", "yes"] * 20
    >>> mlp = MLPClassifier(8, learning_rate_init=0.05, random_state=0).fit(x, y)
    >>> mlp.predict([[0.9, 1.1]])
    array(['yes'], dtype='<U3')
    >>> mlp.network_
    <Network 2-8-1 (relu, sigmoid), binary_cross_entropy, float64, 33 parameters>
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "class_weight": [dict, list, str, None],
    }
    _numeric = False

    def __init__(
        self,
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
        loss: str = "log_loss",
        class_weight: Any = None,
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
    ) -> MLPClassifier:
        """Train until a rule stops it.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)
            A sparse matrix is converted block by block.
        y : array-like, (n_rows,) or (n_rows, n_labels)
            Labels; of several labels a row, 0 or 1 for each.
        sample_weight : array-like, (n_rows,), optional
            Weights, at least 0.
        X_val, y_val : as X and y, optional
            Validation rows, for `validation_loss_curve_` and early_stopping.

        Returns
        -------
        MLPClassifier

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
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> MLPClassifier:
        """Go once over rows that have come in, from where the last call ended.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val
            As for `fit`; early_stopping needs X_val. Once it has stopped, calls change nothing.
        classes : array, (n_classes,)
            All labels that will come; needed by the first call.

        Returns
        -------
        MLPClassifier

        Raises
        ------
        TypeError, ValueError
            As scikit-learn's.
        """
        if _check_partial_fit_first_call(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._learn_classes(y if several else classes)
        return self._fit(X, y, sample_weight, (X_val, y_val), incremental=True)

    def predict(self, X: Any) -> Any:
        """Return the label of each row.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)

        Returns
        -------
        array, (n_rows,) or (n_rows, n_labels)
        """
        return self._decoded(self._predicted(X))

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)

        Returns
        -------
        array, (n_rows, n_classes)
        """
        found = self._predicted(X)
        return np.hstack([1 - found, found]) if self.n_outputs_ == 1 else found

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix, (n_rows, n_features)

        Returns
        -------
        array, (n_rows, n_classes)
        """
        found = self.predict_proba(X)
        return np.log(found, out=found)

    def _take_targets(self, y: Any, incremental: bool) -> None:
        """Learn what classes there are, or see that they are those that are known."""
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self.classes_ = self._learn_classes(y)
        else:
            classes = unique_labels(y)
            if self.warm_start and set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous "
                    f"call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
            if not self.warm_start and len(np.setdiff1d(classes, self.classes_)):
                raise ValueError(
                    "`y` has classes not in `self.classes_`. "
                    f"`self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        several = self._kind in (MULTICLASS, MULTILABEL)
        self.n_outputs_ = len(self.classes_) if several else 1

    def _learn_classes(self, y: Any) -> Any:
        """See what kind of labels there are: binary, multiclass or multilabel-indicator."""
        # What LabelBinarizer does; but it looks at the kind twice, which takes longer than many an
        # epoch.
        self._kind = str(type_of_target(y, input_name="y"))
        if "multioutput" in self._kind:
            raise ValueError("Multioutput target data is not supported with label binarization")
        classes = np.unique(y) if self._kind in (BINARY, MULTICLASS) else unique_labels(y)
        if not len(classes):
            raise ValueError(f"y has 0 samples: {y!r}")
        return classes

    def _output(self) -> tuple[tuple[str, str], int]:
        """Return (activation, loss) of the output and its units."""
        activation = "softmax" if self._kind == MULTICLASS else "sigmoid"
        loss = LOG_LOSS[activation] if self.loss == "log_loss" else self.loss
        return (activation, loss), self.n_outputs_

    def _encoded(self, y: Any) -> Any:
        """Return the targets as the network takes them."""
        if self._kind == MULTILABEL:
            return label_binarize(y, classes=self.classes_).astype(np.float32)
        found = np.searchsorted(self.classes_, y)
        if self._kind == MULTICLASS and single(self._network.loss) != "cross_entropy":
            return np.eye(self.n_outputs_, dtype=np.float32)[found]
        return found if self._kind == MULTICLASS else found.astype(np.float32)

    def _decoded(self, found: Any) -> Any:
        """Return the labels of outputs of the network."""
        if self._kind == MULTICLASS:
            return self.classes_.take(found.argmax(axis=1))
        chosen = (found > 0.5).astype(int)
        if self._kind == MULTILABEL:
            return chosen
        return self.classes_.take(chosen[:, 0], mode="clip")

    def _weighed(self, y: Any, sample_weight: Any, incremental: bool) -> Any:
        """Return the weights of rows times those of their classes."""
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' must be numbers for partial_fit, which does not see all "
                "rows; give a dict"
            )
        found = compute_sample_weight(self.class_weight, y)
        return found if sample_weight is None else found * sample_weight

    def _stratifies(self) -> bool:
        """Whether rows are held out class by class, as scikit-learn does of two classes."""
        return self.n_outputs_ == 1

    def _figure(self, y: Any, predicted: Any, weight: Any) -> float:
        """Return the score of predictions."""
        return scores.accuracy(y, predicted, weight)

    def _reporting(self, rows: Rows) -> Reported:
        """Return how losses are reported: as they are."""
        return Reported(1, 0.0)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks about an estimator."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
