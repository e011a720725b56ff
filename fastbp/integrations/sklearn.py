"""Fitted MLPs of scikit-learn and networks, each made from the other.

A layer of scikit-learn's is dense with a bias; all hidden ones have one activation. Its classifiers
end in softmax, or in sigmoid for two classes (one output: the probability of the second) and for
several labels a row; its regressors in identity, or exp with loss="poisson".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastbp as fb
from fastbp.integrations.assembly import Assembly, require_representable
from fastbp.integrations.packages import needed

# Our names and scikit-learn's, of hidden layers.
HIDDEN = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
OUTPUTS = {"identity": "identity", "sigmoid": "logistic", "softmax": "softmax", "exp": "exp"}
OURS = {theirs: ours for ours, theirs in (HIDDEN | OUTPUTS).items()}
LOSSES = {"softmax": "cross_entropy", "logistic": "binary_cross_entropy", "exp": "poisson"}


def from_sklearn(mlp: Any, seed: int | None = 0) -> fb.Network:
    """Return the network of a fitted MLPClassifier or MLPRegressor.

    `predict` gives what predict_proba does, of two classes its second column alone, or what the
    regressor predicts, as (n_rows, n_out). The loss is the one it was fitted with, without the
    penalty alpha; scikit-learn takes the mean of squared errors over outputs too, we their sum.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor
        Fitted; float32 if its rows were, else float64. The classes go to `metadata["classes"]`.
    seed : int or None
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    ImportError
        scikit-learn is not installed.
    TypeError, ValueError
        It is no MLP, is not fitted, or has an activation of another name.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> from fastbp.integrations.sklearn import from_sklearn
    >>> mlp = MLPRegressor(hidden_layer_sizes=3, activation="tanh", random_state=0)
    >>> mlp = mlp.partial_fit([[0.0, 1.0]], [1.0])
    >>> from_sklearn(mlp)
    <Network 2-3-1 (tanh, identity), mse, float64, 13 parameters>
    """
    package = needed("from_sklearn", "sklearn.neural_network", "sklearn", "scikit-learn")
    if not isinstance(mlp, (package.MLPClassifier, package.MLPRegressor)):
        raise TypeError(f"mlp must be an MLPClassifier or an MLPRegressor, got {mlp!r}")
    if not hasattr(mlp, "coefs_"):
        raise ValueError(f"mlp must be fitted, got {mlp!r} without coefs_")
    assembly = Assembly()
    layers = list(zip(mlp.coefs_, mlp.intercepts_, strict=True))
    for index, (coefs, intercepts) in enumerate(layers):
        theirs = mlp.out_activation_ if index == len(layers) - 1 else mlp.activation
        if theirs not in OURS:
            raise ValueError(
                f"mlp must have activations out of {', '.join(OURS)}, got {theirs!r} in layer "
                f"{index}"
            )
        assembly.dense(f"layer {index} of mlp", coefs.T, intercepts)
        assembly.activation(f"layer {index} of mlp", OURS[theirs])
    net = assembly.network(LOSSES.get(mlp.out_activation_, "mse"), seed)
    if isinstance(mlp, package.MLPClassifier):
        net.metadata["classes"] = np.asarray(mlp.classes_).tolist()
    return net


def to_sklearn(net: fb.Network, classes: Sequence[Any] | None = None) -> Any:
    """Return a fitted MLPClassifier or MLPRegressor that predicts what a network does.

    The output says which: identity and exp make a regressor, softmax a classifier of as many
    classes, sigmoid one of two classes (one output) or of several labels a row. Softmax of two
    outputs becomes the sigmoid of their difference. A layer without bias gets one of 0; dropout and
    frozen layers leave no trace. Settings of the estimator are scikit-learn's defaults: set them
    before you fit it further.

    Parameters
    ----------
    net : Network
        All hidden layers with one activation out of identity, sigmoid, tanh and relu.
    classes : sequence, optional
        The label of each class in ascending order; otherwise `metadata["classes"]`, or 0, 1, ... .
        Not for regressors, nor for several labels.

    Returns
    -------
    MLPClassifier or MLPRegressor

    Raises
    ------
    ImportError
        scikit-learn is not installed.
    TypeError, ValueError
        It cannot be represented: the message says the layer and why.

    Examples
    --------
    >>> import fastbp as fb
    >>> from fastbp.integrations.sklearn import to_sklearn
    >>> net = fb.mlp([2, 3, 3], output="softmax", loss="cross_entropy")
    >>> to_sklearn(net, classes=["a", "b", "c"]).predict([[0.5, -1.0]]).shape
    (1,)
    """
    package = needed("to_sklearn", "sklearn.neural_network", "sklearn", "scikit-learn")
    net = require_representable(
        net, "scikit-learn", HIDDEN | OUTPUTS, ("norm", "residual", "tied_to")
    )
    coefs = [weight.T for weight in net.weights]
    intercepts = [
        np.zeros(n) if b is None else b for n, b in zip(net.sizes[1:], net.biases, strict=True)
    ]
    if net.layers[-1].activation == "softmax" and net.sizes[-1] == 2:
        coefs[-1] = coefs[-1][:, 1:] - coefs[-1][:, :1]
        intercepts[-1] = intercepts[-1][1:] - intercepts[-1][:1]
    mlp = unlearned(package, net, classes)
    for learned, own in zip(mlp.coefs_ + mlp.intercepts_, coefs + intercepts, strict=True):
        learned[...] = own
    return mlp


def unlearned(package: Any, net: fb.Network, classes: Sequence[Any] | None) -> Any:
    """Return an estimator for a network's rows and outputs, as if it had not learnt anything.

    One step on a row of zeros has scikit-learn itself set what a fitted estimator has.
    """
    output, n_out = net.layers[-1].activation, net.sizes[-1]
    settings = {"hidden_layer_sizes": tuple(net.sizes[1:-1]), "random_state": 0}
    settings |= {"activation": hidden_activation(net)}
    x = np.zeros((1, net.sizes[0]), net.dtype)
    if output in ("softmax", "sigmoid"):
        labels = class_labels(net, classes)
        mlp = package.MLPClassifier(**settings)
        if labels is None:
            mlp.partial_fit(x, np.zeros((1, n_out), int), classes=np.arange(n_out))
        else:
            mlp.partial_fit(x, labels[:1], classes=labels)
    else:
        if classes is not None:
            raise ValueError(f"classes must be None for output {output!r}, got {classes!r}")
        settings |= {"loss": "poisson"} if output == "exp" else {}
        mlp = package.MLPRegressor(**settings)
        mlp.partial_fit(x, np.zeros((1, n_out) if n_out > 1 else 1))
    mlp.set_params(random_state=None)
    mlp.n_iter_, mlp.t_, mlp.best_loss_, mlp.loss_curve_ = 0, 0, np.inf, []
    # Moments of the step on zeros; the next fit makes new ones.
    del mlp._optimizer
    return mlp


def hidden_activation(net: fb.Network) -> str:
    """Return scikit-learn's name of the one activation of all hidden layers, and check the last."""
    *hidden, last = [layer.activation for layer in net.layers]
    for index, activation in enumerate(hidden):
        if activation not in HIDDEN or activation != hidden[0]:
            raise ValueError(
                f"net must have one activation in all hidden layers, out of {', '.join(HIDDEN)}, "
                f"got {activation!r} in layers[{index}]"
            )
    if last not in OUTPUTS:
        raise ValueError(
            f"net must have an output out of {', '.join(OUTPUTS)}, got {last!r} in "
            f"layers[{len(hidden)}]"
        )
    return HIDDEN[hidden[0]] if hidden else "relu"


def class_labels(net: fb.Network, classes: Sequence[Any] | None) -> Any:
    """Return the label of each class; None for several labels a row."""
    output, n_out = net.layers[-1].activation, net.sizes[-1]
    if output == "softmax" and n_out == 1:
        raise ValueError("net must have at least 2 outputs of softmax, got 1")
    if output == "sigmoid" and n_out > 1:
        if classes is not None:
            raise ValueError(f"classes must be None for several labels a row, got {classes!r}")
        return None
    n_classes = max(n_out, 2)
    labels = np.asarray(
        net.metadata.get("classes", range(n_classes)) if classes is None else classes
    )
    if labels.shape != (n_classes,) or not np.array_equal(labels, np.unique(labels)):
        raise ValueError(
            f"classes must be {n_classes} labels in ascending order, got {labels.tolist()!r}"
        )
    return labels
