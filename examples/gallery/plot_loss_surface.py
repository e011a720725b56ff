"""
The loss around a network
=========================

The loss over a plane through the parameters. Directions are drawn at random, each in every unit as
long as the unit's weights, so that pictures of different networks can be compared (H. Li, Z. Xu,
G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural nets", NeurIPS 2018).
"""

import matplotlib.pyplot as plt
import numpy as np

import fastbp as fb

rng = np.random.default_rng(0)
angle, y = rng.uniform(0, np.pi, 240), rng.integers(0, 2, 240)
moons = np.where(y, [1 - np.cos(angle), 0.5 - np.sin(angle)], [np.cos(angle), np.sin(angle)]).T
x = moons + rng.normal(0, 0.15, moons.shape)

net = fb.mlp([2, 16, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
path = [net.params.copy()]


def keep(net, history):
    """Keep the parameters of each epoch."""
    path.append(net.params.copy())


net.fit(x, y, fb.Adam(0.02), epochs=80, callbacks=keep, progress=False)

ax = fb.plot.loss_surface(net, x, y)

# %%
# With the parameters of each epoch, the plane is the one that the way there was closest to.

ax = fb.plot.loss_surface(net, x, y, path=path, resolution=41)

plt.show()
