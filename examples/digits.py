"""Handwritten digits: train, hold rows out, keep the best epoch, save the network and use it.

The 1,797 images of 8x8 pixels come with the package.
"""

import numpy as np

import fastbp as fb
from fastbp.datasets import load_digits

x, y = load_digits()
order = np.random.default_rng(0).permutation(len(x))
train, test = order[:1437], order[1437:]

net = fb.mlp([64, 64, 10], hidden="relu", output="softmax", loss="cross_entropy")
history = net.fit(
    x[train] / 16,
    y[train],
    fb.Adam(3e-3),
    epochs=100,
    validation=0.2,
    metrics="accuracy",
    stop=fb.Stop(patience=10, restore_best=True),
    progress=False,
)
best = int(np.argmin(history.validation_loss))
print(f"best of {len(history.loss)} epochs: {best + 1}")
print(f"validation accuracy {history['validation_accuracy'][best]:.3f}")

net.save("digits.fastbp")
found = fb.load("digits.fastbp").predict(x[test] / 16).argmax(axis=1)
print(f"test accuracy {np.mean(found == y[test]):.3f} of {len(test)} images")
