"""What does not go together is refused with a sentence that names what to take instead."""

import numpy as np
import pytest
from refusal import refuse

import fastbp as fb

X, LABELS = np.arange(12.0).reshape(4, 3), [0, 1, 2, 0]
NUMBERS = np.ones((4, 3))


def net(output="identity", loss="mse", **more):
    return fb.mlp([3, 5, 3], "tanh", output, loss, **more)


FITS = [
    ("labels, softmax and mse", ("softmax", "mse"), LABELS, {}, "loss 'cross_entropy' with out"),
    ("a column of labels", ("softmax", "mse"), [[0], [1], [2], [0]], {}, "loss 'cross_entropy'"),
    ("rprop by batches", (), NUMBERS, {"optimizer": "rprop", "batch_size": 2}, "fb.RMSprop"),
    ("class weights of numbers", (), NUMBERS, {"class_weight": "balanced"}, "sample_weight inst"),
    ("accuracy of numbers", (), NUMBERS, {"metrics": "accuracy"}, "take 'r2'"),
    ("r2 of classes", ("softmax", "cross_entropy"), LABELS, {"metrics": "r2"}, "take 'accuracy'"),
    ("the rate of 0", (), NUMBERS, {"optimizer": fb.SGD(0), "schedule": lambda e: 1}, "above 0"),
    ("a metric nobody takes", (), NUMBERS, {"stop": fb.Stop(monitor="f1")}, "validation= and metr"),
]


@pytest.mark.parametrize(
    ("kind", "y", "arguments", "instead"),
    [pytest.param(*row[1:], id=row[0]) for row in FITS],
)
def test_fits_name_the_alternative(kind, y, arguments, instead):
    network = net(*kind)
    refuse(network, ValueError, f"^.*{instead}", lambda: network.fit(X, y, **arguments))


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda: net("identity", "cross_entropy"), "must have output 'softmax'"),
        (lambda: net("relu", "binary_cross_entropy"), "for other outputs use loss 'mse'"),
        (lambda: net("identity", "poisson"), "must have output 'exp'"),
        (lambda: fb.Dense(3, dropout=1.0), "is left out of the list of layers"),
        (lambda: fb.Dense(3, dropout=1.5), "below 1"),
        (lambda: fb.Network(3, [fb.Dense(3, dropout=0.5)]), "give it to the layer before"),
        (lambda: fb.Network(3, [fb.Dense(4, residual=True)]), r"put a Dense\(4\) before it"),
        (lambda: net("identity", "gaussian_nll"), "even number of outputs"),
    ],
)
def test_networks_name_the_alternative(make, instead):
    with pytest.raises(ValueError, match=instead):
        make()
