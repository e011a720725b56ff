"""Two moons: a boundary between two classes, drawn to two_moons.png (`pip install "fastbp[plot]"`).

Each class is half a circle with some noise, and the ends of one reach into the other.
"""

import numpy as np

import fastbp as fb

rng = np.random.default_rng(0)
n_rows, noise = 400, 0.12
angle = rng.uniform(0, np.pi, n_rows)
y = rng.integers(0, 2, n_rows)
upper = np.c_[np.cos(angle), np.sin(angle)]
lower = np.c_[1 - np.cos(angle), 0.5 - np.sin(angle)]
x = np.where(y[:, np.newaxis] == 0, upper, lower) + rng.normal(0, noise, (n_rows, 2))
train, test = slice(300), slice(300, None)

net = fb.mlp([2, 16, 16, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
net.fit(x[train], y[train], fb.Adam(0.01), epochs=100, progress=False)

found = net.predict(x[test])[:, 0] > 0.5
print(f"test accuracy {np.mean(found == y[test]):.3f} of {len(found)} rows")

ax = fb.plot.decision(net, x[test], y[test], classes=["upper moon", "lower moon"])
ax.figure.savefig("two_moons.png")
print("picture saved to two_moons.png")
