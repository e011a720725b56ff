"""
The health of layers
====================

`HealthLog` records each layer's gradients, steps and slopes over a fit. Good steps are about a
thousandth of the weights (dotted).
"""

import matplotlib.pyplot as plt

import fastbp as fb
from fastbp.datasets import load_digits

x, y = load_digits()
x = x / 16

net = fb.mlp([64, 32, 32, 32, 10], output="softmax", loss="cross_entropy")
log = fb.HealthLog(x[:200], y[:200])
history = net.fit(x, y, fb.Adam(2e-3), epochs=30, callbacks=log, progress=False)

ax = fb.plot.health(history)

# %%
# Sigmoids in many layers: each has a gradient that is some times smaller than that of the next,
# until nothing is left for the first ones to learn from.

net = fb.mlp([64, *[32] * 8, 10], hidden="sigmoid", output="softmax", loss="cross_entropy")
log = fb.HealthLog(x[:200], y[:200])
history = net.fit(x, y, fb.SGD(0.1), epochs=20, callbacks=log, progress=False)

ax = fb.plot.health(history)

plt.show()
