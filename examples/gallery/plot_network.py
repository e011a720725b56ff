"""
The graph of a network
======================

A line is a weight: vermillion is positive, blue negative, and the wider the larger. A disc is a
unit in the colour of its bias. Small networks have their numbers written too.
"""

import matplotlib.pyplot as plt

import fastbp as fb
from fastbp.datasets import load_digits

x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
net = fb.mlp([2, 2, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=1)
net.fit(x, y, fb.Adam(0.05), epochs=500, progress=False)

ax = fb.plot.network(net, names=["left", "right"])
ax.set_title("XOR")

# %%
# Of larger layers the first and last units are drawn, with dots for the others.

x, y = load_digits()
net = fb.mlp([64, 32, 10], output="softmax", loss="cross_entropy")
net.fit(x / 16, y, epochs=20, progress=False)

ax = fb.plot.network(net, most_units=12)
ax.set_title("Handwritten digits")

# %%
# Captions tell what else a layer has; a dashed disc has no bias.

layers = [
    fb.Dense(6, "leaky_relu(0.2)", norm="layer"),
    fb.Dense(6, "tanh", bias=False, residual=True),
    fb.Dense(6, "tanh", dropout=0.2),
    fb.Dense(2),
]
ax = fb.plot.network(fb.Network(4, layers, seed=3))

plt.show()
