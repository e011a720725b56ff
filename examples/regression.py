"""A regression on real data: how diabetes goes on in a year, from ten measures of 442 people.

The network standardises inputs and targets itself, so that it takes and gives plain units. Each
fifth of the rows is predicted by a network that was trained on the others. On so few rows a network
is about as good as a straight line, if weight decay keeps it from learning them by heart.

The set comes with scikit-learn (`pip install scikit-learn`). B. Efron, T. Hastie, I. Johnstone,
R. Tibshirani, "Least angle regression", Annals of Statistics 32, 2004.
"""

import sys

import numpy as np

import fastbp as fb

try:
    from sklearn.datasets import load_diabetes
except ImportError:
    sys.exit("This example needs scikit-learn, which has the data: pip install scikit-learn")


def network(x, y, others):
    """Return the predictions of a network trained on x and y."""
    net = fb.mlp([10, 16, 1], hidden="tanh", inputs=fb.Standardize(), targets=fb.Standardize())
    net.fit(x, y, fb.AdamW(3e-3, weight_decay=0.3), epochs=100, progress=False)
    return net.predict(others)[:, 0]


def straight_line(x, y, others):
    """Return the predictions of least squares."""
    weights = np.linalg.lstsq(np.c_[np.ones(len(x)), x], y, rcond=None)[0]
    return np.c_[np.ones(len(others)), others] @ weights


x, y = load_diabetes(return_X_y=True, scaled=False)
parts = np.array_split(np.random.default_rng(0).permutation(len(x)), 5)

for way in (network, straight_line):
    found = np.zeros(len(x))
    for held in parts:
        rest = np.setdiff1d(np.arange(len(x)), held)
        found[held] = way(x[rest], y[rest], x[held])
    r2 = 1 - np.mean((found - y) ** 2) / np.var(y)
    error = np.abs(found - y).mean()
    print(f"{way.__name__}: R2 {r2:.3f}, mean absolute error {error:.1f} of {np.ptp(y):.0f}")
