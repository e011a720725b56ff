"""
Weights
=======

Where the inputs are the pixels of a square image, the weights of a unit of the first layer are an
image too: what it looks for. White ones are units that weight decay has emptied. Other layers are
heat maps, a row a unit.
"""

import matplotlib.pyplot as plt

import fastbp as fb
from fastbp.datasets import load_digits

x, y = load_digits()
net = fb.mlp([64, 24, 10], output="softmax", loss="cross_entropy")
net.fit(x / 16, y, fb.AdamW(5e-3, weight_decay=1.0), epochs=60, progress=False)

ax = fb.plot.weights(net)

# %%
# Histograms show how large weights are, and wide layers are drawn so without asking.

ax = fb.plot.weights(net, kind="histogram")

# %%
# One layer alone.

ax = fb.plot.weights(net, 0)

plt.show()
