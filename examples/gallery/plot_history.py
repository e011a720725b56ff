"""
Learning curves
===============

What a fit reports of each epoch: losses on the left axis, metrics on the right one. Blue is of the
rows that are trained on, vermillion of those held out; a dotted line marks the epoch with the
smallest validation loss.
"""

import matplotlib.pyplot as plt

import fastbp as fb
from fastbp.datasets import load_digits

x, y = load_digits()
net = fb.mlp([64, 48, 10], output="softmax", loss="cross_entropy")
history = net.fit(
    x / 16,
    y,
    fb.Adam(5e-3),
    epochs=40,
    validation=0.25,
    metrics="accuracy",
    schedule=fb.Warmup(4, fb.Cosine()),
    progress=False,
)

ax = history.plot()
ax.set_title("Handwritten digits")

# %%
# Names choose the curves. The learning rate has an axis of its own, and losses that span decades a
# logarithmic scale.

ax = history.plot(["loss", "validation_loss", "learning_rate"])
ax.set_title("Warm-up, then a cosine")

# %%
# With ``ax=`` a picture is part of a larger one.

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
history.plot(["loss", "validation_loss"], ax=axes[0])
history.plot(["accuracy", "validation_accuracy"], best=False, ax=axes[1])

plt.show()
